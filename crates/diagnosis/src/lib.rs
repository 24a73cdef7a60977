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
mod commands;
mod dry_run;
mod facts;
mod failure;
mod holding;
mod issuer;
mod owner;
mod pod;
mod redact;
mod refusal;
mod registration;
mod restart;
pub mod saved;
mod selector;
mod state;
mod sts;
mod survey;
mod webhook;
mod workload;

use std::sync::Arc;

use serde_json::Value;

pub use audit::{Audit, AuditedPod, AuditedWorkload, Auditor, Sources, account_name};
pub use check::{Check, Finding, Report, Status};
pub use commands::Commands;
pub use facts::{DryRun, Fact, Facts, FetchedDocument, Probe, Response, Subject, TokenFact};
pub use failure::{Reason, ReasonKind, Refusal, RefusedBy};
pub use owner::Owner;
pub use pod::{probe_pod, probe_review};
pub use redact::{Redacted, bounded, certificates, redacted_pod};
pub use registration::{Registration, has_labels};
pub use restart::{
    Action, Controller, RESTARTED_AT, Refused, RefusedRestart, Replaced, RestartFacts,
    RestartOptions, RestartPlan, Rollout, Step, StepPod, candidates, check_eviction, check_rollout,
    is_ready, odd_role, replacement, restart_patch, wanted_pods,
};
pub use selector::{LabelSelector, SelectorError};
pub use state::{Assessment, PodState, Remedy, WouldGet, assess};
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
    /// Whether the webhook completes the names of roles with an account that is not known here, such
    /// as that of its node; nothing where that is not known.
    pub completes_names: Option<bool>,
    /// What is to be said of these settings.
    pub notes: Vec<String>,
    /// How the commands that are advised reach the cluster.
    pub commands: Commands,
}

impl WebhookSettings {
    /// Whether a pod with the ARN of a role may have what a bare name stands for.
    pub(crate) fn may_complete_names(&self) -> bool {
        self.completes_names != Some(false)
    }
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
    checks.run("role-annotation", &["service-account"], || case.listed_or(case.role_annotation()));
    checks.run("dry-run", &["webhook-chain", "role-annotation"], || case.dry_run());
    checks.run("token", &["service-account"], || case.token());
    checks.run("discovery", &["token"], || case.discovery());
    checks.run("jwks", &["discovery"], || case.jwks());
    checks.run("partition", &["role-annotation"], || case.listed_or(case.partition()));
    checks.run("provider", &["token"], || case.provider());
    checks.run("audience", &["provider"], || case.audience());
    checks.run("role", &["role-annotation"], || case.listed_or(case.role()));
    let policy_needs = ["partition", "audience", "role"];
    checks.run("trust-policy", &policy_needs, || case.listed_or(case.trust_policy()));
    checks.run("running-pod", &["dry-run"], || case.running_pod());
    let Subject { namespace, service_account, .. } = &facts.subject;
    let mut report =
        checks.report(facts.subject.to_string(), format!("{namespace}/{service_account}"));
    report.notes = notes(facts, settings);
    report
}

/// How much of the facts is there, where they come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The API server's version, the webhook's entries, the subject and its namespace.
    Registered,
    /// All but the token and what its issuer publishes.
    Tried,
}

impl Stage {
    /// How many checks need no more than that, in the order of [`diagnose`].
    fn checks(self) -> usize {
        match self {
            Self::Registered => 3,
            Self::Tried => 8,
        }
    }
}

/// The checks that will not change any more once the other facts come.
#[must_use]
pub fn settled(facts: &Facts, settings: &WebhookSettings, crypto: Crypto, stage: Stage) -> Report {
    let mut report = diagnose(&Redacted::of(facts.clone(), settings), settings, crypto);
    report.checks.truncate(stage.checks());
    report
}

/// What is to be said of the webhook's own configuration.
fn notes(facts: &Facts, settings: &WebhookSettings) -> Vec<String> {
    let mut notes = settings.notes.clone();
    if let Fact::Unknown(why) = &facts.webhook_flags {
        notes.push(flags_not_known(why));
    }
    if let Fact::Unknown(why) = &facts.container_credentials {
        notes.push(listing_not_known(why));
    }
    notes
}

fn listing_not_known(why: &Reason) -> String {
    format!("who gets container credentials is not known: {why}")
}

/// The note that the flags of the command line count.
#[must_use]
pub fn flags_not_known(why: &Reason) -> String {
    format!("the webhook's own flags are not known, so the flags of this command line count: {why}")
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

    /// The role that the webhook gives, as far as that is known.
    fn role_arn(&self) -> Option<&str> {
        role_given(self.identity(), self.came_back(), self.settings)
    }

    /// A finding that fails nothing where it is not known whether the `ServiceAccount` gets
    /// container credentials, which need no role.
    fn listed_or(&self, found: Finding) -> Finding {
        match (found, listed(self.facts)) {
            (Finding::Fail { seen, .. }, Err(why)) => {
                Finding::Unknown(format!("{seen}; but {}", listing_not_known(why)))
            }
            (found, _) => found,
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

/// By the test pod, as the webhook may complete a name or have the role from a source that is
/// not known here; else by the annotation and the `ConfigMap`.
fn role_given<'a>(
    identity: Option<Identity<'a>>,
    came_back: Option<&'a Value>,
    settings: &WebhookSettings,
) -> Option<&'a str> {
    let given = came_back.and_then(pod::role);
    match identity {
        Some(Identity::WebIdentity(web)) => match given {
            Some(given)
                if state::is_same_role(given, web.role_arn, settings.may_complete_names()) =>
            {
                Some(given)
            }
            _ if settings.completes_names == Some(true) && !web.role_arn.starts_with("arn:") => {
                None
            }
            _ => Some(web.role_arn),
        },
        Some(Identity::ContainerCredentials(_)) => None,
        None => given,
    }
}

/// The role that a `ServiceAccount`'s pods get, as far as it is known.
#[must_use]
pub fn role_arn(facts: &Facts, settings: &WebhookSettings) -> Option<String> {
    let lookup = lookup(facts, settings);
    let identity = lookup.identity(&settings.policy.defaults).ok().flatten();
    role_given(identity, came_back(facts), settings).map(str::to_owned)
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

/// Whether the `ServiceAccount` is listed to get container credentials. Where the list is not
/// known, the test pod may show it.
fn listed(facts: &Facts) -> Result<bool, &Reason> {
    let why = match &facts.container_credentials {
        Fact::Known(listed) => return Ok(*listed),
        Fact::Absent | Fact::NotAsked => return Ok(false),
        Fact::Unknown(why) => why,
    };
    match came_back(facts) {
        Some(pod) if pod::role(pod).is_some() => Ok(false),
        Some(pod) if pod::given(pod).is_some() => Ok(true),
        _ => Err(why),
    }
}

/// What the webhook's own lookup would find. It counts as not listed for container credentials
/// where that is not known: see [`listed`].
fn lookup(facts: &Facts, settings: &WebhookSettings) -> Lookup {
    let Subject { namespace, service_account, .. } = &facts.subject;
    let key = Key { namespace, name: service_account };
    Lookup {
        container_credentials: listed(facts).unwrap_or_default(),
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
        config_map_entry: config_map_entry(&config_map_entries(&facts.config_map, settings), key),
    }
}

/// The entries of the `ConfigMap`, or why they are not known. Where it can't be read, the webhook
/// keeps what it had.
fn config_map_entries(
    map: &Fact<Value>,
    settings: &WebhookSettings,
) -> Result<ConfigMapIdentities, Arc<str>> {
    let map = match map {
        Fact::Known(map) => map,
        Fact::Unknown(why) => return Err(why.message.as_str().into()),
        Fact::Absent | Fact::NotAsked => return Ok(ConfigMapIdentities::default()),
    };
    let Some(config) = map["data"]["config"].as_str() else {
        return Ok(ConfigMapIdentities::default());
    };
    let (entries, _) = ConfigMapIdentities::parse(config, settings.reader.account())
        .map_err(|error| format!("the ConfigMap can't be used: {error}"))?;
    Ok(entries)
}

fn config_map_entry(
    entries: &Result<ConfigMapIdentities, Arc<str>>,
    key: Key<'_>,
) -> identity::Observed<Arc<ConfigMapEntry>> {
    match entries {
        Ok(entries) => audit::observed(entries.get(key)),
        Err(why) => identity::Observed::Unknown(Arc::clone(why)),
    }
}

fn annotations(object: &Value) -> impl Iterator<Item = (&str, &str)> + Clone {
    let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
    annotations.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
