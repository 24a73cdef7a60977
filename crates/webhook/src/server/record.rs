//! Records each admission: one log line, and the metrics.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use opentelemetry::KeyValue;
use tracing::field::display;
use tracing::{info, warn};

use super::{Metrics, RecentWarnings};
use crate::telemetry::traces::ServerSpan;
use injection::admission::{Admission, Endpoint, Outcome, Refusal, Review};
use injection::identity::{Warning, WarningKind, Warnings};
use text::shortened;
use tokio::time::Instant;

/// The attribute of a span that has the outcome.
const OUTCOME: &str = "pod_identity.outcome";
/// Characters of an object's name at most. Nothing has checked the pod's yet.
const MAX_NAME: usize = 253;

/// One admission, from its first byte to its end.
#[derive(Debug)]
pub(super) struct Record<'a> {
    metrics: &'a Metrics,
    recent: &'a RecentWarnings,
    endpoint: Endpoint,
    begun: Instant,
    span: Option<&'a ServerSpan>,
}

/// What an admission is of, as far as the log tells.
#[derive(Clone, Debug)]
struct Subject<'a> {
    namespace: Cow<'a, str>,
    pod: Option<Cow<'a, str>>,
    service_account: Option<Cow<'a, str>>,
    uid: Cow<'a, str>,
    dry_run: bool,
}

impl<'a> Subject<'a> {
    fn of(review: &'a Review<'_>) -> Self {
        let short = |text: &'a str| {
            let fits = text.len() <= MAX_NAME;
            if fits { Cow::Borrowed(text) } else { Cow::Owned(shortened(text, MAX_NAME)) }
        };
        Self {
            namespace: short(&review.namespace),
            pod: review.pod().map(|pod| short(pod.name())),
            service_account: review.key().map(|key| {
                // NAMESPACE/NAME, as in every line that has one.
                Cow::Owned(shortened(&key.to_string(), 2 * MAX_NAME + 1))
            }),
            uid: short(&review.uid),
            dry_run: review.dry_run,
        }
    }

    /// For the status page.
    fn shown(&self) -> status_page::Subject {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        status_page::Subject {
            namespace: self.namespace.clone().into_owned(),
            service_account: text(self.service_account.as_deref()),
            pod: text(self.pod.as_deref()),
        }
    }

    fn into_owned(self) -> Subject<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Subject {
            namespace: owned(self.namespace),
            pod: self.pod.map(owned),
            service_account: self.service_account.map(owned),
            uid: owned(self.uid),
            dry_run: self.dry_run,
        }
    }
}

/// An admission that waits for a lookup. Of its review it keeps only what goes into
/// the log line and the metrics. Dropped before it is over, the client has
/// left: an API server does when its patience for the webhook ends, and the pod
/// is then admitted or refused without us.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    record: &'a Record<'a>,
    subject: Subject<'static>,
    over: bool,
}

impl<'a> Record<'a> {
    pub(super) fn begin(
        metrics: &'a Metrics,
        recent: &'a RecentWarnings,
        endpoint: Endpoint,
        span: Option<&'a ServerSpan>,
    ) -> Self {
        Self { metrics, recent, endpoint, begun: Instant::now(), span }
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn waits_for(&self, review: &Review<'_>) -> Waiting<'_> {
        Waiting { record: self, subject: Subject::of(review).into_owned(), over: false }
    }

    pub(super) fn end(&self, review: &Review<'_>, admission: &Admission) {
        self.tell(&Subject::of(review), admission);
    }

    fn tell(&self, subject: &Subject<'_>, admission: &Admission) {
        let (endpoint, took) = (self.endpoint, self.begun.elapsed());
        self.metrics.admission(endpoint, admission, took);
        let refused = admission.refusal.is_some();
        let trace_id = self.span.map(|span| {
            describe(span, subject, admission);
            span.trace_id()
        });
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // A macro, since a line's level is fixed where it is written.
        macro_rules! line {
            ($level:ident, $($field:tt)*) => {
                $level!(
                    outcome = admission.outcome.as_str(),
                    endpoint = endpoint.as_str(),
                    namespace = &*subject.namespace,
                    pod = subject.pod.as_deref(),
                    service_account = subject.service_account.as_deref(),
                    uid = &*subject.uid,
                    dry_run = subject.dry_run,
                    microseconds,
                    trace_id = trace_id.as_deref(),
                    $($field)*
                )
            };
        }
        let failed = has_failed(admission);
        if failed || refused || !admission.warnings.is_empty() {
            let refusal = admission.refusal.as_ref().map(Refusal::message);
            let reason = admission.reason.as_deref().or(refusal);
            let warnings = admission.warnings.iter().map(Warning::message);
            let has_warnings = !admission.warnings.is_empty();
            let kinds = has_warnings.then(|| display(Kinds(&admission.warnings)));
            let warnings = has_warnings.then(|| display(Joined(warnings)));
            line!(warn, refused, reason, kinds, warnings, "admission");
            let whole = reason.filter(|_| failed || refused);
            let word = if failed { admission.outcome.as_str() } else { "refused" };
            let whole = whole.map(|reason| (word, reason)).into_iter();
            let warnings = admission.warnings.iter();
            let warnings = warnings.map(|warning| (warning.kind.as_str(), warning.message()));
            self.recent.take(&subject.shown(), whole.chain(warnings));
        } else {
            line!(info, refused, "admission");
        }
    }
}

/// What the log line has, on the span.
fn describe(span: &ServerSpan, subject: &Subject<'_>, admission: &Admission) {
    let text = |key: &'static str, value: &str| KeyValue::new(key, value.to_owned());
    let Subject { namespace, pod, service_account, uid, dry_run } = subject;
    let warnings = i64::try_from(admission.warnings.len()).unwrap_or(i64::MAX);
    let named = [("k8s.pod.name", pod), ("pod_identity.service_account", service_account)];
    let named = named.into_iter().filter_map(|(key, name)| Some(text(key, name.as_deref()?)));
    span.describe(named.chain([
        KeyValue::new(OUTCOME, admission.outcome.as_str()),
        KeyValue::new("pod_identity.refused", admission.refusal.is_some()),
        KeyValue::new("pod_identity.warnings", warnings),
        KeyValue::new("pod_identity.dry_run", *dry_run),
        text("pod_identity.request_uid", uid),
        text("k8s.namespace.name", namespace),
    ]));
    if let (true, Some(reason)) = (has_failed(admission), &admission.reason) {
        span.fail(reason);
    }
}

/// A request without a readable review. What is wrong with it is one of a few words: the log's reason quotes
/// the request.
pub(super) fn describe_bad_request(span: &ServerSpan, reason: &'static str) {
    let outcome = Outcome::BadRequest.as_str();
    span.describe([KeyValue::new(OUTCOME, outcome), KeyValue::new("pod_identity.reason", reason)]);
}

fn has_failed(admission: &Admission) -> bool {
    matches!(admission.outcome, Outcome::LookupFailed | Outcome::PatchTooLarge)
}

impl Waiting<'_> {
    pub(super) fn end(mut self) {
        self.over = true;
    }

    /// It could not be ended in time.
    pub(super) fn fail(mut self, reason: String) {
        self.over = true;
        let mut failed = Admission::of(Outcome::LookupFailed);
        failed.reason = Some(reason);
        self.record.tell(&self.subject, &failed);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            let reason = format!("the client left after {:?}", self.record.begun.elapsed());
            let mut left = Admission::of(Outcome::LookupFailed);
            left.reason = Some(reason);
            self.record.tell(&self.subject, &left);
        }
    }
}

/// The kinds of warnings, as in the metric's label, with commas between them. Those of which no text was kept
/// are among them.
struct Kinds<'a>(&'a Warnings);

impl Display for Kinds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_there = |kind: &WarningKind| self.0.counts().any(|(of, _)| of == *kind);
        let kinds = WarningKind::ALL.into_iter().filter(is_there);
        for (index, kind) in kinds.enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            f.write_str(kind.as_str())?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_kind_of_warning_once_however_many_there_are() {
        let mut warnings = Warnings::default();
        for kind in [WarningKind::OtherLabel, WarningKind::NearMiss] {
            for _ in 0..2 * Warnings::KEPT {
                warnings.push(Warning::new(kind, "x"));
            }
        }
        assert_eq!(Kinds(&warnings).to_string(), "near-miss,other-label");
        let all: Warnings = WarningKind::ALL.iter().map(|kind| Warning::new(*kind, "x")).collect();
        let all = Kinds(&all).to_string();
        assert_eq!(all.split(',').count(), WarningKind::ALL.len());
    }
}
