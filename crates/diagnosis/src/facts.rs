//! What is known of a cluster, its issuer and its role; each of it may be
//! missing, with the reason why.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use issuer::{Jwks, Token, Verify};

/// Something that was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    Known(T),
    /// It was asked for, and is not there.
    Absent,
    /// It could not be asked for; the reason in one line.
    Unknown(String),
    /// Nobody asked: it was not given, or there is nothing of it to ask for.
    #[default]
    NotAsked,
}

/// All that the checks go by. Kubernetes' objects are as the API server wrote
/// them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub subject: Subject,
    /// What the API server says of its version.
    pub version: Fact<Value>,
    /// `MutatingWebhookConfiguration`s.
    pub webhooks: Fact<Value>,
    pub namespace: Fact<Value>,
    pub service_account: Fact<Value>,
    /// The `ConfigMap` of identities.
    pub config_map: Fact<Value>,
    /// How the webhook's entries were reached, by configuration and entry:
    /// `CONFIGURATION/ENTRY`, as an [`Entry`](super::Entry) displays.
    pub probes: Fact<BTreeMap<String, Probe>>,
    pub dry_run: Fact<DryRun>,
    pub token: Fact<TokenFact>,
    pub discovery: Fact<FetchedDocument>,
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
    pub namespace: String,
    /// `deployment/app`, as it was asked for.
    pub object: String,
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
    Admitted {
        pod: Value,
        #[serde(default)]
        warnings: Vec<String>,
    },
    /// In the API server's words.
    Refused(String),
}

/// How a webhook was reached from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// A `Service` in the cluster: what is behind it, and the certificate that
    /// it serves with, as far as its Secret tells.
    Service {
        ready_endpoints: Fact<usize>,
        certificate: Fact<String>,
    },
    /// No connection from here.
    Unreachable(String),
    /// A connection, and a certificate that the caBundle does not verify.
    Untrusted(String),
    /// A connection, and no answer within the entry's time.
    Silent {
        milliseconds: u64,
    },
    /// An answer that is none to a review.
    Unfit(String),
    Answered {
        milliseconds: u64,
    },
}

/// What a token says, without what would make it usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenFact {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
    pub kid: Option<String>,
    pub algorithm: String,
    /// Whether the published keys verify it: nothing where there were none to
    /// try, else why not.
    pub verified: Option<Result<(), String>>,
}

/// A document as STS would get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedDocument {
    pub url: String,
    pub answer: Result<String, String>,
}

impl<T> Fact<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Absent | Self::Unknown(_) | Self::NotAsked => None,
        }
    }

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

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in namespace {}", self.object, self.namespace)
    }
}
