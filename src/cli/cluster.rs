//! The cluster that a command asks: kubectl's flags, which mean what they mean there.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::{Args, builder::ArgAction};

use super::values::{RequestTimeout, boolean, request_timeout};

/// Flags that say which cluster, for commands that can do without one.
pub(super) const WHICH_CLUSTER: [&str; 6] =
    ["kubeconfig", "context", "cluster", "user", "server", "bearer_token"];

/// The cluster as kubectl finds it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster, as with kubectl")]
pub struct ClusterArgs {
    /// Namespace [default: the context's]
    #[arg(short = 'n', long, value_name = "NAME", help_heading = None::<&str>)]
    pub namespace: Option<String>,
    /// Kubeconfig file [default: KUBECONFIG or ~/.kube/config]
    #[arg(long, env = "PODID_KUBECONFIG", value_name = "PATH")]
    pub kubeconfig: Option<String>,
    /// Kubeconfig context [default: the current context]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig [default: the context's]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig [default: the context's]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// URL of the API server
    #[arg(short = 's', long, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(id = "bearer_token", long = "token", value_name = "TOKEN")]
    pub bearer_token: Option<String>,
    /// User to act as
    #[arg(id = "as", long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// UID to act as
    #[arg(long, value_name = "UID")]
    pub as_uid: Option<String>,
    /// File with the CA certificate of the API server
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// File with a client certificate
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// File with the key of the client certificate
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Do not verify the API server's certificate; insecure
    #[arg(long, value_name = "BOOL", value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub insecure_skip_tls_verify: bool,
    /// Name to verify in the API server's certificate [default: its host name]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Time limit for each request to the API server; 0 means no limit
    #[arg(
        long,
        env = "PODID_REQUEST_TIMEOUT",
        value_name = "DURATION",
        value_parser = request_timeout,
        default_value = "10s"
    )]
    pub request_timeout: RequestTimeout,
}
