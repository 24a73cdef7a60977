//! One admission, from what was asked and what was looked up to its end. The
//! server and every command that shows what would be injected call this.

use super::required::{Refusal, Uncovered, refuse};
use super::{Outcome, Review, Subject};
use crate::identity::{
    Account, AllowedStsEndpoints, Defaults, Identity, Key, Lookup, LookupFailed,
    ServiceAccountReader, Warnings, near_miss,
};
use crate::mutation::{Jitter, MutationSettings, PatchText, Plan, Pod, Scope, Status, plan};

/// The flags that decide about an admission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// The flags that give values which no annotation and no `ConfigMap` entry
    /// sets.
    pub defaults: Defaults,
    /// The flags that name annotations, paths and volumes.
    pub settings: MutationSettings,
    /// `--allowed-sts-endpoint-urls`: what the annotation may choose from.
    pub allowed_sts_endpoints: AllowedStsEndpoints,
}

impl AdmissionSettings {
    /// The reader of `ServiceAccount`s that goes by these flags. With an `account`,
    /// bare role names are completed to ARNs.
    #[must_use]
    pub fn reader(&self, account: Option<Account>) -> ServiceAccountReader {
        ServiceAccountReader::new(self.settings.keys.clone(), account)
            .allowing(self.allowed_sts_endpoints.clone())
    }
}

/// The paths that admission reviews are sent to. They differ in what happens to a pod
/// without an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/mutate`: every pod is admitted, with or without an identity.
    Mutate,
    /// `/mutate/required`: a pod is denied if a container would run without an
    /// identity.
    Required,
}

/// How credentials reach the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The SDK exchanges a service-account token for a role's credentials at
    /// STS (IRSA).
    /// <https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>
    WebIdentity,
    /// The SDK asks an agent on the node (EKS Pod Identity).
    /// <https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html>
    ContainerCredentials,
}

/// How an admission ended, and what is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// How the admission ended.
    pub outcome: Outcome,
    /// How credentials reach the pod; `None` if it gets none.
    pub method: Option<Method>,
    /// The JSON patch (RFC 6902) for the pod; empty if it stays as it is.
    pub patch: PatchText,
    /// What to tell the user, whether the pod changes or not.
    pub warnings: Warnings,
    /// Why the pod is denied; `None` if it is admitted.
    pub refusal: Option<Refusal>,
    /// Why the lookup failed, or why there is no patch, in one line.
    pub reason: Option<String>,
}

/// What it takes to answer a review.
#[derive(Clone, Debug)]
pub enum Triage<'r> {
    /// The review can be answered at once: it is not of a pod that could get an identity.
    Settled(Outcome),
    /// The pod's `ServiceAccount` has to be looked up first.
    Lookup(Candidate<'r>),
}

/// A pod that gets the identity of a `ServiceAccount`, if it has one.
#[derive(Clone, Debug)]
pub struct Candidate<'r> {
    /// The `ServiceAccount` to look up.
    pub key: Key<'r>,
    pub(super) pod: &'r Pod<'r>,
    pub(super) scope: Scope<'r>,
}

impl<'a> Review<'a> {
    /// Decides from the review alone whether an identity has to be looked up.
    #[must_use]
    pub fn triage(&'a self) -> Triage<'a> {
        let (pod, scope) = match &self.subject {
            Subject::Creation(pod) => (pod, Scope::Creation),
            Subject::EphemeralContainers(pod, old) => (pod, Scope::EphemeralContainers(old)),
            Subject::NotAPod => return Triage::Settled(Outcome::NotAPod),
            Subject::NotServed => return Triage::Settled(Outcome::NotServed),
        };
        if pod.is_mirror() {
            return Triage::Settled(Outcome::MirrorPod);
        }
        let key = Key { namespace: &self.namespace, name: pod.service_account_name() };
        Triage::Lookup(Candidate { key, pod, scope })
    }
}

impl Candidate<'_> {
    /// Ends the admission with what was found under [`key`](Self::key).
    #[must_use]
    pub fn admit(
        &self,
        lookup: &Lookup,
        policy: &AdmissionSettings,
        endpoint: Endpoint,
        jitter: Jitter,
    ) -> Admission {
        let Self { key, pod, scope } = self;
        let mut admission = Admission::of(Outcome::NotConfigured);
        admission.warnings = lookup.warnings();
        let keys = &policy.settings.keys;
        let has_no_role = lookup.has_no_role();
        if has_no_role && pod.annotation(&keys.role_arn).is_some() {
            admission.warnings.push(near_miss::on_pod(keys, *key));
        }
        let (annotations, warnings) = (pod.annotation_keys(), &mut admission.warnings);
        near_miss::report_of_pod(keys, has_no_role, annotations, warnings);
        let mut uncovered = None;
        match lookup.identity(&policy.defaults) {
            Err(failed) => {
                admission.outcome = Outcome::LookupFailed;
                admission.reason = Some(failed.to_string());
            }
            Ok(None) => {}
            Ok(Some(identity)) => {
                let plan = plan(pod, *scope, &identity, &policy.settings, jitter);
                if endpoint == Endpoint::Required {
                    uncovered = Some(Uncovered::of(plan.uncovered(), plan.containers().count()));
                }
                admission.take(&identity, &plan);
            }
        }
        if endpoint == Endpoint::Required && matches!(scope, Scope::Creation) {
            admission.require(*key, &uncovered.unwrap_or_default());
        }
        admission
    }
}

impl Candidate<'_> {
    /// Hands the plan that [`admit`](Self::admit) makes with the same arguments to
    /// `look`: what each container lacks, and whether it has a usable identity once
    /// it has that. `None` where no source gives an identity.
    ///
    /// # Errors
    /// [`LookupFailed`] where a source that might decide is unknown.
    pub fn planned<R>(
        &self,
        lookup: &Lookup,
        policy: &AdmissionSettings,
        jitter: Jitter,
        look: impl FnOnce(&Identity<'_>, &Plan<'_>) -> R,
    ) -> Result<Option<R>, LookupFailed> {
        let Some(identity) = lookup.identity(&policy.defaults)? else { return Ok(None) };
        let plan = plan(self.pod, self.scope, &identity, &policy.settings, jitter);
        Ok(Some(look(&identity, &plan)))
    }
}

impl Admission {
    /// An admission that ended so, without a patch, warnings or a refusal.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            method: None,
            patch: PatchText::default(),
            warnings: Warnings::default(),
            refusal: None,
            reason: None,
        }
    }

    /// Holds it to an identity for every container that takes part.
    fn require(&mut self, key: Key<'_>, uncovered: &Uncovered) {
        if self.outcome != Outcome::PatchTooLarge && !uncovered.is_empty() {
            self.outcome = Outcome::NoCredentials;
        }
        self.refusal = refuse(self.outcome, key, uncovered, self.reason.as_deref());
        if self.refusal.is_some() {
            self.patch = PatchText::default();
        }
    }

    fn take(&mut self, identity: &Identity<'_>, plan: &Plan<'_>) {
        self.method = Some(match identity {
            Identity::WebIdentity(_) => Method::WebIdentity,
            Identity::ContainerCredentials(_) => Method::ContainerCredentials,
        });
        self.outcome = match plan.status {
            Status::Incomplete => Outcome::Mutated,
            Status::Complete => Outcome::AlreadyComplete,
            Status::NoContainers => Outcome::NoContainers,
            Status::NoVolume => Outcome::NoVolume,
            Status::TooLarge => Outcome::PatchTooLarge,
        };
        match plan.patch() {
            Ok(patch) => self.patch = patch,
            Err(too_large) => {
                self.outcome = Outcome::PatchTooLarge;
                self.reason = Some(too_large.to_string());
            }
        }
        self.warnings.append(&plan.warnings);
    }
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 2] = [Self::Mutate, Self::Required];

    /// The endpoint's word in metric labels and log fields: `mutate` or
    /// `required`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Required => "required",
        }
    }
}
