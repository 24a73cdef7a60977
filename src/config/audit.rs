//! The configuration of `audit`.

use super::checks::{label, optional};
use super::{ConfigError, Installation, UserCluster};
use crate::cli::{AuditArgs, WideFormat};

/// All that `audit` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Auditing {
    pub namespaces: Namespaces,
    pub output: WideFormat,
    pub cluster: UserCluster,
    /// What the webhook is assumed to run with.
    pub installation: Installation,
    /// Names of `MutatingWebhookConfiguration`s.
    pub configurations: Vec<String>,
}

/// Where a command looks that is not asked about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// That of the kubeconfig.
    Current,
    One(String),
    All,
}

impl Namespaces {
    /// By `--all-namespaces` and `--namespace`.
    pub(super) fn from_args(all: bool, name: String) -> Result<Self, ConfigError> {
        Ok(match optional(name) {
            _ if all => Self::All,
            Some(name) => Self::One(label("--namespace", name)?),
            None => Self::Current,
        })
    }

    /// The one to ask for, or nothing for all. `current` is that of the kubeconfig.
    #[must_use]
    pub fn asked<'a>(&'a self, current: &'a str) -> Option<&'a str> {
        match self {
            Self::All => None,
            Self::One(name) => Some(name),
            Self::Current => Some(current),
        }
    }
}

impl Auditing {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: AuditArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let namespaces = Namespaces::from_args(args.all_namespaces, args.namespace)?;
        let installation = Installation::from_args(
            args.settings,
            args.registration.config_map,
            String::new(),
            &mut warnings,
        )?;
        let auditing = Self {
            namespaces,
            output: args.output,
            cluster: args.cluster.into(),
            installation,
            configurations: args.registration.webhook_config_name,
        };
        Ok((auditing, warnings))
    }
}
