//! The shipped manifests, as a user applies them.

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::Value;
use std::path::Path;

use crate::support::{accepted, control_plane, pod};

fn documents(file: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&file).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[tokio::test]
async fn the_one_manifest_is_accepted_by_a_strict_api_server() {
    let control_plane = control_plane().await;
    // A dry run stores no namespace that the other objects could be in.
    let home = control_plane.namespace("install").await;
    for mut object in documents("deploy/install.yaml") {
        if object["metadata"]["namespace"].is_string() {
            object["metadata"]["namespace"] = home.name().into();
        }
        accepted(control_plane, object).await.unwrap_or_else(|error| panic!("{error:#}"));
    }
}

#[tokio::test]
async fn the_shipped_pod_keeps_to_the_restricted_pod_security_standard() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("restricted").await;
    let restricted = serde_json::json!({"metadata": {"labels": {
        "pod-security.kubernetes.io/enforce": "restricted"}}});
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(control_plane.client());
    let how = PatchParams::default();
    namespaces.patch(home.name(), &how, &Patch::Merge(&restricted)).await.unwrap();
    home.service_account("pod-identity-webhook", &[]).await;
    let deployment = documents("deploy/base/deployment.yaml").remove(0);
    let mut shipped = deployment["spec"]["template"].clone();
    shipped["apiVersion"] = "v1".into();
    shipped["kind"] = "Pod".into();
    shipped["metadata"]["name"] = "webhook".into();
    // No quota lets this class into a namespace other than kube-system where one is set; here none is.
    let admitted = home.admit_pod(&shipped, true).await.unwrap();
    assert_eq!(admitted.warnings, Vec::<String>::new());
    // The standard is enforced at all: a pod that says nothing is refused.
    let refused = home.admit_pod(&pod("loose", "default"), true).await.unwrap_err();
    assert!(refused.to_string().contains("restricted"), "{refused}");
}
