//! The metrics: one owned struct, registered once.
//!
//! Ours follow Prometheus' rules for names and begin with `pod_identity_`;
//! beside them are those of the Go webhook that dashboards know.

mod counters;
mod groups;
mod labels;
mod watches;

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, Registry, TextEncoder};

use injection::admission::{Endpoint, Outcome};
use injection::identity::WarningKind;

pub use counters::{Counters, Total};
pub use groups::{Accounts, Https, Managed, Peer};
pub use labels::{
    Ending, EventResult, LiveLookup, LookupRejection, Path, Rejection, Reload, Verb, Watched,
};
pub use watches::Watches;

/// From 100 microseconds, as an answer from memory takes less, to the API
/// server's longest patience for a webhook and beyond.
const SECONDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 30.0,
];

/// All of them. The fields are for those who own what they tell; what is
/// cheaper read than kept up to date is set by a hook at each scrape.
pub struct Metrics {
    registry: Registry,
    hooks: RwLock<Vec<Hook>>,
    admissions: Counters<(Endpoint, Outcome)>,
    /// By [`Endpoint`].
    durations: [Histogram; 2],
    warnings: Counters<WarningKind>,
    /// Admissions that ended in `allowed: false`.
    pub denied: IntCounter,
    /// Bad requests that have no line in the log.
    pub unlogged: IntCounter,
    pub accounts: Accounts,
    pub watches: Watches,
    pub https: Https,
    pub managed: Managed,
    pub peer: Peer,
}

type Hook = Box<dyn Fn(&Metrics) + Send + Sync>;

#[derive(Debug, thiserror::Error)]
#[error("failed to register the metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        groups::build_info(&registry)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "pod_identity_admission_duration_seconds",
                "Time from a review read to its answer, by endpoint.",
            )
            .buckets(SECONDS.to_vec()),
            &["endpoint"],
        )?;
        registry.register(Box::new(durations.clone()))?;
        let duration =
            |endpoint: Endpoint| durations.get_metric_with_label_values(&[endpoint.as_str()]);
        Ok(Self {
            hooks: RwLock::default(),
            admissions: Counters::register(
                &registry,
                ("pod_identity_admissions_total", "Admissions, by endpoint and outcome."),
                ["endpoint", "outcome"],
                labels::endpoint_outcomes(),
                |(endpoint, outcome)| [endpoint.as_str(), outcome.as_str()],
                labels::index,
            )?,
            durations: [duration(Endpoint::Mutate)?, duration(Endpoint::Required)?],
            warnings: Counters::register(
                &registry,
                ("pod_identity_admission_warnings_total", "Warnings in answers, by kind."),
                ["kind"],
                WarningKind::ALL,
                |kind| [kind.as_str()],
                labels::kind_index,
            )?,
            denied: groups::counter(
                &registry,
                "pod_identity_denied_total",
                "Pods refused, since they must not run without identity.",
            )?,
            unlogged: groups::counter(
                &registry,
                "pod_identity_bad_requests_unlogged_total",
                "Requests that could not be read and were not logged, as there were too many.",
            )?,
            accounts: Accounts::register(&registry)?,
            watches: Watches::register(&registry)?,
            https: Https::register(&registry)?,
            managed: Managed::register(&registry)?,
            peer: Peer::register(&registry)?,
            registry,
        })
    }

    /// A request that could not be read: there is no time that it took.
    pub fn bad_request(&self, endpoint: Endpoint) {
        self.admissions.inc((endpoint, Outcome::BadRequest));
    }

    /// One admission: it ended so, and took so long.
    pub fn admission(&self, endpoint: Endpoint, outcome: Outcome, took: Duration) {
        self.admissions.inc((endpoint, outcome));
        let [mutate, required] = &self.durations;
        match endpoint {
            Endpoint::Mutate => mutate.observe(took.as_secs_f64()),
            Endpoint::Required => required.observe(took.as_secs_f64()),
        }
    }

    pub fn warnings(&self, kind: WarningKind, count: u64) {
        self.warnings.add(kind, count);
    }

    /// How many admissions ended so.
    #[must_use]
    pub fn admissions(&self, endpoint: Endpoint, outcome: Outcome) -> u64 {
        self.admissions.get((endpoint, outcome))
    }

    /// Called before each scrape is answered, to set what is not kept up to
    /// date. It must not wait for anything.
    pub fn on_scrape(&self, hook: impl Fn(&Self) + Send + Sync + 'static) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// All of them in Prometheus' text format, for
    /// `Content-Type:` [`prometheus::TEXT_FORMAT`].
    #[must_use]
    pub fn render(&self) -> String {
        for hook in self.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(self);
        }
        let mut text = String::new();
        // It fails only on a family without a name or a metric, which
        // `gather` leaves out; what was written until then stands.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
