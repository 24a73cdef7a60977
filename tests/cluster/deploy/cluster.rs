//! An installation of the webhook, wherever it is.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::given::Given;
use super::local::Local;
use crate::support::Namespace;

/// What every object of an installation has, by whichever way it was installed.
pub const LABEL: &str = "app.kubernetes.io/name=pod-identity-webhook";

pub struct Cluster {
    pub client: Client,
    /// The namespace that the webhook is installed in.
    pub home: String,
    pub place: Place,
}

pub enum Place {
    /// Boxed, as it is far larger.
    Local(Box<Local>),
    Given(Given),
}

impl Cluster {
    /// A namespace of the test's own, with these labels.
    pub async fn namespace(&self, prefix: &str, labels: Value) -> Namespace {
        let metadata = json!({ "generateName": format!("{prefix}-"), "labels": labels });
        Namespace::create(self.client.clone(), &metadata).await
    }

    pub async fn existing(&self, namespace: &str) -> Namespace {
        Namespace::existing(self.client.clone(), namespace).await
    }

    /// The webhook's own Deployment, whatever its name.
    pub async fn deployment(&self) -> Deployment {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.home);
        let found = api.list(&ListParams::default().labels(LABEL)).await.unwrap();
        let [deployment] = <[Deployment; 1]>::try_from(found.items)
            .unwrap_or_else(|found| panic!("{} Deployments with {LABEL}", found.len()));
        deployment
    }

    /// The configuration that calls a Service in the webhook's namespace.
    pub async fn configuration(&self) -> MutatingWebhookConfiguration {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let mut all = api.list(&ListParams::default()).await.unwrap().items;
        all.retain(|it| it.webhooks.iter().flatten().any(|entry| self.is_ours(entry)));
        assert_eq!(all.len(), 1, "configurations that call a Service in {}", self.home);
        all.remove(0)
    }

    fn is_ours(&self, entry: &MutatingWebhook) -> bool {
        let service = entry.client_config.service.as_ref();
        service.is_some_and(|service| service.namespace == self.home)
    }

    /// The caBundles of all entries; an error where one is missing.
    pub async fn bundles(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let entries = self.configuration().await.webhooks.unwrap_or_default();
        ensure!(entries.iter().all(|entry| self.is_ours(entry)), "entries of others");
        let bundles = entries.into_iter().map(|entry| {
            let bundle = entry.client_config.ca_bundle.filter(|bundle| !bundle.0.is_empty());
            Ok(bundle.with_context(|| format!("{} has no caBundle", entry.name))?.0)
        });
        bundles.collect()
    }

    /// The metrics of every replica.
    pub async fn metrics(&self) -> Vec<String> {
        match &self.place {
            Place::Local(local) => vec![local.webhook().metrics().await],
            Place::Given(given) => given.metrics(self).await,
        }
    }

    /// Ends it as nobody should, and all replicas at once.
    pub async fn stop(&mut self) {
        match &mut self.place {
            Place::Local(local) => local.stop(),
            Place::Given(given) => given.stop(&self.client, &self.home).await,
        }
    }

    pub async fn start(&mut self) {
        match &mut self.place {
            Place::Local(local) => local.start().await,
            Place::Given(given) => given.start(&self.client, &self.home).await,
        }
    }
}
