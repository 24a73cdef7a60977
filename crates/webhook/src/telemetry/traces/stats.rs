//! What became of spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::telemetry::metrics::{MetricsError, Registry};

/// Why a span is not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Too many requests asked for a trace.
    RateLimit,
    /// The collector takes them more slowly than they come.
    QueueFull,
    /// The collector could not be reached, or refused.
    ExportFailed,
    /// The collector took the others of a batch.
    Rejected,
}

#[derive(Debug, Default)]
pub(super) struct Stats {
    exported: AtomicU64,
    dropped: [AtomicU64; 4],
    /// For each reason whether the log has it.
    logged: [AtomicBool; 4],
}

impl Dropped {
    const ALL: [Self; 4] = [Self::RateLimit, Self::QueueFull, Self::ExportFailed, Self::Rejected];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate-limit",
            Self::QueueFull => "queue-full",
            Self::ExportFailed => "export-failed",
            Self::Rejected => "rejected",
        }
    }

    /// What to do, where a failed export does not say it anyway.
    fn advice(self) -> Option<&'static str> {
        match self {
            Self::RateLimit => Some("sample fewer requests: OTEL_TRACES_SAMPLER"),
            Self::QueueFull => Some("check how long the collector takes"),
            Self::Rejected => Some("check the collector's log"),
            Self::ExportFailed => None,
        }
    }
}

impl Stats {
    pub(super) fn exported(&self, spans: u64) {
        self.exported.fetch_add(spans, Ordering::Relaxed);
    }

    /// Counts them, and logs the first of a reason: the metric tells of the others.
    pub(super) fn dropped(&self, why: Dropped, spans: u64) {
        self.dropped[why as usize].fetch_add(spans, Ordering::Relaxed);
        if let Some(advice) = why.advice()
            && !self.logged[why as usize].swap(true, Ordering::Relaxed)
        {
            tracing::warn!(reason = why.as_str(), advice, "dropping spans");
        }
    }

    pub(super) fn count(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].load(Ordering::Relaxed)
    }
}

/// Registers them: at zero where nothing is traced.
pub(super) fn register(registry: &Registry, stats: &Arc<Stats>) -> Result<(), MetricsError> {
    let exported = Arc::clone(stats);
    registry.read_counter(
        "pod_identity_trace_spans_exported_total",
        "Spans that the OpenTelemetry collector accepted. Stays at 0 while traces are off.",
        move || exported.exported.load(Ordering::Relaxed),
    )?;
    let dropped = Arc::clone(stats);
    registry.read_counters(
        "pod_identity_trace_spans_dropped_total",
        "Spans that were not exported, by reason: more than 100 requests a second asked for a trace \
         (each counts as 1), the queue was full, the export failed, or the collector rejected them. \
         Rises while the collector can't be reached.",
        "reason",
        Dropped::ALL.map(|why| (why.as_str(), why)),
        move |why| dropped.count(why),
    )
}
