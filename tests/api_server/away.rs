//! The API server away, and back.

use serde_json::json;
use std::time::Duration;

use crate::support::{ControlPlane, Options, eventually, pod};
use crate::{ANNOTATED, ROLE, ready, role};

#[tokio::test]
async fn answers_for_known_service_accounts_while_the_api_server_is_away() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("away").await;
    namespace.service_account("known", ANNOTATED).await;
    let webhook = ready(&control_plane, &[]).await;

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
    let accounts = namespace.api::<k8s_openapi::api::core::v1::ServiceAccount>();
    let change = json!({"metadata": {"annotations": {crate::ROLE_ARN: format!("{ROLE}-2")}}});
    let change = kube::api::Patch::Merge(change);
    accounts.patch("known", &kube::api::PatchParams::default(), &change).await.unwrap();
    eventually("the new role", Duration::from_mins(1), || async {
        let stored = namespace.admit_pod(&pod("app", "known"), true).await?.object;
        anyhow::ensure!(role(&stored) == Some(&format!("{ROLE}-2")), "{:?}", role(&stored));
        Ok(())
    })
    .await;
}
