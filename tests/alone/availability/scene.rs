//! A webhook in the cluster: its namespace, rights, Service, registration and
//! replicas, and a namespace with the pods that it is called for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use futures::future::join_all;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::balancer::Balancer;
use crate::support::{
    Builder, Connection, ControlPlane, Namespace, Reviewer, SOON, Webhook, apply, client_config,
    cluster_name, eventually, grant_shipped, pod, shipped,
};

/// The name of the Service, of the Secret and of the `ServiceAccount`.
pub const NAME: &str = "pod-identity-webhook";

/// The `ServiceAccount` of the pods, and its role.
pub const APP: &str = "app";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/app";

pub struct Scene<'a> {
    pub control_plane: &'a ControlPlane,
    pub home: Namespace,
    pub apps: Arc<Namespace>,
    pub balancer: Balancer,
    kubeconfig: PathBuf,
    args: Vec<String>,
}

impl<'a> Scene<'a> {
    /// All but replicas, which are to be started with these arguments too. Pods
    /// of `apps` are refused from now on.
    pub async fn new(control_plane: &'a ControlPlane, args: &[&str]) -> Self {
        let scene = Self::unregistered(control_plane, &[], args).await;
        scene.register(&json!({})).await;
        eventually("the registration in force", SOON, || async {
            ensure!(scene.role_of_new_pod().await.is_err(), "a pod passed by");
            Ok(())
        })
        .await;
        scene
    }

    /// Without the webhook configuration, and without the rights on the
    /// resources in `less`.
    pub async fn unregistered(
        control_plane: &'a ControlPlane,
        less: &[&str],
        args: &[&str],
    ) -> Self {
        let home = control_plane.namespace("home").await;
        grant_shipped(control_plane, &home, less).await;
        let service = json!({
            "metadata": { "name": NAME },
            "spec": { "type": "ExternalName", "externalName": "localhost" },
        });
        home.create_object::<Service>(&service).await.unwrap();
        let apps = control_plane.namespace("apps").await;
        apps.service_account(APP, &[("eks.amazonaws.com/role-arn", ROLE)]).await;
        let kubeconfig = control_plane.kubeconfig_for_service_account(home.name(), NAME).await;
        let mut all = vec![
            "--in-cluster=true".to_owned(),
            format!("--namespace={home}"),
            format!("--webhook-config-name={}", cluster_name(&home)),
            // The balancer looks far more often than a kubelet does.
            "--shutdown-delay=1s".to_owned(),
        ];
        all.extend(args.iter().map(ToString::to_string));
        let balancer = Balancer::start().await;
        Self { control_plane, home, apps: Arc::new(apps), balancer, kubeconfig, args: all }
    }

    /// Applies the shipped webhook configuration, for the pods of `apps` alone.
    pub async fn register(&self, annotations: &Value) {
        let mut objects = shipped("webhook.yaml", &self.home);
        let mut configuration = objects.remove(0);
        configuration["metadata"]["annotations"] = annotations.clone();
        let entry = &mut configuration["webhooks"][0];
        assert_eq!(entry["clientConfig"]["caBundle"], Value::Null);
        entry["clientConfig"]["service"]["port"] = self.balancer.address().port().into();
        entry["namespaceSelector"] =
            json!({ "matchLabels": { "kubernetes.io/metadata.name": self.apps.name() } });
        entry["failurePolicy"] = "Fail".into();
        // What is late on a busy machine is not lost.
        entry["timeoutSeconds"] = 15.into();
        apply(self.control_plane, configuration).await;
    }

    pub fn builder(&self) -> Builder {
        Webhook::builder().kubeconfig(&self.kubeconfig).args(self.args.iter().cloned())
    }

    /// Starts replicas at once, and waits until they get connections.
    pub async fn start(&self, replicas: usize) -> Vec<Webhook> {
        self.start_beside(0, replicas).await
    }

    /// Beside those that stand.
    pub async fn start_beside(&self, standing: usize, replicas: usize) -> Vec<Webhook> {
        self.start_each(standing, (0..replicas).map(|_| self.builder())).await
    }

    /// The same for replicas that differ from those of `builder`.
    pub async fn start_each(
        &self,
        standing: usize,
        builders: impl IntoIterator<Item = Builder>,
    ) -> Vec<Webhook> {
        let started = join_all(builders.into_iter().map(Builder::start)).await;
        let replicas = started.len();
        for replica in &started {
            self.balancer.add(replica);
        }
        eventually("replicas that get connections", SOON, || async {
            let ready = self.balancer.ready();
            ensure!(ready == standing + replicas, "{ready} do");
            Ok(())
        })
        .await;
        started
    }

    /// Whether it admits a pod, and with which role.
    pub async fn role_of_new_pod(&self) -> anyhow::Result<Option<String>> {
        let admitted = self.apps.admit_pod(&pod("probe", APP), true).await?;
        Ok(role(&admitted.object).map(str::to_owned))
    }

    /// A connection to this replica, verified as the API server does.
    pub async fn reviewer(&self, replica: &Webhook) -> anyhow::Result<Reviewer> {
        let stream = self.dial(replica.https()).await?;
        Ok(Reviewer::over(Connection::over(stream, replica.https()).await?))
    }

    /// The same to whichever replica is behind this address.
    pub async fn dial(&self, address: SocketAddr) -> anyhow::Result<TlsStream<TcpStream>> {
        let bundle = String::from_utf8(self.bundle().await?)?;
        let config = client_config(&bundle, None, rustls::DEFAULT_VERSIONS)?;
        let name = ServerName::try_from(format!("{NAME}.{}.svc", self.home))?;
        let stream = TcpStream::connect(address).await?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
    }

    fn configurations(&self) -> Api<MutatingWebhookConfiguration> {
        Api::all(self.control_plane.client())
    }

    /// The caBundle that is stored.
    pub async fn bundle(&self) -> anyhow::Result<Vec<u8>> {
        let configuration = self.configurations().get(&cluster_name(&self.home)).await?;
        let entry = configuration.webhooks.unwrap_or_default().into_iter().next();
        let bundle = entry.and_then(|entry| entry.client_config.ca_bundle);
        Ok(bundle.context("there is no caBundle")?.0)
    }

    pub async fn overwrite_bundle(&self, base64: &str) {
        let member = "/webhooks/0/clientConfig/caBundle";
        let operations = json!([{ "op": "add", "path": member, "value": base64 }]);
        let patch = Patch::Json::<()>(serde_json::from_value(operations).unwrap());
        let name = cluster_name(&self.home);
        self.configurations().patch(&name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// What the Secret holds under this key.
    pub async fn secret(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let data = self.home.api::<Secret>().get(NAME).await?.data.unwrap_or_default();
        Ok(data.get(key).with_context(|| format!("there is no {key}"))?.0.clone())
    }

    pub async fn delete_secret(&self) {
        self.home.api::<Secret>().delete(NAME, &DeleteParams::default()).await.unwrap();
    }

    pub async fn patch_secret(&self, data: &Value) {
        let patch = Patch::Merge(json!({ "data": data }));
        self.home.api::<Secret>().patch(NAME, &PatchParams::default(), &patch).await.unwrap();
    }
}

/// The flags for lifetimes in seconds.
pub fn certificate_flags(authority: u64, leaf: u64, overlap: u64) -> [String; 3] {
    [
        format!("--ca-lifetime={authority}s"),
        format!("--cert-lifetime={leaf}s"),
        format!("--ca-overlap={overlap}s"),
    ]
}

/// The first container's role.
pub fn role(pod: &Value) -> Option<&str> {
    let env = pod["spec"]["containers"][0]["env"].as_array()?;
    env.iter().find(|it| it["name"] == "AWS_ROLE_ARN")?["value"].as_str()
}
