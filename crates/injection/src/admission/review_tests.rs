use super::*;
use serde_json::{Value, json};

fn review(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": "demo",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {"metadata": {}, "spec": {"serviceAccountName": "app"}},
            "oldObject": null, "dryRun": true,
        },
    });
    change(&mut review);
    serde_json::to_vec(&review).unwrap()
}

fn subject(body: &[u8]) -> &'static str {
    match decode(body).unwrap().subject {
        Subject::Creation(_) => "creation",
        Subject::EphemeralContainers(..) => "ephemeral containers",
        Subject::NotAPod => "not a pod",
        Subject::NotServed => "not served",
    }
}

#[test]
fn takes_the_namespace_of_the_request() {
    let body = review(|r| r["request"]["object"]["metadata"]["namespace"] = "other".into());
    let review = decode(&body).unwrap();
    assert_eq!(review.key(), Some(Key { namespace: "demo", name: "app" }));
    assert!(review.dry_run);
}

#[test]
fn takes_the_deprecated_service_account_field_and_else_the_default() {
    let body = review(|r| {
        r["request"]["object"]["spec"] = json!({"serviceAccountName": "", "serviceAccount": "old"});
    });
    assert_eq!(decode(&body).unwrap().key().unwrap().name, "old");
    let body = review(|r| r["request"]["object"]["spec"] = json!({}));
    assert_eq!(decode(&body).unwrap().key().unwrap().name, "default");
}

#[test]
fn serves_creations_and_ephemeral_containers_and_lets_the_rest_pass() {
    let with = |operation: &str, sub_resource: &str| {
        let body = review(|r| {
            r["request"]["operation"] = operation.into();
            r["request"]["subResource"] = sub_resource.into();
        });
        subject(&body)
    };
    assert_eq!(with("CREATE", ""), "creation");
    assert_eq!(with("UPDATE", "ephemeralcontainers"), "ephemeral containers");
    assert_eq!(with("UPDATE", ""), "not served");
    assert_eq!(with("UPDATE", "status"), "not served");
    assert_eq!(with("DELETE", ""), "not served");
}

#[test]
fn lets_another_kind_pass_whatever_it_looks_like() {
    let body = review(|r| {
        r["request"]["kind"] = json!({"group": "example.com", "kind": "Pod"});
        r["request"]["object"] = json!({"spec": {"containers": "three", "volumes": 5}});
    });
    assert_eq!(subject(&body), "not a pod");
    let body = review(|r| {
        r["request"]["kind"]["kind"] = "Binding".into();
        r["request"]["subResource"] = "binding".into();
        r["request"]["object"] = json!({"target": {}});
    });
    assert_eq!(subject(&body), "not a pod");
}

#[test]
fn serves_a_deletion_that_has_no_object() {
    let body = review(|r| {
        r["request"]["operation"] = "DELETE".into();
        r["request"]["object"] = Value::Null;
    });
    assert_eq!(subject(&body), "not served");
}

#[test]
fn names_what_is_wrong_with_a_request() {
    for (body, reason) in [
        (b"".to_vec(), "not an AdmissionReview in JSON"),
        (b"{".to_vec(), "not an AdmissionReview in JSON"),
        (b"[]".to_vec(), "apiVersion"),
        (b"\xff\xfe".to_vec(), "not an AdmissionReview in JSON"),
        (review(|r| r["apiVersion"] = "admission.k8s.io/v2".into()), "v2"),
        (review(|r| r["kind"] = "Pod".into()), "AdmissionReview"),
        (review(|r| r["request"] = Value::Null), "no request"),
        (review(|r| r["request"]["uid"] = "".into()), "uid"),
        (review(|r| r["request"]["namespace"] = "".into()), "namespace"),
        (review(|r| r["request"]["namespace"] = "../kube-system".into()), "request.namespace"),
        (
            review(|r| r["request"]["object"]["spec"]["serviceAccountName"] = "a/token".into()),
            "serviceAccountName",
        ),
        (
            review(|r| r["request"]["object"]["spec"]["serviceAccountName"] = "a?watch=1".into()),
            "serviceAccountName",
        ),
        (
            review(|r| r["request"]["object"]["spec"]["serviceAccountName"] = "a\nb".into()),
            "serviceAccountName",
        ),
        (review(|r| r["request"]["object"] = Value::Null), "object is missing"),
        (review(|r| r["request"]["object"] = json!({"metadata": {}})), "spec"),
        (review(|r| r["request"]["object"]["spec"]["containers"] = "x".into()), "sequence"),
    ] {
        let error = decode(&body).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error} should say {reason}");
        assert!(!error.contains('\n'), "{error}");
    }
}
