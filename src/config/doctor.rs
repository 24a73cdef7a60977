//! The configuration of `doctor`.

use std::path::PathBuf;

use super::checks::{refuse, required};
use super::cluster::user_cluster;
use super::{ConfigError, Installation, Namespaces, ObjectName, UserCluster};
use crate::cli::{DoctorArgs, WideFormat};

/// All that `doctor` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    pub evidence: Evidence,
    pub target: Option<ObjectName>,
    /// What is summed up, where there is no target.
    pub summary: Option<Summary>,
    pub namespace: Option<String>,
    pub role_json: Option<PathBuf>,
    pub provider_json: Option<PathBuf>,
    pub output: WideFormat,
    /// What the webhook is assumed to run with.
    pub installation: Installation,
    /// Names of `MutatingWebhookConfiguration`s.
    pub configurations: Vec<String>,
}

/// Which `ServiceAccount`s are summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub namespaces: Namespaces,
    /// With a dry run and a token for each.
    pub deep: bool,
}

/// Where the facts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    Folder(PathBuf),
    Cluster {
        cluster: Box<UserCluster>,
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
            required("--tls-secret", args.webhook.tls_secret)?,
            &mut warnings,
        )?;
        let target = match args.target.as_slice() {
            [] => None,
            words => Some(ObjectName::from_words(words)?),
        };
        let cluster = user_cluster(args.cluster)?;
        let namespace = cluster.namespace.clone();
        let summary = if target.is_none() && args.from_dir.is_none() {
            let namespaces = Namespaces::from_args(args.all_namespaces);
            Some(Summary { namespaces, deep: args.deep })
        } else {
            None
        };
        if summary.is_some() {
            for (flag, file) in [
                ("--save", &args.save),
                ("--role-json", &args.role_json),
                ("--provider-json", &args.provider_json),
            ] {
                if let Some(file) = file {
                    let reason = "it needs a target, such as deployment/NAME";
                    return Err(refuse(flag, &file.display().to_string(), reason));
                }
            }
        }
        let evidence = match args.from_dir {
            Some(folder) => Evidence::Folder(folder),
            None => Evidence::Cluster {
                cluster: Box::new(cluster),
                save: args.save,
                ca_file: args.ca_file,
            },
        };
        let examination = Self {
            evidence,
            target,
            summary,
            namespace,
            role_json: args.role_json,
            provider_json: args.provider_json,
            output: args.output,
            installation,
            configurations: registration.webhook_config_name,
        };
        Ok((examination, warnings))
    }
}
