//! What happened to connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::metrics::{MetricsError, Registry};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
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
    const ALL: [Self; 5] =
        [Self::Closed, Self::Failed, Self::Handshake, Self::TimedOut, Self::Evicted];

    fn as_str(self) -> &'static str {
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
    /// As those of the HTTPS port.
    pub fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), MetricsError> {
        let of = |read: fn(&Self) -> u64| {
            let stats = Arc::clone(self);
            move || read(&stats)
        };
        registry.read_gauge(
            "pod_identity_open_connections",
            "Connections to the HTTPS port that are open now.",
            of(Self::open),
        )?;
        registry.read_counter(
            "pod_identity_connections_accepted_total",
            "Connections accepted on the HTTPS port.",
            of(Self::accepted),
        )?;
        registry.read_counter(
            "pod_identity_connection_accept_failures_total",
            "Times that accepting a connection on the HTTPS port failed, for example because the \
             process had no file descriptor left.",
            of(Self::accept_failures),
        )?;
        let stats = Arc::clone(self);
        registry.read_counters(
            "pod_identity_connections_ended_total",
            "Connections to the HTTPS port that ended, by ending: closed normally, failed, handshake \
             (TLS was not completed), timed-out, or evicted to make room for another.",
            "ending",
            Ending::ALL.map(|ending| (ending.as_str(), ending)),
            move |ending| stats.ended(ending),
        )
    }

    #[must_use]
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How often the system refused a connection, for want of files say.
    #[must_use]
    pub(crate) fn accept_failures(&self) -> u64 {
        self.accept_failures.load(Ordering::Relaxed)
    }

    #[must_use]
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    #[must_use]
    pub(crate) fn ended(&self, ending: Ending) -> u64 {
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
