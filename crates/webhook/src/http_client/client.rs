//! One request and its response, over a connection of its own, so that the
//! certificates that the server presented belong to the response. Time and
//! length are bounded, and no redirect is followed.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
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
use rustls::{CertificateError, ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::url::Url;
use crate::{PROGRAM, VERSION};

/// Calls servers over HTTPS where it has authorities to trust, else over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Client {
    tls: Option<Arc<ClientConfig>>,
    /// The same without TLS 1.3.
    tls12: Option<Arc<ClientConfig>>,
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
pub(crate) enum Failure {
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
        Self { tls: None, tls12: None }
    }

    /// Over HTTPS, with servers whose certificates these authorities vouch for.
    pub(super) fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let roots = Arc::new(roots);
        let tls = config(Arc::clone(&roots), rustls::DEFAULT_VERSIONS)?;
        let tls12 = config(roots, &[&rustls::version::TLS12])?;
        Ok(Self { tls: Some(Arc::new(tls)), tls12: Some(Arc::new(tls12)) })
    }

    /// A handshake with TLS 1.2 alone, and nothing else.
    pub(super) async fn shake_hands_with_tls12(
        &self,
        url: &Url,
        time: Duration,
    ) -> Result<(), Failure> {
        let ends = Instant::now() + time;
        let (Some(tls), Some(name)) = (&self.tls12, &url.name) else {
            return Err(Failure::Handshake("no TLS".to_owned()));
        };
        let addresses = resolved(lookup_host((url.host.as_str(), url.port)), ends).await?;
        let stream = connected(addresses, ends, TcpStream::connect).await?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let shaken = timeout_at(ends, connector.connect(name.clone(), stream)).await;
        shaken.map_err(|_| Failure::Timeout)?.map_err(|error| handshake(&error))?;
        Ok(())
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
        let addresses = resolved(lookup_host((url.host.as_str(), url.port)), ends).await?;
        let stream = connected(addresses, ends, TcpStream::connect).await?;
        let address = stream.peer_addr().ok().map(|address| address.ip());
        let exchange = async {
            let request = request
                .uri(&url.path)
                .header(HOST, &url.authority)
                .header(USER_AGENT, format!("{PROGRAM}/{VERSION}"))
                .body(Full::new(body))
                .map_err(|error| Failure::Http(error.to_string()))?;
            let (Some(tls), Some(name)) = (&self.tls, &url.name) else {
                let (head, body) = exchange(stream, request, limits.bytes, ends).await?;
                return Ok(Response::new(head, body, Vec::new(), address));
            };
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| handshake(&error))?;
            let chain = presented(&stream);
            let (head, body) = exchange(stream, request, limits.bytes, ends).await?;
            Ok(Response::new(head, body, chain, address))
        };
        timeout_at(ends, exchange).await.map_err(|_| Failure::Timeout)?
    }
}

fn config(
    roots: Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ClientConfig, rustls::Error> {
    // The provider is named, so that nothing depends on which one the process has.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions)?.with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
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

/// The addresses of a host.
async fn resolved<A: Iterator<Item = SocketAddr>>(
    lookup: impl Future<Output = io::Result<A>>,
    ends: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = timeout_at(ends, lookup).await;
    let found = found.map_err(|_| Failure::Resolve("no answer in time".to_owned()))?;
    let found: Vec<_> = found.map_err(|error| Failure::Resolve(error.to_string()))?.collect();
    if found.is_empty() {
        return Err(Failure::Resolve("it has no addresses".to_owned()));
    }
    Ok(found)
}

/// The first address that accepts. Each may take its share of the time that is
/// left, so that one that drops packets takes nothing from the next.
async fn connected<S, C: Future<Output = io::Result<S>>>(
    addresses: Vec<SocketAddr>,
    ends: Instant,
    connect: impl Fn(SocketAddr) -> C,
) -> Result<S, Failure> {
    let mut refused = None;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = ends.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refused = Some(Failure::Connect(format!("{address}: {error}"))),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or(Failure::ConnectTimeout))
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
    ends: Instant,
) -> Result<(response::Parts, Bytes), Failure> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, mut body) = answer.into_parts();
        let mut read = BytesMut::new();
        // A redirect or an error says enough without its page, which may be long, or break off.
        let whole = head.status == StatusCode::OK;
        loop {
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = sleep_until(ends), if !whole => break,
            };
            let data = match frame {
                Some(Ok(frame)) => frame.into_data(),
                Some(Err(error)) if whole => return Err(broken(&error)),
                Some(Err(_)) | None => break,
            };
            let Ok(data) = data else { continue };
            if read.len() + data.len() > max_bytes {
                if whole {
                    return Err(Failure::TooLong(max_bytes));
                }
                break;
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
    async fn tells_the_status_of_an_error_whatever_its_page_is() {
        let head = "HTTP/1.1 503 Service Unavailable\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n";
        let long: &'static str = format!("{head}{}\r\n0\r\n\r\n", "x".repeat(1_001)).leak();
        let cut = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nab";
        for answer in [long, cut] {
            let response = called(answer).await.expect("a status");
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    /// The page begins, and never ends.
    #[tokio::test(start_paused = true)]
    async fn tells_the_status_of_an_error_whose_page_does_not_end() {
        for (status, wanted) in [("503 Service Unavailable", Some(503)), ("200 OK", None)] {
            let (client, mut server) = tokio::io::duplex(10_000);
            let page = format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\nab");
            let serve = async {
                let read = server.read(&mut [0; 1024]).await.expect("a request");
                server.write_all(page.as_bytes()).await.expect("it is read");
                read
            };
            let ends = Instant::now() + LIMITS.time;
            let request = Request::get("/").body(Full::default()).expect("a request");
            let call = timeout_at(ends, exchange(client, request, LIMITS.bytes, ends));
            let (answer, _) = tokio::join!(call, serve);
            let status = answer.ok().map(|answer| answer.expect("a head").0.status.as_u16());
            assert_eq!(status, wanted);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn says_that_it_was_the_name_that_got_no_answer() {
        let lookup = std::future::pending::<io::Result<std::vec::IntoIter<SocketAddr>>>();
        let failure = resolved(lookup, Instant::now() + LIMITS.time).await.expect_err("none");
        assert_eq!(failure.to_string(), "the name does not resolve: no answer in time");
        let lookup = std::future::ready(Ok(std::iter::empty()));
        let failure = resolved(lookup, Instant::now() + LIMITS.time).await.expect_err("none");
        assert!(matches!(failure, Failure::Resolve(_)), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn leaves_time_for_the_addresses_after_one_that_never_answers() {
        let addresses = |last: u8| (1..=last).map(|it| SocketAddr::from(([192, 0, 2, it], 443)));
        // The second refuses, the third accepts, and the others never answer.
        let connect = async |address: SocketAddr| match address.ip() {
            ip if ip == Ipv4Addr::new(192, 0, 2, 2) => {
                Err(io::Error::from(io::ErrorKind::ConnectionRefused))
            }
            ip if ip == Ipv4Addr::new(192, 0, 2, 3) => Ok(address),
            _ => std::future::pending().await,
        };
        let begun = Instant::now();
        let ends = begun + LIMITS.time;
        let found = connected(addresses(3).collect(), ends, connect).await.expect("the third");
        assert_eq!(found.ip(), Ipv4Addr::new(192, 0, 2, 3));
        assert!(begun.elapsed() < LIMITS.time, "{:?}", begun.elapsed());

        let ends = Instant::now() + LIMITS.time;
        let failure = connected(addresses(2).collect(), ends, connect).await.expect_err("none");
        assert!(
            matches!(&failure, Failure::Connect(why) if why.contains("192.0.2.2")),
            "{failure}"
        );
        let begun = Instant::now();
        let ends = begun + LIMITS.time;
        let failure = connected(addresses(1).collect(), ends, connect).await.expect_err("none");
        assert!(matches!(failure, Failure::ConnectTimeout), "{failure}");
        assert!(begun.elapsed() >= LIMITS.time);
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
