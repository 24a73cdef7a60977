//! The command line, as typed.
//!
//! What the arguments mean together is [`crate::config`]'s business; here each
//! is read by itself. Every flag is an environment variable as well, with the
//! prefix `PODID_`: never one that a Service's name can produce, since
//! Kubernetes gives pods `POD_IDENTITY_WEBHOOK_PORT=tcp://...` beside a Service
//! of that name.

mod audit;
mod certs;
mod deployed;
mod doctor;
mod documents;
mod iam;
mod identity;
mod inject;
mod issuer;
mod klog;
mod serve;
mod values;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::builder::StyledStr;
use clap::error::{ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use text::{escaped, shortened};

pub use audit::AuditArgs;
pub use certs::{CertsArgs, CertsCommand, CertsInitArgs};
pub use deployed::deployed;
pub use doctor::{DoctorArgs, RegistrationArgs, WebhookArgs};
pub use documents::{CompletionArgs, ManArgs};
pub use iam::{
    IamArgs, IamCommand, IamLintArgs, IamRoleArgs, IamSimulateArgs, LintFormat, RoleFormat,
};
pub use identity::{ContainerCredentialsArgs, RoleArnArgs, SettingsArgs, WebIdentityArgs};
pub use inject::{ClusterArgs, ConfigMapArgs, InjectArgs, InjectOutput, ReadSourceArgs};
pub use issuer::{
    DocumentsArgs, HostingPlace, IssuerArgs, IssuerCommand, LiveArgs, MigrateArgs, MigrateStep,
    PlanArgs, RotateArgs, RotateStep, VerifyArgs,
};
pub use klog::KlogArgs;
pub use serve::{
    AdminArgs, HttpsArgs, LifecycleArgs, LogArgs, ManagedCertificateArgs, ServeArgs, SourceArgs,
};
pub use values::{DataFormat, LogFormat, ReportFormat, RequestTimeout, WideFormat};

/// Gives Kubernetes pods AWS IAM roles through a mutating admission webhook.
///
/// Without a command, the webhook serves. Every flag can also be set by an
/// environment variable: --metrics-port by `PODID_METRICS_PORT`. A flag overrides
/// its variable.
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

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the webhook (the default)
    // Boxed: the other commands take few arguments.
    Serve(Box<ServeArgs>),
    /// Create certificates for a webhook outside the cluster
    Certs(CertsArgs),
    /// Generate, lint and evaluate IAM policies
    Iam(IamArgs),
    /// Show what the webhook would change in manifests
    Inject(Box<InjectArgs>),
    /// Publish, verify, rotate and migrate a self-hosted OIDC issuer
    Issuer(Box<IssuerArgs>),
    /// Find out why a pod gets no AWS credentials
    Doctor(Box<DoctorArgs>),
    /// Find running pods that lack what the webhook would inject today
    Audit(Box<AuditArgs>),
    /// Print shell completions
    Completion(CompletionArgs),
    /// Write man pages to a folder
    Man(ManArgs),
}

impl Cli {
    /// Reads the command line of this process. As kubectl's plugin, a link of
    /// the name kubectl-podid, it asks for a command: nobody serves that way.
    ///
    /// # Errors
    /// What clap has to say instead: what is wrong, or the help that was asked for.
    pub fn read() -> Result<Command, clap::Error> {
        let program = std::env::args_os().next().map(PathBuf::from);
        let name = program.as_deref().and_then(Path::file_stem).and_then(OsStr::to_str);
        let plugin = name.and_then(|name| name.strip_prefix("kubectl-"));
        let Some(plugin) = plugin else {
            return Self::try_parse().map(Self::into_command).map_err(presentable);
        };
        let command = Self::command()
            .bin_name(format!("kubectl {}", plugin.replace('_', "-")))
            .subcommand_required(true)
            .arg_required_else_help(true);
        let read = command.try_get_matches().and_then(|matches| Self::from_arg_matches(&matches));
        read.map(Self::into_command).map_err(presentable)
    }

    /// The command asked for; to serve where none is named.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

impl Command {
    /// The names that lead to it: `iam role`.
    #[must_use]
    pub fn path(&self) -> &'static [&'static str] {
        match self {
            Self::Serve(_) => &["serve"],
            Self::Certs(_) => &["certs", "init"],
            Self::Iam(args) => match args.command {
                IamCommand::Role(_) => &["iam", "role"],
                IamCommand::Lint(_) => &["iam", "lint"],
                IamCommand::Simulate(_) => &["iam", "simulate"],
            },
            Self::Inject(_) => &["inject"],
            Self::Issuer(args) => match args.command {
                IssuerCommand::Documents(_) => &["issuer", "documents"],
                IssuerCommand::Verify(_) => &["issuer", "verify"],
                IssuerCommand::Rotate(_) => &["issuer", "rotate"],
                IssuerCommand::Migrate(_) => &["issuer", "migrate"],
            },
            Self::Doctor(_) => &["doctor"],
            Self::Audit(_) => &["audit"],
            Self::Completion(_) => &["completion"],
            Self::Man(_) => &["man"],
        }
    }
}

fn unstyled(hint: &StyledStr) -> Option<StyledStr> {
    let plain = hint.to_string();
    match escaped(&plain) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(StyledStr::from(shown)),
    }
}

/// An error of arguments that are wrong together, as clap shows its own, with the usage of the
/// command that `path` leads to.
#[must_use]
pub fn usage_error(path: &[&str], error: &impl Display) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    for name in path {
        match command.find_subcommand(name).cloned() {
            Some(inner) => command = inner,
            None => break,
        }
    }
    command.error(ErrorKind::ValueValidation, escaped(&error.to_string()))
}

/// Characters of a word that was typed, at most, that an error repeats.
const ECHOED: usize = 256;

/// The same error, with what was typed shortened and escaped.
pub(crate) fn presentable(mut error: clap::Error) -> clap::Error {
    let shown = |text: &str| escaped(&shortened(text, ECHOED)).into_owned();
    let typed = |value: &ContextValue| match value {
        ContextValue::String(text) => Some(ContextValue::String(shown(text))),
        ContextValue::Strings(texts) => {
            Some(ContextValue::Strings(texts.iter().map(|text| shown(text)).collect()))
        }
        // Hints quote what was typed, in style; such text loses it.
        ContextValue::StyledStrs(hints) => Some(ContextValue::StyledStrs(
            hints.iter().map(|hint| unstyled(hint).unwrap_or_else(|| hint.clone())).collect(),
        )),
        _ => None,
    };
    let typed: Vec<_> =
        error.context().filter_map(|(kind, value)| Some((kind, typed(value)?))).collect();
    for (kind, value) in typed {
        error.insert(kind, value);
    }
    error
}

#[cfg(test)]
mod tests;
