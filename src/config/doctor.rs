//! The configuration of `doctor`.

use std::path::PathBuf;

use super::checks::{label, optional};
use super::{ConfigError, Installation, UserCluster};
use crate::cli::{DoctorArgs, ReportFormat};
use crate::evidence::ObjectName;

/// All that `doctor` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    pub evidence: Evidence,
    pub target: Option<ObjectName>,
    pub namespace: Option<String>,
    pub role_json: Option<PathBuf>,
    pub provider_json: Option<PathBuf>,
    pub output: ReportFormat,
    /// What the webhook is assumed to run with.
    pub installation: Installation,
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
    },
}

impl Examination {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: DoctorArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let registration = args.webhook.registration;
        let installation = Installation::from_args(
            args.settings,
            registration.config_map,
            args.webhook.tls_secret,
            &mut warnings,
        )?;
        let target = args.target.map(|target| target.parse()).transpose()?;
        let evidence = match args.from_dir {
            Some(folder) => Evidence::Folder(folder),
            None => Evidence::Cluster {
                cluster: args.cluster.into(),
                save: args.save,
                ca_file: args.ca_file,
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
            installation,
            configurations: registration.webhook_config_name,
        };
        Ok((examination, warnings))
    }
}
