//! An issuer's documents over HTTPS, fetched as STS fetches them: no redirect is
//! followed, the certificate is verified, time and length are bounded.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, LOCATION};
use hyper::{HeaderMap, Request};
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::client::{Client, Failure, Limits};
use super::url::{Scheme, Url};
use issuer::{Answer, FetchFailure, Fetched, PublishedDocuments, Tls12};

/// The time that AWS says STS waits for an answer, and far more than the bytes of
/// a JWKS of a hundred keys.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 1 << 20 };

/// Fetches documents.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
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
        Ok(Self { client: Client::trusting(roots)? })
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

    /// Whether the server of a URL speaks TLS 1.2. A certificate that is not right for it is not
    /// its version's fault.
    pub async fn tls12(&self, url: &str) -> Tls12 {
        let Some(to) = Url::parse(url, Scheme::Https) else {
            return Tls12::Unknown(FetchFailure::ReadUrl(url.to_owned()).to_string());
        };
        match self.client.shake_hands_with_tls12(&to, LIMITS.time).await {
            Ok(()) | Err(Failure::Certificate { .. }) => Tls12::Accepted,
            Err(Failure::Handshake(reason)) => Tls12::Refused(reason),
            Err(failure) => Tls12::Unknown(explained(failure, url, &to).to_string()),
        }
    }

    /// One GET.
    pub async fn get(&self, url: &str) -> Fetched {
        let to = Url::parse(url, Scheme::Https);
        let to = to.ok_or_else(|| FetchFailure::ReadUrl(url.to_owned()))?;
        let request = Request::get("/").header(ACCEPT, "application/json");
        let response = self.client.call(&to, request, Bytes::new(), LIMITS).await;
        let response = response.map_err(|failure| explained(failure, url, &to))?;
        Ok(Answer {
            url: url.to_owned(),
            status: response.status.as_u16(),
            content_type: text(&response.headers, &CONTENT_TYPE),
            location: text(&response.headers, &LOCATION),
            body: response.body.into(),
            chain: response.chain,
            address: response.address,
        })
    }
}

fn explained(failure: Failure, url: &str, to: &Url) -> FetchFailure {
    let Url { host, authority, .. } = to.clone();
    let url = url.to_owned();
    match failure {
        Failure::Resolve(reason) => FetchFailure::Resolve { host, reason },
        Failure::Connect(reason) => FetchFailure::Connect { authority, reason },
        Failure::Certificate { error: CertificateError::UnknownIssuer, reason } => {
            FetchFailure::UnknownAuthority { host, reason }
        }
        Failure::Certificate { reason, .. } => FetchFailure::Certificate { host, reason },
        Failure::Handshake(reason) => FetchFailure::Handshake { authority, reason },
        Failure::Http(reason) => FetchFailure::Http { url, reason },
        Failure::ConnectTimeout | Failure::Timeout => {
            FetchFailure::Timeout { url, seconds: LIMITS.time.as_secs() }
        }
        Failure::TooLong(limit) => FetchFailure::TooLong { url, limit },
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
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
