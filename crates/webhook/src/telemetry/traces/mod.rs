//! Traces of admissions, by OpenTelemetry, where its environment variables name a collector.
//!
//! Whoever calls the webhook can ask for a trace. So headers are read strictly, requests that are traced are
//! limited (`sampler`), and the queue of spans has a maximum (`export`). Whatever is dropped is counted.

mod context;
mod export;
mod sampler;
pub mod settings;
mod span;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanLimits};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use self::export::{Bounded, Exporter, Progress};
use self::sampler::Limited;
use self::stats::Stats;
use super::metrics::{MetricsError, Registry};
use crate::{PROGRAM, VERSION};
pub use settings::TraceSettings;
pub(crate) use span::{ClientSpan, Parent, ServerSpan};

/// A handle; its copies trace to one collector.
#[derive(Clone, Debug)]
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    progress: Arc<Progress>,
}

impl Traces {
    /// Registers the metrics, and begins where there are settings. In a runtime, which sends.
    pub fn start(
        settings: Option<TraceSettings>,
        registry: &Registry,
    ) -> Result<Option<Self>, MetricsError> {
        let stats = Arc::<Stats>::default();
        stats::register(registry, &stats)?;
        let Some(TraceSettings { collector, timeout, sampling, queue, resource }) = settings else {
            return Ok(None);
        };
        tracing::info!(endpoint = %collector.endpoint, "exporting traces");
        let progress = Arc::new(Progress::new(Arc::clone(&stats)));
        let exporter = Exporter::new(collector, timeout, Handle::current(), Arc::clone(&progress));
        let resource = resource.into_iter().map(|(key, value)| KeyValue::new(key, value));
        let provider = SdkTracerProvider::builder()
            .with_sampler(Limited::new(sampling, stats))
            // Those of the environment are not supported.
            .with_span_limits(SpanLimits::default())
            .with_resource(Resource::builder_empty().with_attributes(resource).build())
            .with_span_processor(Bounded::new(exporter, queue))
            .build();
        let scope = InstrumentationScope::builder(PROGRAM).with_version(VERSION).build();
        Ok(Some(Self { tracer: provider.tracer_with_scope(scope), provider, progress }))
    }

    /// The span of a request that came just now; nothing where it is not traced.
    pub(crate) fn request(&self, route: &'static str, headers: &HeaderMap) -> Option<ServerSpan> {
        ServerSpan::begin(&self.tracer, route, headers)
    }

    /// Exports what there is, in this time.
    pub async fn end(self, limit: Duration) {
        self.progress.end_within(limit);
        let provider = self.provider;
        // It waits for its thread.
        let _ = spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        // Those of batches that failed are told and counted as such.
        let spans = self.progress.unanswered();
        if spans > 0 {
            tracing::warn!(spans, "spans lost at exit");
        }
    }
}

#[cfg(test)]
mod tests;
