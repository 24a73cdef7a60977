//! `inject`: what the webhook would change in manifests.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use clap::{Args, ValueEnum, builder::ArgAction};

use super::cluster::ClusterArgs;
use super::identity::SettingsArgs;
use super::values::boolean;

#[derive(Args, Clone, Debug)]
pub struct InjectArgs {
    /// File, folder or URL with manifests (YAML or JSON), or - for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Also read the folders inside folders
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Output format
    #[arg(short = 'o', long, value_name = "WHAT", value_enum, default_value_t = InjectOutput::Yaml)]
    pub output: InjectOutput,
    /// Refuse pods that would run without an identity, as /mutate/required does
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
    /// The manifests after injection
    Yaml,
    /// The changes to the manifests
    Diff,
    /// One JSON patch per document, one per line
    Patch,
    /// What each container gets or lacks, and why
    Explain,
}

/// Where a command that only reads finds `ServiceAccount`s.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "ServiceAccounts that are not in the manifests",
    mut_arg("watch_config_map", |arg| arg.help("Read the ConfigMap pod-identity-webhook in --webhook-namespace as well")),
    mut_arg("namespace", |arg| arg.help("Namespace of objects that name none [default: the context's; default with --service-accounts]"))
)]
pub struct ReadSourceArgs {
    /// File or folder with ServiceAccounts (YAML or JSON), instead of a cluster
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
    /// Namespace where the webhook runs (its --namespace)
    #[arg(long, env = "PODID_NAMESPACE", value_name = "NAME", default_value = "eks")]
    pub webhook_namespace: String,
}
