//! Reviews as the API server sends them.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{ANNOTATED, ROLE, ROLE_ARN, ready, registered, role};
use crate::support::{Registration, control_plane, pod};

#[tokio::test]
async fn answers_both_versions_of_the_review() {
    let control_plane = control_plane().await;
    let webhook = ready(control_plane, &[]).await;
    for version in ["v1", "v1beta1"] {
        let namespace = control_plane.namespace(version).await;
        let review_versions: &'static [&'static str] = match version {
            "v1" => &["v1"],
            _ => &["v1beta1"],
        };
        let failure_policy = "Fail";
        let registration =
            Registration { failure_policy, review_versions, ..Registration::default() };
        webhook.register_as(control_plane, &namespace, registration).await;
        namespace.service_account("app", ANNOTATED).await;
        let stored = namespace.admit_pod(&pod("app", "app"), false).await.unwrap().object;
        assert_eq!(role(&stored), Some(ROLE), "{version}");
    }
}

#[tokio::test]
async fn mutates_a_server_side_dry_run_and_leaves_nothing() {
    let (webhook, namespace) = registered(control_plane().await, &[]).await;
    namespace.service_account("app", ANNOTATED).await;
    let answered = namespace.admit_pod(&pod("app", "app"), true).await.unwrap().object;
    assert_eq!(role(&answered), Some(ROLE));
    assert_eq!(namespace.api::<Pod>().get_opt("app").await.unwrap(), None);
    webhook.logged("the dry run", |line| line["dry_run"] == true).await;
}

#[tokio::test]
async fn shows_a_near_miss_to_who_creates_the_pod() {
    let (_webhook, namespace) = registered(control_plane().await, &[]).await;
    namespace.service_account("app", &[("eks.amazon.com/role-arn", ROLE)]).await;
    let admitted = namespace.admit_pod(&pod("app", "app"), false).await.unwrap();
    assert_eq!(role(&admitted.object), None);
    let told = admitted.warnings.iter().any(|it| it.contains("eks.amazonaws.com/role-arn"));
    assert!(told, "{:?}", admitted.warnings);
}

#[tokio::test]
async fn refuses_a_required_pod_without_a_role_and_nothing_else() {
    let control_plane = control_plane().await;
    let webhook = ready(control_plane, &[]).await;
    let namespace = control_plane.namespace("required").await;
    // The registration is waited for with a pod of `default`, which must pass.
    let how = PatchParams::default();
    let annotation = Patch::Merge(json!({"metadata": {"annotations": {ROLE_ARN: ROLE}}}));
    namespace.api::<ServiceAccount>().patch("default", &how, &annotation).await.unwrap();
    namespace.service_account("other", &[]).await;
    let registration = Registration {
        path: "/mutate/required".to_owned(),
        failure_policy: "Fail",
        ..Registration::default()
    };
    webhook.register_as(control_plane, &namespace, registration).await;
    let stored = namespace.admit_pod(&pod("app", "default"), false).await.unwrap().object;
    assert_eq!(role(&stored), Some(ROLE));
    let refused = namespace.admit_pod(&pod("other", "other"), false).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains(&format!("ServiceAccount {namespace}/other")), "{refused}");
}
