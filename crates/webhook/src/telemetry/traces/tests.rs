//! A collector that is only a socket, which decodes what comes in.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::post;
use axum::{Router, extract::State};
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::stats::Dropped;
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn traces_to(url: &str, others: &[(&str, &str)]) -> (Traces, Registry) {
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", url)];
    let variables = endpoint.iter().chain(others);
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let mut warnings = Vec::new();
    let settings = settings::read(variables, &mut warnings);
    assert_eq!(warnings, [""; 0]);
    let registry = Registry::new().expect("a registry");
    let traces = Traces::start(settings, &registry).expect("new metrics");
    (traces.expect("an endpoint"), registry)
}

/// A collector that rejects so many spans of each batch: its URL, and the spans that it gets.
async fn collector(rejects: i64) -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, spans) = mpsc::unbounded_channel();
    let take = async move |State(sender): State<mpsc::UnboundedSender<Span>>, body: Bytes| {
        let batch = ExportTraceServiceRequest::decode(body).expect("a batch");
        let scopes = batch.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        scopes.flat_map(|it| it.spans).for_each(|span| sender.send(span).expect("a test"));
        let partial = ExportTracePartialSuccess { rejected_spans: rejects, ..Default::default() };
        let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
        answer.encode_to_vec()
    };
    let router = Router::new().route("/v1/traces", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, spans)
}

fn asked(flags: &str) -> HeaderMap {
    let parent = format!("00-{TRACE}-{SPAN}-{flags}").parse().expect("a value");
    HeaderMap::from_iter([("traceparent".parse().expect("a name"), parent)])
}

fn hex(id: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("a digit");
    id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|it| it.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(is) => Some(is.to_string()),
        other => panic!("{other:?}"),
    }
}

fn counts(registry: &Registry, reason: Option<Dropped>) -> u64 {
    let name = match reason {
        None => "pod_identity_trace_spans_exported_total ".to_owned(),
        Some(why) => {
            format!("pod_identity_trace_spans_dropped_total{{reason=\"{}\"}} ", why.as_str())
        }
    };
    let text = registry.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.expect("a series").parse().expect("a count")
}

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_request_continues_the_trace_of_its_caller_and_hands_it_on() {
    let (url, mut spans) = collector(0).await;
    let (traces, registry) = traces_to(&url, &[]);
    let span = traces.request("/mutate", &asked("01")).expect("traced");
    assert_eq!(span.trace_id(), TRACE);
    let mut headers = HeaderMap::new();
    let server = ("https://10.0.0.1:6443", "/api/v1/namespaces/shop/serviceaccounts/app");
    let template = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}";
    let get = span.parent().request(&Method::GET, server, template, &mut headers);
    get.expect("traced").answer(StatusCode::NOT_FOUND);
    drop(span.waits_for("wait for ServiceAccount"));
    span.describe([KeyValue::new("pod_identity.outcome", "mutated")]);
    span.answer(StatusCode::OK);
    traces.end(LIMIT).await;

    let get = spans.recv().await.expect("a span");
    let wait = spans.recv().await.expect("a span");
    let request = spans.recv().await.expect("a span");
    for span in [&get, &wait, &request] {
        assert_eq!(hex(&span.trace_id), TRACE);
    }
    assert_eq!((request.name.as_str(), request.kind), ("POST /mutate", 2));
    assert_eq!(hex(&request.parent_span_id), SPAN);
    assert_eq!(attribute(&request, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(attribute(&request, "pod_identity.outcome").as_deref(), Some("mutated"));
    assert_eq!(
        (wait.name.as_str(), &wait.parent_span_id),
        ("wait for ServiceAccount", &request.span_id)
    );
    assert_eq!((get.kind, &get.parent_span_id), (3, &request.span_id));
    let wanted = format!("00-{TRACE}-{}-01", hex(&get.span_id));
    assert_eq!(headers.get("traceparent"), Some(&HeaderValue::from_str(&wanted).expect("a value")));
    for (key, value) in [
        ("http.response.status_code", "404"),
        ("error.type", "404"),
        ("server.address", "10.0.0.1"),
        ("server.port", "6443"),
        ("url.full", &format!("{}{}", server.0, server.1)),
    ] {
        assert_eq!(attribute(&get, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(counts(&registry, None), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_leaves_says_so() {
    let (url, mut spans) = collector(0).await;
    let (traces, _) = traces_to(&url, &[]);
    drop(traces.request("/mutate", &HeaderMap::new()).expect("traced"));
    traces.end(LIMIT).await;
    let span = spans.recv().await.expect("a span");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("client-left"));
    assert_eq!(hex(&span.parent_span_id), "", "a trace of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_traced_that_the_caller_does_not_want_traced() {
    let (traces, registry) = traces_to("http://127.0.0.1:9", &[]);
    assert!(traces.request("/mutate", &asked("00")).is_none());
    let sampler = [("OTEL_TRACES_SAMPLER", "parentbased_always_off")];
    let (by_callers, _) = traces_to("http://127.0.0.1:9", &sampler);
    assert!(by_callers.request("/mutate", &HeaderMap::new()).is_none());
    assert!(by_callers.request("/mutate", &asked("01")).is_some());
    assert_eq!(counts(&registry, Some(Dropped::RateLimit)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_rejects_is_counted() {
    let (url, _spans) = collector(2).await;
    let (traces, registry) = traces_to(&url, &[]);
    for _ in 0..3 {
        traces.request("/mutate", &HeaderMap::new()).expect("traced").answer(StatusCode::OK);
    }
    traces.end(LIMIT).await;
    assert_eq!((counts(&registry, None), counts(&registry, Some(Dropped::Rejected))), (1, 2));
}

/// It accepts connections, and is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_collector_takes_no_more_than_the_queue_and_all_is_counted() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "8"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")];
    let (traces, registry) = traces_to(&url, &small);
    for _ in 0..100 {
        traces.request("/mutate", &HeaderMap::new()).expect("traced").answer(StatusCode::OK);
        assert!(traces.progress.queued() <= 8);
    }
    let begun = std::time::Instant::now();
    let progress = Arc::clone(&traces.progress);
    traces.end(Duration::from_millis(300)).await;
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    let full = counts(&registry, Some(Dropped::QueueFull));
    // Eight in the queue, and four in each batch that was on its way.
    assert!((80..=92).contains(&full), "{full}");
    assert_eq!(counts(&registry, None), 0);
    let lost = u64::try_from(progress.unanswered()).expect("few");
    // The thread may still go on failing.
    assert!(full + lost + counts(&registry, Some(Dropped::ExportFailed)) >= 100, "{full} {lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_an_answer_is_lost_at_exit() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (traces, registry) = traces_to(&url, &[("OTEL_BSP_SCHEDULE_DELAY", "1")]);
    for _ in 0..3 {
        traces.request("/mutate", &HeaderMap::new()).expect("traced").answer(StatusCode::OK);
    }
    // Its batch begins before the end, and so has more time than that.
    let _silent = listener.accept().await.expect("a batch");
    let progress = Arc::clone(&traces.progress);
    traces.end(Duration::from_millis(100)).await;
    assert_eq!(progress.unanswered(), 3);
    assert_eq!((counts(&registry, None), counts(&registry, Some(Dropped::ExportFailed))), (0, 0));
}

#[test]
fn spans_of_a_task_that_is_cut_off_are_counted() {
    let sends = tokio::runtime::Runtime::new().expect("a runtime");
    let (traces, registry) = sends.block_on(async { traces_to("http://127.0.0.1:9", &[]) });
    for _ in 0..3 {
        traces.request("/mutate", &HeaderMap::new()).expect("traced").answer(StatusCode::OK);
    }
    drop(sends);
    let progress = Arc::clone(&traces.progress);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(traces.end(LIMIT));
    assert_eq!(counts(&registry, Some(Dropped::ExportFailed)), 3);
    assert_eq!(progress.unanswered(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_sent_is_counted_and_the_end_waits_for_nothing() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let (traces, registry) = traces_to(&url, &[]);
    for _ in 0..10 {
        traces.request("/mutate", &HeaderMap::new()).expect("traced").answer(StatusCode::OK);
    }
    traces.end(LIMIT).await;
    assert_eq!(counts(&registry, Some(Dropped::ExportFailed)), 10);
}
