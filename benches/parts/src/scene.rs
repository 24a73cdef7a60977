//! What the parts work on.

use std::sync::Arc;

use injection::admission::{
    Admission, AdmissionSettings, Candidate, Endpoint, Review, Triage, decode,
};
use injection::identity::{
    Defaults, Identity, Lookup, Observed, ServiceAccount, ServiceAccountReader,
};
use injection::mutation::Jitter;

/// What an admission needs besides its review.
pub struct Scene {
    pub policy: AdmissionSettings,
    pub lookup: Lookup,
}

impl Scene {
    /// A `ServiceAccount` with a role, or without.
    #[must_use]
    pub fn new(hit: bool) -> Self {
        let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");
        let read = ServiceAccountReader::default().read(hit.then_some(role).into_iter());
        let service_account: Observed<Arc<ServiceAccount>> =
            read.map_or(Observed::Absent, |read| Observed::Known(Arc::new(read)));
        let lookup = Lookup {
            container_credentials: false,
            service_account,
            config_map_entry: Observed::Absent,
        };
        Self { policy: AdmissionSettings::default(), lookup }
    }

    #[must_use]
    pub fn identity<'a>(&'a self, defaults: &'a Defaults) -> Option<Identity<'a>> {
        self.lookup.identity(defaults).ok().flatten()
    }

    #[must_use]
    pub fn admit(&self, candidate: &Candidate<'_>) -> Admission {
        candidate.admit(&self.lookup, &self.policy, Endpoint::Mutate, Jitter(0))
    }
}

/// A review that is one of a pod's creation.
///
/// # Panics
/// Where it is none.
#[must_use]
pub fn decoded(body: &[u8]) -> Review<'_> {
    decode(body).unwrap_or_else(|error| panic!("{error}"))
}

/// # Panics
/// Where the review is settled without a lookup.
#[must_use]
pub fn candidate<'a>(review: &'a Review<'a>) -> Candidate<'a> {
    match review.triage() {
        Triage::Lookup(candidate) => candidate,
        Triage::Settled(outcome) => panic!("{outcome}"),
    }
}
