//! One admission, from what was asked and what was looked up to its end. The
//! server and every command that shows what would be injected call this.

use json_patch::Patch;

use super::required::{Refusal, refuse};
use super::{Outcome, Review, Subject};
use crate::identity::{Defaults, Identity, Key, Lookup, Warning};
use crate::mutation::{Jitter, Plan, Scope, Settings, Status, plan};

/// The flags that decide about an admission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub defaults: Defaults,
    pub settings: Settings,
}

/// The two doors: one never denies, the other is for pods that must not run
/// without an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Mutate,
    Required,
}

/// How credentials reach the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    WebIdentity,
    ContainerCredentials,
}

/// How an admission ended, and what it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    pub outcome: Outcome,
    pub method: Option<Method>,
    pub patch: Patch,
    pub warnings: Vec<Warning>,
    pub refusal: Option<Refusal>,
    /// Why the lookup failed, in one line.
    pub reason: Option<String>,
}

impl Review<'_> {
    /// The `ServiceAccount` to look up, where the answer depends on one.
    #[must_use]
    pub fn lookup_key(&self) -> Option<Key<'_>> {
        match self.settled() {
            Some(_) => None,
            None => self.key(),
        }
    }

    /// The outcome that needs no lookup.
    fn settled(&self) -> Option<Outcome> {
        match &self.subject {
            Subject::NotAPod => Some(Outcome::NotAPod),
            Subject::NotServed => Some(Outcome::NotServed),
            Subject::Creation(pod) | Subject::EphemeralContainers(pod, _) => {
                pod.is_mirror().then_some(Outcome::MirrorPod)
            }
        }
    }
}

/// Ends an admission. `lookup` is what was found under [`Review::lookup_key`];
/// without it only a review that needs none can be answered.
#[must_use]
pub fn admit(
    review: &Review<'_>,
    lookup: Option<&Lookup>,
    policy: &Policy,
    endpoint: Endpoint,
    jitter: Jitter,
) -> Admission {
    if let Some(outcome) = review.settled() {
        return Admission::of(outcome);
    }
    let (pod, scope) = match &review.subject {
        Subject::Creation(pod) => (pod, Scope::Creation),
        Subject::EphemeralContainers(pod, old) => (pod, Scope::EphemeralContainers(old)),
        Subject::NotAPod | Subject::NotServed => return Admission::of(Outcome::NotAPod),
    };
    let Some(lookup) = lookup else { return Admission::of(Outcome::LookupFailed) };
    let mut admission = Admission::of(Outcome::NotConfigured);
    admission.warnings = lookup.warnings();
    let mut uncovered = Vec::new();
    match lookup.identity(&policy.defaults) {
        Err(failed) => {
            admission.outcome = Outcome::LookupFailed;
            admission.reason = Some(failed.to_string());
        }
        Ok(None) => {}
        Ok(Some(identity)) => {
            let plan = plan(pod, scope, &identity, &policy.settings, jitter);
            uncovered.extend(plan.uncovered().map(str::to_owned));
            admission.take(&identity, plan);
        }
    }
    if endpoint == Endpoint::Required && matches!(scope, Scope::Creation) {
        let key = review.key().map(|key| key.to_string()).unwrap_or_default();
        admission.refusal =
            refuse(admission.outcome, &uncovered, &key, admission.reason.as_deref());
    }
    admission
}

impl Admission {
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            method: None,
            patch: Patch::default(),
            warnings: Vec::new(),
            refusal: None,
            reason: None,
        }
    }

    fn take(&mut self, identity: &Identity<'_>, plan: Plan<'_>) {
        self.method = Some(match identity {
            Identity::WebIdentity(_) => Method::WebIdentity,
            Identity::ContainerCredentials(_) => Method::ContainerCredentials,
        });
        self.outcome = match plan.status {
            Status::Incomplete => Outcome::Mutated,
            Status::Complete => Outcome::AlreadyComplete,
            Status::NoContainers => Outcome::NoContainers,
            Status::NoVolume => Outcome::NoVolume,
        };
        self.patch = plan.patch();
        self.warnings.extend(plan.warnings);
    }
}

impl Endpoint {
    pub const ALL: [Self; 2] = [Self::Mutate, Self::Required];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Required => "required",
        }
    }
}
