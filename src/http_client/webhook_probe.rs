//! A webhook that is registered by URL, called as the API server calls it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use diagnosis::{Entry, Probe};

/// Answers have some hundred bytes.
const LONGEST: usize = 1 << 20;

/// Sends a review, with the entry's caBundle and within its time.
pub(crate) async fn call(entry: &Entry<'_>, url: &str, review: &[u8]) -> Probe {
    let limit = Duration::from_secs(entry.timeout_seconds());
    let Ok(url) = url.parse::<Uri>() else {
        return Probe::Unfit("the url is not valid".to_owned());
    };
    let (Some(host), port) = (url.host(), url.port_u16().unwrap_or(443)) else {
        return Probe::Unfit("the url has no host".to_owned());
    };
    let host = host.trim_matches(['[', ']']);
    let begun = Instant::now();
    let stream = match timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Probe::Unreachable(format!("{host}:{port}: {error}")),
        Err(_) => {
            return Probe::Unreachable(format!(
                "{host}:{port} does not accept the connection in time"
            ));
        }
    };
    let left = limit.saturating_sub(begun.elapsed());
    match timeout(left, converse(stream, entry, host, &url, review)).await {
        Ok(Ok(())) => Probe::Answered { milliseconds: milliseconds(begun.elapsed()) },
        Ok(Err(probe)) => probe,
        Err(_) => Probe::Silent { milliseconds: milliseconds(limit) },
    }
}

async fn converse(
    stream: TcpStream,
    entry: &Entry<'_>,
    host: &str,
    url: &Uri,
    review: &[u8],
) -> Result<(), Probe> {
    let unfit = |why: String| Probe::Unfit(why);
    let config = client(&entry.ca_bundle())?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unfit(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = stream.map_err(|error| handshake(&error))?;
    let http = |error: hyper::Error| unfit(format!("the connection broke: {}", causes(&error)));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, url.authority().map_or(host, |it| it.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::copy_from_slice(review)))
        .map_err(|error| unfit(error.to_string()))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(http)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body =
            body.map_err(|error| unfit(format!("the connection broke: {error}")))?.to_bytes();
        let review: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() && review["response"]["uid"].is_string() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&body);
        let line = text.lines().next().unwrap_or_default();
        Err(unfit(format!("the answer ({status}, {line:?}) is not an AdmissionReview")))
    };
    // Cancel-safe enough: the connection only moves the exchange's bytes.
    tokio::select! {
        biased;
        exchanged = exchange => exchanged,
        ended = connection => Err(ended.err().map_or_else(
            || unfit("it closed the connection".to_owned()),
            http,
        )),
    }
}

fn client(ca_bundle: &[u8]) -> Result<ClientConfig, Probe> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_bundle).flatten() {
        // One that can't be used verifies nothing, as at the API server.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Probe::Unfit(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn handshake(error: &io::Error) -> Probe {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => Probe::Untrusted(format!("{why:?}")),
        _ => Probe::Unfit(format!("the TLS handshake failed: {error}")),
    }
}

fn causes(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
