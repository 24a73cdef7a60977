//! The checks of a token.

use jiff::Timestamp;

use super::{Against, ids, needs};
use crate::{IssuerCheck, Jwks, Token, Verify, VerifyError, difference};

/// How far clocks may be apart, in seconds. STS allows some minutes.
const LEEWAY: i64 = 5 * 60;

pub(super) fn token_checks(
    url: &str,
    jwks: Option<&Jwks>,
    against: &Against<'_>,
    verify: Verify,
) -> Vec<IssuerCheck> {
    let ids = [
        ids::TOKEN_ISSUER,
        ids::TOKEN_AUDIENCE,
        ids::TOKEN_KEY,
        ids::TOKEN_SIGNATURE,
        ids::TOKEN_TIME,
    ];
    let Some(token) = against.token else {
        let skip = |id| IssuerCheck::skip(id, "no token; pass --token or --kubeconfig");
        return ids.map(skip).to_vec();
    };
    let issuer = match difference(url, &token.issuer) {
        None => IssuerCheck::pass(ids::TOKEN_ISSUER, "the token names this issuer"),
        Some(how) => IssuerCheck::fail(
            ids::TOKEN_ISSUER,
            format!("the token's issuer is {:?}, expected {url:?}: {how}", token.issuer),
            "set this issuer as the API server's first --service-account-issuer: issuer migrate",
        ),
    };
    let mut checks = vec![issuer, audience_check(token, against.audience)];
    match jwks {
        Some(jwks) => checks.extend(signature_checks(jwks, token, verify)),
        None => checks.extend(
            [ids::TOKEN_KEY, ids::TOKEN_SIGNATURE]
                .map(|id| IssuerCheck::skip(id, needs(ids::JWKS))),
        ),
    }
    checks.push(time_check(token, against.now));
    checks
}

fn audience_check(token: &Token, wanted: Option<&str>) -> IssuerCheck {
    let Some(wanted) = wanted else {
        return IssuerCheck::skip(ids::TOKEN_AUDIENCE, "the audience of the pods is not known");
    };
    if token.audiences.iter().any(|audience| audience == wanted) {
        return IssuerCheck::pass(ids::TOKEN_AUDIENCE, format!("the token is for {wanted}"));
    }
    let found = match token.audiences.as_slice() {
        [] => format!("the token names no audience, expected {wanted:?}"),
        audiences => format!("the token's audience is {audiences:?}, expected {wanted:?}"),
    };
    let next = "use a token with the audience of the pods' tokens, which the IAM provider has to have \
                as a client ID";
    IssuerCheck::fail(ids::TOKEN_AUDIENCE, found, next)
}

fn signature_checks(jwks: &Jwks, token: &Token, verify: Verify) -> [IssuerCheck; 2] {
    let stale = "publish the API server's current keys: issuer documents";
    let found = || {
        IssuerCheck::pass(
            ids::TOKEN_KEY,
            format!("{} is published", token.kid.as_deref().unwrap_or_default()),
        )
    };
    let Err(error) = jwks.verify(token, verify) else {
        return [
            found(),
            IssuerCheck::pass(ids::TOKEN_SIGNATURE, "the key verifies the signature"),
        ];
    };
    let told = error.to_string();
    match error {
        VerifyError::NoKeyId | VerifyError::UnknownKey { .. } | VerifyError::UnusableKey { .. } => {
            [
                IssuerCheck::fail(ids::TOKEN_KEY, told, stale),
                IssuerCheck::skip(ids::TOKEN_SIGNATURE, needs(ids::TOKEN_KEY)),
            ]
        }
        VerifyError::UnknownAlgorithm(_) => [
            IssuerCheck::skip(ids::TOKEN_KEY, "no key has the token's algorithm"),
            IssuerCheck::fail(
                ids::TOKEN_SIGNATURE,
                told,
                "pass a token that the API server issued",
            ),
        ],
        VerifyError::WrongAlgorithm { .. } | VerifyError::WrongSignature { .. } => {
            [found(), IssuerCheck::fail(ids::TOKEN_SIGNATURE, told, stale)]
        }
    }
}

fn time_check(token: &Token, now: Timestamp) -> IssuerCheck {
    let now = now.as_second();
    let next = "get a new token, and check the clocks of the control plane";
    let since = token.expires.map(|expires| now.saturating_sub(expires));
    if let Some(since) = since.filter(|since| *since >= 0) {
        return IssuerCheck::fail(
            ids::TOKEN_TIME,
            format!("the token expired {since} s ago"),
            next,
        );
    }
    let begins = token.not_before.or(token.issued).map(|begins| begins.saturating_sub(now));
    if let Some(until) = begins.filter(|until| *until > LEEWAY) {
        return IssuerCheck::fail(
            ids::TOKEN_TIME,
            format!("the token is not valid yet: it will be in {until} s"),
            next,
        );
    }
    match token.expires {
        Some(expires) => IssuerCheck::pass(
            ids::TOKEN_TIME,
            format!("the token is valid for another {} s", expires.saturating_sub(now)),
        ),
        None => IssuerCheck::fail(
            ids::TOKEN_TIME,
            "the token never expires: STS rejects tokens without exp",
            "use a projected token instead of one from a Secret",
        ),
    }
}
