//! The configuration of `audit`.

use super::checks::{label, optional};
use super::inject::config_map_in;
use super::parse::{policy, role_names};
use super::{ConfigError, RoleNames, UserCluster};
use crate::cli::{AuditArgs, ReportFormat};
use injection::admission::AdmissionSettings;
use injection::mutation::ContainerCredentialsSettings;

/// All that `audit` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Auditing {
    pub namespaces: Namespaces,
    pub output: ReportFormat,
    pub cluster: UserCluster,
    /// The namespace of the `ConfigMap`, where that counts.
    pub config_map_in: Option<String>,
    pub policy: AdmissionSettings,
    pub role_names: RoleNames,
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
        let region = optional(args.web_identity.aws_default_region.clone());
        let role_names = role_names(args.role_arn, region.as_deref(), &mut warnings)?;
        let container_credentials = ContainerCredentialsSettings::default();
        let policy = policy(args.web_identity, region, container_credentials, &mut warnings)?;
        let config_map_in = config_map_in(args.config_map)?;
        let namespaces = match optional(args.namespace) {
            _ if args.all_namespaces => Namespaces::All,
            Some(name) => Namespaces::One(label("--namespace", name)?),
            None => Namespaces::Current,
        };
        let auditing = Self {
            namespaces,
            output: args.output,
            cluster: args.cluster.into(),
            config_map_in,
            policy,
            role_names,
        };
        Ok((auditing, warnings))
    }
}
