//! A namespace, a webhook configuration that calls a Service in it, and
//! replicas that manage its certificates.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use certificates::{Bundle, Leaf, Lifetimes, Names, Params, SecretView, State};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use pod_identity_webhook::api_server::clock::ServerClock;
use pod_identity_webhook::certificate_controller::{ManagedCertificates, Manager, ManagerSettings};
use pod_identity_webhook::crypto;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{ControlPlane, Namespace, SOON, control_plane, eventually};

pub const SERVICE: &str = "pod-identity-webhook";

pub struct Scene {
    pub control_plane: &'static ControlPlane,
    pub namespace: Namespace,
    pub params: Params,
    /// The configuration's name: they are not namespaced.
    pub name: String,
}

/// Ends when it is dropped.
pub struct Replica {
    pub certificates: ManagedCertificates,
    task: JoinHandle<()>,
}

impl Scene {
    /// The configuration is there, its caBundles empty.
    pub async fn new(prefix: &str, lifetimes: Lifetimes) -> Self {
        let scene = Self::bare(prefix, lifetimes).await;
        scene.apply_configuration(&json!({})).await;
        scene
    }

    pub async fn bare(prefix: &str, lifetimes: Lifetimes) -> Self {
        let control_plane = control_plane().await;
        let namespace = control_plane.namespace(prefix).await;
        let names = Names { service: SERVICE.to_owned(), namespace: namespace.name().to_owned() };
        let params = Params { names, secret: "certificates".to_owned(), lifetimes };
        let name = format!("{namespace}-webhooks");
        Self { control_plane, namespace, params, name }
    }

    pub fn start(&self) -> Replica {
        self.start_with(self.control_plane.client())
    }

    pub fn start_with(&self, client: Client) -> Replica {
        let settings = ManagerSettings {
            params: self.params.clone(),
            configurations: vec![self.name.clone()],
        };
        Replica::start(client, settings)
    }

    /// Two webhooks of ours, and between them one that is not; `annotations`
    /// are the configuration's.
    pub async fn apply_configuration(&self, annotations: &Value) {
        let webhook = |name: &str, client: &Value| {
            json!({
                "name": format!("{name}.pod-identity.test"),
                "clientConfig": client,
                "rules": [{
                    "apiGroups": [""], "apiVersions": ["v1"],
                    "operations": ["CREATE"], "resources": ["pods"],
                }],
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "nowhere" } },
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            })
        };
        let service =
            |name: &str| json!({ "service": { "namespace": self.namespace.name(), "name": name } });
        let configuration = json!({
            "metadata": { "name": self.name, "annotations": annotations },
            "webhooks": [
                webhook("first", &service(SERVICE)),
                webhook("another", &service("another")),
                webhook("second", &service(SERVICE)),
            ],
        });
        let configuration = serde_json::from_value(configuration).unwrap();
        self.webhooks().create(&PostParams::default(), &configuration).await.unwrap();
    }

    pub fn webhooks(&self) -> Api<MutatingWebhookConfiguration> {
        Api::all(self.control_plane.client())
    }

    pub fn secrets(&self) -> Api<Secret> {
        self.namespace.api()
    }

    /// The caBundles of our two webhooks as they are stored; nobody wrote into
    /// the third.
    pub async fn bundles(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let configuration = self.webhooks().get(&self.name).await?;
        let webhooks = configuration.webhooks.unwrap_or_default();
        let mut bundles = webhooks.into_iter().map(|webhook| {
            webhook.client_config.ca_bundle.map(|bundle| bundle.0).unwrap_or_default()
        });
        let (first, another, second) = (bundles.next(), bundles.next(), bundles.next());
        ensure!(another == Some(Vec::new()), "a foreign webhook was written to");
        Ok([first, second].into_iter().flatten().collect())
    }

    /// Whether both stored caBundles verify the leaf now.
    pub async fn verify(&self, leaf: &Leaf) -> anyhow::Result<()> {
        self.verify_at(leaf, Timestamp::now()).await
    }

    /// Whether both caBundles, as they are stored now, verify the leaf at this time.
    pub async fn verify_at(&self, leaf: &Leaf, at: Timestamp) -> anyhow::Result<()> {
        let name = self.params.names.server_name();
        for bundle in self.bundles().await? {
            let (leaf, bundle) = (leaf.certificate(), Bundle::parse(&bundle));
            let verified = bundle.verifies(leaf, &name, at, crypto::CERTIFICATES);
            ensure!(verified, "{leaf:?} is not verified by {bundle:?}");
        }
        Ok(())
    }

    pub async fn overwrite_bundle(&self, index: usize, bundle: &str) {
        let path = format!("/webhooks/{index}/clientConfig/caBundle");
        self.patch_configuration(json!([{ "op": "add", "path": path, "value": bundle }])).await;
    }

    pub async fn patch_configuration(&self, patch: Value) {
        let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
        self.webhooks().patch(&self.name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn patch_secret(&self, patch: Value) {
        let api = self.secrets();
        let patch = Patch::Merge(patch);
        api.patch(&self.params.secret, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn delete_secret(&self) {
        self.secrets().delete(&self.params.secret, &DeleteParams::default()).await.unwrap();
    }

    /// What our Secret holds, where that is whole.
    pub async fn state(&self) -> anyhow::Result<State> {
        let secret = self.secrets().get(&self.params.secret).await?;
        let annotations = secret.metadata.annotations.unwrap_or_default();
        let manager = annotations.get("pod-identity.io/managed-by").map(String::as_str);
        let data = secret.data.unwrap_or_default();
        let get = |key: &str| data.get(key).map(|value| value.0.as_slice());
        match SecretView::read(manager, &self.params.names, crypto::CERTIFICATES, get) {
            SecretView::Ours(state) => Ok(state),
            view => anyhow::bail!("{view:?}"),
        }
    }

    pub async fn all_ready(&self, replicas: &[Replica]) {
        eventually("ready replicas with a verified leaf", SOON, || async {
            for replica in replicas {
                ensure!(replica.ready(), "{:?}", replica.problems());
                self.verify(&*replica.leaf().context("no leaf")?).await?;
            }
            Ok(())
        })
        .await;
    }
}

impl Replica {
    pub fn start(client: Client, settings: ManagerSettings) -> Self {
        let clock = ServerClock::new();
        let (manager, certificates) = Manager::new(clock.observed(client), clock, settings);
        Self { certificates, task: tokio::spawn(manager.run()) }
    }

    pub fn leaf(&self) -> Option<Arc<Leaf>> {
        self.certificates.leaf.borrow().clone()
    }

    pub fn ready(&self) -> bool {
        self.certificates.status.borrow().ready
    }

    pub fn problems(&self) -> Vec<String> {
        self.certificates.status.borrow().problems.clone()
    }

    /// Waits until a problem has all of these words.
    pub async fn complains(&self, words: &[&str]) -> String {
        eventually(&format!("a problem with {words:?}"), SOON, || async {
            let problems = self.problems();
            let mut found = problems.iter().filter(|p| words.iter().all(|word| p.contains(word)));
            found.next().cloned().with_context(|| format!("{problems:?}"))
        })
        .await
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}
