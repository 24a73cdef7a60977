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
    #[error("{0:?} is no https URL with a host")]
    ReadUrl(String),
    #[error("the name {host} does not resolve: {reason}")]
    Resolve { host: String, reason: String },
    #[error("no connection to {authority}: {reason}")]
    Connect { authority: String, reason: String },
    #[error("the certificate of {host} is of an authority that is not trusted: {reason}")]
    UnknownAuthority { host: String, reason: String },
    #[error("the certificate of {host} is not valid: {reason}")]
    Certificate { host: String, reason: String },
    #[error("{authority} does not speak TLS that can be used: {reason}")]
    Handshake { authority: String, reason: String },
    #[error("{url} did not answer in HTTP: {reason}")]
    Http { url: String, reason: String },
    #[error("{url} did not answer in {seconds} s")]
    Timeout { url: String, seconds: u64 },
    #[error("what {url} answers is longer than {limit} bytes")]
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
            Self::ReadUrl(_) => "write an absolute URL that begins with https://".to_owned(),
            Self::Resolve { host, .. } => {
                format!("make {host} resolve on the internet, or mend the name in the issuer")
            }
            Self::Connect { .. } => {
                "serve it on that port, and open the firewall for the internet: STS has no fixed \
                 addresses"
                    .to_owned()
            }
            Self::UnknownAuthority { .. } => {
                "serve it with a certificate of a public authority and its intermediates; for \
                 one of your own give --ca-file, and register its thumbprint with IAM"
                    .to_owned()
            }
            Self::Certificate { .. } => {
                "renew the certificate, with the host of the URL among its names".to_owned()
            }
            Self::Handshake { .. } => "serve HTTPS there, with TLS 1.2 or 1.3".to_owned(),
            Self::Http { .. } => "serve it over HTTP/1.1 inside TLS".to_owned(),
            Self::Timeout { .. } => "make it answer faster: STS gives up after 5 s".to_owned(),
            Self::TooLong { .. } => "serve the document itself there: one has a few kB".to_owned(),
        }
    }
}
