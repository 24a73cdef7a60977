//! A cluster on which the webhook is installed already, as `CLUSTER_KUBECONFIG` says.

use std::time::Duration;

use anyhow::ensure;
use axum::http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use super::cluster::{Cluster, LABEL, Place};
use super::replica::Replica;
use super::suite;
use crate::support::eventually;

/// Pods have to be scheduled and started, or to drain.
const PATIENCE: Duration = Duration::from_mins(5);

pub struct Given {
    /// The Deployment, and how many replicas it is to have.
    deployment: String,
    replicas: i32,
}

impl Cluster {
    /// `CLUSTER_NAMESPACE` says where the webhook is, else it is where the manifests put it.
    async fn given() -> Self {
        let kubeconfig = std::env::var_os("CLUSTER_KUBECONFIG");
        let kubeconfig = kubeconfig.expect("CLUSTER_KUBECONFIG names a kubeconfig");
        let home = std::env::var("CLUSTER_NAMESPACE");
        let home = home.unwrap_or_else(|_| "pod-identity-webhook".to_owned());
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&kubeconfig)
            .unwrap_or_else(|error| panic!("CLUSTER_KUBECONFIG={}: {error}", kubeconfig.display()));
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let given = Given { deployment: String::new(), replicas: 0 };
        let mut cluster = Self { client, home, place: Place::Given(given) };
        let deployment = cluster.deployment().await;
        let replicas = deployment.spec.replicas.unwrap_or(1);
        let given = Given { deployment: deployment.metadata.name.unwrap(), replicas };
        given.start(&cluster.client, &cluster.home).await;
        cluster.place = Place::Given(given);
        cluster
    }
}

impl Given {
    /// Through the API server, which reaches every pod.
    pub async fn metrics(&self, cluster: &Cluster) -> Vec<String> {
        let mut pages = Vec::new();
        for pod in pods(&cluster.client, &cluster.home).await {
            let name = pod.metadata.name.unwrap();
            // By number: a port's name leads nowhere here.
            let mut ports = pod.spec.unwrap().containers.into_iter().filter_map(|it| it.ports);
            let port = ports.find_map(|ports| {
                let metrics = ports.into_iter().find(|it| it.name.as_deref() == Some("metrics"));
                metrics.map(|port| port.container_port)
            });
            let (home, port) = (&cluster.home, port.expect("a port named metrics"));
            let path = format!("/api/v1/namespaces/{home}/pods/{name}:{port}/proxy/metrics");
            let request = Request::get(path).body(Vec::new()).unwrap();
            pages.push(cluster.client.request_text(request).await.unwrap());
        }
        pages
    }

    pub async fn stop(&self, client: &Client, home: &str) {
        self.scale(client, home, 0).await;
        eventually("the webhook's last pod to be gone", PATIENCE, || async {
            let left = pods(client, home).await.len();
            ensure!(left == 0, "{left} are left");
            Ok(())
        })
        .await;
    }

    pub async fn start(&self, client: &Client, home: &str) {
        self.scale(client, home, self.replicas).await;
        eventually("a finished rollout", PATIENCE, || async {
            let api: Api<Deployment> = Api::namespaced(client.clone(), home);
            let deployment = api.get(&self.deployment).await?;
            let status = deployment.status.unwrap_or_default();
            // Until the controller has seen this generation, it counts the pods of the last.
            let seen = status.observed_generation >= deployment.metadata.generation;
            ensure!(seen, "the Deployment's controller has not seen its last change");
            for (count, pods) in [
                ("updated", status.updated_replicas),
                ("available", status.available_replicas),
                ("in all", status.replicas),
            ] {
                let pods = pods.unwrap_or_default();
                ensure!(pods == self.replicas, "{count}: {pods} of {}", self.replicas);
            }
            Ok(())
        })
        .await;
    }

    async fn scale(&self, client: &Client, home: &str, replicas: i32) {
        let api: Api<Deployment> = Api::namespaced(client.clone(), home);
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch_scale(&self.deployment, &PatchParams::default(), &patch).await.unwrap();
    }
}

async fn pods(client: &Client, home: &str) -> Vec<Pod> {
    let api: Api<Pod> = Api::namespaced(client.clone(), home);
    api.list(&ListParams::default().labels(LABEL)).await.unwrap().items
}

#[tokio::test]
#[ignore = "needs CLUSTER_KUBECONFIG=<a kubeconfig of a cluster with the webhook>"]
async fn the_given_cluster_does_all_that_its_configuration_promises() {
    let mut cluster = Cluster::given().await;
    suite::gives_roles(&mut cluster).await;
    if Replica::of(&cluster).await.is_some() {
        suite::confines_its_replicas(&cluster).await;
    }
    let entries = cluster.configuration().await.webhooks.unwrap_or_default();
    if entries.len() == 1 {
        suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
    } else {
        suite::fails_closed_for_what_is_labelled(&mut cluster).await;
    }
}
