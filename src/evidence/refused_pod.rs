//! What the API server says where it did not create a pod by dry run.

use diagnosis::{DryRun, Fact, Refusal, RefusedBy, bounded};
use kube::core::Status;
use kube::core::response::StatusDetails;

use super::ask::reason;
use crate::api_server::{Failure, FailureKind};

/// A refusal is a fact; a call that failed, an API server that is busy or has a
/// fault of its own, or a missing right says nothing of the pod.
pub(super) fn fact(error: &kube::Error) -> Fact<DryRun> {
    match error {
        kube::Error::Api(status) => of_status(status),
        error => Fact::Unknown(reason(&Failure::of(error))),
    }
}

/// Of the API server's answer.
pub(super) fn of_status(status: &Status) -> Fact<DryRun> {
    if is_denied_right(status) || is_passing(status) {
        return Fact::Unknown(reason(&Failure::of_status(status)));
    }
    Fact::Known(DryRun::Refused(refusal(status)))
}

/// Of what kubectl printed of the answer: its reason and its message.
pub(super) fn of_message(reason: &str, message: &str) -> Fact<DryRun> {
    let mut status = Status::failure(message, reason);
    // The name of the pod that admission has read stands in the message.
    let name = message.strip_prefix("pods \"").and_then(|rest| rest.split('"').next());
    if let Some(name) = name {
        status = status.with_details(StatusDetails {
            name: name.to_owned(),
            group: String::new(),
            kind: "pods".to_owned(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
    }
    of_status(&status)
}

/// The right to create pods is missing, which is no fault of the webhook's.
/// RBAC denies the creation of pods, and names none. Admission has read the pod,
/// and its denial names the pod; a webhook's may name nothing.
fn is_denied_right(status: &Status) -> bool {
    match Failure::of_status(status).kind {
        FailureKind::Unauthorized => true,
        FailureKind::Forbidden => {
            let names_pod = status.details.as_ref().is_some_and(|it| !it.name.is_empty());
            !names_pod && RefusedBy::of_message(&status.message) == RefusedBy::Other
        }
        _ => false,
    }
}

/// The API server did not get as far as to decide, and another try may end
/// otherwise. What a webhook denies, or must be asked and can't, is refused
/// whatever the code.
fn is_passing(status: &Status) -> bool {
    let is = matches!(
        Failure::of_status(status).kind,
        FailureKind::TooManyRequests
            | FailureKind::Timeout
            | FailureKind::Server
            | FailureKind::Conflict
            | FailureKind::AlreadyExists
            | FailureKind::Gone
    );
    is && RefusedBy::of_message(&status.message) == RefusedBy::Other
}

/// Why a pod was refused. Of an invalid one the fields alone: the message has
/// the values too, and another webhook may have put a secret there.
fn refusal(status: &Status) -> Refusal {
    Refusal { by: RefusedBy::of_message(&status.message), message: message(status) }
}

fn message(status: &Status) -> String {
    let details = status.details.as_ref().filter(|_| status.code == 422);
    let causes = details.map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.is_empty() {
        return bounded(&status.message);
    }
    let fields: Vec<_> =
        causes.iter().map(|cause| format!("{} ({})", cause.field, cause.reason)).collect();
    bounded(&format!("the pod is invalid: {}", fields.join(", ")))
}

#[cfg(test)]
mod tests {
    use diagnosis::{Reason, ReasonKind};
    use serde_json::{Value, json};

    use super::*;

    fn given(status: &Value) -> Fact<DryRun> {
        let status: Status = serde_json::from_value(status.clone()).expect("a status");
        fact(&kube::Error::Api(status.boxed()))
    }

    /// As kube-apiserver 1.37 writes them.
    #[test]
    fn tells_a_missing_right_from_a_refusal() {
        let pod = json!({"name": "a", "kind": "pods"});
        for (status, is) in [
            (
                json!({"code": 401, "reason": "Unauthorized", "message": "Unauthorized"}),
                "not known: Unauthorized",
            ),
            (
                json!({"code": 403, "reason": "Forbidden", "details": {"kind": "pods"},
                    "message": r#"pods is forbidden: User "x" cannot create resource "pods""#}),
                "not known: Forbidden",
            ),
            // Something between the program and the API server.
            (json!({"code": 403, "message": "<html>webhook"}), "not known: Forbidden"),
            (
                json!({"code": 403, "reason": "Forbidden", "details": pod,
                    "message": r#"pods "a" is forbidden: exceeded quota: cannot create, webhook"#}),
                "Other",
            ),
            (
                json!({"code": 403, "reason": "Forbidden",
                    "message": r#"admission webhook "x" denied the request: cannot create"#}),
                "Webhook",
            ),
            (
                json!({"code": 500, "reason": "InternalError",
                    "message": r#"Internal error occurred: failed calling webhook "x": refused"#}),
                "Webhook",
            ),
            (
                json!({"code": 500, "reason": "InternalError", "message": "etcdserver: webhook"}),
                "not known: Other",
            ),
            (
                json!({"code": 429, "reason": "TooManyRequests", "message": "too many requests"}),
                "not known: Other",
            ),
            (json!({"code": 503, "message": "<html>"}), "not known: Other"),
            (
                json!({"code": 504, "reason": "Timeout", "message": "request did not complete"}),
                "not known: Other",
            ),
            // Two pods at once, and one quota.
            (
                json!({"code": 409, "reason": "Conflict",
                    "message": r#"Operation cannot be fulfilled on resourcequotas "all""#}),
                "not known: Other",
            ),
            (
                json!({"code": 429, "message": r#"admission webhook "x" denied the request: busy"#}),
                "Webhook",
            ),
            (json!({"code": 422, "reason": "Invalid", "message": "Pod \"a\" is invalid"}), "Other"),
        ] {
            let found = match given(&status) {
                Fact::Known(DryRun::Refused(refusal)) => format!("{:?}", refusal.by),
                Fact::Unknown(Reason { kind, .. }) => format!("not known: {kind:?}"),
                other => format!("{other:?}"),
            };
            assert_eq!(found, is, "{status}");
        }
        let unreachable = kube::Error::Service("401 cannot create: webhook".into());
        let Fact::Unknown(reason) = fact(&unreachable) else { panic!("it was not answered") };
        assert_eq!(reason.kind, ReasonKind::Other);
    }

    #[test]
    fn tells_a_missing_right_from_a_refusal_in_what_kubectl_printed() {
        let quota = r#"pods "a" is forbidden: exceeded quota: all"#;
        let Fact::Known(DryRun::Refused(refusal)) = of_message("Forbidden", quota) else {
            panic!("no refusal")
        };
        assert_eq!(refusal.message, quota);
        let right = r#"pods is forbidden: User "x" cannot create resource "pods""#;
        assert!(matches!(of_message("Forbidden", right), Fact::Unknown(_)));
    }

    #[test]
    fn keeps_the_fields_of_an_invalid_pod_and_who_refused_it() {
        let status = json!({"code": 422, "message": r#"admission webhook "x" denied: SECRET"#,
            "details": {"causes": [{"field": "spec.a", "reason": "FieldValueInvalid", "message": "SECRET"}]}});
        let Fact::Known(DryRun::Refused(refusal)) = given(&status) else { panic!("no refusal") };
        assert_eq!(refusal.by, RefusedBy::Webhook);
        assert_eq!(refusal.message, "the pod is invalid: spec.a (FieldValueInvalid)");
    }
}
