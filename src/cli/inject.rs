//! `inject`: what the webhook would make of manifests.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use clap::{Args, ValueEnum, builder::ArgAction};

use super::identity::SettingsArgs;
use super::values::{RequestTimeout, boolean, request_timeout};

#[derive(Args, Clone, Debug)]
pub struct InjectArgs {
    /// File with manifests, YAML or JSON; - is standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Namespace of what names none
    #[arg(short = 'n', long, value_name = "NAME", default_value = "default")]
    pub namespace: String,
    /// What to print
    #[arg(short = 'o', long, value_name = "WHAT", value_enum, default_value_t = InjectOutput::Yaml)]
    pub output: InjectOutput,
    /// As /mutate/required does: fail where a pod would run without an identity
    #[arg(long)]
    pub required: bool,
    #[command(flatten)]
    pub source: ReadSourceArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What `inject` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InjectOutput {
    /// The manifests as they would be
    Yaml,
    /// What would change in them
    Diff,
    /// A JSON patch for each document, on a line of its own
    Patch,
    /// What every container gets, what not, and why
    Explain,
}

/// Where a command that only reads finds `ServiceAccount`s.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "ServiceAccounts, beside those in the manifests",
    mut_arg("watch_config_map", |arg| arg.help("Read the ConfigMap pod-identity-webhook too, from --webhook-namespace"))
)]
pub struct ReadSourceArgs {
    /// File or folder with ServiceAccounts (YAML or JSON), in place of a cluster
    #[arg(
        long,
        env = "PODID_SERVICE_ACCOUNTS",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub service_accounts: String,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub config_map: ConfigMapArgs,
}

/// The webhook's `ConfigMap`, for commands that read what it reads.
#[derive(Args, Clone, Debug)]
pub struct ConfigMapArgs {
    /// The webhook reads the ConfigMap pod-identity-webhook in --webhook-namespace
    #[arg(long, env = "PODID_WATCH_CONFIG_MAP", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub watch_config_map: bool,
    /// Namespace of the webhook: serve's --namespace
    #[arg(long, env = "PODID_NAMESPACE", value_name = "NAME", default_value = "eks")]
    pub webhook_namespace: String,
}

/// The cluster as kubectl finds it.
#[derive(Args, Clone, Debug)]
pub struct ClusterArgs {
    /// Kubeconfig file [default: as kubectl, KUBECONFIG or ~/.kube/config]
    #[arg(
        long,
        env = "PODID_KUBECONFIG",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub kubeconfig: String,
    /// Context in the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub context: String,
    /// How long one request to the API server may take; 0 for ever
    #[arg(
        long,
        env = "PODID_REQUEST_TIMEOUT",
        value_name = "DURATION",
        value_parser = request_timeout,
        default_value = "10s"
    )]
    pub request_timeout: RequestTimeout,
}
