//! The Lease as an object: read as far as it decides, and changed without touching what else is in it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::election::{DURATION, Holder, Record};
use crate::config::LeaseName;

/// As `client-go` writes it into a Lease that is given back.
const RELEASED: i64 = 1;

/// What it says.
///
/// # Errors
/// Without a version it is no object of an API server.
pub(super) fn read(lease: &Value) -> Result<Record, String> {
    let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if version.is_empty() || lease["metadata"]["uid"].as_str().is_none() {
        return Err("the response is not a Lease".to_owned());
    }
    let spec = &lease["spec"];
    let seconds = spec["leaseDurationSeconds"].as_i64();
    let holder = match spec["holderIdentity"].as_str().filter(|holder| !holder.is_empty()) {
        Some(identity) => {
            let seconds = seconds.and_then(|it| u64::try_from(it).ok()).unwrap_or_default();
            let duration = Duration::from_secs(seconds);
            Holder::Named { identity: identity.to_owned(), duration }
        }
        None if seconds == Some(RELEASED) => Holder::Released,
        None => Holder::Nobody,
    };
    Ok(Record { version: version.to_owned(), holder })
}

/// A new one, held by `holder` or by nobody.
pub(super) fn new(name: &LeaseName, holder: Option<&str>, now: Timestamp) -> Value {
    let label = json!({"app.kubernetes.io/managed-by": "pod-identity-webhook"});
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": name.namespace, "name": name.name, "labels": label},
        "spec": spec(holder, 0, &micros(now), &micros(now)),
    })
}

/// The same with this holder.
pub(super) fn claimed(mut lease: Value, holder: &str, now: Timestamp) -> Value {
    let before = &lease["spec"];
    let transitions = before["leaseTransitions"].as_i64().filter(|it| *it >= 0).unwrap_or_default();
    let now = micros(now);
    let held = before["holderIdentity"] == holder;
    let acquired = before["acquireTime"].as_str().filter(|_| held).unwrap_or(&now).to_owned();
    let transitions = if held { transitions } else { transitions.saturating_add(1) };
    lease["spec"] = spec(Some(holder), transitions, &acquired, &now);
    lease
}

/// The same, given back.
pub(super) fn released(mut lease: Value, now: Timestamp) -> Value {
    let spec = &mut lease["spec"];
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("holderIdentity");
    }
    spec["leaseDurationSeconds"] = json!(RELEASED);
    spec["renewTime"] = json!(micros(now));
    lease
}

/// All of it: what others have written into it is no part of an election.
fn spec(holder: Option<&str>, transitions: i64, acquired: &str, renewed: &str) -> Value {
    let mut spec = json!({
        "leaseDurationSeconds": DURATION.as_secs(),
        "leaseTransitions": transitions.min(i64::from(i32::MAX)),
    });
    if let Some(holder) = holder {
        spec["holderIdentity"] = json!(holder);
        spec["acquireTime"] = json!(acquired);
        spec["renewTime"] = json!(renewed);
    }
    spec
}

/// As the API server wants it: with six digits.
fn micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_lease(spec: &Value) -> Value {
        json!({"metadata": {"name": "x", "resourceVersion": "7", "uid": "u", "labels": {"a": "b"}}, "spec": spec})
    }

    fn holder(spec: &Value) -> Holder {
        read(&a_lease(spec)).expect("a Lease").holder
    }

    #[test]
    fn reads_whatever_somebody_wrote_into_it() {
        let named = |seconds| Holder::Named {
            identity: "a".to_owned(),
            duration: Duration::from_secs(seconds),
        };
        for (spec, wanted) in [
            (json!({"holderIdentity": "a", "leaseDurationSeconds": 15}), named(15)),
            (json!({"holderIdentity": "a", "leaseDurationSeconds": -1}), named(0)),
            (json!({"holderIdentity": "a"}), named(0)),
            (json!({"leaseDurationSeconds": 1}), Holder::Released),
            (json!({"holderIdentity": "", "leaseDurationSeconds": 1}), Holder::Released),
            (json!({"leaseDurationSeconds": 30}), Holder::Nobody),
            (json!({}), Holder::Nobody),
            (Value::Null, Holder::Nobody),
        ] {
            assert_eq!(holder(&spec), wanted, "{spec}");
        }
        for broken in [json!({}), json!([]), json!({"metadata": {"resourceVersion": "7"}})] {
            read(&broken).expect_err("no Lease");
        }
    }

    #[test]
    fn writes_what_it_reads_and_leaves_the_metadata_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let later: Timestamp = "2026-11-01T00:00:00.5Z".parse().expect("a time");
        let garbage =
            a_lease(&json!({"holderIdentity": "b", "leaseTransitions": -5, "strategy": "x"}));
        let claimed = claimed(garbage.clone(), "a", now);
        assert_eq!(claimed["metadata"], garbage["metadata"]);
        assert_eq!(
            claimed["spec"],
            json!({"holderIdentity": "a", "leaseDurationSeconds": 30, "leaseTransitions": 1,
                "acquireTime": "1970-01-01T00:00:00.000000Z", "renewTime": "1970-01-01T00:00:00.000000Z"})
        );
        let renewed = super::claimed(claimed, "a", later);
        assert_eq!(renewed["spec"]["leaseTransitions"], 1);
        assert_eq!(renewed["spec"]["acquireTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(renewed["spec"]["renewTime"], "2026-11-01T00:00:00.500000Z");
        let released = released(renewed, later);
        assert_eq!(holder(&released["spec"]), Holder::Released);
        assert_eq!(released["spec"]["leaseTransitions"], 1);
        let full = a_lease(&json!({"leaseTransitions": i32::MAX}));
        assert_eq!(super::claimed(full, "a", now)["spec"]["leaseTransitions"], i32::MAX);
        let name = LeaseName { namespace: "eks".to_owned(), name: "x".to_owned() };
        let new = new(&name, None, now);
        assert_eq!(holder(&new["spec"]), Holder::Nobody);
    }
}
