//! What keeps the webhook from being ready, and what it says about it.

use serde_json::json;

use crate::scene::Scene;
use crate::support::{Webhook, cluster_name, control_plane};

/// Alive, not ready, and a line of the log as well as `/readyz` have all words.
async fn assert_complains(replica: &Webhook, words: &[&str]) {
    let in_log = |line: &serde_json::Value| {
        let line = line.to_string();
        words.iter().all(|word| line.contains(word))
    };
    replica.logged(&format!("{words:?}"), in_log).await;
    let ready = replica.get_admin("/readyz").await.unwrap();
    assert_eq!(ready.status.as_u16(), 503);
    let text = ready.text();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
    let live = replica.get_admin("/livez").await.unwrap();
    assert_eq!(live.status.as_u16(), 200);
}

#[tokio::test]
async fn without_rights_on_secrets_the_missing_rule_is_named() {
    let scene = Scene::unregistered(control_plane().await, &["secrets"], &[]).await;
    scene.register(&json!({})).await;
    let replica = scene.builder().start_without_certificate().await;
    let namespace = format!("by a Role in namespace {}", scene.home);
    let rule = "resources [secrets], resourceNames [pod-identity-webhook]";
    assert_complains(&replica, &[&namespace, rule, "--in-cluster=false"]).await;
}

#[tokio::test]
async fn without_rights_on_webhook_configurations_the_missing_rule_is_named() {
    let less = ["mutatingwebhookconfigurations"];
    let scene = Scene::unregistered(control_plane().await, &less, &[]).await;
    scene.register(&json!({})).await;
    let replica = scene.builder().start_without_certificate().await;
    let name = format!("resourceNames [{}]", cluster_name(&scene.home));
    let rule = "resources [mutatingwebhookconfigurations]";
    assert_complains(&replica, &["by a ClusterRole", rule, &name, "--in-cluster=false"]).await;
}

#[tokio::test]
async fn a_configuration_of_cert_manager_is_left_to_it() {
    let scene = Scene::unregistered(control_plane().await, &[], &[]).await;
    scene.register(&json!({ "cert-manager.io/inject-ca-from": "home/webhook" })).await;
    let replica = scene.builder().start_without_certificate().await;
    let name = cluster_name(&scene.home);
    let words = [name.as_str(), "cert-manager.io/inject-ca-from", "--in-cluster=false"];
    assert_complains(&replica, &words).await;
    assert!(scene.bundle().await.is_err(), "it wrote a caBundle");
}
