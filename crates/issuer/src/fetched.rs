//! What came of fetching a document, as a value.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Discovery;

/// The result of an HTTPS GET: the response, or why there is none.
pub type Fetched = Result<Answer, FetchFailure>;

/// An HTTP response. A redirect is a response like any other: STS follows none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The URL that was requested.
    pub url: String,
    /// The HTTP status code.
    pub status: u16,
    /// The `Content-Type` header, as sent.
    pub content_type: Option<String>,
    /// The `Location` header, which a redirect has.
    pub location: Option<String>,
    /// The body of the response, whole.
    pub body: Vec<u8>,
    /// The certificates that the server presented, its own first, in DER.
    pub chain: Vec<Vec<u8>>,
    /// The address that answered, if it is known.
    pub address: Option<IpAddr>,
}

/// Why there is no response. Each `reason` is the text of the library that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum FetchFailure {
    /// The URL can't be fetched: it is not `https`, or has no host. The value
    /// is the URL.
    #[error("{0:?} is not an https URL with a host")]
    ReadUrl(String),
    /// The host name has no address in DNS.
    #[error("the name {host} does not resolve: {reason}")]
    Resolve {
        /// The name that was looked up.
        host: String,
        /// What the resolver reported.
        reason: String,
    },
    /// No TCP connection could be opened.
    #[error("no connection to {authority}: {reason}")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the operating system reported.
        reason: String,
    },
    /// The server's certificate chains to no authority that is trusted.
    #[error("the certificate of {host} is from an authority that is not trusted: {reason}")]
    UnknownAuthority {
        /// The host name that was called.
        host: String,
        /// What the TLS library reported.
        reason: String,
    },
    /// The server's certificate has another fault: it expired, or is for
    /// another name.
    #[error("the certificate of {host} is not valid: {reason}")]
    Certificate {
        /// The host name that was called.
        host: String,
        /// What the TLS library reported.
        reason: String,
    },
    /// The TLS handshake failed for another reason than the certificate.
    #[error("the TLS handshake with {authority} failed: {reason}")]
    Handshake {
        /// Host and port.
        authority: String,
        /// What the TLS library reported.
        reason: String,
    },
    /// The connection was made, but no valid HTTP response arrived.
    #[error("{url} did not answer with HTTP: {reason}")]
    Http {
        /// The URL that was requested.
        url: String,
        /// What the HTTP library reported.
        reason: String,
    },
    /// No complete response arrived in time.
    #[error("{url} did not answer within {seconds} s")]
    Timeout {
        /// The URL that was requested.
        url: String,
        /// How long the client waited, in seconds.
        seconds: u64,
    },
    /// The body is longer than the client reads.
    #[error("the response of {url} is longer than {limit} bytes")]
    TooLong {
        /// The URL that was requested.
        url: String,
        /// The maximum length of a body, in bytes.
        limit: usize,
    },
}

/// The two documents of an issuer, as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedDocuments {
    /// The discovery document, from `.well-known/openid-configuration` below
    /// the issuer.
    pub discovery: Fetched,
    /// The JWK set, from the `jwks_uri` of the discovery document; `None` if that could not
    /// be read.
    pub jwks: Option<Fetched>,
}

impl PublishedDocuments {
    /// The URL of the JWK set, if the discovery document was fetched and names one.
    #[must_use]
    pub fn jwks_uri(discovery: &Fetched) -> Option<String> {
        let answer = discovery.as_ref().ok().filter(|answer| answer.status == 200)?;
        Some(Discovery::parse(&answer.body).ok()?.jwks_uri)
    }
}

impl FetchFailure {
    /// Applies `f` to each text of it.
    #[must_use]
    pub fn map(self, f: impl Fn(&str) -> String) -> Self {
        match self {
            Self::ReadUrl(url) => Self::ReadUrl(f(&url)),
            Self::Resolve { host, reason } => Self::Resolve { host: f(&host), reason: f(&reason) },
            Self::Connect { authority, reason } => {
                Self::Connect { authority: f(&authority), reason: f(&reason) }
            }
            Self::UnknownAuthority { host, reason } => {
                Self::UnknownAuthority { host: f(&host), reason: f(&reason) }
            }
            Self::Certificate { host, reason } => {
                Self::Certificate { host: f(&host), reason: f(&reason) }
            }
            Self::Handshake { authority, reason } => {
                Self::Handshake { authority: f(&authority), reason: f(&reason) }
            }
            Self::Http { url, reason } => Self::Http { url: f(&url), reason: f(&reason) },
            Self::Timeout { url, seconds } => Self::Timeout { url: f(&url), seconds },
            Self::TooLong { url, limit } => Self::TooLong { url: f(&url), limit },
        }
    }

    /// What to do about it, as one sentence for people.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            Self::ReadUrl(_) => "use an absolute URL that begins with https://".to_owned(),
            Self::Resolve { host, .. } => {
                format!("make {host} resolve in public DNS, or correct the host")
            }
            Self::Connect { .. } => {
                "serve the document on that port, and open the firewall to the internet: STS has no \
                 fixed addresses"
                    .to_owned()
            }
            Self::UnknownAuthority { .. } => {
                "use a certificate of a public CA, with its intermediate certificates; for your own \
                 CA, pass --ca-file and register its thumbprint with IAM"
                    .to_owned()
            }
            Self::Certificate { .. } => {
                "renew the certificate, with the URL's host among its names".to_owned()
            }
            Self::Handshake { .. } => "serve HTTPS, with TLS 1.2 or 1.3".to_owned(),
            Self::Http { .. } => "serve HTTP/1.1 over TLS".to_owned(),
            Self::Timeout { .. } => "make the server answer faster: STS gives up after 5 s".to_owned(),
            Self::TooLong { .. } => "serve the document itself, which has a few kB".to_owned(),
        }
    }
}
