//! Manifests by URL, as `kubectl apply -f URL` fetches them.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::LOCATION;
use hyper::{Request, StatusCode};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::client::{Client, Limits};
use super::url::{Scheme, Url};
use crate::input::{self, InputError, Limit, Problem};

/// A slow line has half a minute for a bundle of manifests.
const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 16 << 20 };
/// Releases lead on to where their files are.
const MOST_REDIRECTS: usize = 5;

/// Why there are no manifests.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("failed to read {0:?} as a URL; write it as https://HOST/PATH")]
    Url(String),
    #[error("failed to get {url}: {reason}; check the URL and the network")]
    Call { url: String, reason: String },
    #[error("failed to get {url}: the response is {status}; check the URL")]
    Status { url: String, status: StatusCode },
    #[error("failed to get {0}: it leads on more than {MOST_REDIRECTS} times; give the last URL")]
    Redirects(String),
    #[error(
        "failed to get {0}: it leads to a URL without TLS, {1:?}; give that URL if you trust it"
    )]
    Downgrade(String, String),
    #[error("failed to read {url}: {problem}")]
    Text { url: String, problem: Problem },
    #[error("failed to use SSL_CERT_FILE: {0}")]
    Authorities(InputError),
    #[error("failed to set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Whether a name is to be fetched rather than opened.
#[must_use]
pub fn is_url(name: &str) -> bool {
    let starts = |scheme: &str| {
        name.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    starts("https://") || starts("http://")
}

/// The text at a URL.
pub async fn get(named: &str) -> Result<String, ManifestError> {
    let mut url = named.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let scheme = scheme(&url);
        let to = Url::parse(&url, scheme).ok_or_else(|| ManifestError::Url(url.clone()))?;
        let client = match scheme {
            Scheme::Http => Client::plain(),
            Scheme::Https => {
                Client::trusting(public_authorities().map_err(ManifestError::Authorities)?)?
            }
        };
        let response = client.call(&to, Request::get("/"), Bytes::new(), LIMITS).await;
        let response = response.map_err(|reason| ManifestError::Call {
            url: url.clone(),
            reason: reason.to_string(),
        })?;
        if response.status == StatusCode::OK {
            let text = input::decode(response.body.into());
            return text.map_err(|problem| ManifestError::Text { url, problem });
        }
        let location = response.headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let Some(location) = location.filter(|_| response.status.is_redirection()) else {
            return Err(ManifestError::Status { url, status: response.status });
        };
        let next = if location.starts_with('/') && !location.starts_with("//") {
            let word = if scheme == Scheme::Https { "https" } else { "http" };
            format!("{word}://{}{location}", to.authority)
        } else {
            location.to_owned()
        };
        if scheme == Scheme::Https && self::scheme(&next) == Scheme::Http && is_url(&next) {
            return Err(ManifestError::Downgrade(url, next));
        }
        url = next;
    }
    Err(ManifestError::Redirects(named.to_owned()))
}

fn scheme(url: &str) -> Scheme {
    let is_plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    if is_plain { Scheme::Http } else { Scheme::Https }
}

/// The public ones, and those of `SSL_CERT_FILE`.
pub(super) fn public_authorities() -> Result<RootCertStore, InputError> {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|it| !it.is_empty()) else {
        return Ok(roots);
    };
    let pem = input::read(path.as_ref(), Limit::KEYS)?;
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    Ok(roots)
}
