//! Another webhook, made by a test: a sidecar injector and the like.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use axum::{
    body::Bytes,
    http::{Request, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    control_plane::ControlPlane,
    namespace::Namespace,
    pki::Authority,
    registration::{Registration, register},
};

type Patch = dyn Fn(&Value) -> Value + Send + Sync;

/// An HTTPS server in this process that answers each review with a JSON patch. It ends with this value
/// or with the test's runtime.
pub struct Injector {
    address: SocketAddr,
    authority: Authority,
    seen: Arc<Mutex<Vec<Value>>>,
    server: JoinHandle<()>,
}

impl Injector {
    /// `patch` makes the list of JSON patch operations from the review's `request`.
    pub async fn start(patch: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        let started = Self::try_start(Arc::new(patch)).await;
        started.unwrap_or_else(|error| panic!("the injector did not start: {error:#}"))
    }

    async fn try_start(patch: Arc<Patch>) -> anyhow::Result<Self> {
        let authority = Authority::new("injector-tests")?;
        let pair = authority.server(&["127.0.0.1"])?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?,
            )?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, patch) = (acceptor.clone(), Arc::clone(&patch));
                let requests = Arc::clone(&requests);
                tokio::spawn(serve(acceptor, stream, patch, requests));
            }
        });
        Ok(Self { address, authority, seen, server })
    }

    /// Registers it for the pods of one namespace, and waits until that is in force.
    pub async fn register(
        &self,
        control_plane: &ControlPlane,
        namespace: &Namespace,
        registration: Registration,
    ) -> String {
        let url = format!("https://{}", self.address);
        let ca = self.authority.pem();
        register(control_plane, namespace, &url, ca, registration).await
    }

    /// The `request` of each review so far, those of the registration's waiting among them.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    patch: Arc<Patch>,
    seen: Arc<Mutex<Vec<Value>>>,
) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| answer(request, &*patch, &seen));
    // An error is the API server's to report: it is in the answer that the test gets.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    patch: &Patch,
    seen: &Mutex<Vec<Value>>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    let review: Value = serde_json::from_slice(&body).context("failed to read the review")?;
    let request = &review["request"];
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let answer = json!({
        "apiVersion": review["apiVersion"],
        "kind": review["kind"],
        "response": {
            "uid": request["uid"],
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": STANDARD.encode(patch(request).to_string()),
        },
    });
    let answer = Full::new(Bytes::from(answer.to_string()));
    Ok(Response::builder().header("content-type", "application/json").body(answer)?)
}
