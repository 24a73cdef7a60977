//! A new issuer URL.

use text::shell::Word;

use super::{ApiServerFlags, EXPIRED, Facts, Plan, Step, known};
use crate::{IssuerCheck, IssuerUrl};

/// A change of the issuer's URL, and what is known of both issuers.
#[derive(Clone, Debug)]
pub struct Migration<'a> {
    /// The URL of the issuer that is to be replaced, as tokens have it.
    pub old: &'a str,
    /// The URL of the issuer that replaces it.
    pub new: &'a IssuerUrl,
    /// What [`verify::check`](crate::verify::check) says of the new one's
    /// documents, without a token.
    pub new_documents: &'a [IssuerCheck],
    /// The same for the documents of the old one; empty if they were never published.
    pub old_documents: &'a [IssuerCheck],
    /// The user states that IAM has a provider for the new issuer, and that the trust
    /// policies name both.
    pub trusted: bool,
    /// The user states, where flags can't be read, that every API server accepts tokens of
    /// both.
    pub accepted_everywhere: bool,
    /// The command that writes the documents of the new issuer.
    pub write: &'a str,
}

const PUBLISH: &str = "publish";
const TRUST: &str = "trust";
const ACCEPT: &str = "accept";
const SIGN: &str = "sign";
const RETIRE: &str = "retire";

/// Plans the change of the issuer without a refused token: publish under the new URL, have
/// IAM trust both, accept tokens of both, issue tokens of the new one, and drop the old one
/// when none of its tokens is left.
/// <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>
#[must_use]
pub fn migrate(migration: &Migration<'_>, facts: &Facts<'_>) -> Plan {
    let Migration { old, new, trusted, write, .. } = *migration;
    let signs_new = facts.token.map(|token| token.issuer == new.as_str());
    let retiring = signs_new == Some(true) && facts.old_tokens_expired;
    let takes =
        |issuer: &str| every(facts.servers, |flags| flags.issuers.iter().any(|i| i == issuer));

    let published = published(migration.new_documents);
    let stated = migration.accepted_everywhere.then_some(true);
    // A managed cluster shows no API server.
    let pass = match facts.live {
        Some(_) => "pass --api-server",
        None => "pass --from-cluster or --api-server",
    };
    let ask_retired = format!("the issuers that the API servers accept are not known: {pass}");
    let ask_flags = format!("{ask_retired}, or confirm with --accepted-everywhere");
    let accepts_old = match takes(old) {
        Some(false) if retiring => Some(true),
        known => known.or(stated),
    };
    let accepted = vec![
        known(
            "accepts-new",
            takes(new.as_str()).or(stated),
            "every API server accepts tokens of the new issuer",
            &format!(
                "{} does not accept tokens of the new issuer",
                lacking(facts.servers, new.as_str())
            ),
            &ask_flags,
        ),
        known(
            "accepts-old",
            accepts_old,
            "every API server accepts tokens of the old issuer, as long as they are needed",
            &format!("{} does not accept tokens of the old issuer", lacking(facts.servers, old)),
            &ask_flags,
        ),
    ];
    let trust = vec![known(
        "trusted",
        trusted.then_some(true),
        "you confirmed that IAM trusts both issuers",
        "",
        "not confirmed that IAM trusts the new issuer: pass --trusted when it does",
    )];
    let signed = vec![known(
        "signs-new",
        signs_new,
        "new tokens have the new issuer",
        "new tokens do not have the new issuer yet",
        "the issuer of new tokens is not known: pass --from-cluster or --token",
    )];
    let drops = |flags: &ApiServerFlags| !flags.issuers.iter().any(|issuer| issuer == old);
    let retired = vec![known(
        "retired-old",
        every(facts.servers, drops),
        "no API server accepts tokens of the old issuer any more",
        "some API servers still accept tokens of the old issuer",
        &ask_retired,
    )];

    let before_signing = [&published[..], &trust, &accepted].concat();
    let issuer = |url: &str| format!("--service-account-issuer={url}");
    let new_url = new.as_str();
    let jwks_uri = format!("--service-account-jwks-uri={}", new.jwks_url());
    let steps = vec![
        Step::new(PUBLISH, "publish the documents of the new issuer", published).todo([
            &format!("write the documents: {write}"),
            "upload that folder",
            "leave the documents of the old issuer where they are",
        ]),
        Step::new(TRUST, "have IAM trust both issuers", trust).todo([
            &format!("create an OIDC provider for {new_url} beside the old one, with the same audiences"),
            "add a statement for the new provider to each trust policy; keep the old one",
        ]),
        Step::new(ACCEPT, "accept tokens of both issuers, issue tokens of the old one", accepted)
            .set([issuer(old), issuer(new_url)])
            .todo([
                "leave --api-audiences unchanged; if it is not set, both issuers are audiences",
                "restart the API servers one by one, all of them before the next step: each must \
                 accept the tokens that the others will issue",
            ]),
        Step::new(SIGN, "issue tokens of the new issuer, accept tokens of both", signed.clone())
            .set([issuer(new_url), issuer(old), jwks_uri.clone()])
            .todo([
                "restart the API servers one by one",
                "kubelets renew the tokens of running pods; restart pods that read their token only once",
            ])
            .after(&before_signing),
        Step::new(RETIRE, "remove the old issuer", retired)
            .set([issuer(new_url), jwks_uri])
            .todo([
                "restart the API servers one by one",
                "remove the old provider from IAM and from the trust policies, then delete the old documents",
            ])
            .after(&signed)
            .when(facts.old_tokens_expired, EXPIRED),
    ];
    Plan::new(steps, alarms(migration, facts))
}

/// What is refused right now.
fn alarms(migration: &Migration<'_>, facts: &Facts<'_>) -> Vec<IssuerCheck> {
    let Migration { old, new, .. } = *migration;
    let mut alarms = Vec::new();
    let Some(token) = facts.token else { return alarms };
    let signs_new = token.issuer == new.as_str();
    if !signs_new && token.issuer != old {
        let found = format!(
            "new tokens have the issuer {:?}, neither the old nor the new one",
            token.issuer
        );
        let next = "pass exactly the API server's current first --service-account-issuer as --from";
        alarms.push(IssuerCheck::fail("token-issuer", found, next));
    }
    let broken = |checks: &[IssuerCheck]| checks.iter().find(|check| check.failed()).cloned();
    if let Some(check) = broken(migration.new_documents).filter(|_| signs_new) {
        let found = format!("AWS rejects new tokens (check {}): {}", check.id, check.found);
        alarms.push(IssuerCheck { id: "new-documents", found, ..check });
    }
    if facts.old_tokens_expired {
        return alarms;
    }
    if let Some(check) = broken(migration.old_documents) {
        let found =
            format!("AWS rejects tokens of the old issuer (check {}): {}", check.id, check.found);
        alarms.push(IssuerCheck { id: "old-documents", found, ..check });
    }
    let drops = |flags: &&ApiServerFlags| !flags.issuers.iter().any(|issuer| issuer == old);
    if let Some(server) = facts.servers.iter().find(drops).filter(|_| signs_new) {
        alarms.push(IssuerCheck::fail(
            "old-accepted",
            format!(
                "{} no longer accepts tokens of the old issuer, so running pods are rejected, and \
                 --old-tokens-expired is not given",
                server.source
            ),
            format!("add --service-account-issuer={} again, after the new one", Word(old)),
        ));
    }
    alarms
}

/// All of it or the first failure, as one list that a step goes by.
fn published(checks: &[IssuerCheck]) -> Vec<IssuerCheck> {
    let told: Vec<IssuerCheck> = checks.iter().filter(|check| check.failed()).cloned().collect();
    if checks.is_empty() {
        return vec![IssuerCheck::skip(
            "published-new",
            "the documents of the new issuer are not known",
        )];
    }
    if told.is_empty() {
        return vec![IssuerCheck::pass(
            "published-new",
            "the documents of the new issuer are as STS needs them",
        )];
    }
    told
}

/// Nothing where no server is known.
fn every(servers: &[ApiServerFlags], holds: impl Fn(&ApiServerFlags) -> bool) -> Option<bool> {
    (!servers.is_empty()).then(|| servers.iter().all(holds))
}

fn lacking<'a>(servers: &'a [ApiServerFlags], issuer: &str) -> &'a str {
    let lacks = |flags: &&ApiServerFlags| !flags.issuers.iter().any(|taken| taken == issuer);
    servers.iter().find(lacks).map_or("an API server", |flags| &flags.source)
}
