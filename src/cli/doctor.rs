//! `doctor`: which link is broken.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::Args;

use super::identity::{RoleArnArgs, WebIdentityArgs};
use super::inject::{ClusterArgs, ConfigMapArgs};
use super::values::ReportFormat;

#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// pod/NAME, serviceaccount/NAME, deployment/NAME or another workload
    #[arg(value_name = "TYPE/NAME", required_unless_present = "from_dir")]
    pub target: Option<String>,
    /// Its namespace [default: the kubeconfig's]
    #[arg(short = 'n', long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub namespace: String,
    /// What `aws iam get-role --role-name NAME` prints: the trust policy is held against a token
    #[arg(long, value_name = "FILE")]
    pub role_json: Option<PathBuf>,
    /// What `aws iam get-open-id-connect-provider` or `list-open-id-connect-providers` prints
    #[arg(long, value_name = "FILE")]
    pub provider_json: Option<PathBuf>,
    /// How the checks are printed
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
    /// Go by what is in this folder, and ask no cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "context"])]
    pub from_dir: Option<PathBuf>,
    /// Write what the checks read into this new folder too, for --from-dir elsewhere; no secret is in it
    #[arg(long, value_name = "DIR", conflicts_with = "from_dir")]
    pub save: Option<PathBuf>,
    /// Authorities in PEM that the issuer's certificate is of [default: the public ones]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub webhook: WebhookArgs,
    #[command(flatten)]
    pub web_identity: WebIdentityArgs,
    #[command(flatten)]
    pub role_arn: RoleArnArgs,
}

#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "The webhook, as it was installed",
    mut_arg("watch_config_map", |arg| arg.help("It reads the ConfigMap pod-identity-webhook in --webhook-namespace"))
)]
pub struct WebhookArgs {
    /// Its MutatingWebhookConfiguration [default: all that look like it]; may be repeated
    #[arg(
        long,
        env = "PODID_WEBHOOK_CONFIG_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        hide_default_value = true
    )]
    pub webhook_config_name: Vec<String>,
    /// Secret with the certificate that it serves, beside its Service
    #[arg(
        long,
        env = "PODID_TLS_SECRET",
        value_name = "NAME",
        default_value = "pod-identity-webhook"
    )]
    pub tls_secret: String,
    #[command(flatten)]
    pub config_map: ConfigMapArgs,
}
