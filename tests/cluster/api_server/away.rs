//! The API server away, and back.

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use std::time::Duration;

use super::{ANNOTATED, ROLE, ROLE_ARN, metric, ready, role};
use crate::support::{ControlPlane, Namespace, Options, SOON, eventually, pod};

#[tokio::test]
async fn answers_for_known_service_accounts_while_the_api_server_is_away() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("away").await;
    namespace.service_account("known", ANNOTATED).await;
    let webhook = ready(&control_plane, &["--service-account-lookup-timeout=1s"]).await;

    control_plane.kill_api_server();
    for _ in 0..20 {
        let answer = webhook.review(&namespace, &pod("app", "known")).await;
        assert_eq!(answer.outcome(), "mutated");
        assert_eq!(answer.role(), Some(ROLE.to_owned()));
    }
    // Nobody can say what an unknown one has: failurePolicy is to decide.
    let answer = webhook.review(&namespace, &pod("app", "unknown")).await;
    assert_eq!(answer.reply.status.as_u16(), 503, "{}", answer.reply.text());
    assert_eq!(answer.reply.text().lines().count(), 1, "{}", answer.reply.text());

    control_plane.start_api_server().await;
    namespace.service_account("later", ANNOTATED).await;
    webhook.register(&control_plane, &namespace).await;
    let stored = namespace.admit_pod(&pod("app", "later"), true).await.unwrap().object;
    assert_eq!(role(&stored), Some(ROLE));

    // And the watch is back too: a role that changes is followed without any lookup.
    annotate(&namespace, "known", &format!("{ROLE}-2")).await;
    eventually("the new role", Duration::from_mins(1), || async {
        let stored = namespace.admit_pod(&pod("app", "known"), true).await?.object;
        anyhow::ensure!(role(&stored) == Some(&format!("{ROLE}-2")), "{:?}", role(&stored));
        Ok(())
    })
    .await;
}

/// A watch goes on from the last version that it saw. An API server that was started again knows
/// changes since its own start alone, so it answers "expired", and only a new list tells the rest.
#[tokio::test]
async fn sees_what_changed_and_what_went_while_its_version_expired() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("expired").await;
    namespace.service_account("changes", ANNOTATED).await;
    namespace.service_account("goes", ANNOTATED).await;
    let webhook = ready(&control_plane, &["--fresh-service-account-window=0s"]).await;

    webhook.process().freeze();
    // The webhook's version is now an old one, whatever it finds in its socket later.
    let later = json!({"metadata": {"name": "later"}});
    namespace.create_object::<ConfigMap>(&later).await.unwrap();
    control_plane.kill_api_server();
    control_plane.start_api_server().await;
    annotate(&namespace, "changes", &format!("{ROLE}-2")).await;
    let accounts = namespace.api::<ServiceAccount>();
    accounts.delete("goes", &DeleteParams::default()).await.unwrap();
    webhook.process().thaw();

    let expired = |line: &serde_json::Value| line.to_string().contains("too old resource version");
    webhook.logged("that the version has expired", expired).await;
    eventually("the changes", SOON, || async {
        let changed = webhook.review(&namespace, &pod("app", "changes")).await;
        anyhow::ensure!(changed.role() == Some(format!("{ROLE}-2")), "{:?}", changed.role());
        Ok(())
    })
    .await;
    let gone = webhook.review(&namespace, &pod("app", "goes")).await;
    assert_eq!(gone.outcome(), "not-configured");
    let relists = r#"pod_identity_watch_relists_total{resource="service-accounts"}"#;
    assert!(metric(&webhook.metrics().await, relists) >= 1);
}

async fn annotate(namespace: &Namespace, service_account: &str, role: &str) {
    let accounts = namespace.api::<ServiceAccount>();
    let change = Patch::Merge(json!({"metadata": {"annotations": {ROLE_ARN: role}}}));
    accounts.patch(service_account, &PatchParams::default(), &change).await.unwrap();
}
