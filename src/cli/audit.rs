//! `audit`: running pods that lack what they should have.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use clap::{Args, builder::ArgAction};

use super::identity::{RoleArnArgs, WebIdentityArgs};
use super::inject::ClusterArgs;
use super::values::{ReportFormat, boolean};

#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// The one namespace to look at [default: the kubeconfig's]
    #[arg(short = 'n', long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub namespace: String,
    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// How it is printed
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The webhook reads the ConfigMap pod-identity-webhook in --webhook-namespace
    #[arg(long, env = "PODID_WATCH_CONFIG_MAP", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub watch_config_map: bool,
    /// Namespace of the webhook: serve's --namespace
    #[arg(long, env = "PODID_NAMESPACE", value_name = "NAME", default_value = "eks")]
    pub webhook_namespace: String,
    #[command(flatten)]
    pub web_identity: WebIdentityArgs,
    #[command(flatten)]
    pub role_arn: RoleArnArgs,
}
