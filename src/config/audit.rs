//! The configuration of `audit`.

use super::checks::{label, optional};
use super::{ConfigError, Installation, UserCluster};
use crate::cli::{AuditArgs, ReportFormat};

/// All that `audit` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Auditing {
    pub namespaces: Namespaces,
    pub output: ReportFormat,
    pub cluster: UserCluster,
    /// What the webhook is assumed to run with.
    pub installation: Installation,
    /// Names of `MutatingWebhookConfiguration`s.
    pub configurations: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// That of the kubeconfig.
    Current,
    One(String),
    All,
}

impl Auditing {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: AuditArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let namespaces = match optional(args.namespace) {
            _ if args.all_namespaces => Namespaces::All,
            Some(name) => Namespaces::One(label("--namespace", name)?),
            None => Namespaces::Current,
        };
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
