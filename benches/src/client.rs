//! A client of HTTP/1.1 over TLS that costs little: it saturates before the server does otherwise. It sends bytes that
//! are made beforehand, and of an answer reads the status and where it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::answer::Answer;

/// Where requests go.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

/// A whole request, head and body.
pub fn request(address: SocketAddr, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-apiserver-admission\r\n\
         Content-Length: {}\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
         Accept-Encoding: gzip\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One connection, kept alive where the server keeps it alive too.
pub struct Client {
    target: Target,
    stream: TlsStream<TcpStream>,
    answer: Answer,
}

impl Client {
    pub async fn connect(target: &Target) -> anyhow::Result<Self> {
        let stream = connect(target).await?;
        Ok(Self { target: target.clone(), stream, answer: Answer::default() })
    }

    /// Sends a request and reads the answer to its end; returns the body, which must come with 200. Connects anew
    /// where the answer before said that the connection ends.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        if self.answer.closes() {
            self.stream = connect(&self.target).await?;
        }
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.answer.read(&mut self.stream).await?;
        Ok(self.answer.body())
    }

    /// Says that it leaves.
    pub async fn close(mut self) -> anyhow::Result<()> {
        Ok(self.stream.shutdown().await?)
    }
}

async fn connect(target: &Target) -> anyhow::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::from(target.address.ip());
    Ok(TlsConnector::from(Arc::clone(&target.tls)).connect(name, stream).await?)
}
