//! What a soak prints: how many, how bad, how much memory, over time.

use std::time::Duration;

use tokio::time::Instant;

use super::load::{Gap, Record};
use crate::support::Webhook;

/// About as many are printed.
const ROWS: u32 = 15;

/// What the shipped Deployment allows, in MiB.
const LIMIT: u64 = 256;

/// What was done beside the pods, and came to a good end.
#[derive(Default)]
pub struct Counts {
    /// Large reviews that were answered.
    pub large: u64,
    /// And those that were announced and not sent.
    pub never_sent: u64,
    /// The slowest of the usual pods beside them.
    pub slowest_beside: Duration,
    /// Silences of the API server, each made up for by new watches.
    pub silences: u64,
    /// Replicas with a clock far ahead, each with a renewal.
    pub skewed: u64,
}

pub struct Table {
    began: Instant,
    step: Duration,
    next: Instant,
    most: u64,
}

impl Table {
    pub fn new(began: Instant, length: Duration) -> Self {
        eprintln!(
            "seconds     pods  failed in gaps  unexpected  unmutated  slowest ms  large reviews  \
             silences  skewed replicas  MiB of each replica"
        );
        Self { began, step: length / ROWS, next: began, most: 0 }
    }

    /// Prints a row where one is due.
    pub fn row(&mut self, record: &Record, gaps: &[Gap], counts: &Counts, replicas: &[Webhook]) {
        let memory: Vec<_> = replicas.iter().map(resident).collect();
        self.most = memory.iter().copied().chain([self.most]).max().unwrap_or_default();
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + self.step;
        let unexpected = record.unexpected(gaps).len();
        eprintln!(
            "{:7} {:8} {:15} {unexpected:11} {:10} {:11} {:14} {:9} {:16}  {memory:?}",
            self.began.elapsed().as_secs(),
            record.sent(),
            record.failures.len() - unexpected,
            record.unmutated,
            record.slowest.as_millis(),
            counts.large,
            counts.silences,
            counts.skewed,
        );
    }

    pub fn end(&self, record: &Record, gaps: &[Gap], counts: &Counts, disturbances: usize) {
        let away: Duration = gaps.iter().map(|gap| gap.to - gap.from).sum();
        let unexpected = record.unexpected(gaps).len();
        eprintln!(
            "measured: {} pods in {:.0?}, {disturbances} disturbances; {} failed in {} gaps of {away:.1?} \
             together, {unexpected} unexpectedly; {} unmutated; at most {} MiB",
            record.sent(),
            self.began.elapsed(),
            record.failures.len() - unexpected,
            gaps.len(),
            record.unmutated,
            self.most,
        );
        eprintln!(
            "measured: {} large reviews answered beside {} never sent, the slowest pod meanwhile {} ms; \
             {} silences of the API server made up for; {} replicas with a clock far ahead came and went",
            counts.large,
            counts.never_sent,
            counts.slowest_beside.as_millis(),
            counts.silences,
            counts.skewed,
        );
    }

    pub fn assert_bounded(&self) {
        assert!(self.most < LIMIT, "{} MiB", self.most);
    }
}

/// In MiB.
fn resident(replica: &Webhook) -> u64 {
    let path = format!("/proc/{}/status", replica.process().id());
    let status = std::fs::read_to_string(path).expect("a running replica has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.expect("the status tells the memory") / 1024
}
