//! Identities from the `ConfigMap`, changed while the webhook runs.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{metric, ready, role};
use crate::support::{Namespace, SOON, control_plane, eventually, grant_shipped, pod};

async fn apply(home: &Namespace, config: &str) {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "pod-identity-webhook"}, "data": {"config": config},
    });
    let how = PatchParams::apply("test").force();
    let maps = home.api::<ConfigMap>();
    maps.patch("pod-identity-webhook", &how, &Patch::Apply(&object)).await.unwrap();
}

/// Waits until a pod of `default` gets this role.
async fn becomes(namespace: &Namespace, wanted: Option<&str>) -> Value {
    let what = format!("a pod with the role {wanted:?}");
    eventually(&what, SOON, || async {
        let stored = namespace.admit_pod(&pod("app", "default"), true).await?.object;
        anyhow::ensure!(role(&stored) == wanted, "it has {:?}", role(&stored));
        Ok(stored)
    })
    .await
}

#[tokio::test]
async fn follows_the_config_map_with_globs_while_it_runs() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("home").await;
    apply(&home, r#"{"team-*/default": {"RoleARN": "arn:aws:iam::111122223333:role/team"}}"#).await;
    let here = format!("--namespace={home}");
    let webhook = ready(control_plane, &["--watch-config-map", &here]).await;
    let namespace = control_plane.namespace("team-a").await;
    webhook.register(control_plane, &namespace).await;

    // Ready waits for the ConfigMap, so the first pod has it.
    let first = namespace.admit_pod(&pod("app", "default"), true).await.unwrap().object;
    assert_eq!(role(&first), Some("arn:aws:iam::111122223333:role/team"));

    let exact = format!(
        r#"{{"team-*/default": {{"RoleARN": "arn:aws:iam::111122223333:role/team"}},
            "{namespace}/default": {{"RoleARN": "arn:aws:iam::111122223333:role/exact",
                "Audience": "elsewhere", "TokenExpiration": 1200}}, "no-slash": {{}}}}"#
    );
    apply(&home, &exact).await;
    let stored = becomes(&namespace, Some("arn:aws:iam::111122223333:role/exact")).await;
    let token = &stored["spec"]["volumes"].as_array().unwrap().last().unwrap()["projected"];
    assert_eq!(token["sources"][0]["serviceAccountToken"]["audience"], "elsewhere");
    assert_eq!(token["sources"][0]["serviceAccountToken"]["expirationSeconds"], 1200);

    // What is not JSON keeps the last good one, and is told.
    apply(&home, "{").await;
    webhook
        .logged("a report of the bad document", |line| reports(line, "keeping the previous"))
        .await;
    becomes(&namespace, Some("arn:aws:iam::111122223333:role/exact")).await;

    let maps = home.api::<ConfigMap>();
    maps.delete("pod-identity-webhook", &DeleteParams::default()).await.unwrap();
    becomes(&namespace, None).await;
}

#[tokio::test]
async fn is_off_and_says_so_once_without_the_right_to_read_the_config_map() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("home").await;
    grant_shipped(control_plane, &home, &["configmaps"]).await;
    let kubeconfig =
        control_plane.kubeconfig_for_service_account(home.name(), "pod-identity-webhook").await;
    let here = format!("--namespace={home}");
    let webhook = crate::support::Webhook::builder()
        .kubeconfig(&kubeconfig)
        .args(["--watch-config-map", &here])
        .start()
        .await;
    webhook.ready().await;
    eventually("the second attempt", SOON, || async {
        let errors = r#"pod_identity_watch_errors_total{resource="config-map"}"#;
        anyhow::ensure!(metric(&webhook.metrics().await, errors) >= 2, "the first");
        Ok(())
    })
    .await;
    let mut told = webhook.log_values();
    told.retain(|line| line["level"] != "INFO");
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["forbidden", "get, list and watch on this ConfigMap", "--watch-config-map"] {
        assert!(reports(&told[0], part), "{}", told[0]);
    }
}

fn reports(line: &Value, what: &str) -> bool {
    matches!(line["level"].as_str(), Some("WARN" | "ERROR")) && line.to_string().contains(what)
}
