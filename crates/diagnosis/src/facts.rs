//! What is known of a cluster, its issuer and its role; each of it may be
//! missing, with the reason why.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Reason, Refusal, WebhookFlags};
use issuer::{Answer, FetchFailure, Fetched, Jwks, Token, Verify};

/// Something that was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    /// It was found.
    Known(T),
    /// It was asked for, and is not there.
    Absent,
    /// It could not be asked for.
    Unknown(Reason),
    /// Nobody asked: it was not given, or there is nothing of it to ask for.
    #[default]
    NotAsked,
}

/// All that the checks go by. Kubernetes' objects are as the API server wrote
/// them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What the checks are about.
    pub subject: Subject,
    /// What the API server says of its version.
    pub version: Fact<Value>,
    /// `MutatingWebhookConfiguration`s.
    pub webhooks: Fact<Value>,
    /// The `Namespace` of the subject.
    pub namespace: Fact<Value>,
    /// The `ServiceAccount` of the subject.
    pub service_account: Fact<Value>,
    /// The `ConfigMap` of identities.
    pub config_map: Fact<Value>,
    /// The flags that the webhook runs with.
    pub webhook_flags: Fact<WebhookFlags>,
    /// Whether the container credentials file lists the ServiceAccount.
    pub container_credentials: Fact<bool>,
    /// How the webhook's entries were reached, by configuration and entry:
    /// `CONFIGURATION/ENTRY`, as an [`Entry`](super::Entry) displays.
    pub probes: Fact<BTreeMap<String, Probe>>,
    /// A pod of the subject, created by dry run.
    pub dry_run: Fact<DryRun>,
    /// A token of the ServiceAccount.
    pub token: Fact<TokenFact>,
    /// The issuer's discovery document.
    pub discovery: Fact<FetchedDocument>,
    /// The issuer's JWK set.
    pub jwks: Fact<FetchedDocument>,
    /// The pods that run; none for a `ServiceAccount` by itself.
    pub pods: Fact<Vec<Value>>,
    /// What `aws iam get-role` printed, or a trust policy, as text.
    pub role: Fact<String>,
    /// What `aws iam get-open-id-connect-provider` printed, or
    /// `list-open-id-connect-providers`.
    pub provider: Fact<Value>,
}

/// What the checks are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its namespace.
    pub namespace: String,
    /// `deployment/app`, as it was asked for.
    pub object: String,
    /// Name of its ServiceAccount.
    pub service_account: String,
    /// Of the pods that are made, for selectors.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When the facts were gathered, in seconds since 1970.
    pub at: i64,
}

/// What became of a pod that was created by dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DryRun {
    /// The API server would create the pod.
    Admitted {
        /// The pod as it would be stored.
        pod: Value,
        /// The warnings that came with it.
        #[serde(default)]
        warnings: Vec<String>,
    },
    /// The API server would not create it.
    Refused(Refusal),
}

/// How a webhook was reached from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// A `Service` in the cluster: what is behind it, and the certificate that
    /// it serves with, as far as its Secret tells.
    Service {
        /// How many endpoints are ready.
        ready_endpoints: Fact<usize>,
        /// The `tls.crt` of its Secret: PEM.
        certificate: Fact<String>,
    },
    /// No connection from here.
    Unreachable(String),
    /// A connection, and a certificate that the caBundle does not verify.
    Untrusted(String),
    /// A connection, and no answer within the entry's time.
    Silent {
        /// The time that passed.
        milliseconds: u64,
    },
    /// An answer that is none to a review.
    Unfit(String),
    /// An answer to a review.
    Answered {
        /// The time that passed.
        milliseconds: u64,
    },
}

/// What a token says, without what would make it usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenFact {
    /// `iss`.
    pub issuer: String,
    /// `sub`, such as `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
    /// `aud`.
    pub audiences: Vec<String>,
    /// `kid` of the header: the key that signed it.
    pub kid: Option<String>,
    /// `alg` of the header.
    pub algorithm: String,
    /// Whether the published keys verify it: nothing where there were none to
    /// try, else why not.
    pub verified: Option<Result<(), String>>,
}

/// A document as STS would get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedDocument {
    /// Where it was fetched from.
    pub url: String,
    /// The response, or why there is none.
    pub answer: Result<Response, FetchFailure>,
}

/// An HTTP response with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The `Content-Type` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The `Location` header of a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The address that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The text of the response.
    pub body: String,
}

impl<T> Fact<T> {
    /// The value, if it was found.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Absent | Self::Unknown(_) | Self::NotAsked => None,
        }
    }

    /// The same of a value that stays where it is. The reason is copied.
    #[must_use]
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(known) => Fact::Known(known),
            Self::Absent => Fact::Absent,
            Self::Unknown(why) => Fact::Unknown(why.clone()),
            Self::NotAsked => Fact::NotAsked,
        }
    }

    /// Applies `f` to a value that was found.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(known) => Fact::Known(f(known)),
            Self::Absent => Fact::Absent,
            Self::Unknown(why) => Fact::Unknown(why),
            Self::NotAsked => Fact::NotAsked,
        }
    }
}

impl TokenFact {
    /// Of a token, and of the published keys where they could be fetched.
    #[must_use]
    pub fn of(token: &Token, published: Option<&Jwks>, verify: Verify) -> Self {
        Self {
            issuer: token.issuer.clone(),
            subject: token.subject.clone(),
            audiences: token.audiences.clone(),
            kid: token.kid.clone(),
            algorithm: token.algorithm.clone(),
            verified: published
                .map(|keys| keys.verify(token, verify).map_err(|error| error.to_string())),
        }
    }
}

impl FetchedDocument {
    /// Of what came of a request for `url`.
    #[must_use]
    pub fn of(url: &str, fetched: Fetched) -> Self {
        let answer = fetched.map(|answer| Response {
            status: answer.status,
            content_type: answer.content_type,
            location: answer.location,
            address: answer.address,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        });
        Self { url: url.to_owned(), answer }
    }

    /// Of a document that somebody saved: where it is from is not known.
    #[must_use]
    pub fn saved(name: &str, text: String) -> Self {
        let content_type = Some("application/json".to_owned());
        let (status, location, address) = (200, None, None);
        let answer = Ok(Response { status, content_type, location, address, body: text });
        Self { url: name.to_owned(), answer }
    }

    /// The text of the document, if there was one at the URL.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let response = self.answer.as_ref().ok().filter(|response| response.status == 200)?;
        Some(&response.body)
    }

    /// As the checks of an issuer take it.
    pub(crate) fn fetched(&self) -> Fetched {
        self.answer.clone().map(|response| Answer {
            url: self.url.clone(),
            status: response.status,
            content_type: response.content_type,
            location: response.location,
            body: response.body.into_bytes(),
            chain: Vec::new(),
            address: response.address,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in namespace {}", self.object, self.namespace)
    }
}
