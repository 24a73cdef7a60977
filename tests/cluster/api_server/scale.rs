//! Many `ServiceAccount`s: ready only when all of them are known.

use futures::{StreamExt as _, stream};

use super::{ANNOTATED, metric};
use crate::support::{ControlPlane, Options, Webhook, pod};

const ACCOUNTS: usize = 20_000;

#[tokio::test]
async fn is_not_ready_before_20000_service_accounts_are_listed_and_right_for_each_afterwards() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("many").await;
    let made = stream::iter(0..ACCOUNTS).map(|n| {
        let namespace = &namespace;
        async move {
            let annotations = if n % 5 == 0 { ANNOTATED } else { &[] };
            namespace.service_account(&format!("sa-{n}"), annotations).await;
        }
    });
    made.buffer_unordered(32).count().await;

    // The window off: whatever is answered now comes from the list, or shows as a GET.
    let webhook = Webhook::builder()
        .kubeconfig(control_plane.kubeconfig())
        .arg("--fresh-service-account-window=0s")
        .start()
        .await;
    webhook.ready().await;
    let known = metric(&webhook.metrics().await, "pod_identity_service_accounts_known");
    assert!(known >= ACCOUNTS, "ready with {known} of {ACCOUNTS}");

    let mut reviewer = webhook.reviewer().await;
    for n in 0..ACCOUNTS {
        let answer = reviewer.review(&namespace, &pod("app", &format!("sa-{n}"))).await;
        let expected = if n % 5 == 0 { "mutated" } else { "not-configured" };
        assert_eq!(answer.outcome(), expected, "sa-{n}");
    }
    let gets = metric(&webhook.metrics().await, "pod_identity_live_lookups_total");
    assert_eq!(gets, 0, "{gets} lookups left the memory");
}
