//! One request and its response, over a connection of its own, so that the
//! certificates that the server presented belong to the response. Time and
//! length are bounded, and no redirect is followed.

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::http::{request, response};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::url::Url;

/// Calls servers over HTTPS where it has authorities to trust, else over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Client {
    tls: Option<Arc<ClientConfig>>,
}

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From the lookup of the name to the last byte of the response.
    pub(super) time: Duration,
    /// Of the response's body.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Whole, if the status is 200.
    pub(super) body: Bytes,
    /// The certificates that the server presented, its own first, in DER.
    pub(super) chain: Vec<Vec<u8>>,
    /// Who answered.
    pub(super) address: Option<IpAddr>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the name does not resolve: {0}")]
    Resolve(String),
    /// With the address.
    #[error("{0}")]
    Connect(String),
    #[error("the connection was not accepted in time")]
    ConnectTimeout,
    #[error("{reason}")]
    Certificate { error: CertificateError, reason: String },
    #[error("{0}")]
    Handshake(String),
    #[error("{0}")]
    Http(String),
    /// There was a connection.
    #[error("no response in time")]
    Timeout,
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
}

impl Client {
    /// Over HTTP.
    pub(super) fn plain() -> Self {
        Self { tls: None }
    }

    /// Over HTTPS, with servers whose certificates these authorities vouch for.
    pub(super) fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        // The provider is named, so that nothing depends on which one the process has.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Some(Arc::new(config)) })
    }

    /// One call of the URL. `request` has the method and the headers; `Host` and
    /// `User-Agent` are added.
    pub(super) async fn call(
        &self,
        url: &Url,
        request: request::Builder,
        body: Bytes,
        limits: Limits,
    ) -> Result<Response, Failure> {
        let ends = Instant::now() + limits.time;
        let stream =
            timeout_at(ends, connect(url)).await.map_err(|_| Failure::ConnectTimeout)??;
        let address = stream.peer_addr().ok().map(|address| address.ip());
        let exchange = async {
            let request = request
                .uri(&url.path)
                .header(HOST, &url.authority)
                .header(USER_AGENT, concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
                .body(Full::new(body))
                .map_err(|error| Failure::Http(error.to_string()))?;
            let (Some(tls), Some(name)) = (&self.tls, &url.name) else {
                let (head, body) = exchange(stream, request, limits.bytes).await?;
                return Ok(Response::new(head, body, Vec::new(), address));
            };
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| handshake(&error))?;
            let chain = presented(&stream);
            let (head, body) = exchange(stream, request, limits.bytes).await?;
            Ok(Response::new(head, body, chain, address))
        };
        timeout_at(ends, exchange).await.map_err(|_| Failure::Timeout)?
    }
}

impl Response {
    fn new(
        head: response::Parts,
        body: Bytes,
        chain: Vec<Vec<u8>>,
        address: Option<IpAddr>,
    ) -> Self {
        Self { status: head.status, headers: head.headers, body, chain, address }
    }
}

/// The addresses of the host, one after another.
async fn connect(url: &Url) -> Result<TcpStream, Failure> {
    let addresses = lookup_host((url.host.as_str(), url.port)).await;
    let mut refused = None;
    for address in addresses.map_err(|error| Failure::Resolve(error.to_string()))? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = Some(Failure::Connect(format!("{address}: {error}"))),
        }
    }
    Err(refused.unwrap_or_else(|| Failure::Resolve("it has no addresses".to_owned())))
}

/// A handshake that failed, by what rustls says.
fn handshake(error: &io::Error) -> Failure {
    let reason = error.to_string();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => {
            Failure::Certificate { error: error.clone(), reason }
        }
        _ => Failure::Handshake(reason),
    }
}

fn presented(stream: &TlsStream<TcpStream>) -> Vec<Vec<u8>> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    chain.iter().map(|certificate| certificate.to_vec()).collect()
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
    max_bytes: usize,
) -> Result<(response::Parts, Bytes), Failure> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, mut body) = answer.into_parts();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let data = match frame {
                Ok(frame) => frame.into_data(),
                // A redirect says enough without its page, which servers break off.
                Err(_) if head.status != StatusCode::OK => break,
                Err(error) => return Err(broken(&error)),
            };
            let Ok(data) = data else { continue };
            if read.len() + data.len() > max_bytes {
                return Err(Failure::TooLong(max_bytes));
            }
            read.extend_from_slice(&data);
        }
        Ok((head, read.freeze()))
    };
    // The connection moves the bytes; it goes with the answer.
    tokio::pin!(answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Polled first: what it has read already counts, however the connection ended.
        biased;
        answered = &mut answer => answered,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            // The head may have been read before it broke off.
            Err(error) => answer.await.map_err(|_| broken(&error)),
        },
    }
}

fn broken(error: &hyper::Error) -> Failure {
    let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
    Failure::Http(format!("{error}{cause}"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::url::Scheme;
    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 1_000 };

    /// A server that sends `answer` to every request, and what a call of it comes to.
    async fn called(answer: &'static str) -> Result<Response, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("it is read");
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let url = Url::parse(&format!("http://{address}/a?b"), Scheme::Http).expect("a URL");
        let client = Client::plain();
        let call = client.call(&url, Request::get("/"), Bytes::new(), LIMITS);
        let (response, request) = tokio::join!(call, server);
        assert!(request.starts_with("GET /a?b HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
        response
    }

    #[tokio::test]
    async fn follows_no_redirect() {
        let answer = "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 9\r\n\r\nbroken";
        let response = called(answer).await.expect("a redirect");
        assert_eq!(
            (response.status, &response.headers["location"]),
            (StatusCode::FOUND, &"/b".parse().expect("a header"))
        );
    }

    #[tokio::test]
    async fn reads_so_much_and_no_more() {
        let response = called("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").await;
        assert_eq!(&response.expect("a body").body[..], b"ab");
        let response = called("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab").await;
        assert!(matches!(response, Err(Failure::Http(_))), "{response:?}");
        let long = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n";
        let long: &'static str = format!("{long}{}\r\n0\r\n\r\n", "x".repeat(1_001)).leak();
        let response = called(long).await;
        assert!(matches!(response, Err(Failure::TooLong(1_000))), "{response:?}");
    }

    #[tokio::test]
    async fn says_what_answers_with_something_else() {
        for answer in ["", "SSH-2.0-OpenSSH_9.9\r\n"] {
            let response = called(answer).await;
            assert!(matches!(response, Err(Failure::Http(_))), "{answer}: {response:?}");
        }
    }

    /// The clock stands still, and jumps to the deadline as soon as all wait.
    #[tokio::test(start_paused = true)]
    async fn gives_up_on_who_never_answers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        for (client, scheme, word) in [
            (Client::plain(), Scheme::Http, "http"),
            (Client::trusting(RootCertStore::empty()).expect("a client"), Scheme::Https, "https"),
        ] {
            let url = Url::parse(&format!("{word}://{address}"), scheme).expect("a URL");
            let response = client.call(&url, Request::get("/"), Bytes::new(), LIMITS).await;
            assert!(matches!(response, Err(Failure::Timeout)), "{response:?}");
        }
    }
}
