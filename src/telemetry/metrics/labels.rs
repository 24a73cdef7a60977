//! The values that labels have: enums, never a name that a client or a cluster
//! chooses, so that the number of series is fixed.

use injection::admission::{Endpoint, Method, Outcome};
use injection::identity::WarningKind;

/// The path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Mutate,
    Required,
    Healthz,
    Other,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Other,
}

/// What an API server said of a `ServiceAccount` that an admission waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveLookup {
    Found,
    NotFound,
    Failed,
}

/// Why an admission got no turn to ask the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupRejection {
    /// Too many waited already.
    QueueFull,
    /// The lookup timeout was over first.
    Timeout,
}

/// What became of an Event on a `ServiceAccount`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    Sent,
    /// The API server had it already, from another replica, say.
    Present,
    Dropped,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    ServiceAccounts,
    ConfigMap,
    /// That the managed certificates are kept in.
    Secret,
    /// The `MutatingWebhookConfiguration`s whose caBundles are managed.
    WebhookConfigurations,
}

/// Why the TLS handshake of a client was not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    NoCertificate,
    UnknownAuthority,
    /// Or not valid yet.
    Expired,
    WrongPurpose,
    WrongName,
    Other,
}

/// How reading a file again ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Loaded,
    Failed,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP has it, by either side.
    Closed,
    /// The client went away in the middle, or spoke no HTTP.
    Failed,
    /// No TLS handshake came about.
    Handshake,
    /// A limit of time was over, that of idle connections aside.
    TimedOut,
    /// It made room for a new one.
    Evicted,
}

impl Ending {
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::Failed, Self::Handshake, Self::TimedOut, Self::Evicted];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Handshake => "handshake",
            Self::TimedOut => "timed-out",
            Self::Evicted => "evicted",
        }
    }
}

impl Path {
    /// Of a URI, without its query.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path {
            "/mutate" => Self::Mutate,
            "/mutate/required" => Self::Required,
            "/healthz" => Self::Healthz,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "/mutate",
            Self::Required => "/mutate/required",
            Self::Healthz => "/healthz",
            Self::Other => "other",
        }
    }
}

impl Verb {
    #[must_use]
    pub fn of(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "POST" => Self::Post,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other => "other",
        }
    }
}

impl LiveLookup {
    pub(super) const ALL: [Self; 3] = [Self::Found, Self::NotFound, Self::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not-found",
            Self::Failed => "failed",
        }
    }
}

impl LookupRejection {
    pub(super) const ALL: [Self; 2] = [Self::QueueFull, Self::Timeout];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue-full",
            Self::Timeout => "timeout",
        }
    }
}

impl EventResult {
    pub(super) const ALL: [Self; 3] = [Self::Sent, Self::Present, Self::Dropped];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Present => "present",
            Self::Dropped => "dropped",
        }
    }
}

impl Watched {
    pub(super) const ALL: [Self; 4] =
        [Self::ServiceAccounts, Self::ConfigMap, Self::Secret, Self::WebhookConfigurations];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccounts => "service-accounts",
            Self::ConfigMap => "config-map",
            Self::Secret => "secret",
            Self::WebhookConfigurations => "webhook-configurations",
        }
    }
}

impl Rejection {
    pub const ALL: [Self; 6] = [
        Self::NoCertificate,
        Self::UnknownAuthority,
        Self::Expired,
        Self::WrongPurpose,
        Self::WrongName,
        Self::Other,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownAuthority => "unknown-authority",
            Self::Expired => "expired",
            Self::WrongPurpose => "wrong-purpose",
            Self::WrongName => "wrong-name",
            Self::Other => "other",
        }
    }
}

impl Reload {
    pub(super) const ALL: [Self; 2] = [Self::Loaded, Self::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Failed => "failed",
        }
    }
}

/// Every endpoint with every outcome, in the order of [`index`].
pub(super) fn endpoint_outcomes() -> impl Iterator<Item = (Endpoint, Outcome)> {
    Endpoint::ALL
        .into_iter()
        .flat_map(|endpoint| Outcome::ALL.into_iter().map(move |outcome| (endpoint, outcome)))
}

pub(super) fn index((endpoint, outcome): (Endpoint, Outcome)) -> usize {
    endpoint as usize * Outcome::ALL.len() + outcome as usize
}

pub(super) fn kind_index(kind: WarningKind) -> usize {
    kind as usize
}

/// Every method, in the order of its index, with the Go webhook's word for it.
pub(super) const METHODS: [Method; 2] = [Method::WebIdentity, Method::ContainerCredentials];

pub(super) fn method_word(method: Method) -> &'static str {
    match method {
        Method::WebIdentity => "sts_web_identity",
        Method::ContainerCredentials => "container_credentials",
    }
}
