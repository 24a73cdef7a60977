//! `doctor`: why a pod gets no AWS credentials.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::Args;

use super::cluster::{ClusterArgs, WHICH_CLUSTER};
use super::identity::SettingsArgs;
use super::inject::ConfigMapArgs;
use super::values::WideFormat;

#[derive(Args, Clone, Debug)]
#[command(mut_arg("namespace", |arg| arg.help("Namespace of the target [default: the context's]. Without a target, sum up its ServiceAccounts that have a role")))]
pub struct DoctorArgs {
    /// What to check: pod/NAME, serviceaccount/NAME, deployment/NAME or another workload; also as TYPE NAME
    #[arg(value_name = "TYPE/NAME", num_args = 1.., required_unless_present_any = ["from_dir", "namespace", "all_namespaces"])]
    pub target: Vec<String>,
    /// Sum up the ServiceAccounts with a role in all namespaces, the worst first
    #[arg(short = 'A', long, conflicts_with_all = ["target", "from_dir", "save", "role_json", "provider_json"])]
    pub all_namespaces: bool,
    /// With a summary: also create a pod by dry run and a token for each ServiceAccount
    #[arg(long, conflicts_with_all = ["target", "from_dir"])]
    pub deep: bool,
    /// Output of `aws iam get-role --role-name NAME`; its trust policy is evaluated for the pod's token
    #[arg(long, value_name = "FILE")]
    pub role_json: Option<PathBuf>,
    /// Output of `aws iam get-open-id-connect-provider` or `list-open-id-connect-providers`
    #[arg(long, value_name = "FILE")]
    pub provider_json: Option<PathBuf>,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = WideFormat::Text)]
    pub output: WideFormat,
    /// Read the facts from this folder (see --save) instead of asking a cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = WHICH_CLUSTER)]
    pub from_dir: Option<PathBuf>,
    /// Write the facts to this new folder as well, for --from-dir elsewhere; they contain no secrets
    #[arg(long, value_name = "DIR", conflicts_with = "from_dir")]
    pub save: Option<PathBuf>,
    /// CA bundle (PEM) to verify the issuer's certificate [default: the public CAs]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub webhook: WebhookArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// How the webhook is installed, where a command looks at its Secret as well.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How the webhook is installed")]
pub struct WebhookArgs {
    #[command(flatten)]
    pub registration: RegistrationArgs,
    /// Secret with the webhook's serving certificate, in the namespace of its Service
    #[arg(
        long,
        env = "PODID_TLS_SECRET",
        value_name = "NAME",
        default_value = "pod-identity-webhook"
    )]
    pub tls_secret: String,
}

/// How the webhook is registered, and whether it reads a `ConfigMap`.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "How the webhook is installed",
    mut_arg("watch_config_map", |arg| arg.help("The webhook reads the ConfigMap pod-identity-webhook in --webhook-namespace"))
)]
pub struct RegistrationArgs {
    /// Name of the webhook's MutatingWebhookConfiguration; may be repeated [default: all whose name, webhooks or Service contain pod-identity]
    #[arg(
        long,
        env = "PODID_WEBHOOK_CONFIG_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        hide_default_value = true
    )]
    pub webhook_config_name: Vec<String>,
    #[command(flatten)]
    pub config_map: ConfigMapArgs,
}
