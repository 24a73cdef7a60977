//! A steady stream of pod creations, and what came of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::scene::{APP, ROLE, Scene, role};
use crate::support::{Namespace, SOON, eventually, pod};

const WORKERS: usize = 4;

/// The pace of each worker, unless the machine is slower.
const INTERVAL: Duration = Duration::from_millis(15);

/// Runs until it is stopped or dropped.
pub struct Load {
    record: Arc<Mutex<Record>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

/// What came of the creations that have ended so far.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub mutated: u64,
    pub unmutated: u64,
    pub failures: Vec<Failure>,
    pub slowest: Duration,
    /// Since [`Load::begin_spell`].
    pub slowest_of_spell: Duration,
    /// When each worker's last mutated pod was asked for.
    latest: [Option<Instant>; WORKERS],
}

/// A pod that was not admitted.
#[derive(Clone, Debug)]
pub struct Failure {
    pub began: Instant,
    pub ended: Instant,
    pub error: String,
}

/// A time in which the API server can't be expected to admit a pod.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub from: Instant,
    pub to: Instant,
}

impl Load {
    pub fn start(scene: &Scene<'_>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let record = Arc::<Mutex<Record>>::default();
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let (apps, record) = (Arc::clone(&scene.apps), Arc::clone(&record));
            let stopped = stopped.clone();
            workers.spawn(create_pods(worker, apps, record, stopped));
        }
        Self { record, stop, workers }
    }

    pub fn so_far(&self) -> Record {
        lock(&self.record).clone()
    }

    /// From now on the slowest is counted anew, beside that of all.
    pub fn begin_spell(&self) {
        lock(&self.record).slowest_of_spell = Duration::ZERO;
    }

    /// Waits until each worker got a mutated pod that it asked for from now on.
    pub async fn flows(&self) {
        let now = Instant::now();
        eventually("mutated pods", SOON, || async {
            let record = lock(&self.record);
            let all = record.latest.iter().all(|latest| latest.is_some_and(|it| it >= now));
            ensure!(all, "the last failure: {:?}", record.failures.last());
            Ok(())
        })
        .await;
    }

    /// Lets what is under way finish.
    pub async fn stop(mut self) -> Record {
        self.stop.send_replace(true);
        while let Some(ended) = self.workers.join_next().await {
            ended.expect("no worker panics");
        }
        self.so_far()
    }
}

impl Record {
    pub fn sent(&self) -> u64 {
        self.mutated + self.unmutated + self.failures.len() as u64
    }

    /// Failures that no gap explains.
    pub fn unexpected(&self, gaps: &[Gap]) -> Vec<&Failure> {
        let explained = |failure: &&Failure| {
            gaps.iter().any(|gap| failure.began <= gap.to && failure.ended >= gap.from)
        };
        self.failures.iter().filter(|failure| !explained(failure)).collect()
    }

    /// Nothing failed but in a gap, and nothing was missed.
    pub fn assert_whole(&self, gaps: &[Gap]) {
        let unexpected = self.unexpected(gaps);
        let first: Vec<_> = unexpected.iter().take(5).map(|failure| &failure.error).collect();
        assert!(unexpected.is_empty(), "{} of {}: {first:#?}", unexpected.len(), self.sent());
        assert_eq!(self.unmutated, 0, "of {}", self.sent());
        assert!(self.mutated > 0);
    }
}

async fn create_pods(
    worker: usize,
    apps: Arc<Namespace>,
    record: Arc<Mutex<Record>>,
    stopped: watch::Receiver<bool>,
) {
    let pod = pod("load", APP);
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stopped.borrow() {
        ticks.tick().await;
        let began = Instant::now();
        let answer = apps.admit_pod(&pod, true).await;
        let ended = Instant::now();
        let mut record = lock(&record);
        match answer {
            Ok(admitted) if role(&admitted.object) == Some(ROLE) => {
                record.mutated += 1;
                record.latest[worker] = Some(began);
                record.slowest = record.slowest.max(ended - began);
                record.slowest_of_spell = record.slowest_of_spell.max(ended - began);
            }
            Ok(_) => record.unmutated += 1,
            Err(error) => {
                let error = format!("{error:#}");
                record.failures.push(Failure { began, ended, error });
            }
        }
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
