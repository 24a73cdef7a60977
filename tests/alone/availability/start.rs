//! The first start, and renewal for ever.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use tokio::time::Instant;

use super::load::Load;
use super::scene::{APP, ROLE, Scene, certificate_flags, role};
use crate::alone;
use crate::support::{SOON, control_plane, pod};

const ROUNDS: usize = 20;

/// The rotation's time under load in seconds, for those who want more.
const SECONDS: &str = "ROTATION_SECONDS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_started_at_once_on_nothing_admit_the_first_pod() {
    let _alone = alone().await;
    let mut longest = Duration::ZERO;
    for _ in 0..ROUNDS {
        let scene = Scene::new(control_plane().await, &[]).await;
        let started = Instant::now();
        let replicas = scene.start(3).await;
        longest = longest.max(started.elapsed());
        let stored = scene.apps.admit_pod(&pod("first", APP), false).await.unwrap().object;
        assert_eq!(role(&stored), Some(ROLE));
        scene.apps.api::<Pod>().delete("first", &DeleteParams::default()).await.unwrap();
        // One CA, and each of them is verified by it.
        assert_eq!(scene.bundle().await.unwrap(), scene.secret("ca.crt").await.unwrap());
        for replica in &replicas {
            let mut reviewer = scene.reviewer(replica).await.unwrap();
            let answer = reviewer.review(&scene.apps, &pod("direct", APP)).await;
            assert_eq!(answer.role().as_deref(), Some(ROLE));
        }
    }
    eprintln!("measured: in {ROUNDS} rounds three replicas get calls within {longest:?}");
}

/// Leaves of 24 s and CAs of 30 s, replaced when two thirds of that are over: a machine may be late by the last
/// third. The API server keeps its connections, so beside its calls each replica is called anew all the time, by
/// the caBundle of then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_every_few_seconds_loses_no_pod() {
    let _alone = alone().await;
    let seconds = std::env::var(SECONDS).map_or(30, |text| text.parse().expect(SECONDS));
    let flags = certificate_flags(30, 24, 4);
    let scene = Scene::new(control_plane().await, &flags.each_ref().map(String::as_str)).await;
    let replicas = scene.start(3).await;
    let load = Load::start(&scene);
    let (mut leaves, mut authorities, mut handshakes) = (HashSet::new(), HashSet::new(), 0);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end || leaves.len() < 3 || authorities.len() < 2 {
        assert!(Instant::now() < end + SOON, "{} leaves, {} CAs", leaves.len(), authorities.len());
        for replica in &replicas {
            let mut reviewer = scene.reviewer(replica).await.expect("a verified connection");
            let answer = reviewer.review(&scene.apps, &pod("direct", APP)).await;
            assert_eq!(answer.role().as_deref(), Some(ROLE));
            handshakes += 1;
        }
        leaves.insert(scene.secret("tls.crt").await.unwrap());
        authorities.insert(scene.secret("ca.crt").await.unwrap());
    }
    let record = load.stop().await;
    eprintln!(
        "measured: {} pods and {handshakes} handshakes under {} leaves of {} CAs, \
         the slowest pod in {:?}",
        record.sent(),
        leaves.len(),
        authorities.len(),
        record.slowest
    );
    record.assert_whole(&[]);
}
