//! A server over TLS that answers as an API server would, and keeps what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::Authority;

/// The head of one request: its line, and its headers in lower case.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, Vec<String>>,
}

pub(super) struct ApiServer {
    /// `https://127.0.0.1:PORT`.
    pub(super) url: String,
    pub(super) authority: Authority,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl ApiServer {
    /// One that answers each path as `answer` says: a status and JSON. Its certificate has these names.
    pub(super) async fn start(names: &[&str], answer: fn(&str) -> (u16, String)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let authority = Authority::new("recording").unwrap();
        let pair = authority.server(names).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let serving = tokio::spawn(serve(listener, acceptor, Arc::clone(&asked), answer));
        Self { url, authority, asked, serving }
    }

    /// What it was asked since the last call.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: fn(&str) -> (u16, String),
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, asked) = (acceptor.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let (mut read, mut buffer) = (Vec::new(), [0; 8192]);
            loop {
                let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") else {
                    match stream.read(&mut buffer).await? {
                        0 => return std::io::Result::Ok(()),
                        count => read.extend_from_slice(&buffer[..count]),
                    }
                    continue;
                };
                let head = String::from_utf8_lossy(&read[..end]).into_owned();
                let asked_now = Asked::of(&head);
                let length = asked_now.headers.get("content-length");
                let length: usize = length.map_or(0, |it| it[0].parse().unwrap());
                while read.len() < end + 4 + length {
                    let count = stream.read(&mut buffer).await?;
                    if count == 0 {
                        return Ok(());
                    }
                    read.extend_from_slice(&buffer[..count]);
                }
                read.drain(..end + 4 + length);
                let path = asked_now.line.split(' ').nth(1).unwrap_or_default().to_owned();
                asked.lock().unwrap().push(asked_now);
                let (status, body) = answer(path.split('?').next().unwrap_or_default());
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
                stream.flush().await?;
            }
        });
    }
}

impl Asked {
    fn of(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
        }
        Self { line, headers }
    }

    pub(super) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|values| values.join("|")).unwrap_or_default()
    }
}
