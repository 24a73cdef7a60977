//! Where the issuer's documents are published: HTTPS, in this process.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::Authority;

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "/openid/v1/jwks";

/// What a path answers.
#[derive(Clone)]
pub(crate) enum Document {
    Text(String),
    Redirect(String),
    Status(u16),
}

type Documents = Arc<Mutex<HashMap<String, Document>>>;

/// The server. It ends with the test's runtime.
pub(crate) struct Published {
    address: SocketAddr,
    authority: Authority,
    documents: Documents,
}

impl Published {
    pub(crate) async fn start() -> Self {
        let authority = Authority::new("issuer-tests").unwrap();
        let pair = authority.server(&["127.0.0.1"]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let documents = Documents::default();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&documents)));
        Self { address, authority, documents }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    pub(crate) fn put(&self, path: &str, document: Document) {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        documents.insert(path.to_owned(), document);
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, documents: Documents) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, documents) = (tls.clone(), Arc::clone(&documents));
        tokio::spawn(async move {
            let stream = tls.accept(stream).await?;
            let answer = service_fn(move |request: Request<Incoming>| {
                let documents = documents.lock().unwrap_or_else(PoisonError::into_inner);
                let document = documents.get(request.uri().path()).cloned();
                std::future::ready(answer(document))
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await?;
            anyhow::Ok(())
        });
    }
}

fn answer(document: Option<Document>) -> Result<Response<Full<Bytes>>, axum::http::Error> {
    let answer = Response::builder();
    match document {
        Some(Document::Text(text)) => answer.body(Full::from(text)),
        Some(Document::Redirect(to)) => {
            answer.status(301).header("location", to).body(Full::default())
        }
        Some(Document::Status(status)) => answer.status(status).body(Full::default()),
        None => answer.status(404).body(Full::default()),
    }
}
