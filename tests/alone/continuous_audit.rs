//! What the audit of a large cluster costs the webhook that does it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::alone;
use crate::audit::{Cluster, pods};
use crate::support::{Webhook, pod};

/// Of debug builds on slow machines.
const ENDED: Duration = Duration::from_mins(10);

fn value(page: &str, series: &str) -> Option<f64> {
    let mut lines = page.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).and_then(|(_, value)| value.parse().ok())
}

/// Reviews a pod again and again until so many rounds are complete. Gives how long the reviews took, shortest first.
async fn admits_until(webhook: &Webhook, rounds: f64) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut reviewer = webhook.reviewer().await;
    let asked = pod("app", "app-1");
    let end = Instant::now() + ENDED;
    // Most of the time there is no review under way.
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    loop {
        pace.tick().await;
        assert!(Instant::now() < end, "no audit within {ENDED:?}");
        let begun = Instant::now();
        let answer = reviewer.review_in("team-1", &asked).await;
        took.push(begun.elapsed());
        assert_eq!(answer.outcome(), "mutated");
        let ended = r#"pod_identity_audit_rounds_total{result="complete"}"#;
        if value(&webhook.metrics().await, ended) >= Some(rounds) {
            took.sort_unstable();
            return took;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_keeps_nothing_of_the_pods_and_admissions_go_on() {
    let _alone = alone().await;
    let cluster = Cluster::new(pods(), false);
    let server = Arc::clone(&cluster).serve().await;
    let webhook = Webhook::builder()
        .args([format!("--kube-api=http://{server}"), "--audit-interval=10s".to_owned()])
        // As in a pod with one processor.
        .env("TOKIO_WORKER_THREADS", "1")
        .start()
        .await;
    cluster.program.store(webhook.process().id(), Ordering::SeqCst);
    webhook.ready().await;
    let (quiet, before) = (webhook.process().resident_kib(), cluster.processor());
    let took = admits_until(&webhook, 1.0).await;
    let first = webhook.process().peak_kib();
    let ticks = cluster.processor() - before;
    let page = webhook.metrics().await;
    let missing = value(&page, r#"pod_identity_pods{state="missing"}"#);
    assert_eq!(missing, Some(f64::from(u32::try_from(pods()).unwrap())));
    let bytes = cluster.bytes.load(Ordering::SeqCst);
    let seconds = value(&page, "pod_identity_audit_duration_seconds").unwrap();
    let of = |share: usize| took[(took.len() - 1) * share / 100];
    eprintln!(
        "measured: a round over {} pods: {} MiB read, {seconds:.1} s, {} ms of CPU time with {} reviews, \
         {} MiB before it, {} MiB at its peak; reviews took {:?} (median), {:?} (p90), {:?} (longest)",
        pods(),
        bytes >> 20,
        ticks * 10,
        took.len(),
        quiet >> 10,
        first >> 10,
        of(50),
        of(90),
        of(100),
    );
    assert!(first - quiet < 40 << 10, "{quiet} KiB before a round, {first} KiB at its peak");

    admits_until(&webhook, 3.0).await;
    let third = webhook.process().peak_kib();
    eprintln!("measured: {} MiB at the peak of three rounds", third >> 10);
    assert!(third - first < 12 << 10, "{first} KiB after one round, {third} KiB after three");
}
