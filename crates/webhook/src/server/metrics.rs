//! What is counted of requests and admissions. The values of labels are enums,
//! never a name that a client chooses, so that the number of series is fixed.

use std::time::Duration;

use prometheus::core::Metric as _;
use prometheus::proto::Bucket;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

use crate::telemetry::metrics::{Counters, MetricsError, Registry};
use injection::admission::{Admission, Endpoint, Method, Outcome};
use injection::identity::WarningKind;
use status_page::Counts;

/// From 100 microseconds, as an answer from memory takes less, to the API
/// server's longest patience for a webhook and beyond.
pub const SECONDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 30.0,
];

/// Every method, in the order of its index.
const METHODS: [Method; 2] = [Method::WebIdentity, Method::ContainerCredentials];

/// Of the HTTPS port.
#[derive(Debug)]
pub struct Metrics {
    admissions: Counters<(Endpoint, Outcome)>,
    /// By [`Endpoint`].
    durations: [Histogram; 2],
    warnings: Counters<WarningKind>,
    denied: IntCounter,
    unlogged: IntCounter,
    requests: Requests,
    pods: Counters<Method>,
}

/// The Go webhook's count of requests.
#[derive(Debug)]
struct Requests {
    all: IntCounterVec,
    /// The API server's and the kubelet's: no search among label values.
    mutate_ok: IntCounter,
    required_ok: IntCounter,
    healthz_ok: IntCounter,
}

/// The path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Mutate,
    Required,
    Healthz,
    Other,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Other,
}

impl Metrics {
    /// Registers them all, at zero.
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let durations = HistogramOpts::new(
            "pod_identity_admission_duration_seconds",
            "Seconds from the last byte of a review to its response, including the lookup of the \
             ServiceAccount, by endpoint.",
        );
        let durations = HistogramVec::new(durations.buckets(SECONDS.to_vec()), &["endpoint"]);
        let durations = registry.register(durations)?;
        let duration =
            |endpoint: Endpoint| durations.get_metric_with_label_values(&[endpoint.as_str()]);
        Ok(Self {
            admissions: Counters::register(
                registry,
                (
                    "pod_identity_admissions_total",
                    "Admission reviews that ended, by endpoint and outcome. A request that is not \
                     a readable review has the outcome bad-request.",
                ),
                ["endpoint", "outcome"],
                endpoint_outcomes(),
                |(endpoint, outcome)| [endpoint.as_str(), outcome.as_str()],
                endpoint_outcome_index,
            )?,
            durations: [duration(Endpoint::Mutate)?, duration(Endpoint::Required)?],
            warnings: Counters::register(
                registry,
                (
                    "pod_identity_admission_warnings_total",
                    "Warnings about a pod or its ServiceAccount, by kind. One admission can have \
                     several; those that the response leaves out are counted too.",
                ),
                ["kind"],
                WarningKind::ALL,
                |kind| [kind.as_str()],
                |kind| kind as usize,
            )?,
            denied: registry.counter(
                "pod_identity_denied_total",
                "Pods that /mutate/required refused because they would run without an identity.",
            )?,
            unlogged: registry.counter(
                "pod_identity_bad_requests_unlogged_total",
                "Requests that are not a readable review and have no log line. The log takes 10 at \
                 once, then 1 per second.",
            )?,
            requests: Requests::register(registry)?,
            pods: Counters::register(
                registry,
                (
                    "pod_identity_webhook_pod_count",
                    "Pods that were given credentials, by method. Same name as in the Go webhook.",
                ),
                ["method"],
                METHODS,
                |method| [go_webhooks_word(method)],
                |method| method as usize,
            )?,
        })
    }

    /// What was counted since the start, of both endpoints, for the status page.
    pub fn counts(&self) -> Counts {
        let outcomes = Outcome::ALL.map(|outcome| {
            Endpoint::ALL.iter().map(|endpoint| self.admissions.get((*endpoint, outcome))).sum()
        });
        let mut within = vec![0; SECONDS.len() + 1];
        for duration in &self.durations {
            let metric = duration.metric();
            let histogram = metric.get_histogram();
            let buckets = histogram.get_bucket().iter().map(Bucket::cumulative_count);
            // The last one has no bound: all of them.
            let counts = buckets.take(SECONDS.len()).chain([histogram.get_sample_count()]);
            for (sum, count) in within.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        Counts {
            outcomes,
            refused: self.denied.get(),
            warnings: WarningKind::ALL.iter().map(|kind| self.warnings.get(*kind)).sum(),
            within,
        }
    }

    /// A request that could not be read: there is no time that it took.
    pub(super) fn bad_request(&self, endpoint: Endpoint) {
        self.admissions.inc((endpoint, Outcome::BadRequest));
    }

    /// A request that could not be read, and has no line in the log.
    pub(super) fn unlogged(&self) {
        self.unlogged.inc();
    }

    /// One admission: it ended so, and took so long.
    pub(super) fn admission(&self, endpoint: Endpoint, admission: &Admission, took: Duration) {
        self.admissions.inc((endpoint, admission.outcome));
        let [mutate, required] = &self.durations;
        match endpoint {
            Endpoint::Mutate => mutate.observe(took.as_secs_f64()),
            Endpoint::Required => required.observe(took.as_secs_f64()),
        }
        for (kind, count) in admission.warnings.counts() {
            self.warnings.add(kind, count);
        }
        if let (Some(method), Outcome::Mutated) = (admission.method, admission.outcome) {
            self.pods.inc(method);
        }
        if admission.refusal.is_some() {
            self.denied.inc();
        }
    }

    pub(super) fn request(&self, verb: Verb, path: Path, code: u16) {
        let Requests { all, mutate_ok, required_ok, healthz_ok } = &self.requests;
        match (verb, path, code) {
            (Verb::Post, Path::Mutate, 200) => mutate_ok.inc(),
            (Verb::Post, Path::Required, 200) => required_ok.inc(),
            (Verb::Get, Path::Healthz, 200) => healthz_ok.inc(),
            _ => {
                let labels = [verb.as_str(), path.as_str(), &code.to_string()];
                if let Ok(counter) = all.get_metric_with_label_values(&labels) {
                    counter.inc();
                }
            }
        }
    }
}

impl Requests {
    fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let all = Opts::new(
            "http_request_count",
            "HTTP requests to the HTTPS port that were answered, by verb, path and status code. \
             Same name as in the Go webhook.",
        );
        let all = registry.register(IntCounterVec::new(all, &["verb", "path", "code"]))?;
        let ok = |verb: Verb, path: Path| {
            all.get_metric_with_label_values(&[verb.as_str(), path.as_str(), "200"])
        };
        Ok(Self {
            mutate_ok: ok(Verb::Post, Path::Mutate)?,
            required_ok: ok(Verb::Post, Path::Required)?,
            healthz_ok: ok(Verb::Get, Path::Healthz)?,
            all,
        })
    }
}

impl Path {
    /// Of a URI, without its query.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/mutate" => Self::Mutate,
            "/mutate/required" => Self::Required,
            "/healthz" => Self::Healthz,
            _ => Self::Other,
        }
    }

    /// Where reviews go.
    pub(super) fn endpoint(self) -> Option<Endpoint> {
        match self {
            Self::Mutate => Some(Endpoint::Mutate),
            Self::Required => Some(Endpoint::Required),
            Self::Healthz | Self::Other => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "/mutate",
            Self::Required => "/mutate/required",
            Self::Healthz => "/healthz",
            Self::Other => "other",
        }
    }
}

impl Verb {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "POST" => Self::Post,
            _ => Self::Other,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other => "other",
        }
    }
}

/// Every endpoint with every outcome, in the order of their index.
fn endpoint_outcomes() -> impl Iterator<Item = (Endpoint, Outcome)> {
    Endpoint::ALL
        .into_iter()
        .flat_map(|endpoint| Outcome::ALL.into_iter().map(move |outcome| (endpoint, outcome)))
}

fn endpoint_outcome_index((endpoint, outcome): (Endpoint, Outcome)) -> usize {
    endpoint as usize * Outcome::ALL.len() + outcome as usize
}

fn go_webhooks_word(method: Method) -> &'static str {
    match method {
        Method::WebIdentity => "sts_web_identity",
        Method::ContainerCredentials => "container_credentials",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(registry: &Registry, line: &str) {
        let text = registry.render();
        assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
    }

    fn metrics() -> (Registry, Metrics) {
        let registry = Registry::new().expect("a registry");
        let metrics = Metrics::register(&registry).expect("names and labels are in order");
        (registry, metrics)
    }

    #[test]
    fn the_index_of_a_label_is_its_place() {
        for (place, value) in endpoint_outcomes().enumerate() {
            assert_eq!(endpoint_outcome_index(value), place, "{value:?}");
        }
        for (place, kind) in WarningKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind:?}");
        }
        for (place, method) in METHODS.into_iter().enumerate() {
            assert_eq!(method as usize, place, "{method:?}");
        }
    }

    #[test]
    fn counts_an_admission_under_its_endpoint_and_outcome() {
        let (registry, metrics) = metrics();
        let mut admission = Admission::of(Outcome::Mutated);
        admission.method = Some(Method::WebIdentity);
        metrics.admission(Endpoint::Required, &admission, Duration::from_micros(300));
        metrics.bad_request(Endpoint::Required);
        for line in [
            r#"pod_identity_admissions_total{endpoint="required",outcome="mutated"} 1"#,
            r#"pod_identity_admissions_total{endpoint="mutate",outcome="mutated"} 0"#,
            r#"pod_identity_admissions_total{endpoint="required",outcome="bad-request"} 1"#,
            r#"pod_identity_admission_duration_seconds_bucket{endpoint="required",le="0.00025"} 0"#,
            r#"pod_identity_admission_duration_seconds_bucket{endpoint="required",le="0.0005"} 1"#,
            r#"pod_identity_admission_duration_seconds_count{endpoint="required"} 1"#,
            r#"pod_identity_webhook_pod_count{method="sts_web_identity"} 1"#,
            "pod_identity_denied_total 0",
        ] {
            has(&registry, line);
        }
    }

    #[test]
    fn counts_both_endpoints_together_for_the_status_page() {
        let (_, metrics) = metrics();
        let microseconds = Duration::from_micros;
        let mutated = Admission::of(Outcome::Mutated);
        metrics.admission(Endpoint::Mutate, &mutated, microseconds(50));
        metrics.admission(Endpoint::Required, &mutated, microseconds(300));
        metrics.admission(
            Endpoint::Required,
            &Admission::of(Outcome::LookupFailed),
            Duration::from_mins(1),
        );
        metrics.bad_request(Endpoint::Mutate);
        let counts = metrics.counts();
        let ended = [Outcome::Mutated, Outcome::LookupFailed, Outcome::BadRequest];
        assert_eq!(ended.map(|outcome| counts.outcomes[outcome as usize]), [2, 1, 1]);
        assert_eq!(counts.outcomes.iter().sum::<u64>(), 4);
        assert_eq!(counts.within.len(), SECONDS.len() + 1);
        assert_eq!(
            (&counts.within[..3], counts.within[15], counts.within[16]),
            (&[1, 1, 2][..], 2, 3)
        );
    }

    #[test]
    fn counts_requests_by_names_of_its_own_choice() {
        let (registry, metrics) = metrics();
        for (method, path, code) in [
            ("POST", "/mutate", 200),
            ("POST", "/mutate", 415),
            ("GET", "/healthz", 200),
            ("BREW", "/../etc/passwd", 404),
            ("BREW", "/another", 404),
        ] {
            metrics.request(Verb::of(method), Path::of(path), code);
        }
        for line in [
            r#"http_request_count{code="200",path="/mutate",verb="POST"} 1"#,
            r#"http_request_count{code="415",path="/mutate",verb="POST"} 1"#,
            r#"http_request_count{code="200",path="/healthz",verb="GET"} 1"#,
            r#"http_request_count{code="404",path="other",verb="other"} 2"#,
        ] {
            has(&registry, line);
        }
    }
}
