//! What STS does with an issuer and a token, step by step, each an [`IssuerCheck`].

use std::borrow::Cow;

use jiff::Timestamp;

use super::url::is_private_address;
use super::{
    Answer, Discovery, FetchFailure, Fetched, IssuerCheck, IssuerUrl, Jwks, PublishedDocuments,
    Token, Verify, difference,
};
use keys::keys_check;
use token::token_checks;

mod keys;
mod token;

/// What STS documents for `AssumeRoleWithWebIdentity`.
const STS_ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

/// The ids of the checks, in the order in which [`check`] makes them.
pub mod ids {
    /// The issuer's URL is one that AWS accepts.
    pub const URL: &str = "issuer-url";
    /// The discovery document can be fetched.
    pub const DISCOVERY_FETCH: &str = "discovery-fetch";
    /// What was fetched is a discovery document.
    pub const DISCOVERY: &str = "discovery-document";
    /// The document names the issuer that was asked for, byte by byte.
    pub const ISSUER: &str = "issuer-equal";
    /// The document's `jwks_uri` is a URL that STS can fetch.
    pub const JWKS_URI: &str = "jwks-uri";
    /// The JWK set can be fetched.
    pub const JWKS_FETCH: &str = "jwks-fetch";
    /// What was fetched is a JWK set of usable public keys.
    pub const JWKS: &str = "jwks-document";
    /// The document lists the algorithm of every key.
    pub const ALGORITHMS: &str = "algorithms";
    /// Every key of the API server is published.
    pub const LIVE_KEYS: &str = "api-server-keys";
    /// The token's `iss` is the issuer, byte by byte.
    pub const TOKEN_ISSUER: &str = "token-issuer";
    /// The token is for the audience that IAM's provider has.
    pub const TOKEN_AUDIENCE: &str = "token-audience";
    /// The key that signed the token is published.
    pub const TOKEN_KEY: &str = "token-key";
    /// The token's signature verifies.
    pub const TOKEN_SIGNATURE: &str = "token-signature";
    /// The token is valid now.
    pub const TOKEN_TIME: &str = "token-time";
}

/// What the published documents are compared with.
#[derive(Clone, Debug, Default)]
pub struct Against<'a> {
    /// A token of the cluster, if its checks are wanted.
    pub token: Option<&'a Token>,
    /// The audience that the token must have, if it is known.
    pub audience: Option<&'a str>,
    /// The keys that the API server itself publishes, if they are known.
    pub live: Option<&'a Jwks>,
    /// The current time, for the token's `exp` and `nbf`.
    pub now: Timestamp,
}

/// Checks the published documents of the issuer `url`, in the order in which STS uses them.
/// What can't be checked after an earlier failure is skipped, so that the first failure is
/// the cause. All checks of [`ids`] are in the result, whatever their outcome.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
#[must_use]
pub fn check(
    url: &str,
    published: &PublishedDocuments,
    against: &Against<'_>,
    verify: Verify,
) -> Vec<IssuerCheck> {
    let mut checks = vec![url_check(url)];
    let (found, discovery) = discovery_checks(&published.discovery);
    checks.extend(found);
    checks.push(issuer_check(url, discovery.as_ref()));
    checks.push(jwks_uri_check(url, discovery.as_ref()));
    let (found, jwks) = jwks_checks(published.jwks.as_ref());
    checks.extend(found);
    checks.push(algorithms_check(discovery.as_ref(), jwks.as_ref()));
    checks.push(live_check(jwks.as_ref(), against.live));
    checks.extend(token_checks(url, jwks.as_ref(), against, verify));
    checks
}

fn url_check(url: &str) -> IssuerCheck {
    match IssuerUrl::parse(url) {
        Ok(parsed) => IssuerCheck::pass(ids::URL, url).remarking(parsed.remarks()),
        Err(error) => IssuerCheck::fail(
            ids::URL,
            format!("{url:?} can't be an issuer: {error}"),
            "set another --service-account-issuer on the API server: see issuer migrate",
        ),
    }
}

fn discovery_checks(fetched: &Fetched) -> ([IssuerCheck; 2], Option<Discovery>) {
    let (fetch, answer) = fetch_check(ids::DISCOVERY_FETCH, Some(fetched));
    let Some(answer) = answer else {
        return ([fetch, IssuerCheck::skip(ids::DISCOVERY, needs(ids::DISCOVERY_FETCH))], None);
    };
    match Discovery::parse(&answer.body) {
        Ok(discovery) => {
            let check = IssuerCheck::pass(ids::DISCOVERY, "it is a discovery document");
            ([fetch, check.remarking(type_remark(answer))], Some(discovery))
        }
        Err(error) => ([fetch, no_document(ids::DISCOVERY, answer, &error.to_string())], None),
    }
}

fn issuer_check(url: &str, discovery: Option<&Discovery>) -> IssuerCheck {
    let Some(discovery) = discovery else {
        return IssuerCheck::skip(ids::ISSUER, needs(ids::DISCOVERY));
    };
    match difference(url, &discovery.issuer) {
        None => IssuerCheck::pass(ids::ISSUER, "the document names this issuer"),
        Some(how) => IssuerCheck::fail(
            ids::ISSUER,
            format!("the document names {:?}, expected {url:?}: {how}", discovery.issuer),
            "write the document again, for exactly the API server's --service-account-issuer: \
             issuer documents",
        ),
    }
}

fn jwks_uri_check(url: &str, discovery: Option<&Discovery>) -> IssuerCheck {
    let Some(discovery) = discovery else {
        return IssuerCheck::skip(ids::JWKS_URI, needs(ids::DISCOVERY));
    };
    let uri = &discovery.jwks_uri;
    match (IssuerUrl::parse(uri), IssuerUrl::parse(url)) {
        (Err(error), _) => IssuerCheck::fail(
            ids::JWKS_URI,
            format!("STS can't fetch {uri:?}: {error}"),
            "write the documents again: issuer documents; an API server takes this URL from \
             --service-account-jwks-uri",
        ),
        (Ok(keys), Ok(issuer)) if keys.is_private() && !issuer.is_private() => IssuerCheck::fail(
            ids::JWKS_URI,
            format!("STS can't fetch {uri}: {} is a private name or address", keys.host()),
            "publish the keys below the issuer's URL: issuer documents; an API server publishes its \
             own address unless --service-account-jwks-uri names another",
        ),
        (Ok(keys), Ok(issuer)) if keys.host() != issuer.host() => {
            let remark = format!(
                "the keys are on another host than the issuer; IAM uses the certificate of that host: \
                 {}",
                keys.host()
            );
            IssuerCheck::pass(ids::JWKS_URI, uri).remarking([remark])
        }
        _ => IssuerCheck::pass(ids::JWKS_URI, uri),
    }
}

fn jwks_checks(fetched: Option<&Fetched>) -> ([IssuerCheck; 2], Option<Jwks>) {
    let (fetch, answer) = fetch_check(ids::JWKS_FETCH, fetched);
    let Some(answer) = answer else {
        return ([fetch, IssuerCheck::skip(ids::JWKS, needs(ids::JWKS_FETCH))], None);
    };
    let jwks = match Jwks::parse(&answer.body) {
        Ok(jwks) => jwks,
        Err(error) => return ([fetch, no_document(ids::JWKS, answer, &error.to_string())], None),
    };
    let check = keys_check(&jwks).remarking(type_remark(answer));
    // What hangs on keys that can't be right says nothing new.
    let jwks = (!check.failed()).then_some(jwks);
    ([fetch, check], jwks)
}

fn algorithms_check(discovery: Option<&Discovery>, jwks: Option<&Jwks>) -> IssuerCheck {
    let (Some(discovery), Some(jwks)) = (discovery, jwks) else {
        return IssuerCheck::skip(
            ids::ALGORITHMS,
            "needs the discovery-document and jwks-document checks to pass",
        );
    };
    let used = jwks.algorithms();
    let listed = &discovery.id_token_signing_alg_values_supported;
    let next = "write both documents again: issuer documents";
    if let Some(missing) = used.iter().find(|name| !listed.contains(name)) {
        let found = format!(
            "a key is for {missing}, but the discovery document lists {}",
            if listed.is_empty() { "no algorithm".to_owned() } else { listed.join(", ") }
        );
        return IssuerCheck::fail(ids::ALGORITHMS, found, next);
    }
    let unknown = used.iter().filter(|name| !STS_ALGORITHMS.contains(&name.as_str()));
    let remarks = unknown.map(|name| format!("STS rejects tokens signed with {name}"));
    IssuerCheck::pass(ids::ALGORITHMS, used.join(", ")).remarking(remarks.collect::<Vec<_>>())
}

fn live_check(jwks: Option<&Jwks>, live: Option<&Jwks>) -> IssuerCheck {
    let Some(live) = live else {
        return IssuerCheck::skip(
            ids::LIVE_KEYS,
            "the API server was not asked; pass --kubeconfig",
        );
    };
    let Some(jwks) = jwks else {
        return IssuerCheck::skip(ids::LIVE_KEYS, needs(ids::JWKS));
    };
    let missing = live.missing_in(jwks);
    let broken =
        jwks.unusable().find(|(key, _)| key.kid.as_ref().is_some_and(|kid| live.contains(kid)));
    if let Some((key, why)) = broken {
        return IssuerCheck::fail(
            ids::LIVE_KEYS,
            format!("the API server's key {} is published, but can't be used: {why}", key.name()),
            "publish the API server's own JWK set: issuer documents --from-cluster",
        );
    }
    if missing.is_empty() {
        let more = jwks.missing_in(live).into_iter();
        let more = more.map(|kid| {
            format!("{kid} is published, but the API server does not have it: an old key, or a future one")
        });
        return IssuerCheck::pass(ids::LIVE_KEYS, "all keys of the API server are published")
            .remarking(more);
    }
    IssuerCheck::fail(
        ids::LIVE_KEYS,
        format!("the API server has keys that are not published: {}", missing.join(", ")),
        "publish them before the API server signs with them: issuer documents --from-cluster, \
         and --key for the older keys",
    )
}

fn needs(id: &str) -> String {
    format!("needs the {id} check to pass")
}

/// Whether a document was there, and the answer with it.
fn fetch_check<'a>(
    id: &'static str,
    fetched: Option<&'a Fetched>,
) -> (IssuerCheck, Option<&'a Answer>) {
    let answer = match fetched {
        None => {
            return (
                IssuerCheck::skip(
                    id,
                    "the address is not known; needs the discovery-document check to pass",
                ),
                None,
            );
        }
        Some(Err(failure)) => {
            return (IssuerCheck::fail(id, failure.to_string(), next(id, failure)), None);
        }
        Some(Ok(answer)) => answer,
    };
    let url = &answer.url;
    let (found, next) = match answer.status {
        200 => {
            let check = IssuerCheck::pass(id, url).remarking(address_remark(id, answer));
            return (check, Some(answer));
        }
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("nowhere");
            let to = absolute(url, to);
            (
                format!(
                    "{url} answers with a redirect ({} to {to}), which STS does not follow",
                    answer.status
                ),
                "serve the document itself at the issuer's URL".to_owned(),
            )
        }
        401 | 403 => (
            format!("{url} answers {}: it is not public", answer.status),
            "make the two documents public: issuer documents prints the bucket policy (a bucket \
             also answers 403 if the document does not exist)"
                .to_owned(),
        ),
        404 => (format!("{url} answers 404"), "upload the document to this URL".to_owned()),
        status => (
            format!("{url} answers {status}"),
            "make the server answer 200 with the document".to_owned(),
        ),
    };
    (IssuerCheck::fail(id, found, next), None)
}

/// Where a `Location` leads that has no host or no scheme of its own.
fn absolute<'t>(url: &str, to: &'t str) -> Cow<'t, str> {
    let origin = url.split_once("://").map(|(scheme, rest)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        (scheme, format!("{scheme}://{host}"))
    });
    match origin {
        Some((scheme, _)) if to.starts_with("//") => Cow::Owned(format!("{scheme}:{to}")),
        Some((_, origin)) if to.starts_with('/') => Cow::Owned(format!("{origin}{to}")),
        _ => Cow::Borrowed(to),
    }
}

/// A name that leads to a private address may lead to another one from outside.
fn address_remark(id: &str, answer: &Answer) -> Option<String> {
    let address = answer.address.filter(|address| is_private_address(*address))?;
    let url = IssuerUrl::parse(&answer.url).ok().filter(|url| !url.is_private())?;
    Some(format!(
        "{} resolves to {address} here, a private address: STS needs a public one; {} sets this \
         address",
        url.host(),
        flag(id)
    ))
}

/// What to do, and which flag sets an address that STS may not reach.
fn next(id: &str, failure: &FetchFailure) -> String {
    let next = failure.next();
    match failure {
        FetchFailure::ReadUrl(_)
        | FetchFailure::Resolve { .. }
        | FetchFailure::Connect { .. }
        | FetchFailure::Timeout { .. } => {
            format!("{next}; {} sets this address", flag(id))
        }
        _ => next,
    }
}

/// Whose value the URL of a document comes from.
fn flag(id: &str) -> &'static str {
    match id {
        ids::JWKS_FETCH => "the API server's --service-account-jwks-uri",
        _ => "the API server's --service-account-issuer",
    }
}

fn no_document(id: &'static str, answer: &Answer, error: &str) -> IssuerCheck {
    let begins: String = String::from_utf8_lossy(&answer.body).chars().take(40).collect();
    let content_type = answer.content_type.as_deref().unwrap_or("none");
    IssuerCheck::fail(
        id,
        format!("{error}; the response begins with {begins:?}, content type {content_type}"),
        "upload the files of issuer documents unchanged",
    )
}

/// STS is not known to mind; browsers and proxies do.
fn type_remark(answer: &Answer) -> Option<String> {
    let found = answer.content_type.as_deref().unwrap_or("none");
    let bare = found.split(';').next().unwrap_or_default().trim();
    let good = ["application/json", "application/jwk-set+json"].contains(&bare);
    (!good).then(|| format!("the content type is {found}; application/json is right"))
}

#[cfg(test)]
mod tests;
