//! The shipped rights and nothing else.

use crate::support::{Webhook, control_plane, grant_shipped, pod};
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
