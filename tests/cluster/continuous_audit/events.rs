//! Events on `ServiceAccount`s, from the Lease's holder alone.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;

use super::{ROLE_ARN, audited, home, replica, value};
use crate::support::{ControlPlane, Namespace, Options, SOON, Webhook, eventually};

async fn told(replica: &Webhook, result: &str) -> u64 {
    let series = format!(r#"pod_identity_events_total{{result="{result}"}}"#);
    value(&replica.metrics().await, &series).unwrap()
}

async fn all_told(namespace: &Namespace, count: usize) {
    eventually("all Events", SOON, || async {
        let events = namespace.api::<Event>().list(&ListParams::default()).await?.items;
        ensure!(events.len() == count, "{}", events.len());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn come_from_the_holder_and_the_next_one_tells_what_the_last_one_did_not_get_to() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = home(&control_plane).await;
    let namespace = control_plane.namespace("events").await;
    namespace.service_account("odd", &[(ROLE_ARN, "odd")]).await;
    let first = replica(control_plane.kubeconfig(), &home).await;
    // It was wrong before the replica held the Lease, and comes from its memory.
    all_told(&namespace, 1).await;
    audited(&first, 0.0).await;
    let second = replica(control_plane.kubeconfig(), &home).await;
    namespace.service_account("later", &[(ROLE_ARN, "later")]).await;
    all_told(&namespace, 2).await;
    assert_eq!((told(&first, "sent").await, told(&second, "sent").await), (2, 0));
    assert_eq!(told(&second, "present").await, 0, "it leaves them to the holder");

    // The holder dies, and something goes wrong before another one holds the Lease.
    first.process().kill();
    namespace.service_account("between", &[(ROLE_ARN, "between")]).await;
    all_told(&namespace, 3).await;
    audited(&second, 0.0).await;
    eventually("what the first one had told", SOON, || async {
        let present = told(&second, "present").await;
        ensure!(present == 2, "{present}");
        Ok(())
    })
    .await;
    assert_eq!((told(&second, "sent").await, told(&second, "dropped").await), (1, 0));
}
