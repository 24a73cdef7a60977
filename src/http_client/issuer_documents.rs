//! Documents over HTTPS, fetched as STS fetches them: no redirect is followed,
//! the certificate is judged, time and length are bounded.
//!
//! One connection for one GET, so that the certificates that the server
//! presented belong to the answer.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, ClientConfig, RootCertStore, version};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use issuer::{Answer, FetchFailure, Fetched, PublishedDocuments};

/// What AWS says STS waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far beyond a JWKS of a hundred keys.
const LONGEST: usize = 1 << 20;

/// Fetches documents.
#[derive(Clone, Debug)]
pub struct Fetcher {
    config: Arc<ClientConfig>,
}

/// Why nothing can be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("failed to read the CA bundle: {0}; give a PEM file with certificates")]
    ParsePem(rustls_pki_types::pem::Error),
    #[error(
        "failed to read the CA bundle: no certificate in it; give a PEM file with at least one"
    )]
    FindAuthorities,
    #[error("failed to use the CA bundle: {0}")]
    UseAuthorities(#[from] rustls::Error),
}

/// Where a URL leads.
struct Destination {
    url: String,
    host: String,
    port: u16,
    path: String,
    /// Host and port, as in the URL.
    authority: String,
}

impl Fetcher {
    /// Trusts the public authorities: Mozilla's, built in. What the machine trusts
    /// besides has no say, since it has none at AWS.
    pub fn public() -> Result<Self, FetchError> {
        Self::trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Trusts the authorities of a PEM text alone.
    pub fn with_authorities(pem: &[u8]) -> Result<Self, FetchError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(FetchError::ParsePem)?)?;
        }
        if roots.is_empty() {
            return Err(FetchError::FindAuthorities);
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Result<Self, FetchError> {
        // The provider is named, so that nothing depends on which one the process has.
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    /// The discovery document, and the keys that it names.
    pub async fn published(&self, discovery_url: &str) -> PublishedDocuments {
        let discovery = self.get(discovery_url).await;
        let jwks = match PublishedDocuments::jwks_uri(&discovery) {
            Some(uri) => Some(self.get(&uri).await),
            None => None,
        };
        PublishedDocuments { discovery, jwks }
    }

    /// One GET.
    pub async fn get(&self, url: &str) -> Fetched {
        let target = Destination::parse(url)?;
        let late = || FetchFailure::Timeout { url: url.to_owned(), seconds: PATIENCE.as_secs() };
        timeout(PATIENCE, self.exchange(&target)).await.map_err(|_| late())?
    }

    async fn exchange(&self, target: &Destination) -> Fetched {
        let stream = self.connect(target).await?;
        let presented = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = presented.iter().map(|certificate| certificate.to_vec()).collect();
        let http = |error: hyper::Error| target.http(&error);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
        let answer = async {
            let request = Request::get(target.path.as_str())
                .header(HOST, &target.authority)
                .header(ACCEPT, "application/json")
                .header(USER_AGENT, concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
                .body(Empty::<Bytes>::new());
            let request = request.map_err(|_| FetchFailure::ReadUrl(target.url.clone()))?;
            let answer = sender.send_request(request).await.map_err(http)?;
            let (head, mut body) = answer.into_parts();
            let mut read = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let data = match frame.map_err(http) {
                    Ok(frame) => frame.into_data(),
                    // A redirect says enough without its page, which servers break off.
                    Err(_) if head.status != StatusCode::OK => break,
                    Err(error) => return Err(error),
                };
                let Ok(data) = data else { continue };
                if read.len() + data.len() > LONGEST {
                    return Err(FetchFailure::TooLong { url: target.url.clone(), limit: LONGEST });
                }
                read.extend_from_slice(&data);
            }
            Ok((head, read))
        };
        // The connection moves the bytes; it goes with the answer.
        tokio::pin!(answer);
        let mut connection = std::pin::pin!(connection);
        let (head, body) = tokio::select! {
            // Polled first: what it has read already counts, however the connection ended.
            biased;
            answered = &mut answer => answered,
            ended = &mut connection => match ended {
                Ok(()) => answer.await,
                // The head may have been read before it broke off.
                Err(error) => answer.await.map_err(|_| http(error)),
            },
        }?;
        Ok(Answer {
            url: target.url.clone(),
            status: head.status.as_u16(),
            content_type: text(&head.headers, &CONTENT_TYPE),
            location: text(&head.headers, &LOCATION),
            body: body.to_vec(),
            chain,
        })
    }

    async fn connect(&self, target: &Destination) -> Result<TlsStream<TcpStream>, FetchFailure> {
        let Destination { host, port, authority, .. } = target;
        let resolve = |reason: String| FetchFailure::Resolve { host: host.clone(), reason };
        let addresses = lookup_host((host.as_str(), *port)).await;
        let addresses = addresses.map_err(|error| resolve(error.to_string()))?;
        let mut refused = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return self.handshake(target, stream).await,
                Err(error) => refused = Some(format!("{address}: {error}")),
            }
        }
        let reason = refused.ok_or_else(|| resolve("it has no addresses".to_owned()))?;
        Err(FetchFailure::Connect { authority: authority.clone(), reason })
    }

    async fn handshake(
        &self,
        target: &Destination,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, FetchFailure> {
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| FetchFailure::ReadUrl(target.url.clone()))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await.map_err(|error| target.tls(&error))
    }
}

impl Destination {
    fn parse(url: &str) -> Result<Self, FetchFailure> {
        let bad = || FetchFailure::ReadUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad());
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(bad());
        }
        Ok(Self {
            url: url.to_owned(),
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(443),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authority: authority.to_string(),
        })
    }

    /// A handshake that failed, by what rustls says.
    fn tls(&self, error: &io::Error) -> FetchFailure {
        let (host, reason) = (self.host.clone(), error.to_string());
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                FetchFailure::UnknownAuthority { host, reason }
            }
            Some(rustls::Error::InvalidCertificate(_)) => {
                FetchFailure::Certificate { host, reason }
            }
            _ => FetchFailure::Handshake { authority: self.authority.clone(), reason },
        }
    }

    fn http(&self, error: &hyper::Error) -> FetchFailure {
        let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
        FetchFailure::Http { url: self.url.clone(), reason: format!("{error}{cause}") }
    }
}

fn text(headers: &HeaderMap, name: &hyper::header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        (listener, format!("https://localhost:{port}/.well-known/openid-configuration"))
    }

    // The clock stands still, and jumps to the deadline as soon as all wait.
    #[tokio::test(start_paused = true)]
    async fn gives_up_on_who_never_answers() {
        let (_silent, url) = listener().await;
        let got = Fetcher::public().expect("roots").get(&url).await;
        assert_eq!(got, Err(FetchFailure::Timeout { url, seconds: 5 }));
    }

    #[tokio::test]
    async fn refuses_what_is_no_https_url() {
        let fetcher = Fetcher::public().expect("roots");
        for url in ["http://a.example", "https://", "a.example", "https://me@a.example", ""] {
            let got = fetcher.get(url).await;
            assert_eq!(got, Err(FetchFailure::ReadUrl(url.to_owned())), "{url}");
        }
    }

    #[test]
    fn refuses_authorities_that_are_none() {
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(Fetcher::with_authorities(pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
