//! The configuration of the commands that show what the webhook would do.

use std::path::PathBuf;
use std::time::Duration;

use super::checks::{label, optional};
use super::parse::{container_credentials, policy, role_names};
use super::{ConfigError, Identity};
use crate::cli::{ClusterArgs, InjectArgs, InjectOutput, ReadSourceArgs, SettingsArgs};
use injection::admission::{AdmissionSettings, Endpoint};

/// The configuration of `inject`.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// `-` is standard input.
    pub files: Vec<String>,
    /// Of what names none.
    pub namespace: String,
    pub output: InjectOutput,
    pub endpoint: Endpoint,
    pub source: ReadSource,
    pub identity: Identity,
    pub policy: AdmissionSettings,
}

/// Where `ServiceAccount`s come from, beside the manifests themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadSource {
    /// A file or a folder.
    Files(PathBuf),
    Cluster(UserCluster),
}

/// The cluster that kubectl would ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserCluster {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// How long one request may take; for ever where there is none.
    pub request_timeout: Option<Duration>,
}

impl Injection {
    /// The configuration, and what is to be said once about the arguments.
    pub fn from_args(args: InjectArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let watch_config_map = args.source.config_map.watch_config_map;
        let webhook_namespace =
            label("--webhook-namespace", args.source.config_map.webhook_namespace.clone())?;
        let (policy, identity) =
            settings(args.settings, webhook_namespace, watch_config_map, &mut warnings)?;
        let injection = Self {
            files: args.files,
            namespace: label("--namespace", args.namespace)?,
            output: args.output,
            endpoint: if args.required { Endpoint::Required } else { Endpoint::Mutate },
            source: source(args.source)?,
            identity,
            policy,
        };
        Ok((injection, warnings))
    }
}

impl From<ClusterArgs> for UserCluster {
    fn from(args: ClusterArgs) -> Self {
        Self {
            kubeconfig: optional(args.kubeconfig).map(PathBuf::from),
            context: optional(args.context),
            request_timeout: args.request_timeout.0,
        }
    }
}

/// What `serve` with the same flags goes by.
pub(super) fn settings(
    args: SettingsArgs,
    namespace: String,
    watch_config_map: bool,
    warnings: &mut Vec<String>,
) -> Result<(AdmissionSettings, Identity), ConfigError> {
    let region = optional(args.web_identity.aws_default_region.clone());
    let role_names = role_names(args.role_arn, region.as_deref(), warnings)?;
    let file = optional(args.container_credentials.config.clone()).map(PathBuf::from);
    let container_credentials = container_credentials(args.container_credentials)?;
    let policy = policy(args.web_identity, region, container_credentials, warnings)?;
    let container_credentials_file = file;
    let identity = Identity { role_names, namespace, watch_config_map, container_credentials_file };
    Ok((policy, identity))
}

fn source(args: ReadSourceArgs) -> Result<ReadSource, ConfigError> {
    let cluster = UserCluster::from(args.cluster);
    let Some(files) = optional(args.service_accounts) else {
        return Ok(ReadSource::Cluster(cluster));
    };
    if cluster.kubeconfig.is_some() {
        return Err(ConfigError::TwoSources("--kubeconfig"));
    }
    if cluster.context.is_some() {
        return Err(ConfigError::TwoSources("--context"));
    }
    Ok(ReadSource::Files(files.into()))
}
