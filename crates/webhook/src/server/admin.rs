//! The port of probes and metrics: plain HTTP, bounded like the other.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use text::Line;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::accept::Acceptor;
use super::connection::Shared;
use super::fallbacks::{alive, plain, with_fallbacks};
use super::readiness::Condition;
use super::{ConnectionStats, DrainLimits, Drained, Limits, Readiness};

/// A listener and all it needs to serve.
#[derive(Debug)]
pub struct Admin {
    pub listener: TcpListener,
    pub router: Router,
    pub limits: Limits,
    pub stats: Arc<ConnectionStats>,
}

impl Admin {
    /// Serves until `shutdown` ends, which should be when the HTTPS server has
    /// drained: probes and metrics are asked for until then.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self { listener, router, limits, stats } = self;
        let drain = DrainLimits::for_admin();
        let acceptor = Acceptor::new(listener, Shared::new(router, limits, &drain), stats);
        acceptor.run(drain, None, shutdown).await
    }
}

/// The version of Prometheus' text format.
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is made anew for each request is made for one client at a time, until
/// its size is counted.
async fn in_turn(State(turn): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let turn = turn.acquire_owned().await;
    let mut response = next.run(request).await;
    // An error is a semaphore that was closed: it never is.
    if let Ok(turn) = turn {
        response.extensions_mut().insert(Arc::new(turn));
    }
    response
}

/// The headers of the status page: no browser runs, keeps, frames or forwards anything of it.
fn page_headers() -> [(HeaderName, String); 5] {
    [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, status_page::content_security_policy()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ]
}

/// The status page from `page`, `/metrics` from `metrics`, the probes, and the routes of `extra`.
pub fn router(
    page: impl Fn() -> String + Clone + Send + Sync + 'static,
    metrics: impl Fn() -> String + Clone + Send + Sync + 'static,
    readiness: Arc<Readiness>,
    extra: Router,
) -> Router {
    let headers = page_headers();
    let page = get(async move || (headers.clone(), page()));
    let metrics = get(async move || ([(CONTENT_TYPE, METRICS_TYPE)], metrics()));
    let ready = get(async move |RawQuery(query): RawQuery| ready(&readiness, query.as_deref()));
    let turn = Arc::new(Semaphore::new(1));
    let router = extra
        .route("/", page)
        .route("/metrics", metrics)
        .route_layer(from_fn_with_state(turn, in_turn))
        .route("/readyz", ready)
        .route("/livez", get(alive))
        .route("/healthz", get(alive));
    with_fallbacks(router, "/, /metrics, /livez, /readyz and /healthz")
}

/// As Kubernetes' own components answer: `ok`, or with `?verbose` a line for
/// each condition, and one for the clock.
/// <https://kubernetes.io/docs/reference/using-api/health-checks/>
fn ready(readiness: &Readiness, query: Option<&str>) -> Response {
    let is_verbose = |pair: &str| pair.split('=').next() == Some("verbose");
    let verbose = query.is_some_and(|query| query.split('&').any(is_verbose));
    let reasons = Condition::ALL.map(|condition| (condition, readiness.reason(condition)));
    let is_ready = reasons.iter().all(|(_, reason)| reason.is_none());
    if is_ready && !verbose {
        return plain("ok").into_response();
    }
    let mut text = String::new();
    for (condition, reason) in reasons {
        // Writing to a string does not fail.
        let _ = match reason {
            Some(reason) => {
                write!(text, "{}", Line(format_args!("[-]{condition} failed: {reason}")))
            }
            None if verbose => writeln!(text, "[+]{condition} ok"),
            None => Ok(()),
        };
    }
    if verbose && let Some(remark) = readiness.clock() {
        let sign = if remark.is_warning { '!' } else { '+' };
        let _ = writeln!(text, "[{sign}]clock {}", remark.text);
    }
    if verbose {
        text.push_str(if is_ready { "readyz check passed\n" } else { "readyz check failed\n" });
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, plain(text)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::server::readiness::Remark;

    async fn ask(router: &Router, method: &str, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        let response =
            router.clone().oneshot(request.expect("a request")).await.expect("a response");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 16).await.expect("a body");
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    fn of(readiness: &Arc<Readiness>) -> Router {
        let extra = Router::new().route("/debug/alpha/cache", get(async || "[]"));
        let page = || "<!DOCTYPE html>".to_owned();
        router(page, || "up 1\n".to_owned(), Arc::clone(readiness), extra)
    }

    #[tokio::test]
    async fn is_alive_whatever_is_ready() {
        let readiness = Arc::new(Readiness::waiting_for(&Condition::ALL));
        for path in ["/livez", "/healthz"] {
            let answer = ask(&of(&readiness), "GET", path).await;
            assert_eq!(answer, (StatusCode::OK, "ok".to_owned()), "{path}");
        }
    }

    #[tokio::test]
    async fn names_each_condition_that_fails() {
        let waiting = [Condition::Certificate, Condition::ServiceAccounts];
        let readiness = Arc::new(Readiness::waiting_for(&waiting));
        let router = of(&readiness);
        readiness.fail(Condition::Certificate, "it has expired");
        let (status, text) = ask(&router, "GET", "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0], "[-]certificate failed: it has expired");
        assert!(lines[1].starts_with("[-]service-accounts failed: "), "{text}");
        readiness.meet(Condition::Certificate);
        readiness.meet(Condition::ServiceAccounts);
        assert_eq!(ask(&router, "GET", "/readyz").await, (StatusCode::OK, "ok".to_owned()));
        readiness.begin_shutdown();
        let (status, text) = ask(&router, "GET", "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.starts_with("[-]not-shutting-down failed: "), "{text}");
    }

    #[tokio::test]
    async fn tells_all_conditions_when_asked_to_be_verbose() {
        let readiness = Arc::new(Readiness::waiting_for(&[]));
        let (status, text) = ask(&of(&readiness), "GET", "/readyz?verbose").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("[+]certificate ok\n"), "{text}");
        assert!(text.ends_with("readyz check passed\n"), "{text}");
    }

    #[tokio::test]
    async fn remarks_on_the_clock_and_is_ready_all_the_same() {
        let readiness = Arc::new(Readiness::waiting_for(&[]));
        let router = of(&readiness);
        for (is_warning, line) in [(false, "[+]clock text\n"), (true, "[!]clock text\n")] {
            readiness.remark_on_clock(Remark { text: "text".to_owned(), is_warning });
            let (status, text) = ask(&router, "GET", "/readyz?verbose").await;
            assert_eq!(status, StatusCode::OK);
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(ask(&router, "GET", "/readyz").await, (StatusCode::OK, "ok".to_owned()));
    }

    #[tokio::test]
    async fn serves_metrics_and_the_callers_routes() {
        let router = of(&Arc::new(Readiness::waiting_for(&[])));
        assert_eq!(ask(&router, "GET", "/metrics").await, (StatusCode::OK, "up 1\n".to_owned()));
        let answer = ask(&router, "GET", "/debug/alpha/cache").await;
        assert_eq!(answer, (StatusCode::OK, "[]".to_owned()));
    }

    #[tokio::test]
    async fn serves_the_status_page_so_that_a_browser_runs_and_keeps_nothing_of_it() {
        let router = of(&Arc::new(Readiness::waiting_for(&[])));
        for (method, body) in [("GET", "<!DOCTYPE html>"), ("HEAD", "")] {
            let answer = ask(&router, method, "/").await;
            assert_eq!(answer, (StatusCode::OK, body.to_owned()), "{method}");
            let request = Request::builder().method(method).uri("/").header("accept", "image/png");
            let request = request.body(Body::empty()).expect("a request");
            let response = router.clone().oneshot(request).await.expect("a response");
            for (name, value) in page_headers() {
                assert_eq!(response.headers().get(&name).expect("a header"), &value, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn says_why_it_does_not_serve_a_path_or_a_method() {
        let router = of(&Arc::new(Readiness::waiting_for(&[])));
        let paths = "no such path; this port serves /, /metrics, /livez, /readyz and /healthz\n";
        let methods = "method not allowed; the Allow header lists the methods of this path\n";
        for (method, path, status, said) in [
            ("GET", "/debug/alpha/deny", StatusCode::NOT_FOUND, paths),
            ("POST", "/metrics", StatusCode::METHOD_NOT_ALLOWED, methods),
            ("POST", "/", StatusCode::METHOD_NOT_ALLOWED, methods),
            ("OPTIONS", "/", StatusCode::METHOD_NOT_ALLOWED, methods),
            ("DELETE", "/debug/alpha/cache", StatusCode::METHOD_NOT_ALLOWED, methods),
        ] {
            let (got, text) = ask(&router, method, path).await;
            assert_eq!((got, text.as_str()), (status, said), "{method} {path}");
        }
    }
}
