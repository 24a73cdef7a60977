//! The token, and the two documents that AWS verifies it with.

use super::{Case, Fact, FetchedDocument, Finding};
use issuer::{Discovery, IssuerUrl, difference};

impl Case<'_> {
    pub(super) fn token(&self) -> Finding {
        let token = match &self.facts.token {
            Fact::Known(token) => token,
            Fact::Absent => return Finding::Unknown("the API server gave no token".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.clone()),
            Fact::NotAsked => return Finding::Unknown("no token is given".to_owned()),
        };
        let key = self.key();
        let subject = format!("system:serviceaccount:{}:{}", key.namespace, key.name);
        let audience = self.wanted_audience();
        if let Err(error) = IssuerUrl::parse(&token.issuer) {
            return Finding::fail(
                format!("its issuer {:?} is none that AWS takes: {error}", token.issuer),
                "start the API server with a --service-account-issuer that AWS can fetch; keep the \
                 old one as the second",
            );
        }
        if token.subject != subject {
            return Finding::fail(
                format!("its subject is {:?}, where {subject:?} belongs", token.subject),
                "give the token of this ServiceAccount",
            );
        }
        if !token.audiences.contains(&audience) {
            return Finding::fail(
                format!("its audience is {:?}, where {audience:?} belongs", token.audiences),
                "give a token for the audience that the pods' tokens have",
            );
        }
        Finding::pass(format!("of {}, for {audience}, as {subject}", token.issuer))
    }

    pub(super) fn discovery(&self) -> Finding {
        let document = match fetched(&self.facts.discovery, "the discovery document") {
            Ok(document) => document,
            Err(finding) => return finding,
        };
        let FetchedDocument { url, .. } = document.0;
        let issuer = self.facts.token.known().map(|token| token.issuer.as_str());
        match (Discovery::parse(document.1.as_bytes()), issuer) {
            (Err(error), _) => Finding::fail(
                format!("{url}: {error}"),
                "publish the API server's own: issuer documents --from-cluster",
            ),
            (Ok(read), Some(issuer)) => match difference(issuer, &read.issuer) {
                None => Finding::pass(format!("{url} is of {issuer}")),
                Some(why) => Finding::fail(
                    format!("{url} names {:?}, the tokens are of {issuer:?}: {why}", read.issuer),
                    "both must be the same to the byte: publish documents of the tokens' issuer",
                ),
            },
            (Ok(read), None) => Finding::pass(format!("{url} is of {}", read.issuer)),
        }
    }

    pub(super) fn jwks(&self) -> Finding {
        let document = match fetched(&self.facts.jwks, "the JWK set") {
            Ok(document) => document,
            Err(finding) => return finding,
        };
        let FetchedDocument { url, .. } = document.0;
        let Some(token) = self.facts.token.known() else {
            return Finding::Unknown("there is no token to verify with it".to_owned());
        };
        match &token.verified {
            Some(Ok(())) => Finding::pass(format!(
                "{url} has the key {} and it verifies the token",
                token.kid.as_deref().unwrap_or_default()
            )),
            Some(Err(why)) => Finding::fail(
                format!("{url}: {why}"),
                "publish the keys that the API server signs with now: issuer documents \
                 --from-cluster; a cache in front of them may have to be emptied",
            ),
            None => Finding::fail(
                format!("{url} is no JWK set"),
                "publish the API server's own: issuer documents --from-cluster",
            ),
        }
    }
}

/// A document that STS would get, else what comes of its lack.
fn fetched<'a>(
    fact: &'a Fact<FetchedDocument>,
    what: &str,
) -> Result<(&'a FetchedDocument, &'a str), Finding> {
    match fact {
        Fact::Known(fetched) => match &fetched.answer {
            Ok(body) => Ok((fetched, body)),
            Err(why) => Err(Finding::fail(
                format!("{}: {why}", fetched.url),
                "STS fetches it without credentials, over HTTPS with a public certificate, and \
                 follows no redirect: make it public at this very URL",
            )),
        },
        Fact::Unknown(why) => Err(Finding::Unknown(why.clone())),
        Fact::Absent | Fact::NotAsked => {
            Err(Finding::Unknown(format!("{what} was not fetched: no token names the issuer")))
        }
    }
}
