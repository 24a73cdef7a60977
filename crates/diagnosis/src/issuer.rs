//! The token, and the two documents that AWS verifies it with.

use super::{Case, Fact, FetchedDocument, Finding};
use issuer::{Discovery, IssuerUrl, difference};

impl Case<'_> {
    pub(super) fn token(&self) -> Finding {
        let token = match &self.facts.token {
            Fact::Known(token) => token,
            Fact::Absent => return Finding::Unknown("the API server issued no token".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::NotAsked => return Finding::Unknown("no token is given".to_owned()),
        };
        let key = self.key();
        let subject = format!("system:serviceaccount:{}:{}", key.namespace, key.name);
        let audience = self.wanted_audience();
        if let Err(error) = IssuerUrl::parse(&token.issuer) {
            return Finding::fail(
                format!("AWS does not accept the token's issuer {:?}: {error}", token.issuer),
                "start the API server with a --service-account-issuer that AWS can reach; keep the \
                 old one as the second",
            );
        }
        if token.subject != subject {
            return Finding::fail(
                format!("the token's subject is {:?}, expected {subject:?}", token.subject),
                "use a token of this ServiceAccount",
            );
        }
        if !token.audiences.contains(&audience) {
            return Finding::fail(
                format!("the token's audience is {:?}, expected {audience:?}", token.audiences),
                "use a token with the audience of the pods' tokens",
            );
        }
        Finding::pass(format!("issuer {}, audience {audience}, subject {subject}", token.issuer))
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
                "publish the API server's own document: issuer documents --from-cluster",
            ),
            (Ok(read), Some(issuer)) => match difference(issuer, &read.issuer) {
                None => Finding::pass(format!("{url} names the issuer {issuer}")),
                Some(why) => Finding::fail(
                    format!(
                        "{url} names the issuer {:?}, but the tokens have {issuer:?}: {why}",
                        read.issuer
                    ),
                    "both must be equal, byte by byte: publish documents for the tokens' issuer",
                ),
            },
            (Ok(read), None) => Finding::pass(format!("{url} names the issuer {}", read.issuer)),
        }
    }

    pub(super) fn jwks(&self) -> Finding {
        let document = match fetched(&self.facts.jwks, "the JWK set") {
            Ok(document) => document,
            Err(finding) => return finding,
        };
        let FetchedDocument { url, .. } = document.0;
        let Some(token) = self.facts.token.known() else {
            return Finding::Unknown("there is no token to verify".to_owned());
        };
        match &token.verified {
            Some(Ok(())) => Finding::pass(format!(
                "{url} has the key {}, which verifies the token",
                token.kid.as_deref().unwrap_or_default()
            )),
            Some(Err(why)) => Finding::fail(
                format!("{url}: {why}"),
                "publish the keys that the API server signs with: issuer documents --from-cluster; \
                 then clear any cache in front of them",
            ),
            None => Finding::fail(
                format!("{url} is not a JWK set"),
                "publish the API server's own document: issuer documents --from-cluster",
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
                "make it public at exactly this URL: STS fetches it over HTTPS with a publicly trusted \
                 certificate, without credentials, and follows no redirect",
            )),
        },
        Fact::Unknown(why) => Err(Finding::Unknown(why.to_string())),
        Fact::Absent | Fact::NotAsked => Err(Finding::Unknown(format!(
            "{what} was not fetched: without a token the issuer is not known"
        ))),
    }
}
