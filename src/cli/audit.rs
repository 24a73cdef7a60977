//! `audit`: running pods that lack what they should have.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::time::Duration;

use clap::Args;

use super::cluster::ClusterArgs;
use super::doctor::RegistrationArgs;
use super::identity::SettingsArgs;
use super::values::{WideFormat, wait};

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
    pub restart: RestartArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub registration: RegistrationArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What `--restart` does.
#[derive(Args, Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(next_help_heading = "Restart")]
pub struct RestartArgs {
    /// Show how the pods that a restart mends would be restarted, and why others would not
    #[arg(long)]
    pub restart: bool,
    /// Restart them: after a dry run, one pod after the other by the Eviction API, each replacement checked before the next
    #[arg(long, requires = "restart")]
    pub yes: bool,
    /// Restart Deployments by a rollout instead
    #[arg(long, requires = "restart")]
    pub rollout: bool,
    /// Also restart pods that no other pod stands in for meanwhile
    #[arg(long, requires = "restart")]
    pub allow_downtime: bool,
    /// How many pods are restarted in a minute at most
    #[arg(long, value_name = "COUNT", requires = "restart", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=6000))]
    pub per_minute: u32,
    /// How long to wait for a PodDisruptionBudget, and then for each replacement or rollout
    #[arg(long, value_name = "DURATION", requires = "restart", value_parser = wait, default_value = "10m")]
    pub timeout: Duration,
}
