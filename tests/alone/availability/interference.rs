//! Somebody else's hands in the Secret and the caBundle, under load.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use tokio::time::Instant;

use super::load::{Gap, Load};
use super::scene::Scene;
use crate::alone;
use crate::support::{SOON, control_plane, eventually};

/// By the watch, which takes a moment: without it, the end of a silent watch would come far later.
const REPAIRED: Duration = Duration::from_secs(30);

pub const JUNK: &str = "anVuaw==";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_deleted_or_corrupted_loses_no_pod() {
    let _alone = alone().await;
    let scene = Scene::new(control_plane().await, &[]).await;
    let replicas = scene.start(2).await;
    let authority = scene.secret("ca.crt").await.unwrap();
    let load = Load::start(&scene);
    let all = json!({ "ca.crt": JUNK, "ca.key": JUNK, "tls.crt": JUNK, "tls.key": JUNK });
    for damage in [
        None,
        Some(json!({ "ca.key": JUNK })),
        Some(all),
        None,
        // A new leaf is made.
        Some(json!({ "tls.key": JUNK })),
    ] {
        load.flows().await;
        let done = Instant::now();
        let leaf = scene.secret("tls.crt").await.unwrap();
        match &damage {
            None => scene.delete_secret().await,
            Some(data) => scene.patch_secret(data).await,
        }
        eventually("the Secret whole again", SOON, || async {
            ensure!(scene.secret("ca.crt").await? == authority, "another CA");
            ensure!(scene.secret("ca.key").await? != b"junk", "junk");
            ensure!(scene.secret("tls.key").await? != b"junk", "junk");
            Ok(())
        })
        .await;
        let kept = scene.secret("tls.crt").await.unwrap() == leaf;
        eprintln!("measured: {damage:?} undone in {:?}, leaf kept: {kept}", done.elapsed());
        load.flows().await;
    }
    load.stop().await.assert_whole(&[]);
    assert!(replicas.iter().all(|replica| replica.process().check_running().is_ok()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_bundle_costs_no_pod_after_its_repair() {
    let _alone = alone().await;
    let scene = Scene::new(control_plane().await, &[]).await;
    let _replicas = scene.start(2).await;
    let right = scene.bundle().await.unwrap();
    let load = Load::start(&scene);
    let (mut gaps, mut failed) = (Vec::new(), 0);
    for bundle in ["", JUNK].repeat(5) {
        load.flows().await;
        let before = load.so_far().failures.len();
        let gap = overwrite_bundle(&scene, &load, bundle).await;
        assert_eq!(scene.bundle().await.unwrap(), right);
        failed += load.so_far().failures.len() - before;
        gaps.push(gap);
    }
    let record = load.stop().await;
    let longest = gaps.iter().map(|gap| gap.to - gap.from).max().unwrap();
    eprintln!(
        "measured: {} overwritten caBundles, pods flow again within {longest:?}; \
         {failed} of {} pods fell into the gaps",
        gaps.len(),
        record.sent()
    );
    record.assert_whole(&gaps);
    assert!(longest < REPAIRED, "{longest:?}");
}

/// Gives the time from before it is overwritten until pods flow.
pub async fn overwrite_bundle(scene: &Scene<'_>, load: &Load, bundle: &str) -> Gap {
    let from = Instant::now();
    scene.overwrite_bundle(bundle).await;
    eventually("the repair", REPAIRED, || async {
        ensure!(scene.bundle().await?.starts_with(b"-----BEGIN CERTIFICATE"), "not yet");
        Ok(())
    })
    .await;
    load.flows().await;
    Gap { from, to: Instant::now() }
}
