//! The configuration of the commands that show what the webhook would do.

use std::path::PathBuf;

use super::checks::{label, optional};
use super::cluster::user_cluster;
use super::parse::{container_credentials, policy, role_names};
use super::{ConfigError, Identity, UserCluster};
use crate::cli::{InjectArgs, InjectOutput, ReadSourceArgs, SettingsArgs};
use injection::admission::{AdmissionSettings, Endpoint};

/// The configuration of `inject`.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// `-` is standard input; also folders and URLs.
    pub files: Vec<String>,
    /// Folders inside folders count, too.
    pub is_recursive: bool,
    /// Of what names none, where the flag says so.
    pub namespace: Option<String>,
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
    Cluster(Box<UserCluster>),
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
        let (source, namespace) = source(args.source)?;
        let injection = Self {
            files: args.files,
            is_recursive: args.recursive,
            namespace,
            output: args.output,
            endpoint: if args.required { Endpoint::Required } else { Endpoint::Mutate },
            source,
            identity,
            policy,
        };
        Ok((injection, warnings))
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

/// The source, and the namespace of the flag.
fn source(args: ReadSourceArgs) -> Result<(ReadSource, Option<String>), ConfigError> {
    let cluster = user_cluster(args.cluster)?;
    let namespace = cluster.namespace.clone();
    let Some(files) = optional(args.service_accounts) else {
        return Ok((ReadSource::Cluster(Box::new(cluster)), namespace));
    };
    for (flag, is_given) in [
        ("--kubeconfig", cluster.kubeconfig.is_some()),
        ("--context", cluster.context.is_some()),
        ("--cluster", cluster.cluster.is_some()),
        ("--user", cluster.user.is_some()),
        ("--server", cluster.server.is_some()),
        ("--token", cluster.token.is_some()),
    ] {
        if is_given {
            return Err(ConfigError::TwoSources(flag));
        }
    }
    Ok((ReadSource::Files(files.into()), namespace))
}
