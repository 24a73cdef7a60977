//! A plain HTTP/1.1 client.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::{
    body::Bytes,
    http::{HeaderMap, Request, StatusCode, header::HOST},
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::pki::Pair;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

pub async fn send(address: SocketAddr, request: Request<Bytes>) -> anyhow::Result<Reply> {
    let stream = TcpStream::connect(address).await?;
    Connection::over(stream, address).await?.send(request).await
}

/// GET over plain HTTP.
pub async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Reply> {
    send(address, Request::get(path).body(Bytes::new())?).await
}

pub async fn send_tls(
    address: SocketAddr,
    ca_pem: &str,
    request: Request<Bytes>,
) -> anyhow::Result<Reply> {
    Connection::open_tls(address, ca_pem).await?.send(request).await
}

/// Opens TLS connections to one address.
#[derive(Clone)]
pub struct Dialer {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Dialer {
    pub fn new(address: SocketAddr, ca_pem: &str) -> anyhow::Result<Self> {
        let config = client_config(ca_pem, None, rustls::DEFAULT_VERSIONS)?;
        Ok(Self::with(address, config))
    }

    pub fn with(address: SocketAddr, config: ClientConfig) -> Self {
        Self { address, connector: TlsConnector::from(Arc::new(config)) }
    }

    pub async fn tcp(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    pub async fn tls(&self) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::from(self.address.ip());
        self.connector.connect(name, self.tcp().await?).await
    }

    pub async fn http(&self) -> anyhow::Result<Connection> {
        Connection::over(self.tls().await?, self.address).await
    }
}

/// What a client trusts, and what it shows where it is asked.
pub fn client_config(
    ca_pem: &str,
    client: Option<&Pair>,
    versions: &[&'static SupportedProtocolVersion],
) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(authority?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_root_certificates(roots);
    Ok(match client {
        Some(pair) => config.with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes())?],
            PrivateKeyDer::from_pem_slice(pair.key.as_bytes())?,
        )?,
        None => config.with_no_client_auth(),
    })
}

/// A connection that is kept alive between requests. It closes with this value.
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    pub async fn open_tls(address: SocketAddr, ca_pem: &str) -> anyhow::Result<Self> {
        Self::open_tls_as(address, ca_pem, None, rustls::DEFAULT_VERSIONS).await
    }

    /// Shows a certificate where the server asks for one.
    pub async fn open_tls_as(
        address: SocketAddr,
        ca_pem: &str,
        client: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> anyhow::Result<Self> {
        let config = client_config(ca_pem, client, versions)?;
        Dialer::with(address, config).http().await
    }

    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Its errors come out of the request as well.
        let task = tokio::spawn(connection);
        Ok(Self { address, sender, task })
    }

    /// Waits until it takes a request; false where it has been closed.
    pub async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub async fn send(&mut self, request: Request<Bytes>) -> anyhow::Result<Reply> {
        let mut request = request.map(Full::new);
        request.headers_mut().entry(HOST).or_insert(self.address.to_string().try_into()?);
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
