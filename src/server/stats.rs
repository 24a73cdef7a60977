//! What happened to connections, for whoever owns the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

pub use crate::telemetry::metrics::Ending;

/// Counters of one listener.
#[derive(Debug, Default)]
pub struct ConnectionStats {
    accepted: AtomicU64,
    accept_failures: AtomicU64,
    ended: [AtomicU64; Ending::ALL.len()],
    open: AtomicU64,
}

impl ConnectionStats {
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How often the system refused a connection, for want of files say.
    #[must_use]
    pub fn accept_failures(&self) -> u64 {
        self.accept_failures.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn ended(&self, ending: Ending) -> u64 {
        self.ended[ending as usize].load(Ordering::Relaxed)
    }

    pub(super) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_accept_failure(&self) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_ended(&self, ending: Ending) {
        self.ended[ending as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_open(&self, open: usize) {
        self.open.store(open as u64, Ordering::Relaxed);
    }
}
