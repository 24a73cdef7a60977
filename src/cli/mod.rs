//! The command line, as typed.
//!
//! What the arguments mean together is [`crate::config`]'s business; here each
//! is read by itself. Every flag is an environment variable as well, with the
//! prefix `PODID_`: never one that a Service's name can produce, since
//! Kubernetes gives pods `POD_IDENTITY_WEBHOOK_PORT=tcp://...` beside a Service
//! of that name.

mod audit;
mod certs;
mod cluster;
pub(crate) mod complete;
mod deployed;
mod doctor;
mod documents;
pub mod help;
mod iam;
mod identity;
mod inject;
mod issuer;
mod klog;
mod leading;
mod serve;
mod values;

use std::borrow::Cow;
use std::env;
use std::ffi::OsString;
use std::fmt::Display;

use clap::builder::StyledStr;
use clap::error::{ContextValue, ErrorKind};
use clap::{FromArgMatches as _, Parser, Subcommand};
use text::{escaped, shortened};

pub use audit::{AuditArgs, RestartArgs};
pub use certs::{CertsArgs, CertsCommand, CertsInitArgs};
pub use cluster::ClusterArgs;
pub use deployed::deployed;
pub use doctor::{DoctorArgs, RegistrationArgs, WebhookArgs};
pub use documents::{CompletionArgs, CompletionShell, ManArgs};
pub use iam::{
    IamArgs, IamCommand, IamLintArgs, IamRoleArgs, IamSimulateArgs, LintFormat, RoleFormat,
};
pub use identity::{ContainerCredentialsArgs, RoleArnArgs, SettingsArgs, WebIdentityArgs};
pub use inject::{ConfigMapArgs, InjectArgs, InjectOutput, ReadSourceArgs};
pub use issuer::{
    DocumentsArgs, HostingPlace, IssuerArgs, IssuerCommand, LiveArgs, MigrateArgs, MigrateStep,
    PlanArgs, RotateArgs, RotateStep, VerifyArgs,
};
pub use klog::KlogArgs;
pub use serve::{
    AdminArgs, ContinuousAuditArgs, HttpsArgs, LifecycleArgs, LogArgs, ManagedCertificateArgs,
    ServeArgs, SourceArgs,
};
pub use values::{DataFormat, LogFormat, ReportFormat, RequestTimeout, WideFormat};

/// Gives Kubernetes pods AWS IAM roles, and finds out why one has none
// `args_override_self`: the Go peer's flags may be repeated, the last one counts.
#[derive(Clone, Debug, Parser)]
#[command(
    name = help::NAME,
    version,
    propagate_version = true,
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
    /// Find out why a pod gets no AWS credentials
    Doctor(Box<DoctorArgs>),
    /// Find running pods that lack what the webhook would inject today
    Audit(Box<AuditArgs>),
    /// Show what the webhook would change in manifests
    Inject(Box<InjectArgs>),
    /// Generate, lint and evaluate IAM policies
    Iam(IamArgs),
    /// Publish, verify, rotate and migrate a self-hosted OIDC issuer
    Issuer(Box<IssuerArgs>),
    /// Run the webhook (the default)
    // Boxed: the other commands take few arguments.
    Serve(Box<ServeArgs>),
    /// Create certificates for a webhook outside the cluster
    Certs(CertsArgs),
    /// Print shell completions
    Completion(CompletionArgs),
    /// Write man pages to a folder
    Man(ManArgs),
    /// Print the version
    Version,
    /// What the last of these words can be: shells ask for it.
    #[command(skip)]
    Complete(Vec<OsString>),
}

impl Cli {
    /// Reads the command line of this process. As kubectl's plugin, a link of
    /// the name kubectl-podid, it asks for a command: nobody serves that way.
    ///
    /// # Errors
    /// What clap has to say instead: what is wrong, or the help that was asked for.
    pub fn read() -> Result<Command, clap::Error> {
        if let Some(words) = complete::asked() {
            return Ok(Command::Complete(words));
        }
        let command = help::command();
        let words = leading::behind_the_command(env::args_os().collect(), &command);
        let matches = command.try_get_matches_from(words);
        let read = matches.and_then(|matches| Self::from_arg_matches(&matches));
        read.map(Self::into_command).map_err(presentable)
    }

    /// Whether nothing says what is to be done: no argument, no variable of a flag, no cluster
    /// around it.
    #[must_use]
    pub fn is_asked_for_nothing() -> bool {
        let says = |(name, _): (OsString, OsString)| {
            let name = name.to_string_lossy();
            name == "KUBERNETES_SERVICE_HOST" || name.starts_with("PODID_")
        };
        env::args_os().len() < 2 && !env::vars_os().any(says)
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
            Self::Version => &["version"],
            Self::Complete(_) => &[],
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
    let mut command = help::command();
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
