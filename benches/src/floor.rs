//! The floor: what any webhook in Rust pays. hyper and rustls alone; it reads the body and answers fixed bytes.
//!
//! An API server takes no fixed bytes: for it the answer is a review of which the request's `uid` is filled in.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers, of which the path says how many bytes to send: `/1500`.
static ANSWER: [u8; 64 << 10] = [b'x'; 64 << 10];

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    certificate: PathBuf,
    #[arg(long)]
    key: PathBuf,
    /// Answers each review with this file, `UID` in it replaced.
    #[arg(long)]
    answer: Option<PathBuf>,
}

/// The two halves of a review's answer.
type Template = Arc<(String, String)>;

pub fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Args) -> anyhow::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(config(&args.certificate, &args.key)?));
    let template: Option<Template> = match &args.answer {
        None => None,
        Some(file) => {
            let answer = std::fs::read_to_string(file)?;
            let (before, behind) = answer.split_once("UID").context("no UID in the answer")?;
            Some(Arc::new((before.to_owned(), behind.to_owned())))
        }
    };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], args.port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, template) = (acceptor.clone(), template.clone());
        tokio::spawn(async move {
            // A client that leaves early is no failure of the measurement.
            if let Ok(stream) = acceptor.accept(stream).await {
                let service = service_fn(|request| answer(request, template.as_deref()));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    template: Option<&(String, String)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let wanted = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
    let read = request.into_body().collect().await.map(Collected::to_bytes);
    let mut response = Response::new(match (template, &read) {
        (Some(template), Ok(review)) => filled(template, review),
        _ => Full::new(Bytes::from_static(&ANSWER[..wanted])),
    });
    if read.is_err() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The first `uid` of a review is the request's.
fn filled((before, behind): &(String, String), review: &[u8]) -> Full<Bytes> {
    const NAME: &[u8] = b"\"uid\":\"";
    let begin = review.windows(NAME.len()).position(|it| it == NAME);
    let rest = begin.and_then(|begin| review.get(begin + NAME.len()..)).unwrap_or_default();
    let uid = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    Full::new([before.as_bytes(), uid, behind.as_bytes()].concat().into())
}

fn config(certificate: &Path, key: &Path) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate)?],
            PrivateKeyDer::from_pem_file(key)?,
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // As the webhook: no client of it resumes a session.
    config.send_tls13_tickets = 0;
    Ok(config)
}
