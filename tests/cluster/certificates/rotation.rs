//! First start, and renewal under watch.

use std::collections::HashSet;
use std::time::Duration;

use certificates::{Bundle, Lifetimes};
use jiff::Timestamp;
use tokio::time::Instant;

use super::scene::Scene;
use crate::support::SOON;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_started_on_nothing_agree_on_one_ca_twenty_times() {
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let scene = Scene::new("together", Lifetimes::default()).await;
        let started = Instant::now();
        let replicas = [scene.start(), scene.start(), scene.start()];
        scene.all_ready(&replicas).await;
        longest = longest.max(started.elapsed());
        let state = scene.state().await.unwrap();
        for replica in &replicas {
            assert_eq!(replica.leaf().as_ref(), Some(&state.leaf));
        }
        for bundle in scene.bundles().await.unwrap() {
            let bundle: Vec<_> = Bundle::parse(&bundle).iter().cloned().collect();
            assert_eq!(bundle, std::slice::from_ref(&state.authorities.current.certificate));
        }
        let established = replicas.iter().map(|replica| {
            replica.certificates.stats.changes().get("secret-absent").copied().unwrap_or(0)
        });
        assert_eq!(established.sum::<u64>(), 1);
    }
    eprintln!("measured: three replicas ready within {longest:?} of their start");
}

/// Leaves of 18 s and CAs of 24 s, replaced when two thirds of that are over: a
/// machine may be late by the last third. At every moment each replica has a
/// leaf, and the caBundles stored after it was looked at verify it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_every_few_seconds_leaves_no_gap() {
    let seconds = Duration::from_secs;
    let lifetimes = Lifetimes::new(seconds(24), seconds(18), seconds(4)).unwrap();
    let scene = Scene::new("rotation", lifetimes).await;
    let replicas = [scene.start(), scene.start(), scene.start()];
    scene.all_ready(&replicas).await;

    let (mut leaves, mut authorities) = (HashSet::new(), HashSet::new());
    let (mut checks, end) = (0, Instant::now() + 2 * SOON);
    while leaves.len() < 4 || authorities.len() < 2 {
        assert!(Instant::now() < end, "{} leaves, {} CAs", leaves.len(), authorities.len());
        for (number, replica) in replicas.iter().enumerate() {
            let looked = Timestamp::now();
            let leaf = replica.leaf().unwrap_or_else(|| {
                panic!("replica {number} has no leaf: {:?}", replica.problems())
            });
            let certificate = leaf.certificate();
            if let Err(error) = scene.verify_at(&leaf, looked).await {
                let late = certificate.not_after().duration_since(looked);
                panic!("replica {number} at {looked}, {late} before the end: {error:#}");
            }
            checks += 1;
            leaves.insert(certificate.der().to_vec());
        }
        let current = scene.state().await.unwrap().authorities.current.certificate;
        authorities.insert(current.der().to_vec());
    }
    eprintln!(
        "measured: {checks} checks without a gap, {} leaves, {} CAs",
        leaves.len(),
        authorities.len()
    );
    for replica in &replicas {
        assert!(replica.ready(), "{:?}", replica.problems());
    }
}
