//! Spans on their way to the collector: a queue with a maximum, and batches from it. Nothing waits for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use prost::Message as _;
use tokio::runtime::Handle;

use super::settings::Queue;
use super::stats::{Dropped, Stats};
use crate::http_client::trace_collector::{Collector, CollectorError};

/// What the queue and its exporter have in common.
#[derive(Debug)]
pub(super) struct Progress {
    stats: Arc<Stats>,
    queued: AtomicUsize,
    /// Spans in the queue or on their way, of which nobody knows yet whether they arrive.
    unanswered: AtomicUsize,
    /// The last batch failed.
    failing: AtomicBool,
    /// Spans that were dropped since that began.
    lost: AtomicUsize,
    /// When all has to be over: the program ends.
    ends: OnceLock<Instant>,
}

impl Progress {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self {
            stats,
            queued: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
            ends: OnceLock::new(),
        }
    }

    /// From now on nothing is tried twice, and nothing takes longer than this.
    pub(super) fn end_within(&self, limit: Duration) {
        let _ = self.ends.set(Instant::now() + limit);
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn is_ending(&self) -> bool {
        self.ends.get().is_some()
    }

    fn time(&self, limit: Duration) -> Duration {
        let left = self.ends.get().map(|ends| ends.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| left.min(limit))
    }

    fn note(&self, collector: &Collector, spans: usize, sent: Result<Bytes, CollectorError>) {
        let count = |spans: usize| u64::try_from(spans).unwrap_or(u64::MAX);
        match sent {
            Ok(answer) => {
                let rejected = rejected(&answer).min(spans);
                self.stats.exported(count(spans - rejected));
                if rejected > 0 {
                    self.stats.dropped(Dropped::Rejected, count(rejected));
                }
                if self.failing.swap(false, Ordering::Relaxed) {
                    let dropped = self.lost.swap(0, Ordering::Relaxed);
                    tracing::info!(dropped, "trace export recovered");
                }
            }
            Err(error) => {
                self.lost.fetch_add(spans, Ordering::Relaxed);
                self.stats.dropped(Dropped::ExportFailed, count(spans));
                let (endpoint, dropped) = (&collector.endpoint, spans);
                if self.failing.swap(true, Ordering::Relaxed) {
                    tracing::debug!(%endpoint, %error, dropped, "trace export failed again");
                } else {
                    tracing::warn!(
                        %endpoint,
                        %error,
                        dropped,
                        advice = "check OTEL_EXPORTER_OTLP_ENDPOINT and the collector; pods are admitted all the same",
                        "trace export failed"
                    );
                }
            }
        }
    }
}

/// OpenTelemetry's queue, with each span that finds no place counted.
#[derive(Debug)]
pub(super) struct Bounded {
    batches: BatchSpanProcessor,
    max: usize,
    progress: Arc<Progress>,
}

impl Bounded {
    pub(super) fn new(exporter: Exporter, queue: Queue) -> Self {
        let progress = Arc::clone(&exporter.progress);
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(queue.spans)
            .with_max_export_batch_size(queue.batch)
            .with_scheduled_delay(queue.delay)
            .build();
        let batches = BatchSpanProcessor::new(exporter, config);
        Self { batches, max: queue.spans, progress }
    }
}

impl SpanProcessor for Bounded {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // It leaves the count when it is exported, so OpenTelemetry's own queue is never full.
        if self.progress.queued.fetch_add(1, Ordering::Relaxed) < self.max {
            self.progress.unanswered.fetch_add(1, Ordering::Relaxed);
            self.batches.on_end(span);
        } else {
            self.progress.queued.fetch_sub(1, Ordering::Relaxed);
            self.progress.stats.dropped(Dropped::QueueFull, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Sends batches as OTLP.
#[derive(Debug)]
pub(super) struct Exporter {
    collector: Arc<Collector>,
    timeout: Duration,
    /// The queue's thread waits; the runtime sends.
    runtime: Handle,
    resource: ResourceAttributesWithSchema,
    progress: Arc<Progress>,
}

impl Exporter {
    pub(super) fn new(
        collector: Collector,
        timeout: Duration,
        runtime: Handle,
        progress: Arc<Progress>,
    ) -> Self {
        let resource = ResourceAttributesWithSchema::default();
        Self { collector: Arc::new(collector), timeout, runtime, resource, progress }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.progress.queued.fetch_sub(spans, Ordering::Relaxed);
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let batch = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        let (collector, progress) = (Arc::clone(&self.collector), Arc::clone(&self.progress));
        let timeout = self.timeout;
        let sent = self.runtime.spawn(async move {
            let time = progress.time(timeout);
            let sent = collector.send(batch, time, || !progress.is_ending()).await;
            progress.note(&collector, spans, sent);
        });
        let sent = sent.await;
        if sent.is_err() {
            self.progress.note(&self.collector, spans, Err(CollectorError::Ended));
        }
        self.progress.unanswered.fetch_sub(spans, Ordering::Relaxed);
        sent.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// The spans that the collector did not take. An answer that can't be read is none that rejects.
fn rejected(answer: &[u8]) -> usize {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map(|it| it.rejected_spans).unwrap_or_default();
    usize::try_from(rejected).unwrap_or_default()
}
