//! Which link is broken between a `ServiceAccount` and its AWS credentials.
//!
//! Pure: the [`Facts`] come in, from a cluster or from files, and each may be
//! missing; [`diagnose`] runs the checks over them. A check that stands on one
//! that failed is skipped, so that the broken link is named and no other.

#![warn(missing_docs)]
mod account;
mod audit;
mod aws;
mod check;
mod dry_run;
mod facts;
mod failure;
mod holding;
mod issuer;
mod pod;
mod redact;
mod refusal;
mod registration;
pub mod saved;
mod selector;
mod state;
mod sts;
mod survey;
mod webhook;
mod workload;

use std::sync::Arc;

use serde_json::Value;

pub use audit::{Audit, AuditedPod, Auditor, Sources};
pub use check::{Check, Finding, Report, Status};
pub use facts::{DryRun, Fact, Facts, FetchedDocument, Probe, Response, Subject, TokenFact};
pub use failure::{Reason, ReasonKind, Refusal, RefusedBy};
pub use pod::{probe_pod, probe_review};
pub use redact::{Redacted, bounded, certificates, redacted_pod};
pub use registration::{Registration, has_labels};
pub use selector::{LabelSelector, SelectorError};
pub use state::{Assessment, PodState, WouldGet, assess};
pub use survey::{Survey, SurveyedAccount, Surveyor};
pub use webhook::{Address, Entry, Selection, entries};
pub use workload::{CHECKED_FLAGS, CommandLine, WebhookFlags, command_line, config_map_behind};

use ::issuer::IssuerCheck;
use certificates::Crypto;
use injection::admission::AdmissionSettings;
use injection::identity::{
    self, ConfigMapEntry, ConfigMapIdentities, Identity, Key, Lookup, ServiceAccountReader,
    Warnings,
};

use check::Checks;

/// The webhook's settings, as far as they are known, and where it is registered.
#[derive(Clone, Debug, Default)]
pub struct WebhookSettings {
    /// The flags that the webhook is assumed to run with.
    pub policy: AdmissionSettings,
    /// Reads annotations as the webhook does.
    pub reader: ServiceAccountReader,
    /// Names of `MutatingWebhookConfiguration`s; by what they look like where
    /// there are none.
    pub configurations: Vec<String>,
    /// What is to be said of these settings.
    pub notes: Vec<String>,
}

/// All that a check may look at.
struct Case<'a> {
    facts: &'a Facts,
    settings: &'a WebhookSettings,
    entries: Vec<Entry<'a>>,
    lookup: Lookup,
    crypto: Crypto,
    /// What `issuer verify` says of the token and the two documents.
    issuer: Vec<IssuerCheck>,
}

/// Runs all checks. They see what may be saved and nothing else, so that a
/// folder of it gives the findings of the live run. `crypto` verifies the webhook's
/// certificate.
#[must_use]
pub fn diagnose(facts: &Redacted, settings: &WebhookSettings, crypto: Crypto) -> Report {
    let facts = facts.facts();
    let entries = facts.webhooks.known().map(|list| entries(list, &settings.configurations));
    let lookup = lookup(facts, settings);
    let issuer = issuer::checks(facts, &token_audience(facts, settings));
    let entries = entries.unwrap_or_default();
    let case = Case { facts, settings, entries, lookup, crypto, issuer };
    let mut checks = Checks::default();
    checks.run("api-server", &[], || case.api_server());
    let up: &[_] = &["api-server"];
    checks.run("webhook-registered", up, || case.registered());
    checks.run("webhook-selectors", &["webhook-registered"], || case.selectors());
    checks.run("webhook-reachable", &["webhook-selectors"], || case.reachable());
    checks.run("webhook-chain", &["webhook-reachable"], || case.chain());
    checks.run("service-account", up, || case.service_account());
    checks.run("role-annotation", &["service-account"], || case.role_annotation());
    checks.run("dry-run", &["webhook-chain", "role-annotation"], || case.dry_run());
    checks.run("token", &["service-account"], || case.token());
    checks.run("discovery", &["token"], || case.discovery());
    checks.run("jwks", &["discovery"], || case.jwks());
    checks.run("partition", &["role-annotation"], || case.partition());
    checks.run("provider", &["token"], || case.provider());
    checks.run("audience", &["provider"], || case.audience());
    checks.run("role", &["role-annotation"], || case.role());
    let policy_needs = ["partition", "audience", "role"];
    checks.run("trust-policy", &policy_needs, || case.trust_policy());
    checks.run("running-pod", &["dry-run"], || case.running_pod());
    let Subject { namespace, service_account, .. } = &facts.subject;
    let mut report =
        checks.report(facts.subject.to_string(), format!("{namespace}/{service_account}"));
    report.notes = notes(facts, settings);
    report
}

/// What is to be said of the webhook's own configuration.
fn notes(facts: &Facts, settings: &WebhookSettings) -> Vec<String> {
    let mut notes = settings.notes.clone();
    if let Fact::Unknown(why) = &facts.webhook_flags {
        notes.push(flags_not_known(why));
    }
    if let Fact::Unknown(why) = &facts.container_credentials {
        notes.push(format!("who gets container credentials is not known: {why}"));
    }
    notes
}

/// The note that the flags of the command line count.
#[must_use]
pub fn flags_not_known(why: &Reason) -> String {
    format!("the webhook's own flags are not known, so that those of the command line count: {why}")
}

impl Case<'_> {
    fn key(&self) -> Key<'_> {
        let Subject { namespace, service_account, .. } = &self.facts.subject;
        Key { namespace, name: service_account }
    }

    /// The identity that the webhook gives, as far as that is known.
    fn identity(&self) -> Option<Identity<'_>> {
        self.lookup.identity(&self.settings.policy.defaults).ok().flatten()
    }

    /// By the annotation, else by what the webhook gives: it may have the role
    /// from its `ConfigMap`.
    fn role_arn(&self) -> Option<&str> {
        match self.identity() {
            Some(Identity::WebIdentity(web)) => Some(web.role_arn),
            Some(Identity::ContainerCredentials(_)) => None,
            None => self.came_back().and_then(pod::role),
        }
    }

    fn region(&self) -> Option<&str> {
        let asked = self.identity().and_then(|identity| identity.shared().region);
        asked.or_else(|| self.came_back().and_then(pod::region))
    }

    /// The audience that the pods' tokens have.
    fn wanted_audience(&self) -> String {
        token_audience(self.facts, self.settings)
    }

    /// The pod of the dry run.
    fn came_back(&self) -> Option<&Value> {
        came_back(self.facts)
    }

    fn warnings(&self) -> Warnings {
        self.lookup.warnings()
    }
}

/// The audience that the tokens of a `ServiceAccount`'s pods have: that of the
/// pod that came back from the dry run, since the webhook's flags are not seen
/// from here; else what the annotation and the settings say.
#[must_use]
pub fn token_audience(facts: &Facts, settings: &WebhookSettings) -> String {
    if let Some(audience) = came_back(facts).and_then(pod::audience) {
        return audience.to_owned();
    }
    match lookup(facts, settings).identity(&settings.policy.defaults) {
        Ok(Some(Identity::WebIdentity(web))) => web.audience.to_owned(),
        _ => settings.policy.defaults.audience.clone(),
    }
}

fn came_back(facts: &Facts) -> Option<&Value> {
    match &facts.dry_run {
        Fact::Known(DryRun::Admitted { pod, .. }) => Some(pod),
        _ => None,
    }
}

/// What the webhook's own lookup would find.
fn lookup(facts: &Facts, settings: &WebhookSettings) -> Lookup {
    let Subject { namespace, service_account, .. } = &facts.subject;
    let key = Key { namespace, name: service_account };
    Lookup {
        container_credentials: facts.container_credentials == Fact::Known(true),
        service_account: match &facts.service_account {
            Fact::Known(account) => settings
                .reader
                .read(annotations(account))
                .map_or(identity::Observed::Absent, |read| {
                    identity::Observed::Known(Arc::new(read))
                }),
            Fact::Absent => identity::Observed::Absent,
            Fact::Unknown(why) => identity::Observed::Unknown(why.message.as_str().into()),
            Fact::NotAsked => identity::Observed::Unknown("the ServiceAccount is not given".into()),
        },
        config_map_entry: config_map_entry(&facts.config_map, key, settings),
    }
}

/// What the `ConfigMap` says of a key. Where it can't be read, the webhook keeps what it had.
fn config_map_entry(
    map: &Fact<Value>,
    key: Key<'_>,
    settings: &WebhookSettings,
) -> identity::Observed<Arc<ConfigMapEntry>> {
    let map = match map {
        Fact::Known(map) => map,
        Fact::Unknown(why) => return identity::Observed::Unknown(why.message.as_str().into()),
        Fact::Absent | Fact::NotAsked => return identity::Observed::Absent,
    };
    let Some(config) = map["data"]["config"].as_str() else { return identity::Observed::Absent };
    match ConfigMapIdentities::parse(config, settings.reader.account()) {
        Ok((entries, _)) => match entries.get(key) {
            Some(entry) => identity::Observed::Known(Arc::clone(entry)),
            None => identity::Observed::Absent,
        },
        Err(error) => {
            let why = format!("the ConfigMap can't be used: {error}");
            identity::Observed::Unknown(why.into())
        }
    }
}

/// The entries of the `ConfigMap`, where it is known and can be read.
fn config_map_entries(
    map: &Fact<Value>,
    settings: &WebhookSettings,
) -> Option<ConfigMapIdentities> {
    let config = map.known()?["data"]["config"].as_str()?;
    let (entries, _) = ConfigMapIdentities::parse(config, settings.reader.account()).ok()?;
    Some(entries)
}

fn annotations(object: &Value) -> impl Iterator<Item = (&str, &str)> + Clone {
    let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
    annotations.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
