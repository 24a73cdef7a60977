//! The token, and the two documents that AWS verifies it with: by the checks of `issuer verify`.

use std::fmt::Write as _;

use super::{Case, Fact, Facts, FetchedDocument, Finding};
use issuer::verify::{Against, check, ids};
use issuer::{Discovery, FetchFailure, IssuerCheck, PublishedDocuments, Token, Verify};

/// What AWS's STS requires, and another may do without: it may reach an issuer in the cluster.
const OF_AWS: [&str; 5] =
    [ids::URL, ids::DISCOVERY_FETCH, ids::JWKS_URI, ids::JWKS_FETCH, ids::ALGORITHMS];

/// The checks over what is known; what the rest of them says is never looked at.
///
/// The time of the token is not among them: it is made for the diagnosis, not for a pod.
pub(super) fn checks(facts: &Facts, audience: &str) -> Vec<IssuerCheck> {
    let token = facts.token.known().map(|token| {
        Token::of_claims(
            (token.algorithm.clone(), token.kid.clone()),
            token.issuer.clone(),
            token.subject.clone(),
            token.audiences.clone(),
        )
    });
    // The signature was verified where the token was: it is a secret, which is not among the facts.
    let verified = facts.token.known().is_some_and(|token| matches!(token.verified, Some(Ok(()))));
    let verify: Verify = if verified { |_, _, _, _| true } else { |_, _, _, _| false };
    let discovery = facts.discovery.known().map(FetchedDocument::fetched);
    let named = discovery.as_ref().and_then(|fetched| fetched.as_ref().ok());
    let named = named.and_then(|answer| Discovery::parse(&answer.body).ok());
    let issuer = match (&token, named) {
        (Some(token), _) => token.issuer.clone(),
        (None, Some(document)) => document.issuer,
        (None, None) => String::new(),
    };
    let published = PublishedDocuments {
        discovery: discovery.unwrap_or(Err(FetchFailure::ReadUrl(String::new()))),
        jwks: facts.jwks.known().map(FetchedDocument::fetched),
    };
    let against = Against { token: token.as_ref(), audience: Some(audience), ..Against::default() };
    check(&issuer, &published, &against, verify)
}

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
        if let Some(failed) = self.failed(&[ids::URL]) {
            return failed;
        }
        if token.subject != subject {
            return Finding::fail(
                format!("the token's subject is {:?}, expected {subject:?}", token.subject),
                "use a token of this ServiceAccount",
            );
        }
        let audience = self.wanted_audience();
        let seen = format!("issuer {}, audience {audience}, subject {subject}", token.issuer);
        self.found(&[ids::URL, ids::TOKEN_AUDIENCE], seen)
    }

    pub(super) fn discovery(&self) -> Finding {
        let what = ("the discovery document", "discovery.json");
        let document = match self.fetched(&self.facts.discovery, what, &[ids::URL]) {
            Ok(document) => document,
            Err(finding) => return finding,
        };
        let needed = [ids::DISCOVERY_FETCH, ids::DISCOVERY, ids::ISSUER, ids::JWKS_URI];
        let body = document.answer.as_ref().map(|response| response.body.as_str());
        let issuer = body.ok().and_then(|body| Discovery::parse(body.as_bytes()).ok());
        let issuer = issuer.map(|document| document.issuer).unwrap_or_default();
        self.found(&needed, format!("{} names the issuer {issuer}", document.url))
    }

    pub(super) fn jwks(&self) -> Finding {
        let leads = match self.facts.discovery {
            Fact::Known(_) => &[ids::URL, ids::DISCOVERY_FETCH, ids::DISCOVERY][..],
            Fact::Absent | Fact::Unknown(_) | Fact::NotAsked => &[ids::URL],
        };
        let what = ("the JWK set", "jwks.json");
        let document = match self.fetched(&self.facts.jwks, what, leads) {
            Ok(document) => document,
            Err(finding) => return finding,
        };
        if let Some(failed) = self.failed(&[ids::JWKS_FETCH, ids::JWKS, ids::ALGORITHMS]) {
            return failed;
        }
        let Some(token) = self.facts.token.known() else {
            return Finding::Unknown("there is no token to verify".to_owned());
        };
        if let Some(failed) = self.failed(&[ids::TOKEN_KEY]) {
            return failed;
        }
        if token.verified.is_none() {
            return Finding::Unknown("the token's signature was not verified".to_owned());
        }
        let kid = token.kid.as_deref().unwrap_or_default();
        let seen = format!("{} has the key {kid}, which verifies the token", document.url);
        let signed = [ids::TOKEN_KEY, ids::TOKEN_SIGNATURE];
        let needed = [&[ids::JWKS_FETCH, ids::JWKS, ids::ALGORITHMS][..], &signed].concat();
        self.found(&needed, seen)
    }

    /// What came of fetching a document, else why there is none: what leads to it failed, or a folder
    /// is without its file.
    fn fetched<'a>(
        &self,
        fact: &'a Fact<FetchedDocument>,
        (what, file): (&str, &str),
        leads: &[&str],
    ) -> Result<&'a FetchedDocument, Finding> {
        let not_fetched = |why: &str| format!("{what} was not fetched: {why}");
        let why = match fact {
            Fact::Known(fetched) => return Ok(fetched),
            Fact::Unknown(why) => why.to_string(),
            Fact::Absent | Fact::NotAsked if self.facts.token.known().is_none() => {
                not_fetched("without a token the issuer is not known")
            }
            Fact::Absent | Fact::NotAsked => {
                let failed = self.issuer.iter().find(|it| leads.contains(&it.id) && it.failed());
                failed.map_or_else(
                    || format!("{file} is not in the folder"),
                    |it| not_fetched(&it.found),
                )
            }
        };
        Err(Finding::Unknown(why))
    }

    /// The first of these checks of the issuer that failed, in their order.
    fn failed(&self, needed: &[&str]) -> Option<Finding> {
        let failed = self.issuer.iter().find(|it| needed.contains(&it.id) && it.failed())?;
        if let Some(sts) = self.other_sts().filter(|_| OF_AWS.contains(&failed.id)) {
            return Some(Finding::Unknown(format!(
                "{}; AWS's STS would refuse this; whether {sts} does, which the pods call, is not known",
                failed.found
            )));
        }
        Some(Finding::fail(failed.found.clone(), failed.next.clone().unwrap_or_default()))
    }

    /// What these checks of the issuer come to: `seen` where none failed, with their remarks.
    fn found(&self, needed: &[&str], mut seen: String) -> Finding {
        if let Some(failed) = self.failed(needed) {
            return failed;
        }
        let checks = self.issuer.iter().filter(|it| needed.contains(&it.id));
        for remark in checks.flat_map(|it| &it.remarks) {
            // Writing to a string can't fail.
            let _ = write!(seen, "; note: {remark}");
        }
        Finding::pass(seen)
    }
}
