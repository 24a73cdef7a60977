//! The connection to the cluster, and the account on EC2.

use kube::Client;

use crate::api_server::client;
use crate::cli::help::invoked;
use crate::config::{RoleNames, Source, UserCluster};
use crate::http_client::instance_metadata;
use diagnosis::Commands;
use injection::identity::Account;

/// A client, where there is a cluster.
pub(super) async fn client_for(source: &Source) -> anyhow::Result<Option<Client>> {
    match source {
        Source::Files(_) => Ok(None),
        Source::Cluster { kubeconfig, kube_api, request_timeout } => {
            let (kubeconfig, kube_api) = (kubeconfig.as_deref(), kube_api.as_deref());
            Ok(Some(client::of_service(kubeconfig, kube_api, *request_timeout).await?))
        }
    }
}

/// A client for the cluster that kubectl would ask, and the namespace that it
/// would ask in.
pub(super) async fn user_client(cluster: &UserCluster) -> anyhow::Result<(Client, String)> {
    Ok(client::of_user(cluster).await?)
}

/// How printed commands reach the cluster that a command asks.
pub(super) fn commands(cluster: &UserCluster) -> Commands {
    Commands::new(invoked(), &cluster.typed(), cluster.token.is_some())
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
