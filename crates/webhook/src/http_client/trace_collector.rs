//! A collector of traces, by OTLP over HTTP.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Request, StatusCode};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::client::{Client, Failure, Limits};
use super::manifests::public_authorities;
use super::url::{Scheme, Url};
use crate::input::{self, InputError, Limit};

/// An answer counts the spans that it rejects.
const MAX_BYTES: usize = 64 << 10;
/// After a failure that may pass.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const RETRIES: usize = 4;

/// An `http` or `https` URL with a host, and without a user.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    text: String,
    scheme: Scheme,
}

/// Where batches go.
#[derive(Clone, PartialEq)]
pub(crate) struct Collector {
    pub(crate) endpoint: Endpoint,
    /// With what a user adds, who may have to show who he is.
    pub(crate) headers: HeaderMap,
    /// PEM, read anew for each batch: authorities are replaced while the webhook runs. The public ones where
    /// there is none.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Why a batch did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectorError {
    #[error("{0}")]
    Call(#[from] Failure),
    #[error("the response is {status}")]
    Status { status: StatusCode, after: Option<Duration> },
    #[error("failed to use SSL_CERT_FILE: {0}")]
    Authorities(InputError),
    #[error("failed to use OTEL_EXPORTER_OTLP_CERTIFICATE: {0}")]
    CaFile(InputError),
    #[error(
        "failed to use OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate in {0:?}; give a PEM file with at least one"
    )]
    NoAuthorities(PathBuf),
    #[error("failed to set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("its task ended before it was done; please report this bug with the log around it")]
    Ended,
}

impl Endpoint {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let of = |scheme| Some((Url::parse(text, scheme)?, scheme));
        let (url, scheme) = of(Scheme::Https).or_else(|| of(Scheme::Http))?;
        Some(Self { url, text: text.to_owned(), scheme })
    }
}

impl Collector {
    /// Sends a batch, more than once where that may help, and gives the answer. `may_retry` is asked before
    /// each pause.
    pub(crate) async fn send(
        &self,
        batch: Bytes,
        time: Duration,
        may_retry: impl Fn() -> bool,
    ) -> Result<Bytes, CollectorError> {
        let ends = Instant::now() + time;
        let pauses = ExponentialBuilder::default().with_jitter();
        let mut pauses = pauses.with_min_delay(FIRST_PAUSE).with_max_times(RETRIES).build();
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            let error = match self.send_once(batch.clone(), left).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Subtracted: the pause comes from the collector, and may be longer than a clock goes.
            let left = ends.saturating_duration_since(Instant::now());
            match pauses.next().and_then(|own| error.pause(own)) {
                Some(pause) if pause < left && may_retry() => sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn send_once(&self, batch: Bytes, time: Duration) -> Result<Bytes, CollectorError> {
        let client = match self.endpoint.scheme {
            Scheme::Http => Client::plain(),
            Scheme::Https => Client::trusting(self.authorities().await?)?,
        };
        let mut request = Request::post("/").header(CONTENT_TYPE, "application/x-protobuf");
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let limits = Limits { time, bytes: MAX_BYTES };
        let response = client.call(&self.endpoint.url, request, batch, limits).await?;
        if response.status.is_success() {
            return Ok(response.body);
        }
        let after = response.headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        Err(CollectorError::Status {
            status: response.status,
            after: after.map(Duration::from_secs),
        })
    }

    async fn authorities(&self) -> Result<RootCertStore, CollectorError> {
        let file = self.ca_file.clone();
        // A file may be on a volume that hangs.
        let read = spawn_blocking(move || match &file {
            Some(file) => authorities_of(file),
            None => public_authorities().map_err(CollectorError::Authorities),
        });
        read.await.unwrap_or(Err(CollectorError::Ended))
    }
}

fn authorities_of(file: &Path) -> Result<RootCertStore, CollectorError> {
    let pem = input::read(file, Limit::KEYS).map_err(CollectorError::CaFile)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if roots.is_empty() {
        return Err(CollectorError::NoAuthorities(file.to_owned()));
    }
    Ok(roots)
}

impl CollectorError {
    /// The pause before another attempt, where one may help: `own`, or as long as the server asks for.
    fn pause(&self, own: Duration) -> Option<Duration> {
        match self {
            Self::Call(Failure::Resolve(_) | Failure::Connect(_) | Failure::Http(_)) => Some(own),
            // The codes that OTLP names.
            Self::Status { status, after } if matches!(status.as_u16(), 429 | 502..=504) => {
                Some(after.map_or(own, |after| after.max(own)))
            }
            _ => None,
        }
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Without a query, which may be a key.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.split(['?', '#']).next().unwrap_or_default())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Headers are often secrets.
impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Collector")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hyper::header::{HeaderName, HeaderValue};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of a batch at a server that gives these answers, one to each request, and how often it was
    /// asked.
    async fn sent(answers: &'static [&str]) -> (Result<Bytes, CollectorError>, usize) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
        let endpoint = Endpoint::parse(&url).expect("a URL");
        let headers = headers("x-key", "k");
        let collector = Collector { endpoint, headers, ca_file: None };
        let asked = AtomicUsize::new(0);
        let server = async {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.expect("a request");
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
                assert!(request.contains("x-key: k\r\n"), "{request}");
                stream.write_all(answer.as_bytes()).await.expect("it is read");
                asked.fetch_add(1, Ordering::Relaxed);
            }
            std::future::pending().await
        };
        let batch = Bytes::from_static(b"batch");
        let result = tokio::select! {
            result = collector.send(batch, Duration::from_mins(1), || true) => result,
            never = server => never,
        };
        (result, asked.load(Ordering::Relaxed))
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let name = HeaderName::from_static(name);
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    const BUSY_FOR_EVER: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\
                                 retry-after: 18446744073709551615\r\n\r\n";
    const NO: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";

    #[tokio::test]
    async fn sends_again_what_may_pass_and_nothing_else() {
        let (answer, asked) = sent(&[BUSY, OK]).await;
        assert_eq!((answer.expect("an answer").as_ref(), asked), (&b"ok"[..], 2));
        let (refused, asked) = sent(&[NO, OK]).await;
        let refused = refused.expect_err("refused").to_string();
        assert_eq!((refused.as_str(), asked), ("the response is 401 Unauthorized", 1));
        let (busy, asked) = sent(&[BUSY_FOR_EVER, OK]).await;
        assert_eq!((busy.is_err(), asked), (true, 1), "nobody waits for that");
    }

    #[test]
    fn waits_as_long_as_it_is_asked_to() {
        let seconds = Duration::from_secs;
        let status = |code, after| {
            let status = StatusCode::from_u16(code).expect("a status");
            CollectorError::Status { status, after }.pause(seconds(1))
        };
        assert_eq!(status(503, None), Some(seconds(1)));
        assert_eq!(status(429, Some(seconds(7))), Some(seconds(7)));
        assert_eq!(status(429, Some(seconds(0))), Some(seconds(1)));
        for code in [302, 400, 401, 413, 500] {
            assert_eq!(status(code, Some(seconds(7))), None, "{code}");
        }
        let connect = CollectorError::Call(Failure::Connect("refused".to_owned()));
        assert_eq!(connect.pause(seconds(1)), Some(seconds(1)));
        // The time is over.
        assert_eq!(CollectorError::Call(Failure::Timeout).pause(seconds(1)), None);
    }

    #[tokio::test]
    async fn does_not_send_again_while_the_program_ends() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let endpoint = Endpoint::parse(&url).expect("a URL");
        let collector = Collector { endpoint, headers: HeaderMap::new(), ca_file: None };
        let sent = collector.send(Bytes::new(), Duration::from_hours(1), || false).await;
        assert!(matches!(sent, Err(CollectorError::Call(Failure::Connect(_)))), "{sent:?}");
    }

    #[test]
    fn shows_no_secret() {
        let endpoint = Endpoint::parse("https://collector/v1/traces?key=secret").expect("a URL");
        let headers = headers("authorization", "secret");
        let shown = format!("{:?}", Collector { endpoint, headers, ca_file: None });
        assert!(shown.contains("authorization") && !shown.contains("secret"), "{shown}");
    }
}
