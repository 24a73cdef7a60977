//! A webhook that is registered by URL, called as the API server calls it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use super::client::{Client, Failure, Limits, Response};
use super::url::{Scheme, Url};
use diagnosis::{Entry, Probe};

/// Answers have some hundred bytes.
const MAX_BYTES: usize = 1 << 20;

/// Sends a review, with the entry's caBundle and within its time.
pub async fn call(entry: &Entry<'_>, url: &str, review: &[u8]) -> Probe {
    let Some(url) = Url::parse(url, Scheme::Https) else {
        return Probe::Unfit("the url is not an https URL with a host".to_owned());
    };
    let client = match Client::trusting(authorities(&entry.ca_bundle())) {
        Ok(client) => client,
        Err(error) => return Probe::Unfit(error.to_string()),
    };
    let limits = Limits { time: Duration::from_secs(entry.timeout_seconds()), bytes: MAX_BYTES };
    let begun = Instant::now();
    let request = Request::post("/").header(CONTENT_TYPE, "application/json");
    let review = Bytes::copy_from_slice(review);
    match client.call(&url, request, review, limits).await {
        Ok(response) => answered(&response, milliseconds(begun.elapsed())),
        Err(failure) => failed(failure, &url, limits.time),
    }
}

fn answered(response: &Response, milliseconds: u64) -> Probe {
    let review: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.status.is_success() && review["response"]["uid"].is_string() {
        return Probe::Answered { milliseconds };
    }
    let text = String::from_utf8_lossy(&response.body);
    let line = text.lines().next().unwrap_or_default();
    let status = response.status;
    Probe::Unfit(format!("the answer ({status}, {line:?}) is not an AdmissionReview"))
}

fn failed(failure: Failure, url: &Url, time: Duration) -> Probe {
    let Url { host, port, .. } = url;
    match failure {
        Failure::Resolve(why) | Failure::Connect(why) => {
            Probe::Unreachable(format!("{host}:{port}: {why}"))
        }
        Failure::ConnectTimeout => {
            Probe::Unreachable(format!("{host}:{port} does not accept the connection in time"))
        }
        Failure::Certificate { error, .. } => Probe::Untrusted(format!("{error:?}")),
        Failure::Handshake(why) => Probe::Unfit(format!("the TLS handshake failed: {why}")),
        Failure::Http(why) => Probe::Unfit(format!("the connection broke: {why}")),
        failure @ Failure::TooLong(_) => Probe::Unfit(failure.to_string()),
        Failure::Timeout => Probe::Silent { milliseconds: milliseconds(time) },
    }
}

fn authorities(ca_bundle: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_bundle).flatten() {
        // One that can't be used verifies nothing, as at the API server.
        let _ = roots.add(certificate);
    }
    roots
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
