//! The Go webhook beside ours: the same `ServiceAccount`s on one API server, the same flags, the same pods; what
//! each makes of them is compared. `PEER_WEBHOOK` names the Go webhook's binary. Without it a model of it, made by
//! reading its source, takes its place; and our own program, which shows that the comparison finds nothing where
//! nothing differs, and finds what does.

mod compare;
mod contestant;
mod fixed;
mod generate;
mod model;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{ControlPlane, Namespace, control_plane};
use compare::{Difference, differences, explained};
use contestant::Contestant;

const OURS: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");
const FLAGS: &[&str] = &["--aws-default-region=eu-west-1", "--sts-regional-endpoint"];

/// In the Go webhook's place.
enum Peer {
    Program(Box<Contestant>),
    Model,
}

/// The two, and the pods' namespace.
struct Match {
    peer: Peer,
    ours: Contestant,
    namespace: Namespace,
}

impl Match {
    async fn with_program(peer: &Path, peer_flags: &[&str]) -> Self {
        let mut both = Self::with_model().await;
        let mut peer = Contestant::start(control_plane().await, peer, peer_flags);
        peer.knows(&both.namespace).await;
        both.peer = Peer::Program(Box::new(peer));
        both
    }

    async fn with_model() -> Self {
        let control_plane: &ControlPlane = control_plane().await;
        let namespace = control_plane.namespace("parity").await;
        generate::service_accounts(&namespace).await;
        let mut ours = Contestant::start(control_plane, Path::new(OURS), FLAGS);
        ours.knows(&namespace).await;
        Self { peer: Peer::Model, ours, namespace }
    }

    async fn differences(&mut self, pod: &Value) -> Vec<Difference> {
        let peer = match &mut self.peer {
            Peer::Program(program) => program.answer(&self.namespace, pod).await,
            Peer::Model => model::mutate(pod),
        };
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
#[ignore = "needs PEER_WEBHOOK=<the Go webhook's binary>"]
async fn the_go_webhook_makes_the_same_of_each_pod_but_for_what_is_wanted() {
    let peer =
        std::env::var_os("PEER_WEBHOOK").expect("PEER_WEBHOOK names the Go webhook's binary");
    let both = Match::with_program(Path::new(&peer), FLAGS).await;
    differs_as_wanted(both).await;
}

#[tokio::test]
async fn the_go_webhook_as_it_was_read_makes_the_same_but_for_what_is_wanted() {
    differs_as_wanted(Match::with_model().await).await;
}

async fn differs_as_wanted(mut both: Match) {
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
    let none: [&str; 0] = [];
    assert_eq!(
        wrong, none,
        "they differ and should not, or docs/migrate.md says so and they do not"
    );
}

/// While one takes the other's place both may be installed.
#[tokio::test]
async fn whichever_is_asked_second_adds_nothing() {
    let mut both = Match::with_model().await;
    let mut changed = 0;
    for seed in 0..500 {
        let pod = generate::pod(seed);
        let theirs = model::mutate(&pod);
        let ours = both.ours.answer(&both.namespace, &pod).await;
        // Where they differ, for a reason in the table, it adds that.
        if !differences(&theirs, &ours).is_empty() {
            continue;
        }
        let after_them = both.ours.answer(&both.namespace, &theirs).await;
        assert_eq!(after_them, theirs, "seed {seed}");
        let after_us = differences(&model::mutate(&ours), &ours);
        assert!(after_us.is_empty(), "seed {seed}: {}", after_us[0]);
        changed += usize::from(ours != pod);
    }
    assert!(changed > 150, "{changed} of 500 pods show anything");
}

#[tokio::test]
async fn finds_no_difference_where_there_is_none() {
    let mut both = Match::with_program(Path::new(OURS), FLAGS).await;
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
        let mut both = Match::with_program(Path::new(OURS), &flags).await;
        let mut found = 0;
        for seed in 0..100 {
            let pod = generate::pod(seed);
            let found_here = both.differences(&pod).await;
            found += usize::from(found_here.iter().any(|it| explained(it, &pod).is_none()));
        }
        assert!(found >= 10, "{other}: {found} of 100 pods");
    }
}
