//! The servers over real sockets.

mod admin;
mod drain;
mod eviction;
mod limits;
mod memory;
mod tls;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::bind::bind;
use super::deadline::Deadline;
use super::fallbacks::{alive, with_fallbacks};
use super::stats::Ending;
use super::{
    BodyReader, Condition, ConnectionStats, DrainLimits, Drained, Https, Limits, Readiness, https,
};
use crate::tls::files;
use crate::tls::resolver::CertificateResolver;
use crate::tls::settings::TlsSettings;
use crate::tls::test_pairs::{Pair, paths};

/// Far more than anything here takes: only a failing test waits for it.
const LONG: Duration = Duration::from_secs(20);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Limits that no test meets by chance, nor while it waits in vain.
fn generous() -> Limits {
    let never = 5 * LONG;
    Limits {
        handshake: never,
        first_request: never,
        header: never,
        answer: never,
        request: never,
        write: never,
        ..Limits::default()
    }
}

fn no_delay() -> DrainLimits {
    DrainLimits { delay: Duration::ZERO, timeout: 5 * LONG, fresh: Duration::ZERO }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.expect("it should not take this long")
}

/// Waits for a condition of the world outside.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    within(async {
        while !holds().await {
            tokio::time::sleep(ms(2)).await;
        }
    })
    .await;
}

/// What `/hold` waits for, and how often it has begun to.
#[derive(Clone)]
struct Hold {
    begun: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

impl Hold {
    async fn has_begun(&self) {
        within(self.begun.acquire()).await.expect("never closed").forget();
    }
}

struct Rig {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    resolver: Arc<CertificateResolver>,
    readiness: Arc<Readiness>,
    stats: Arc<ConnectionStats>,
    hold: Hold,
    shutdown: CancellationToken,
    served: JoinHandle<Drained>,
}

impl Rig {
    fn start(limits: Limits) -> Self {
        Self::start_with(limits, no_delay(), &TlsSettings::default())
    }

    fn start_with(limits: Limits, drain: DrainLimits, settings: &TlsSettings) -> Self {
        let (pair, resolver) = (Pair::new(), Arc::new(CertificateResolver::new()));
        let loaded = files::parse(
            &paths("certs".as_ref()),
            pair.certificate.as_bytes(),
            pair.key.as_bytes(),
        );
        resolver.swap(loaded.expect("a pair"));
        let listener = bind(Ipv4Addr::LOCALHOST.into(), 0, "--port").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let stopped = || Arc::new(Semaphore::new(0));
        let hold = Hold { begun: stopped(), release: stopped() };
        let readiness = Arc::new(Readiness::waiting_for(&[]));
        let stats = Arc::new(ConnectionStats::default());
        let bodies = BodyReader::new(&limits);
        let https = Https {
            listener,
            admissions: None,
            router: with_fallbacks(handlers(&bodies, limits.answer, &hold), https::PATHS),
            counted: None,
            tls: settings
                .server_config(Arc::clone(&resolver) as _, WebPkiClientVerifier::no_client_auth())
                .expect("a configuration"),
            rejections: None,
            limits,
            drain,
            readiness: Arc::clone(&readiness),
            stats: Arc::clone(&stats),
            bodies,
        };
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(https.serve(shutdown.clone().cancelled_owned()));
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
        let certificate = certificate.expect("a certificate");
        Self { address, certificate, resolver, readiness, stats, hold, shutdown, served }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    async fn client(&self) -> Client<TlsStream<TcpStream>> {
        self.connect(&[b"http/1.1"], ALL_VERSIONS).await.expect("a handshake")
    }

    async fn connect(
        &self,
        alpn: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        connect(self.address, &self.certificate, alpn, versions).await
    }

    async fn drained(self) -> Drained {
        within(self.served).await.expect("served to the end")
    }

    async fn no_longer_listens(&self) {
        until(async || TcpStream::connect(self.address).await.is_err()).await;
    }
}

const ALL_VERSIONS: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

async fn connect(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    alpn: &[&[u8]],
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await?;
    handshake(stream, certificate, alpn, versions).await
}

async fn handshake(
    stream: TcpStream,
    certificate: &CertificateDer<'static>,
    alpn: &[&[u8]],
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let config = client_config(certificate, alpn, versions);
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await?;
    Ok(Client { stream })
}

fn client_config(
    certificate: &CertificateDer<'static>,
    alpn: &[&[u8]],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::disabled();
    config
}

fn handlers(reader: &BodyReader, patience: Duration, hold: &Hold) -> Router {
    let reader = reader.clone();
    let count = async move |State(reader): State<BodyReader>, request: Request| {
        let deadline = Deadline::of(request.uri(), patience);
        let account = request.extensions().get().cloned().expect("the connection's account");
        reader.read(request.into_body(), account, deadline).await.map(|body| body.len().to_string())
    };
    let hold = hold.clone();
    let holding = async move || {
        hold.begun.add_permits(1);
        hold.release.acquire().await.expect("never closed").forget();
        "released"
    };
    Router::new()
        .route("/mutate", post(count))
        .route("/healthz", get(alive))
        .route("/hold", post(holding))
        .route("/large", get(async || "x".repeat(32 << 20)))
        .with_state(reader)
}

struct Client<S> {
    stream: S,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("connection: close")
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("written");
        self.stream.flush().await.expect("flushed");
    }

    async fn post(&mut self, path: &str, body: &str) {
        self.write(&post_of(path, body)).await;
    }

    /// Sends a usual request and takes its answer.
    async fn request(&mut self) -> Answer {
        self.post("/mutate", "{}").await;
        self.answer().await.expect("an answer")
    }

    /// Nothing where the connection ended before.
    async fn answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.stream.read_u8()).await.ok()?);
        }
        let head = String::from_utf8(head).expect("text");
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        within(self.stream.read_exact(&mut body)).await.ok()?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = String::from_utf8(body).expect("text");
        Some(Answer { status: status.expect("a status"), head, body })
    }

    /// Waits for the end of the connection, whichever it is, with nothing more
    /// in between.
    async fn closed(&mut self) {
        let read = within(self.stream.read_u8()).await;
        assert!(read.is_err(), "more came instead of the end");
    }
}

fn post_of(path: &str, body: &str) -> String {
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
    let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
    request
}
