//! A client of HTTP/1.1 over TLS that costs little: it saturates before the server does otherwise. It sends bytes that
//! are made beforehand, and of an answer reads the status and the length.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

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

/// One connection, kept alive.
pub struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(target: &Target) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(target.address.ip());
        let stream = TlsConnector::from(Arc::clone(&target.tls)).connect(name, stream).await?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request and reads the answer to its end; returns the body, which must come with 200.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the server closed the connection instead of answering");
            if let Some((head, length)) = head(&self.buffer)? {
                while self.buffer.len() < head + length {
                    let read = self.stream.read_buf(&mut self.buffer).await?;
                    ensure!(read > 0, "the server closed the connection within its answer");
                }
                return Ok(&self.buffer[head..]);
            }
        }
    }

    /// Says that it leaves.
    pub async fn close(mut self) -> anyhow::Result<()> {
        Ok(self.stream.shutdown().await?)
    }
}

/// The lengths of head and body, once the head is whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    if response.code != Some(200) {
        bail!("answered {:?}: {}", response.code, String::from_utf8_lossy(&bytes[head..]));
    }
    let length = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without Content-Length")?.value;
    Ok(Some((head, std::str::from_utf8(length)?.parse()?)))
}
