//! The connections to an API server, and the layers that kube puts upon them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper::Uri;
use hyper::{Request, Response};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt as _};
use tokio::time::{Sleep, timeout};
use tower::retry::{Policy, RetryLayer};
use tower::util::BoxService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _};

use super::authorized::Authorized;
use super::credentials::TokenSource;
use super::request::{Bounded, BoundedBody, LastStatus, MAX_RESPONSE, OwnRetries};

/// The connection could not be used in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {server} within {limit:?}")]
pub(super) struct ConnectTimeout {
    pub(super) server: Arc<str>,
    pub(super) limit: Duration,
}

/// How long a TCP connection may take to be accepted, all addresses of the server together.
const TCP_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long until a connection can be used: the name looked up, TCP and TLS.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that is silent for so long is probed, so often, and given up after so many probes: after 45 s,
/// as client-go does.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// The same for a connection with bytes on their way that nobody acknowledges.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(45);

/// What a client is made of.
pub(super) type Transport =
    BoxService<Request<Body>, Response<BoundedBody<hyper::body::Incoming>>, BoxError>;

/// May run the command of an `auth-provider`, and waits for it.
pub(super) fn transport(
    config: &Config,
    tokens: Option<Arc<TokenSource>>,
    limit: Option<Duration>,
    connect_timeout: Duration,
) -> kube::Result<Transport> {
    let server: Arc<str> = server(&config.cluster_url).into();
    let https = config.rustls_https_connector_with_connector(tcp())?;
    let connector = Connector { https, server: Arc::clone(&server), limit: connect_timeout };
    let http: legacy::Client<_, Body> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);
    let noted = tower::service_fn(move |request: Request<Body>| {
        let last_status = request.extensions().get::<LastStatus>().cloned();
        let http = http.clone();
        async move {
            let answer = http.request(request).await.map_err(BoxError::from)?;
            if let Some(last_status) = last_status {
                last_status.set(answer.status().as_u16());
            }
            Ok::<_, BoxError>(answer)
        }
    });
    let retry = config.default_retry.then(|| RetryLayer::new(Retries(RetryPolicy::server_retry())));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retry)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .service(noted);
    // Outermost: it bounds the attempts and the pauses between them as well, which a `Retry-After` may ask for.
    let bounded = Bounded { service, server, limit, max_response: MAX_RESPONSE };
    Ok(Authorized { bounded, tokens }.boxed())
}

/// kube's retries, but for requests of those who try again themselves.
#[derive(Clone)]
struct Retries(RetryPolicy);

impl<Res> Policy<Request<Body>, Response<Res>, BoxError> for Retries {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<Res>, BoxError>,
    ) -> Option<Sleep> {
        if request.extensions().get::<OwnRetries>().is_some() {
            return None;
        }
        self.0.retry(request, result)
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Policy::<_, Response<Res>, BoxError>::clone_request(&mut self.0, request)
    }
}

/// The scheme, host and port of a server: never a path, and no user.
pub(super) fn server(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("https");
    match (url.host(), url.port_u16()) {
        (Some(host), Some(port)) => format!("{scheme}://{host}:{port}"),
        (Some(host), None) => format!("{scheme}://{host}"),
        (None, _) => "the API server".to_owned(),
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(TCP_CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE_IDLE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    tcp.set_tcp_user_timeout(Some(USER_TIMEOUT));
    tcp
}

/// Connects within a time, the handshake of TLS included.
#[derive(Clone)]
struct Connector<C> {
    https: C,
    server: Arc<str>,
    limit: Duration,
}

impl<C> Service<Uri> for Connector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.https.call(to);
        let (server, limit) = (Arc::clone(&self.server), self.limit);
        async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(ConnectTimeout { server, limit }.into()),
            }
        }
        .boxed()
    }
}

impl<C> fmt::Debug for Connector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn notices_a_dead_connection_within_a_minute() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let stream = tcp().oneshot(url).await.unwrap().into_inner();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        let probes = socket.tcp_keepalive_interval().unwrap() * KEEPALIVE_RETRIES;
        let noticed = socket.tcp_keepalive_time().unwrap() + probes;
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
        assert!(noticed <= Duration::from_mins(1), "{noticed:?}");
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }

    #[test]
    fn names_a_server_without_user_or_path() {
        for (url, name) in [
            ("https://127.0.0.1:6443/k8s/clusters/c-1", "https://127.0.0.1:6443"),
            ("http://user:pass@api.example/", "http://api.example"),
            ("https://[::1]:6443", "https://[::1]:6443"),
        ] {
            assert_eq!(server(&url.parse().unwrap()), name);
        }
    }
}
