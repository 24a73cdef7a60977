//! Who audits, whatever becomes of replicas and of the Lease.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::DeleteParams;
use serde_json::json;

use super::{
    NAME, STATES, audited, edit, holds, home, missed, pods, replica, shows_nothing, value,
};
use crate::support::{ControlPlane, Options, SOON, eventually};

/// The others wait for 30 s, and look every 5 s.
const TAKEN_OVER: Duration = Duration::from_secs(45);

#[tokio::test]
async fn one_replica_audits_and_another_goes_on_when_it_ends_or_is_frozen() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = home(&control_plane).await;
    missed(&control_plane).await;
    let first = replica(control_plane.kubeconfig(), &home).await;
    let page = audited(&first, 1.0).await;
    for state in STATES {
        let wanted = if state == "missing" { 1.0 } else { 0.0 };
        assert_eq!(pods(&page, state), Some(wanted), "{state}");
    }
    let ended: f64 = value(&page, "pod_identity_audit_last_complete_timestamp_seconds").unwrap();
    assert!(ended > 1.7e9, "{ended}");

    let second = replica(control_plane.kubeconfig(), &home).await;
    shows_nothing(&second.metrics().await);

    // Who ends gives it back.
    assert!(first.stop().await.success());
    let before = tokio::time::Instant::now();
    audited(&second, 1.0).await;
    let waited = before.elapsed();
    assert!(waited < Duration::from_secs(25), "it waited {waited:?} for nothing");

    // Who stands still loses it, and knows at once when it goes on.
    let third = replica(control_plane.kubeconfig(), &home).await;
    shows_nothing(&third.metrics().await);
    second.process().freeze();
    let frozen = tokio::time::Instant::now();
    let page = eventually("the other one to take the Lease", TAKEN_OVER + SOON, || async {
        let page = third.metrics().await;
        ensure!(holds(&page), "not yet");
        Ok(page)
    });
    page.await;
    let waited = frozen.elapsed();
    assert!(waited < TAKEN_OVER + Duration::from_secs(15), "{waited:?}");
    second.process().thaw();
    shows_nothing(&second.metrics().await);
    audited(&third, 1.0).await;
    assert!(!holds(&second.metrics().await));
}

#[tokio::test]
async fn a_lease_that_is_deleted_comes_back_and_one_that_is_overwritten_is_somebody_elses() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = home(&control_plane).await;
    missed(&control_plane).await;
    let webhook = replica(control_plane.kubeconfig(), &home).await;
    audited(&webhook, 1.0).await;

    home.api::<Lease>().delete(NAME, &DeleteParams::default()).await.unwrap();
    let recreated = eventually("the Lease to be there again", SOON, || async {
        Ok(home.api::<Lease>().get(NAME).await?)
    });
    let recreated = recreated.await;
    let spec = recreated.spec.unwrap();
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    assert!(holder.starts_with("the-pod_") && spec.renew_time.is_some(), "{spec:?}");
    assert!(holds(&webhook.metrics().await), "it held the Lease all the time");

    let somebody = json!({"holderIdentity": "somebody", "leaseDurationSeconds": 100_000, "leaseTransitions": 7,
        "renewTime": "2099-01-01T00:00:00.000000Z", "acquireTime": null});
    edit(&home, somebody).await;
    eventually("the holder to give way", SOON, || async {
        let page = webhook.metrics().await;
        ensure!(!holds(&page), "it holds the Lease");
        shows_nothing(&page);
        Ok(())
    })
    .await;
    // Nobody renews it: what it says of itself counts up to two minutes.
    edit(&home, json!({"holderIdentity": "somebody", "leaseDurationSeconds": 1})).await;
    audited(&webhook, 1.0).await;
    let spec = home.api::<Lease>().get(NAME).await.unwrap().spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(8));
    assert_eq!(spec.lease_duration_seconds, Some(30));

    // Without a holder it is nobody's: not at once, since the last one may not know.
    edit(&home, json!({"holderIdentity": null, "leaseDurationSeconds": null})).await;
    eventually("the holder to give way", SOON, || async {
        ensure!(!holds(&webhook.metrics().await), "it holds the Lease");
        Ok(())
    })
    .await;
    audited(&webhook, 1.0).await;
}
