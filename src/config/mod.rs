//! The validated configuration: what the arguments mean together.
//!
//! Parsed once at the start, so that nothing behind it checks a value again.

mod audit;
mod checks;
mod cluster;
mod continuous_audit;
mod doctor;
mod error;
mod inject;
mod installation;
mod parse;
mod target;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::telemetry::logs;
use crate::telemetry::traces::TraceSettings;
use crate::tls::{self, files::PairPaths};
use certificates::Params;
use injection::admission::AdmissionSettings;
use injection::identity::Account;

pub use crate::api_server::{BearerToken, Impersonated, UserCluster};
pub use audit::{Auditing, Namespaces, Restarting};
pub(crate) use cluster::user_cluster;
pub use doctor::{Evidence, Examination, Summary};
pub use error::ConfigError;
pub use inject::{Injection, ReadSource};
pub use installation::{Installation, webhook_flags};
pub(crate) use target::list_path;
pub use target::{Kind, ObjectName, TargetError};

/// All of it, grouped by the component that takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub https: Https,
    pub admin: Admin,
    pub source: Source,
    pub lookup: Lookup,
    pub identity: Identity,
    /// What counts for every admission.
    pub policy: AdmissionSettings,
    /// Off where there is none.
    pub continuous_audit: Option<ContinuousAudit>,
    pub lifecycle: Lifecycle,
    pub log: logs::LogSettings,
    /// Nothing is traced where there are none.
    pub traces: Option<TraceSettings>,
    /// The name of the pod that this runs in, where it is told.
    pub pod_name: Option<String>,
}

/// The server that the API server calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Https {
    /// All addresses where none is named.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub certificate: Certificate,
    pub tls: tls::settings::TlsSettings,
    /// Anyone may call where none are named.
    pub clients: Option<tls::clients::ClientCertificateSettings>,
    pub max_request_bytes: usize,
}

/// Where the certificate that is served comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    Files(PairPaths),
    /// Made, kept in a Secret and published by the webhook itself.
    Managed {
        params: Params,
        /// The `MutatingWebhookConfiguration`s whose caBundles are kept true.
        configurations: Vec<String>,
    },
}

/// The server for probes and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub address: Option<IpAddr>,
    pub port: u16,
    pub debugging_handlers: bool,
}

/// Where `ServiceAccount`s and the `ConfigMap` come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An API server: the one of the cluster that this runs in where neither is given.
    Cluster {
        kubeconfig: Option<PathBuf>,
        kube_api: Option<String>,
        /// How long one request may take; for ever where there is none.
        request_timeout: Option<Duration>,
    },
    /// A file or a folder.
    Files(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub timeout: Duration,
    /// Zero: known `ServiceAccount`s are never asked for again.
    pub fresh_window: Duration,
}

/// Where identities come from beside annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub role_names: RoleNames,
    /// The namespace of the `ConfigMap`.
    pub namespace: String,
    pub watch_config_map: bool,
    pub container_credentials_file: Option<PathBuf>,
}

/// What becomes of a role that is a name or a path, not an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleNames {
    AsWritten,
    /// Completed with the account and partition of the flags.
    InAccount(Account),
    /// Completed with what EC2 instance metadata says; a partition given as a
    /// flag wins over its.
    FromInstanceMetadata {
        partition: Option<String>,
    },
}

/// The audit of all pods, by one of the replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinuousAudit {
    /// From the beginning of one round to that of the next.
    pub interval: Duration,
    /// The Lease that chooses the replica.
    pub lease: LeaseName,
    /// The `MutatingWebhookConfiguration`s that may be the webhook's.
    pub configurations: Vec<String>,
}

/// Where a Lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Requests are still taken for so long after SIGTERM.
    pub shutdown_delay: Duration,
    /// And may take so long to finish after that.
    pub shutdown_timeout: Duration,
}

#[cfg(test)]
mod tests;
