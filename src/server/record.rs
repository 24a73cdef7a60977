//! What is told of each admission: one log line, and the metrics.

use std::fmt::Display;
use std::time::Instant;

use tracing::{info, warn};

use crate::telemetry::metrics::Metrics;
use injection::admission::{Admission, Endpoint, Outcome, Review};
use injection::identity::Warning;
use text::shortened;

/// Characters of an object's name at most. Nothing has checked the pod's yet.
const MAX_NAME: usize = 253;

/// One admission, from its first byte to its end.
#[derive(Debug)]
pub(super) struct Record<'a> {
    metrics: &'a Metrics,
    endpoint: Endpoint,
    begun: Instant,
}

/// An admission that waits for a lookup. Dropped before it is over, the client
/// has left: an API server does when its patience for the webhook ends, and the
/// pod is then admitted or refused without us.
#[derive(Debug)]
pub(super) struct Waiting<'a, 'r> {
    record: &'a Record<'a>,
    review: &'a Review<'r>,
    over: bool,
}

impl<'a> Record<'a> {
    pub(super) fn begin(metrics: &'a Metrics, endpoint: Endpoint) -> Self {
        Self { metrics, endpoint, begun: Instant::now() }
    }

    pub(super) fn waits_for<'w, 'r>(&'w self, review: &'w Review<'r>) -> Waiting<'w, 'r> {
        Waiting { record: self, review, over: false }
    }

    pub(super) fn end(&self, review: &Review<'_>, admission: &Admission) {
        let (metrics, endpoint, took) = (self.metrics, self.endpoint, self.begun.elapsed());
        metrics.admission(endpoint, admission.outcome, took);
        for (kind, count) in admission.warnings.counts() {
            metrics.warnings(kind, count);
        }
        if let (Some(method), Outcome::Mutated) = (admission.method, admission.outcome) {
            metrics.peer.pods.inc(method);
        }
        let refused = admission.refusal.is_some();
        if refused {
            metrics.denied.inc();
        }
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // A macro, since a line's level is fixed where it is written.
        macro_rules! line {
            ($level:ident, $($field:tt)*) => {
                $level!(
                    outcome = admission.outcome.as_str(),
                    endpoint = endpoint.as_str(),
                    namespace = &*review.namespace,
                    pod = review.pod().map(|pod| shortened(pod.name(), MAX_NAME)),
                    service_account = review.key().map(|key| key.name),
                    uid = &*review.uid,
                    dry_run = review.dry_run,
                    microseconds,
                    $($field)*
                )
            };
        }
        let failed = matches!(admission.outcome, Outcome::LookupFailed | Outcome::PatchTooLarge);
        if failed || !admission.warnings.is_empty() {
            let reason = admission.reason.as_deref();
            let warnings = Joined(admission.warnings.iter().map(Warning::message));
            line!(warn, refused, reason, %warnings, "admission");
        } else {
            line!(info, refused, "admission");
        }
    }
}

impl Waiting<'_, '_> {
    pub(super) fn end(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_, '_> {
    fn drop(&mut self) {
        if !self.over {
            let reason = format!("the client left after {:?}", self.record.begun.elapsed());
            let mut left = Admission::of(Outcome::LookupFailed);
            left.reason = Some(reason);
            self.record.end(self.review, &left);
        }
    }
}

/// Items with `; ` between them.
struct Joined<I>(I);

impl<'a, I: Iterator<Item = &'a str> + Clone> Display for Joined<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, item) in self.0.clone().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            f.write_str(item)?;
        }
        Ok(())
    }
}
