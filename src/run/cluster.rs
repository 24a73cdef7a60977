//! The connection to the cluster, and the account on EC2.

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;

use crate::config::{RoleNames, Source, UserCluster};
use crate::identity::Account;
use crate::service_accounts::instance_metadata;

/// A client, where there is a cluster.
pub(super) async fn client_for(source: &Source) -> anyhow::Result<Option<Client>> {
    match source {
        Source::Files(_) => Ok(None),
        Source::Cluster { kubeconfig, kube_api } => {
            client(kubeconfig.as_deref(), kube_api.as_deref()).await.map(Some)
        }
    }
}

/// A client for the API server that the flags name, else for the cluster that
/// this runs in.
async fn client(kubeconfig: Option<&Path>, url: Option<&str>) -> anyhow::Result<Client> {
    let mut config = match (kubeconfig, url) {
        (Some(path), _) => from_kubeconfig(path).await?,
        (None, Some(url)) => Config::new(url.parse().context("failed to read --kube-api")?),
        (None, None) => Config::incluster().context(
            "failed to find the cluster that this runs in; outside of one give --kubeconfig, or \
             --service-accounts to serve from files",
        )?,
    };
    if let Some(url) = url {
        config.cluster_url = url.parse().context("failed to read --kube-api")?;
    }
    Client::try_from(config).context("failed to make a client for the API server")
}

/// A client for the cluster that kubectl would ask, and the namespace that it
/// would ask in.
pub(super) async fn user_client(cluster: &UserCluster) -> anyhow::Result<(Client, String)> {
    let UserCluster { kubeconfig, context } = cluster;
    let read = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path)
            .with_context(|| format!("failed to read --kubeconfig {}", path.display())),
        None => Kubeconfig::read().context("failed to find a kubeconfig; name it: --kubeconfig"),
    };
    let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
    let config = match read {
        Ok(read) => Config::from_custom_kubeconfig(read, &options)
            .await
            .context("failed to use the kubeconfig")?,
        // In a pod of the cluster there is none.
        Err(error) if kubeconfig.is_none() && context.is_none() => {
            Config::incluster().map_err(|_| error)?
        }
        Err(error) => return Err(error),
    };
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("failed to make a client for the API server")?;
    Ok((client, namespace))
}

async fn from_kubeconfig(path: &Path) -> anyhow::Result<Config> {
    let read = Kubeconfig::read_from(path)
        .with_context(|| format!("failed to read --kubeconfig {}", path.display()))?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    config.with_context(|| format!("failed to use --kubeconfig {}", path.display()))
}

/// The account that completes role names, where they are to be completed.
pub(super) async fn account(role_names: &RoleNames) -> anyhow::Result<Option<Account>> {
    match role_names {
        RoleNames::AsWritten => Ok(None),
        RoleNames::InAccount(account) => Ok(Some(account.clone())),
        RoleNames::FromInstanceMetadata { partition } => {
            let endpoint = std::env::var("AWS_EC2_METADATA_SERVICE_ENDPOINT").ok();
            let endpoint = endpoint.as_deref().unwrap_or(instance_metadata::ENDPOINT);
            let account = instance_metadata::account(endpoint).await?;
            match partition {
                Some(partition) => Ok(Some(account.in_partition(partition)?)),
                None => Ok(Some(account)),
            }
        }
    }
}
