//! The registry that the program's parts register their metrics in, each its
//! own. Nothing here knows what they count.
//!
//! Names follow Prometheus' rules and begin with `pod_identity_`; `server` and
//! `identity_sources` also have those of the Go webhook that dashboards know.

mod counters;
mod reader;

use std::fmt;

use prometheus::core::{Collector, Number};
use prometheus::proto::MetricType;
use prometheus::{IntCounter, IntGaugeVec, Opts, TextEncoder};

pub(crate) use counters::Counters;
use reader::Reader;

/// A handle; its copies share one registry.
#[derive(Clone)]
pub struct Registry(prometheus::Registry);

/// Why a metric was not registered.
#[derive(Debug, thiserror::Error)]
#[error("failed to register the metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Registry {
    /// With the program's version and, on Linux, what the system knows of its
    /// process.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = prometheus::Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let registry = Self(registry);
        let help = "Always 1. The label has the version of this program.";
        let info = Opts::new("pod_identity_build_info", help);
        let info = registry.register(IntGaugeVec::new(info, &["version"]))?;
        info.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
        Ok(registry)
    }

    /// Whatever Prometheus' crate has, as it was made.
    pub(crate) fn register<M: Collector + Clone + 'static>(
        &self,
        metric: prometheus::Result<M>,
    ) -> Result<M, MetricsError> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// A counter without labels.
    pub(crate) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, MetricsError> {
        self.register(IntCounter::new(name, help))
    }

    /// A counter of what is counted elsewhere: `read` is asked at each scrape,
    /// and must not wait for anything.
    pub fn read_counter(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        self.read(MetricType::COUNTER, (name, help), None, move || Some(read().into_f64()))
    }

    /// The same by the values of a label.
    pub fn read_counters<L: Copy + Send + Sync + 'static>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, L)>,
        read: impl Fn(L) -> u64 + Clone + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        for (word, value) in values {
            let read = read.clone();
            let read = move || Some(read(value).into_f64());
            self.read(MetricType::COUNTER, (name, help), Some((label, word)), read)?;
        }
        Ok(())
    }

    /// A gauge, asked for at each scrape.
    pub fn read_gauge<N: Number>(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> N + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        self.read(MetricType::GAUGE, (name, help), None, move || Some(read().into_f64()))
    }

    /// A gauge, perhaps one of several that differ by a label. There is no series while there is
    /// no value.
    pub fn read_gauge_where_known<N: Number>(
        &self,
        name: &str,
        help: &str,
        label: Option<(&str, &str)>,
        read: impl Fn() -> Option<N> + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        let read = move || read().map(Number::into_f64);
        self.read(MetricType::GAUGE, (name, help), label, read)
    }

    fn read(
        &self,
        kind: MetricType,
        (name, help): (&str, &str),
        label: Option<(&str, &str)>,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        let reader = Reader::new(kind, name, help, label, Box::new(read))?;
        Ok(self.0.register(Box::new(reader))?)
    }

    /// All of them in Prometheus' text format, for
    /// `Content-Type:` [`prometheus::TEXT_FORMAT`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // It fails only on a family without a name or a metric, which
        // `gather` leaves out; what was written until then stands.
        let _ = TextEncoder::new().encode_utf8(&self.0.gather(), &mut text);
        text
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
