//! What happened to connections, for whoever owns the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP has it, by either side.
    Closed,
    /// The client went away in the middle, or spoke no HTTP.
    Failed,
    /// No TLS handshake came about.
    Handshake,
    /// A limit of time was over, that of idle connections aside.
    TimedOut,
    /// It made room for a new one.
    Evicted,
}

impl Ending {
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::Failed, Self::Handshake, Self::TimedOut, Self::Evicted];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Handshake => "handshake",
            Self::TimedOut => "timed-out",
            Self::Evicted => "evicted",
        }
    }
}

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
