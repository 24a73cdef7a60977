//! What the fuzz targets have in common.

use injection::admission::{Admission, AdmissionSettings, Endpoint, Review, Triage};
use injection::identity::{
    Lookup, Observed, ServiceAccountReader, StsEndpoint, each_container_name,
};
use injection::mutation::Jitter;
use reference::{Seen, Selection};
use serde_json::Value;

/// The flags that every target serves with: each optional variable is asked for.
#[must_use]
pub fn policy() -> AdmissionSettings {
    let mut policy = AdmissionSettings::default();
    policy.defaults.region = Some("eu-west-1".to_owned());
    policy.defaults.regional_sts = true;
    policy.defaults.sts_endpoint = StsEndpoint::read("https://sts.example.com").ok();
    policy
}

/// What is known of the pod's ServiceAccount: a role, or container credentials
/// as well.
#[must_use]
pub fn lookup(container_credentials: bool) -> Lookup {
    let annotations = [
        ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app"),
        ("eks.amazonaws.com/role-session-name", "pod-name"),
    ];
    let read = ServiceAccountReader::default().read(annotations.into_iter());
    Lookup {
        container_credentials,
        service_account: read.map_or(Observed::Absent, |read| Observed::Known(read.into())),
        config_map_entry: Observed::Absent,
    }
}

/// How the review ends, where its pod is a candidate.
#[must_use]
pub fn admitted(review: &Review<'_>, lookup: &Lookup) -> Option<Admission> {
    match review.triage() {
        Triage::Settled(_) => None,
        Triage::Lookup(candidate) => {
            Some(candidate.admit(lookup, &policy(), Endpoint::Mutate, Jitter(7)))
        }
    }
}

/// What the plain reference makes of the pod in a review, and what it sees of its
/// containers then.
#[must_use]
pub fn by_reference(review: &Value, lookup: &Lookup) -> (Value, Vec<Seen>) {
    let request = &review["request"];
    let pod = &request["object"];
    let keys = policy().settings.keys;
    let names = |key: &str| {
        let value = pod["metadata"]["annotations"][key].as_str();
        let value = value.filter(|value| !value.trim().is_empty());
        let mut names = Vec::new();
        each_container_name(key, value?, |name| names.push(name.to_owned())).ok().map(|()| names)
    };
    let selection = Selection {
        skipped: names(&keys.skip_containers).unwrap_or_default(),
        included: names(&keys.include_containers),
    };
    let before = (request["operation"] == "UPDATE").then(|| &request["oldObject"]);
    match lookup.identity(&policy().defaults) {
        Ok(Some(identity)) => (
            reference::mutated(pod, before, &identity, &selection, 7),
            reference::seen(pod, before, &identity, &selection),
        ),
        _ => (pod.clone(), Vec::new()),
    }
}
