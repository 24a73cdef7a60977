//! The shipped rights and nothing else.

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde::Deserialize as _;
use serde_json::Value;
use std::path::Path;

use crate::support::{ControlPlane, Namespace, Webhook, control_plane, pod};
use crate::{ANNOTATED, ROLE, role};

#[tokio::test]
async fn works_with_the_shipped_rights_and_nothing_else() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("home").await;
    grant_shipped(control_plane, &home, &[]).await;
    let kubeconfig =
        control_plane.kubeconfig_for_service_account(home.name(), "pod-identity-webhook").await;
    let webhook = Webhook::builder()
        .kubeconfig(&kubeconfig)
        .args(["--watch-config-map", &format!("--namespace={home}")])
        .start()
        .await;
    webhook.ready().await;
    let namespace = control_plane.namespace("rights").await;
    webhook.register(control_plane, &namespace).await;
    // Unknown to the watch or known, both need a right.
    namespace.service_account("app", ANNOTATED).await;
    let stored = namespace.admit_pod(&pod("app", "app"), false).await.unwrap().object;
    assert_eq!(role(&stored), Some(ROLE));
    let refusals: Vec<_> =
        webhook.log().into_iter().filter(|line| line.contains("orbidden")).collect();
    assert!(refusals.is_empty(), "{refusals:?}");
}

/// Grants what `deploy/base/rbac.yaml` grants, in a namespace of the test's own, but for the kinds left out.
pub(crate) async fn grant_shipped(control_plane: &ControlPlane, home: &Namespace, less: &[&str]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base/rbac.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("namespace: pod-identity-webhook", &format!("namespace: {home}"));
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    assert!(documents.len() >= 5, "{} documents", documents.len());
    for mut object in documents {
        let kind = object["kind"].as_str().unwrap().to_owned();
        if less.contains(&kind.trim_end_matches("Binding")) {
            continue;
        }
        if kind.starts_with("Cluster") {
            // Cluster-wide names are shared by all tests.
            object["metadata"]["name"] = format!("pod-identity-webhook-{home}").into();
            if kind == "ClusterRoleBinding" {
                object["roleRef"]["name"] = format!("pod-identity-webhook-{home}").into();
            }
        }
        apply(control_plane, object).await;
    }
}

async fn apply(control_plane: &ControlPlane, object: Value) {
    let object = DynamicObject::deserialize(object).unwrap();
    let types = object.types.clone().unwrap();
    let kind = GroupVersionKind::try_from(&types).unwrap();
    let resource = ApiResource::from_gvk(&kind);
    let client = control_plane.client();
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let name = object.metadata.name.clone().unwrap();
    let mut how = PatchParams::apply("test").force();
    how = how.validation_strict();
    api.patch(&name, &how, &Patch::Apply(&object)).await.unwrap();
}
