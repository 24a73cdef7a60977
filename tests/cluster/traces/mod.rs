//! Traces, as a real collector receives them from the webhook and from kube-apiserver.

mod collector;

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, StatusCode};

use self::collector::Collector;
use crate::support::{
    Authority, Builder, ControlPlane, Dialer, Options, SOON, Scratch, Webhook, accounts,
    eventually, free_port, pod, post, review,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A webhook without a cluster that exports to this URL, several times a second. Its `ServiceAccount`s are in
/// the folder.
fn exporting_to(url: &str) -> (Builder, Scratch) {
    let (folder, from) = accounts();
    let delay = ("OTEL_BSP_SCHEDULE_DELAY", "100");
    let builder = Webhook::builder().arg(from).env(ENDPOINT, url).env(delay.0, delay.1);
    (builder, folder)
}

/// A review of a pod, which a caller sends with this header.
fn review_with(name: &'static str, value: &[u8]) -> Request<Bytes> {
    let mut request = post("/mutate", review("demo", &pod("app", "app")).to_string());
    request.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
    request
}

async fn metric(webhook: &Webhook, series: &str) -> u64 {
    let page = webhook.metrics().await;
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
}

const EXPORTED: &str = "pod_identity_trace_spans_exported_total";

fn dropped(reason: &str) -> String {
    format!("pod_identity_trace_spans_dropped_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn a_pods_creation_is_one_trace_from_the_api_server_through_the_webhook_and_back() {
    let collector = Collector::start().await;
    let folder = Scratch::new().unwrap();
    let config = format!(
        "apiVersion: apiserver.config.k8s.io/v1beta1\nkind: TracingConfiguration\nendpoint: {}\n\
         samplingRatePerMillion: 1000000\n",
        collector.grpc()
    );
    let config = folder.write("tracing.yaml", config).unwrap();
    let tracing = format!("--tracing-config-file={}", config.display());
    let options = Options { api_server_args: vec![tracing], ..Options::default() };
    let control_plane = ControlPlane::start(options).await;
    let webhook = Webhook::builder()
        .kubeconfig(control_plane.kubeconfig())
        // Whatever has no role is asked for at each admission.
        .arg("--fresh-service-account-window=1h")
        .env(ENDPOINT, format!("http://{}", collector.http()))
        .env("OTEL_BSP_SCHEDULE_DELAY", "200")
        .start()
        .await;
    webhook.ready().await;
    let namespace = control_plane.namespace("traces").await;
    namespace.service_account("app", &[]).await;
    webhook.register(&control_plane, &namespace).await;
    namespace.admit_pod(&pod("traced", "app"), false).await.unwrap();

    let is_of = |key: &str, value: &str| {
        let (key, value) = (key.to_owned(), value.to_owned());
        move |span: &collector::Span| span.attribute(&key).as_deref() == Some(&value)
    };
    let admission = is_of("k8s.pod.name", "traced");
    let admission = collector.span("the admission", admission).await;
    assert_eq!(admission.name(), "POST /mutate");
    for (key, value) in [
        ("pod_identity.outcome", "not-configured"),
        ("pod_identity.service_account", &format!("{}/app", namespace.name())),
        ("k8s.namespace.name", namespace.name()),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(admission.attribute(key).as_deref(), Some(value), "{key}");
    }
    // The API server's own span around its call of the webhook.
    let caller = |span: &collector::Span| span.id() == admission.parent();
    let caller = collector.span("the API server's call", caller).await;
    assert_eq!((caller.service.as_str(), caller.trace()), ("apiserver", admission.trace()));
    let line = webhook.logged("the pod", |line| line["pod"] == "traced").await;
    assert_eq!(line["trace_id"], admission.trace());

    // The lookup that the admission needed, and what the API server says of it.
    let is_beneath = |span: &collector::Span| span.parent() == admission.id();
    let template = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}";
    let get = collector.span("the lookup", |span| {
        is_beneath(span) && span.attribute("url.template").as_deref() == Some(template)
    });
    let get = get.await;
    assert_eq!((get.name(), get.trace()), (format!("GET {template}").as_str(), admission.trace()));
    assert_eq!(get.attribute("http.response.status_code").as_deref(), Some("200"));
    let wait =
        |span: &collector::Span| is_beneath(span) && span.name() == "wait for ServiceAccount";
    collector.span("the wait", wait).await;
    // It continues a caller's trace, or links to it where it takes the caller for a stranger.
    let answer = |span: &collector::Span| {
        let links = span.json["links"].as_array();
        let linked = links.into_iter().flatten().any(|link| link["spanId"] == get.id());
        span.service == "apiserver" && (span.parent() == get.id() || linked)
    };
    collector.span("the API server's answer", answer).await;
    assert_eq!(metric(&webhook, &dropped("export-failed")).await, 0);
}

#[tokio::test]
async fn pods_are_admitted_while_there_is_no_collector_and_one_warning_says_so() {
    let port = free_port().unwrap();
    let (builder, _folder) = exporting_to(&format!("http://127.0.0.1:{port}"));
    let small = [("OTEL_BSP_MAX_QUEUE_SIZE", "20"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "300")];
    let builder = small.iter().fold(builder, |it, (name, value)| it.env(name, *value));
    let webhook = builder.start().await;
    webhook.ready().await;
    let mut reviewer = webhook.reviewer().await;
    for round in 0..3 {
        for _ in 0..60 {
            let answer = reviewer.review_in("demo", &pod("app", "app")).await;
            assert_eq!(answer.outcome(), "mutated");
        }
        let failed = dropped("export-failed");
        eventually("a failed batch", SOON, || async {
            let failed = metric(&webhook, &failed).await;
            anyhow::ensure!(failed > round * 10, "{failed}");
            Ok(())
        })
        .await;
    }
    let is_warning = |line: &serde_json::Value| line["message"] == "trace export failed";
    let warning = webhook.logged("the warning", is_warning).await;
    assert!(warning["error"].as_str().unwrap().contains(&port.to_string()), "{warning}");
    assert_eq!(webhook.log_values().iter().filter(|line| is_warning(line)).count(), 1);
    assert_eq!(metric(&webhook, EXPORTED).await, 0);

    // It goes on by itself.
    let collector = Collector::on(port).await;
    reviewer.review_in("demo", &pod("app", "app")).await;
    webhook.logged("the end of it", |line| line["message"] == "trace export recovered").await;
    collector.webhook_spans(1).await;
    assert!(metric(&webhook, EXPORTED).await > 0);
}

#[tokio::test]
async fn spans_that_are_left_arrive_when_the_webhook_ends() {
    let collector = Collector::start().await;
    let (builder, _folder) = exporting_to(&format!("http://{}", collector.http()));
    let builder = builder.env("OTEL_BSP_SCHEDULE_DELAY", "600000");
    let webhook = builder.arg("--shutdown-delay=0s").start().await;
    webhook.ready().await;
    let mut reviewer = webhook.reviewer().await;
    for _ in 0..5 {
        assert_eq!(reviewer.review_in("demo", &pod("app", "app")).await.outcome(), "mutated");
    }
    assert_eq!(collector.spans().len(), 0);
    drop(reviewer);
    assert!(webhook.stop().await.success());
    assert_eq!(collector.webhook_spans(5).await.len(), 5);
}

/// It accepts connections, and says nothing.
#[tokio::test]
async fn a_silent_collector_does_not_keep_the_webhook_from_ending() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (builder, _folder) = exporting_to(&format!("http://{}", silent.local_addr().unwrap()));
    let webhook = builder.args(["--shutdown-delay=0s", "--shutdown-timeout=1s"]).start().await;
    webhook.ready().await;
    webhook.review_in("demo", &pod("app", "app")).await;
    let _batch = silent.accept().await.unwrap();
    let begun = Instant::now();
    assert!(webhook.stop().await.success());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let lost = |line: &serde_json::Value| line["message"] == "spans lost at exit";
    let lost = webhook.logged("what was lost", lost).await;
    assert_eq!(lost["spans"], 1, "the batch that waits for its answer counts");
}

#[tokio::test]
async fn spans_go_over_tls_to_a_collector_that_the_ca_file_vouches_for() {
    let authority = Authority::new("collector").unwrap();
    let collector = Collector::with_tls(&authority).await;
    let folder = Scratch::new().unwrap();
    let other = Authority::new("another").unwrap();
    let ca = folder.write("ca.crt", other.pem()).unwrap();
    let (builder, _accounts) = exporting_to(&format!("https://{}", collector.http()));
    let builder = builder.env("OTEL_EXPORTER_OTLP_CERTIFICATE", ca.as_os_str());
    let webhook = builder.env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret%20key").start().await;
    webhook.ready().await;
    webhook.review_in("demo", &pod("app", "app")).await;
    let failed = |line: &serde_json::Value| line["message"] == "trace export failed";
    let failed = webhook.logged("another authority", failed).await;
    assert!(failed["error"].as_str().unwrap().contains("UnknownIssuer"), "{failed}");

    // The file is read anew.
    folder.write("ca.crt", authority.pem()).unwrap();
    webhook.review_in("demo", &pod("app", "app")).await;
    collector.webhook_spans(1).await;
    assert!(!webhook.log().join("\n").contains("secret"));
}

#[tokio::test]
async fn what_strangers_send_as_trace_context_does_no_harm() {
    let collector = Collector::start().await;
    let (builder, _folder) = exporting_to(&format!("http://{}", collector.http()));
    let webhook = builder.start().await;
    webhook.ready().await;
    let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let not_wanted = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let hostile: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"00-".to_vec(),
        b"\xff\xfe".to_vec(),
        "-".repeat(8_000).into(),
        "0".repeat(55).into(),
        format!("{valid}-x").into(),
        valid.to_uppercase().into(),
        format!("00-{}-{}-01", "0".repeat(32), "0".repeat(16)).into(),
    ];
    for parent in &hostile {
        let reply = webhook.send(review_with("traceparent", parent)).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
    }
    let mut request = review_with("traceparent", valid.as_bytes());
    let state = HeaderValue::from_str(&format!("a={}", "x".repeat(7_000))).unwrap();
    request.headers_mut().insert("tracestate", state);
    webhook.send(request).await.unwrap();
    webhook.send(review_with("traceparent", not_wanted.as_bytes())).await.unwrap();
    // Not a review. What it says is in the answer, and in no span.
    let mut request = post("/mutate", r#"{"apiVersion":"of-a-stranger"}"#);
    request.headers_mut().insert("traceparent", HeaderValue::from_str(&valid).unwrap());
    let reply = webhook.send(request).await.unwrap();
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.text().contains("of-a-stranger"), "{}", reply.text());

    let spans = collector.webhook_spans(hostile.len() + 2).await;
    // Those have traces of their own, and the one that did not want to be traced has none.
    assert_eq!(spans.len(), hostile.len() + 2);
    let continued: Vec<_> = spans.iter().filter(|span| span.trace() == TRACE).collect();
    assert_eq!(continued.len(), 2);
    for span in continued {
        assert_eq!(span.parent(), "00f067aa0ba902b7");
        assert_eq!(span.json["traceState"].as_str().unwrap_or_default(), "");
    }
    assert!(spans.iter().all(|span| !span.json.to_string().contains("of-a-stranger")));
    let is_bad = |span: &&collector::Span| {
        span.attribute("pod_identity.outcome").as_deref() == Some("bad-request")
    };
    let bad: Vec<_> = spans.iter().filter(is_bad).collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].attribute("pod_identity.reason").as_deref(), Some("review"));
}

#[tokio::test]
async fn strangers_who_want_everything_traced_get_a_part_of_it_and_the_rest_is_counted() {
    let collector = Collector::start().await;
    let (builder, _folder) = exporting_to(&format!("http://{}", collector.http()));
    let webhook = builder.env("OTEL_TRACES_SAMPLER", "parentbased_always_off").start().await;
    webhook.ready().await;
    let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let limited = dropped("rate-limit");
    let body = review("demo", &pod("app", "app")).to_string();
    // As fast as it answers, until some were too many.
    let many = futures::future::join_all((0..16).map(|_| async {
        let dialer = Dialer::new(webhook.https(), webhook.ca_pem()).unwrap();
        let mut connection = dialer.http().await.unwrap();
        for _ in 0..200 {
            let mut request = post("/mutate", body.clone());
            request.headers_mut().insert("traceparent", HeaderValue::from_str(&valid).unwrap());
            assert_eq!(connection.send(request).await.unwrap().status, StatusCode::OK);
        }
    }));
    let begun = Instant::now();
    many.await;
    let most = 200 + 100 * (begun.elapsed().as_secs() + 1);
    let dropped = metric(&webhook, &limited).await;
    let traced = 16 * 200 - dropped;
    assert!((200..=most).contains(&traced), "{traced} traced, {dropped} dropped");
    let is_warning = |line: &&serde_json::Value| line["message"] == "dropping spans";
    assert!(webhook.log_values().iter().filter(is_warning).count() <= 1);
}

#[tokio::test]
async fn what_the_environment_has_wrong_keeps_no_webhook_from_serving() {
    let (builder, _folder) = exporting_to("collector:4317");
    let builder = builder.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let webhook = builder.env("OTEL_TRACES_SAMPLER", "jaeger_remote").start().await;
    webhook.ready().await;
    assert_eq!(webhook.review_in("demo", &pod("app", "app")).await.outcome(), "mutated");
    let warned = webhook.log_values().into_iter();
    let warned = warned.filter(|line| line["message"] == "configuration warning");
    let warned: Vec<_> = warned.map(|line| line["warning"].to_string()).collect();
    for name in
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_SAMPLER"]
    {
        assert_eq!(warned.iter().filter(|it| it.contains(&format!("{name} has"))).count(), 1);
    }
}
