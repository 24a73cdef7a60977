//! What becomes of an installation: helm and the API server are real, and the webhook is a process with the
//! rights and the arguments that the chart gives its pods. Nothing runs those pods here, so the Service leads
//! to that process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Secret, Service};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::Status;
use kube::discovery::{ApiGroup, Scope, verbs};
use kube::{Api, Discovery};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::interval;

use super::values::arguments;
use crate::support::{
    ControlPlane, Helm, Namespace, SOON, Webhook, chart, control_plane, eventually, free_port,
    overlaid, pod,
};

const APP: &str = "app";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_the_ca_and_every_pod_its_role_with_helm_4() {
    let control_plane = control_plane().await;
    let helm = || Helm::of(control_plane.kubeconfig());
    keeps_the_ca_and_every_pod_its_role(control_plane, helm(), helm(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_the_ca_and_every_pod_its_role_with_helm_3() {
    let control_plane = control_plane().await;
    let helm = || Helm::three_of(control_plane.kubeconfig());
    keeps_the_ca_and_every_pod_its_role(control_plane, helm(), helm(), &[]).await;
}

/// Helm 4 can take a release of Helm 3 over to server-side apply.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_the_ca_and_every_pod_its_role_from_helm_3_to_4() {
    let control_plane = control_plane().await;
    let (three, four) =
        (Helm::three_of(control_plane.kubeconfig()), Helm::of(control_plane.kubeconfig()));
    let how = ["--server-side=true", "--force-conflicts"];
    keeps_the_ca_and_every_pod_its_role(control_plane, three, four, &how).await;
}

async fn keeps_the_ca_and_every_pod_its_role(
    control_plane: &ControlPlane,
    old: Helm,
    new: Helm,
    how: &[&str],
) {
    let scene = Scene::new(control_plane).await;
    scene.helm(&old, "install", &[]).await;
    let webhook = scene.start().await;
    let (bundle, secret) = (scene.bundles().await.unwrap(), scene.secret().await);
    assert_eq!(bundle.len(), 1, "one entry");

    let pods = scene.create_pods();
    let closed = ["--set", "failClosed.enabled=true,webhook.timeoutSeconds=29,commonLabels.a=b"];
    scene.helm(&new, "upgrade", &[&closed, how].concat()).await;
    let stored = scene.webhooks().await.unwrap();
    assert_eq!(stored[0].timeout_seconds, Some(29), "the upgrade did something");
    let entries: Vec<_> = stored.iter().map(|entry| entry.name.as_str()).collect();
    let suffix = "pod-identity-webhook.amazonaws.com";
    let expected = ["", "namespace.required.", "pod.required."].map(|it| format!("{it}{suffix}"));
    // They are called in their order.
    assert_eq!(entries, expected);
    assert_eq!(stored[0].client_config.ca_bundle, bundle[0], "right after the upgrade");
    // The webhook sees to the new entries, with the same CA.
    eventually("the caBundle of the new entries", SOON, || async {
        let bundles = scene.bundles().await?;
        ensure!(bundles.iter().all(|it| *it == bundle[0]), "{bundles:?}");
        Ok(())
    })
    .await;
    scene.refuses_what_needs_an_identity().await;

    scene.helm(&new, "upgrade", &["--reset-values"]).await;
    assert_eq!(scene.bundles().await.unwrap(), bundle, "after taking the entries away");
    scene.helm(&new, "rollback", &["2"]).await;
    assert_eq!(scene.bundles().await.unwrap()[0], bundle[0], "after a rollback");
    assert_eq!(scene.secret().await, secret);
    let (created, without_role) = pods.end().await;
    assert!(created > 20, "{created} pods");
    assert_eq!(without_role, 0, "of {created} pods");
    assert!(webhook.process().check_running().is_ok());
    assert_eq!(control_plane.refused(scene.home.name(), &scene.fullname()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_leaves_the_secret_alone_and_the_next_install_goes_on_with_it_with_helm_4() {
    let control_plane = control_plane().await;
    leaves_the_secret_alone(control_plane, Helm::of(control_plane.kubeconfig())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_leaves_the_secret_alone_and_the_next_install_goes_on_with_it_with_helm_3() {
    let control_plane = control_plane().await;
    leaves_the_secret_alone(control_plane, Helm::three_of(control_plane.kubeconfig())).await;
}

async fn leaves_the_secret_alone(control_plane: &ControlPlane, helm: Helm) {
    let scene = Scene::new(control_plane).await;
    let before = scene.objects().await;
    let everything = [
        "--set",
        "failClosed.enabled=true,networkPolicy.enabled=true,\
        containerCredentials.identities[0].namespace=a,containerCredentials.identities[0].serviceAccount=b",
    ];
    scene.helm(&helm, "install", &everything).await;
    let webhook = scene.start_with(&[]).await;
    let (bundle, secret) = (scene.bundles().await.unwrap(), scene.secret().await);
    assert!(scene.objects().await.len() > before.len() + 10);

    scene.helm(&helm, "uninstall", &[]).await;
    let left: Vec<_> = scene.objects().await.difference(&before).cloned().collect();
    assert_eq!(left, [format!("Secret {}", scene.fullname())]);
    assert_eq!(scene.secret().await, secret);
    webhook.stop().await;

    scene.helm(&helm, "install", &everything).await;
    let _webhook = scene.start_with(&[]).await;
    assert_eq!(scene.bundles().await.unwrap(), bundle);
    assert_eq!(scene.secret().await, secret);
}

/// A namespace for a release, and one with pods that it is for.
struct Scene<'a> {
    control_plane: &'a ControlPlane,
    home: Namespace,
    apps: Arc<Namespace>,
    port: u16,
}

impl<'a> Scene<'a> {
    async fn new(control_plane: &'a ControlPlane) -> Self {
        let home = control_plane.namespace("release").await;
        let apps = control_plane.namespace("apps").await;
        // No test sees the webhooks of another.
        let namespaces: Api<NamespaceObject> = Api::all(control_plane.client());
        let label = Patch::Merge(json!({ "metadata": { "labels": { "release": home.name() } } }));
        for namespace in [&home, &apps] {
            namespaces.patch(namespace.name(), &PatchParams::default(), &label).await.unwrap();
        }
        apps.service_account(APP, &[("eks.amazonaws.com/role-arn", ROLE)]).await;
        Self { control_plane, home, apps: Arc::new(apps), port: free_port().unwrap() }
    }

    /// Cluster-wide objects are told apart by it.
    fn release(&self) -> &str {
        self.home.name()
    }

    fn fullname(&self) -> String {
        format!("{}-pod-identity-webhook", self.release())
    }

    /// Installs, upgrades, rolls back or uninstalls.
    async fn helm(&self, helm: &Helm, command: &str, more: &[&str]) {
        let chart = chart();
        let mut args = vec![command, self.release()];
        let values = [
            format!("service.port={}", self.port),
            // What is late on a busy machine is not lost.
            "webhook.timeoutSeconds=30".to_owned(),
            format!("webhook.namespaceSelector.matchLabels.release={}", self.release()),
        ]
        .join(",");
        if matches!(command, "install" | "upgrade") {
            args.extend([&chart, "--set", &values]);
        }
        args.extend(more);
        args.extend(["--namespace", self.home.name()]);
        // It waits for the API server, and the other tasks of the test with it.
        let ran = tokio::task::block_in_place(|| helm.run(&args));
        ran.unwrap_or_else(|error| panic!("{error:#}"));
        if command == "install" {
            self.lead_the_service_to_this_host().await;
        }
    }

    /// Helm changes what it rendered: neither member is.
    async fn lead_the_service_to_this_host(&self) {
        let services: Api<Service> = self.home.api();
        let to = json!({ "spec": {
            "type": "ExternalName", "externalName": "localhost", "clusterIP": null, "clusterIPs": null,
        } });
        let how = PatchParams::default();
        services.patch(&self.fullname(), &how, &Patch::Merge(to)).await.unwrap();
    }

    /// Starts what a pod of the release would be, and waits until the API server calls it.
    async fn start(&self) -> Webhook {
        self.start_with(&["--shutdown-delay=0s"]).await
    }

    async fn start_with(&self, more: &[&str]) -> Webhook {
        let deployments: Api<Deployment> = self.home.api();
        let deployment = deployments.get(&self.fullname()).await.unwrap();
        let deployment = serde_json::to_value(deployment).unwrap();
        let pods = &deployment["spec"]["template"]["spec"];
        let account = pods["serviceAccountName"].as_str().unwrap();
        let kubeconfig =
            self.control_plane.kubeconfig_for_service_account(self.home.name(), account).await;
        let args = arguments(&deployment);
        let (serve, args) = args.split_first().unwrap();
        assert_eq!(serve, "serve");
        // No kubelet mounts files here, and the ports are this machine's.
        let elsewhere = ["--port=", "--metrics-port=", "--watch-container-credentials-config="];
        let args = args.iter().filter(|arg| !elsewhere.iter().any(|it| arg.starts_with(it)));
        let webhook = Webhook::builder()
            .kubeconfig(&kubeconfig)
            .arg("--in-cluster=true")
            .arg(format!("--port={}", self.port))
            .args(args)
            .args(more.iter().copied())
            .start()
            .await;
        webhook.ready().await;
        eventually("a pod with its role", SOON, || async {
            ensure!(self.role_of_new_pod().await?, "it has none");
            Ok(())
        })
        .await;
        webhook
    }

    async fn role_of_new_pod(&self) -> anyhow::Result<bool> {
        let admitted = self.apps.admit_pod(&pod("probe", APP), true).await?;
        Ok(has_role(&admitted.object))
    }

    /// Creates one pod after the other until it is told to end.
    fn create_pods(&self) -> Pods {
        let ended = Arc::new(AtomicBool::new(false));
        let (apps, stop) = (Arc::clone(&self.apps), Arc::clone(&ended));
        let task = tokio::spawn(async move {
            let (mut created, mut without_role) = (0, 0);
            // Others have a use for the machine, too.
            let mut ticks = interval(Duration::from_millis(10));
            while !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let admitted = apps.admit_pod(&pod("pod", APP), true).await.unwrap();
                created += 1;
                without_role += usize::from(!has_role(&admitted.object));
            }
            (created, without_role)
        });
        Pods { ended, task }
    }

    async fn refuses_what_needs_an_identity(&self) {
        let required = json!({ "metadata": { "labels": { "pod-identity.io/required": "true" } } });
        let without = overlaid(pod("without", "default"), &required);
        // The API server learns of an entry a moment after it was stored.
        eventually("a refusal", SOON, || async {
            let error =
                self.apps.admit_pod(&without, true).await.err().context("it was admitted")?;
            let error = error.to_string();
            ensure!(error.contains("pod.required.") && error.contains("has no role"), "{error}");
            Ok(())
        })
        .await;
        let with = self.apps.admit_pod(&overlaid(pod("with", APP), &required), true).await.unwrap();
        assert!(has_role(&with.object));
        // Whatever its label, a pod in the release's own namespace starts.
        self.home.admit_pod(&without, true).await.unwrap();
    }

    async fn webhooks(&self) -> anyhow::Result<Vec<MutatingWebhook>> {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.control_plane.client());
        Ok(api.get(&self.fullname()).await?.webhooks.unwrap_or_default())
    }

    async fn bundles(&self) -> anyhow::Result<Vec<Option<ByteString>>> {
        let webhooks = self.webhooks().await?;
        Ok(webhooks.into_iter().map(|entry| entry.client_config.ca_bundle).collect())
    }

    /// What the Secret holds, and its version.
    async fn secret(&self) -> Secret {
        let secrets: Api<Secret> = self.home.api();
        secrets.get(&self.fullname()).await.unwrap()
    }

    /// All that is in the release's namespace, and what is named after it elsewhere.
    async fn objects(&self) -> BTreeSet<String> {
        let client = self.control_plane.client();
        let known = Discovery::new(client.clone()).run().await.unwrap();
        let mut objects = BTreeSet::new();
        for (resource, capabilities) in known.groups().flat_map(ApiGroup::recommended_resources) {
            if !capabilities.supports_operation(verbs::LIST) || resource.kind == "Event" {
                continue;
            }
            let api: Api<DynamicObject> = match capabilities.scope {
                Scope::Namespaced => {
                    Api::namespaced_with(client.clone(), self.home.name(), &resource)
                }
                Scope::Cluster => Api::all_with(client.clone(), &resource),
            };
            let listed = match api.list(&ListParams::default()).await {
                Ok(listed) => listed,
                // Of another test, just removed.
                Err(kube::Error::Api(status)) if gone(&status) => continue,
                Err(error) => panic!("{}: {error}", resource.kind),
            };
            let names = listed.items.into_iter().filter_map(|object| object.metadata.name);
            let cluster = matches!(capabilities.scope, Scope::Cluster);
            let ours = names.filter(|name| !cluster || name.contains(self.release()));
            objects.extend(ours.map(|name| format!("{} {name}", resource.kind)));
        }
        objects
    }
}

/// Pods that are created all the time.
struct Pods {
    ended: Arc<AtomicBool>,
    task: JoinHandle<(usize, usize)>,
}

impl Pods {
    /// How many were created, and how many of those got no role.
    async fn end(self) -> (usize, usize) {
        self.ended.store(true, Ordering::Relaxed);
        self.task.await.expect("no pod was refused")
    }
}

fn gone(status: &Status) -> bool {
    status.code == 404
}

fn has_role(pod: &Value) -> bool {
    let env = pod["spec"]["containers"][0]["env"].as_array();
    env.into_iter().flatten().any(|it| it["name"] == "AWS_ROLE_ARN" && it["value"] == ROLE)
}
