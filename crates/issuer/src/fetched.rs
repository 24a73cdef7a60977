//! What came of fetching a document, as a value.

use super::Discovery;

/// An answer over HTTPS, or why there is none.
pub type Fetched = Result<Answer, FetchFailure>;

/// What a server answered. A redirect is an answer like others: STS follows none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub url: String,
    pub status: u16,
    pub content_type: Option<String>,
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// The certificates that the server presented, its own first; DER.
    pub chain: Vec<Vec<u8>>,
}

/// Why there is no answer. The reasons are other programs' words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    #[error("{0:?} is not an https URL with a host")]
    ReadUrl(String),
    #[error("the name {host} does not resolve: {reason}")]
    Resolve { host: String, reason: String },
    #[error("no connection to {authority}: {reason}")]
    Connect { authority: String, reason: String },
    #[error("the certificate of {host} is from an authority that is not trusted: {reason}")]
    UnknownAuthority { host: String, reason: String },
    #[error("the certificate of {host} is not valid: {reason}")]
    Certificate { host: String, reason: String },
    #[error("the TLS handshake with {authority} failed: {reason}")]
    Handshake { authority: String, reason: String },
    #[error("{url} did not answer with HTTP: {reason}")]
    Http { url: String, reason: String },
    #[error("{url} did not answer within {seconds} s")]
    Timeout { url: String, seconds: u64 },
    #[error("the response of {url} is longer than {limit} bytes")]
    TooLong { url: String, limit: usize },
}

/// The two documents of an issuer, as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedDocuments {
    pub discovery: Fetched,
    /// From the `jwks_uri` of the discovery document; nothing where that names
    /// none.
    pub jwks: Option<Fetched>,
}

impl PublishedDocuments {
    /// Where the keys are to be fetched from, by the discovery document.
    #[must_use]
    pub fn jwks_uri(discovery: &Fetched) -> Option<String> {
        let answer = discovery.as_ref().ok().filter(|answer| answer.status == 200)?;
        Some(Discovery::parse(&answer.body).ok()?.jwks_uri)
    }
}

impl FetchFailure {
    /// The one next step.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            Self::ReadUrl(_) => "use an absolute URL that begins with https://".to_owned(),
            Self::Resolve { host, .. } => {
                format!("make {host} resolve in public DNS, or correct the host in the issuer")
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
