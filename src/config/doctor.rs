//! The configuration of `doctor`.

use std::path::PathBuf;

use super::checks::{label, optional};
use super::inject::config_map_in;
use super::parse::{policy, role_names};
use super::{ConfigError, RoleNames, UserCluster};
use crate::cli::{DoctorArgs, ReportFormat};
use crate::evidence::ObjectName;
use injection::admission::AdmissionSettings;
use injection::mutation::ContainerCredentialsSettings;

/// All that `doctor` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    pub evidence: Evidence,
    pub target: Option<ObjectName>,
    pub namespace: Option<String>,
    pub role_json: Option<PathBuf>,
    pub provider_json: Option<PathBuf>,
    pub output: ReportFormat,
    pub policy: AdmissionSettings,
    pub role_names: RoleNames,
    /// Names of `MutatingWebhookConfiguration`s.
    pub configurations: Vec<String>,
}

/// Where the facts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    Folder(PathBuf),
    Cluster {
        cluster: UserCluster,
        /// Where they are written to as well.
        save: Option<PathBuf>,
        /// Of the issuer; the public ones where there is none.
        ca_file: Option<PathBuf>,
        tls_secret: String,
        /// The namespace of the `ConfigMap`, where that counts.
        config_map_in: Option<String>,
    },
}

impl Examination {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: DoctorArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let region = optional(args.web_identity.aws_default_region.clone());
        let role_names = role_names(args.role_arn, region.as_deref(), &mut warnings)?;
        let container_credentials = ContainerCredentialsSettings::default();
        let policy = policy(args.web_identity, region, container_credentials, &mut warnings)?;
        let target = args.target.map(|target| target.parse()).transpose()?;
        let config_map_in = config_map_in(args.webhook.config_map)?;
        let evidence = match args.from_dir {
            Some(folder) => Evidence::Folder(folder),
            None => Evidence::Cluster {
                cluster: args.cluster.into(),
                save: args.save,
                ca_file: args.ca_file,
                tls_secret: args.webhook.tls_secret,
                config_map_in,
            },
        };
        let namespace = optional(args.namespace);
        let examination = Self {
            evidence,
            target,
            namespace: namespace.map(|name| label("--namespace", name)).transpose()?,
            role_json: args.role_json,
            provider_json: args.provider_json,
            output: args.output,
            policy,
            role_names,
            configurations: args.webhook.webhook_config_name,
        };
        Ok((examination, warnings))
    }
}
