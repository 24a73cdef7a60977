//! The Go webhook beside ours: the same `ServiceAccount`s on one API server, the same flags, the same pods; what
//! each makes of them is compared. `PEER_WEBHOOK` names the Go webhook's binary. Without it our own program takes
//! its place, which shows that the comparison finds nothing where nothing differs, and finds what does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how it fails, and differences are printed"
)]

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod contestant;
mod fixed;
mod generate;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use compare::{Difference, differences, explained};
use contestant::Contestant;
use support::{ControlPlane, Namespace, control_plane};

const OURS: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");
const FLAGS: &[&str] = &["--aws-default-region=eu-west-1", "--sts-regional-endpoint"];

/// The two, and the pods' namespace.
struct Match {
    peer: Contestant,
    ours: Contestant,
    namespace: Namespace,
}

impl Match {
    async fn new(peer: &Path, peer_flags: &[&str]) -> Self {
        let control_plane: &ControlPlane = control_plane().await;
        let namespace = control_plane.namespace("parity").await;
        generate::service_accounts(&namespace).await;
        let mut peer = Contestant::start(control_plane, peer, peer_flags);
        let mut ours = Contestant::start(control_plane, Path::new(OURS), FLAGS);
        for contestant in [&mut peer, &mut ours] {
            contestant.knows(&namespace).await;
        }
        Self { peer, ours, namespace }
    }

    async fn differences(&mut self, pod: &Value) -> Vec<Difference> {
        let peer = self.peer.answer(&self.namespace, pod).await;
        let ours = self.ours.answer(&self.namespace, pod).await;
        differences(&peer, &ours)
    }

    /// How many pods differ without an explanation, each printed; and how many with each.
    async fn generated(&mut self, number: u64) -> (usize, BTreeMap<&'static str, usize>) {
        let (mut unexplained, mut wanted) = (0, BTreeMap::new());
        for seed in 0..number {
            let pod = generate::pod(seed);
            let mut is_new = false;
            for difference in self.differences(&pod).await {
                if let Some(reason) = explained(&difference, &pod) {
                    *wanted.entry(reason).or_default() += 1;
                } else {
                    is_new = true;
                    if unexplained < 10 {
                        eprintln!("seed {seed}: {difference}\nof {pod}\n");
                    }
                }
            }
            unexplained += usize::from(is_new);
        }
        (unexplained, wanted)
    }
}

#[tokio::test]
async fn the_go_webhook_makes_the_same_of_each_pod_but_for_what_is_wanted() {
    let Some(peer) = std::env::var_os("PEER_WEBHOOK") else {
        eprintln!("PEER_WEBHOOK names no binary of the Go webhook: nothing is compared with it");
        return;
    };
    let mut both = Match::new(Path::new(&peer), FLAGS).await;
    let (unexplained, wanted) = both.generated(2_000).await;
    eprintln!("2,000 generated pods: wanted differences {wanted:?}");
    let mut wrong = Vec::new();
    for (name, pod, differs) in fixed::pods() {
        let found = both.differences(&pod).await;
        for difference in &found {
            eprintln!("{name}: {difference}");
        }
        if found.is_empty() == differs {
            wrong.push(name);
        }
    }
    assert_eq!(unexplained, 0, "generated pods differ: see above");
    assert_eq!(
        wrong,
        Vec::<&str>::new(),
        "differ, and should not; or do not, and docs/migrate.md says so"
    );
}

#[tokio::test]
async fn finds_no_difference_where_there_is_none() {
    let mut both = Match::new(Path::new(OURS), FLAGS).await;
    let (unexplained, wanted) = both.generated(300).await;
    assert_eq!((unexplained, wanted.len()), (0, 0), "{wanted:?}");
    for (name, pod, _) in fixed::pods() {
        assert_eq!(both.differences(&pod).await.len(), 0, "{name}");
    }
    // There was something to compare.
    let mut changed = 0;
    for seed in 0..300 {
        let pod = generate::pod(seed);
        changed += usize::from(both.ours.answer(&both.namespace, &pod).await != pod);
    }
    assert!(changed > 150, "{changed} of 300 pods were changed");
}

#[tokio::test]
async fn finds_each_flag_that_differs() {
    for other in [
        "--token-mount-path=/elsewhere",
        "--token-audience=elsewhere",
        "--token-expiration=3600",
        "--aws-default-region=elsewhere",
        "--sts-regional-endpoint=false",
    ] {
        let kept = FLAGS.iter().filter(|flag| !flag.starts_with(other.split('=').next().unwrap()));
        let flags: Vec<_> = kept.copied().chain([other]).collect();
        let mut both = Match::new(Path::new(OURS), &flags).await;
        let mut found = 0;
        for seed in 0..100 {
            let pod = generate::pod(seed);
            let found_here = both.differences(&pod).await;
            found += usize::from(found_here.iter().any(|it| explained(it, &pod).is_none()));
        }
        assert!(found >= 10, "{other}: {found} of 100 pods");
    }
}
