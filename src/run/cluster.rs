//! The connection to the cluster, and the account on EC2.

use anyhow::Context as _;
use axum::http::Uri;
use axum::http::uri::Scheme;
use kube::client::RustlsTlsError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;

use crate::config::{RoleNames, Source, UserCluster};
use crate::service_accounts::instance_metadata;
use injection::identity::Account;

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
    connect(config)
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
    Ok((connect(config)?, namespace))
}

fn connect(config: Config) -> anyhow::Result<Client> {
    let config = with_roots(config);
    let (url, names_a_ca) = (config.cluster_url.clone(), config.root_cert.is_some());
    Client::try_from(config).map_err(|error| explained(error, &url, names_a_ca))
}

/// Leaves the machine's CA certificates alone where none is needed: kube would insist on some, and an image
/// from scratch has none.
fn with_roots(mut config: Config) -> Config {
    let verifies =
        config.cluster_url.scheme() != Some(&Scheme::HTTP) && !config.accept_invalid_certs;
    if !verifies && config.root_cert.is_none() {
        config.root_cert = Some(Vec::new());
    }
    config
}

fn explained(error: kube::Error, url: &Uri, names_a_ca: bool) -> anyhow::Error {
    let no_roots = !names_a_ca
        && matches!(&error, kube::Error::RustlsTls(RustlsTlsError::AddRootCertificate(_)));
    let error = anyhow::Error::new(error);
    if !no_roots {
        return error.context("failed to make a client for the API server");
    }
    error.context(format!(
        "failed to find CA certificates that the API server at {url} could be verified by; set \
         SSL_CERT_FILE to a file with its CA, or give a --kubeconfig that has it"
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Config {
        Config::new(url.parse().unwrap())
    }

    #[test]
    fn asks_for_the_machines_certificates_only_where_some_are_needed() {
        assert_eq!(with_roots(at("http://127.0.0.1:8001")).root_cert, Some(Vec::new()));
        assert_eq!(with_roots(at("https://127.0.0.1:6443")).root_cert, None);

        let mut unverified = at("https://127.0.0.1:6443");
        unverified.accept_invalid_certs = true;
        assert_eq!(with_roots(unverified).root_cert, Some(Vec::new()));

        let mut named = at("http://127.0.0.1:8001");
        named.root_cert = Some(vec![vec![1]]);
        assert_eq!(with_roots(named).root_cert, Some(vec![vec![1]]));
    }

    #[test]
    fn says_what_to_do_where_there_are_no_certificates_to_verify_by() {
        let url = "https://192.0.2.1:6443".parse().unwrap();
        let error = |names_a_ca| {
            let missing = RustlsTlsError::AddRootCertificate("none here".into());
            format!("{:#}", explained(kube::Error::RustlsTls(missing), &url, names_a_ca))
        };
        for says in ["https://192.0.2.1:6443", "SSL_CERT_FILE", "--kubeconfig", "none here"] {
            assert!(error(false).contains(says), "{says}: {}", error(false));
        }
        // A CA that the kubeconfig names and that can't be read is another matter.
        assert!(!error(true).contains("SSL_CERT_FILE"), "{}", error(true));
    }
}
