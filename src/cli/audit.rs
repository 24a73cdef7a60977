//! `audit`: running pods that lack what they should have.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use clap::Args;

use super::cluster::ClusterArgs;
use super::doctor::RegistrationArgs;
use super::identity::SettingsArgs;
use super::values::WideFormat;

#[derive(Args, Clone, Debug)]
#[command(mut_arg("namespace", |arg| arg.help("Namespace to check [default: the context's]")))]
pub struct AuditArgs {
    /// Check the pods of all namespaces
    // As with kubectl, it counts more than --namespace: an alias may have that.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = WideFormat::Text)]
    pub output: WideFormat,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub registration: RegistrationArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
}
