//! The configuration of `audit`.

use std::time::Duration;

use diagnosis::RestartOptions;

use super::cluster::user_cluster;
use super::{ConfigError, Installation, UserCluster};
use crate::cli::{AuditArgs, RestartArgs, WideFormat};

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
    /// What is restarted, if anything is to be.
    pub restarting: Option<Restarting>,
}

/// How pods are restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarting {
    /// Whether it is done, or only said.
    pub act: bool,
    pub options: RestartOptions,
    /// Pods at most.
    pub per_minute: u32,
    /// How long a budget is waited for, and how long a replacement.
    pub timeout: Duration,
}

/// Where a command looks that is not asked about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// That of the flag, or else of the kubeconfig.
    One,
    All,
}

impl Namespaces {
    /// By `--all-namespaces`.
    pub(super) fn from_args(all: bool) -> Self {
        if all { Self::All } else { Self::One }
    }

    /// The one to ask for, or nothing for all.
    #[must_use]
    pub fn asked<'a>(&self, one: &'a str) -> Option<&'a str> {
        match self {
            Self::All => None,
            Self::One => Some(one),
        }
    }
}

impl Auditing {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: AuditArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let namespaces = Namespaces::from_args(args.all_namespaces);
        let installation = Installation::from_args(
            args.settings,
            args.registration.config_map,
            String::new(),
            &mut warnings,
        )?;
        let auditing = Self {
            namespaces,
            output: args.output,
            cluster: user_cluster(args.cluster)?,
            installation,
            configurations: args.registration.webhook_config_name,
            restarting: restarting(&args.restart),
        };
        Ok((auditing, warnings))
    }
}

/// More than anybody waits for a pod.
const LONGEST: Duration = Duration::from_hours(24);

fn restarting(args: &RestartArgs) -> Option<Restarting> {
    let RestartArgs { restart, yes, rollout, allow_downtime, per_minute, timeout } = *args;
    restart.then_some(Restarting {
        act: yes,
        options: RestartOptions { rollout, allow_downtime },
        per_minute,
        timeout: timeout.min(LONGEST),
    })
}
