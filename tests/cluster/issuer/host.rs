//! A static host with HTTPS, as a bucket is one: it serves a folder, or what a test
//! wants of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Authority, Pair, Scratch};

type Answer = Response<Full<Bytes>>;

/// Serves `folder()`; it ends with this value.
pub struct Host {
    address: SocketAddr,
    served: Arc<Served>,
    ca_file: PathBuf,
    scratch: Scratch,
    task: tokio::task::JoinHandle<()>,
}

struct Served {
    folder: PathBuf,
    /// In place of the file of a path.
    instead: Mutex<Vec<(String, Answer)>>,
}

impl Host {
    pub async fn start() -> Self {
        let authority = Authority::new("issuer-host-tests").unwrap();
        let pair = authority.server(&["127.0.0.1", "localhost"]).unwrap();
        Self::serving_as(&authority, &pair).await
    }

    /// Shows this certificate.
    pub async fn serving_as(authority: &Authority, pair: &Pair) -> Self {
        Self::speaking(rustls::DEFAULT_VERSIONS, authority, pair).await
    }

    /// Speaks these versions of TLS alone.
    pub async fn speaking(
        versions: &[&'static rustls::SupportedProtocolVersion],
        authority: &Authority,
        pair: &Pair,
    ) -> Self {
        let scratch = Scratch::new().unwrap();
        let ca_file = scratch.write("host-ca.pem", authority.pem()).unwrap();
        let folder = scratch.path().join("site");
        let served = Arc::new(Served { folder, instead: Mutex::default() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(listener, acceptor_of(versions, pair), Arc::clone(&served)));
        Self { address, served, ca_file, scratch, task }
    }

    /// An issuer that this host can serve.
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}/cluster", self.address.port())
    }

    /// What is served at the issuer's path.
    pub fn folder(&self) -> PathBuf {
        self.served.folder.join("cluster")
    }

    pub fn ca_file(&self) -> &str {
        self.ca_file.to_str().unwrap()
    }

    /// Writes a file that is not served.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        self.scratch.write(name, contents).unwrap().display().to_string()
    }

    /// Answers so for a path from now on.
    pub fn answer(&self, path: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut answer = Response::new(Full::from(body.to_owned()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            answer.headers_mut().insert(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        self.served.instead.lock().unwrap().insert(0, (path.to_owned(), answer));
    }

    /// Serves the files again.
    pub fn restore(&self) {
        self.served.instead.lock().unwrap().clear();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    fn answer(&self, path: &str) -> Answer {
        let instead = self.instead.lock().unwrap();
        if let Some((_, answer)) = instead.iter().find(|(of, _)| of == path) {
            return answer.clone();
        }
        let file = self.folder.join(Path::new(path).strip_prefix("/").unwrap());
        match std::fs::read(file) {
            Ok(contents) => Response::builder()
                .header("content-type", "application/json")
                .body(Full::from(contents))
                .unwrap(),
            Err(_) => Response::builder().status(404).body(Full::default()).unwrap(),
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, served: Arc<Served>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (acceptor, served) = (acceptor.clone(), Arc::clone(&served));
        tokio::spawn(async move {
            // A client that does not trust it goes away.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let answer = served.answer(request.uri().path());
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// What makes TLS of a connection, with this certificate.
pub fn acceptor(pair: &Pair) -> TlsAcceptor {
    acceptor_of(rustls::DEFAULT_VERSIONS, pair)
}

fn acceptor_of(versions: &[&'static rustls::SupportedProtocolVersion], pair: &Pair) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes());
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
