//! The command line, as typed.
//!
//! What the arguments mean together is [`crate::config`]'s business; here each
//! is read by itself. Every flag is an environment variable as well, with the
//! prefix `PODID_`: never one that a Service's name can produce, since
//! Kubernetes gives pods `POD_IDENTITY_WEBHOOK_PORT=tcp://...` beside a Service
//! of that name.

mod certs;
mod iam;
mod identity;
mod klog;
mod serve;
mod values;

use std::fmt::Display;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

pub use certs::{CertsArgs, CertsCommand, CertsInitArgs};
pub use iam::{
    IamArgs, IamCommand, IamLintArgs, IamRoleArgs, IamSimulateArgs, OutputFormat, RoleFormat,
};
pub use identity::{ContainerCredentialsArgs, RoleArnArgs, WebIdentityArgs};
pub use klog::KlogArgs;
pub use serve::{
    AdminArgs, HttpsArgs, LifecycleArgs, LogArgs, ManagedCertificateArgs, ServeArgs, SourceArgs,
};
pub use values::LogFormat;

/// Gives Kubernetes pods AWS IAM roles: a mutating admission webhook.
///
/// Without a command it serves, as the image's entry point always did. Every
/// flag is an environment variable as well: --metrics-port is
/// `PODID_METRICS_PORT`. The flag wins.
// The name is fixed: the image runs it as /webhook, and help that named the
// file would differ from the documentation.
// `args_override_self`: the Go peer's flags may be repeated, the last one counts.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "pod-identity-webhook",
    bin_name = "pod-identity-webhook",
    version,
    args_override_self = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve admissions (the default)
    // Boxed: the other commands take few arguments.
    Serve(Box<ServeArgs>),
    /// Make certificates for a webhook outside the cluster
    Certs(CertsArgs),
    /// Write, lint and evaluate IAM policies
    Iam(IamArgs),
}

impl Cli {
    /// The command asked for; to serve where none is named.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

/// An error of arguments that are wrong together, as clap shows its own:
/// `print` it and leave with its `exit_code`, 2.
#[must_use]
pub fn usage_error(error: &impl Display) -> clap::Error {
    Cli::command().error(ErrorKind::ValueValidation, error)
}

#[cfg(test)]
mod tests;
