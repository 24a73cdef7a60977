//! A cluster whose workloads make pods. No kubelet runs: the test plays it, and makes each pod ready that has a
//! controller, but for those that are never to be.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use axum::http;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::support::{
    ControlPlane, Namespace, Options, Process, SOON, Scratch, Webhook, apply, eventually,
};

pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/app";
/// A pod with this annotation never gets ready.
pub(super) const SICK: &str = "test.example.com/sick";
pub(super) const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";

/// What a restart needs in a namespace, as docs/diagnosis.md has it; group, resource, verbs.
pub(super) const RIGHTS: &[(&str, &str, &[&str])] = &[
    ("", "pods", &["list", "create"]),
    ("", "pods/eviction", &["create"]),
    ("", "serviceaccounts", &["list", "get"]),
    ("policy", "poddisruptionbudgets", &["list"]),
    ("apps", "replicasets", &["get"]),
    ("apps", "deployments", &["get", "patch"]),
];

struct Cluster {
    control_plane: ControlPlane,
    webhook: Webhook,
}

/// A namespace with a workload whose pods are older than their role.
pub(super) struct Scene {
    cluster: &'static Cluster,
    pub(super) namespace: Arc<Namespace>,
    configuration: String,
    kubelet: JoinHandle<()>,
    /// How many pods of the namespace were not ready at the same time.
    pub(super) worst: Arc<AtomicUsize>,
    /// How many pods are made ready; the others stay as they are.
    pub(super) ready: Arc<AtomicUsize>,
}

/// What the program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) exit: i32,
    pub(super) out: String,
    pub(super) errors: String,
}

async fn cluster() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let options = Options { controller_manager: true, ..Options::default() };
            let control_plane = ControlPlane::start(options).await;
            let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
            webhook.ready().await;
            Cluster { control_plane, webhook }
        })
        .await
}

impl Scene {
    /// With a Deployment of so many pods, all ready; their `ServiceAccount` has got its role since.
    pub(super) async fn with(replicas: usize, more: &Value) -> Self {
        Self::of("Deployment", replicas, more).await
    }

    /// The same with another kind of workload.
    pub(super) async fn of(kind: &str, replicas: usize, more: &Value) -> Self {
        let cluster = cluster().await;
        let namespace = Arc::new(cluster.control_plane.namespace("team").await);
        let configuration = cluster.webhook.register(&cluster.control_plane, &namespace).await;
        namespace.service_account("app", &[]).await;
        let mut workload = json!({
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "app", "namespace": namespace.name()},
            "spec": {
                "selector": {"matchLabels": {"app": "app"}},
                "template": {
                    "metadata": {"labels": {"app": "app"}},
                    "spec": {
                        "serviceAccountName": "app",
                        "containers": [{"name": "app", "image": "registry.example/app:1"}],
                    },
                },
            },
        });
        if kind == "DaemonSet" {
            let nodes = nodes(&cluster.control_plane, namespace.name(), replicas).await;
            json_patch::merge(&mut workload["spec"]["template"]["spec"], &nodes);
        } else {
            workload["spec"]["replicas"] = replicas.into();
        }
        json_patch::merge(&mut workload, more);
        apply(&cluster.control_plane, workload).await;
        let worst = Arc::new(AtomicUsize::new(0));
        let ready = Arc::new(AtomicUsize::new(usize::MAX));
        let kubelet = tokio::spawn(play_kubelet(
            Arc::clone(&namespace),
            Arc::clone(&worst),
            Arc::clone(&ready),
        ));
        let scene = Self { cluster, namespace, configuration, kubelet, worst, ready };
        scene.settled(kind, replicas).await;
        scene.annotate(ROLE).await;
        scene.worst.store(0, Ordering::SeqCst);
        scene
    }

    pub(super) fn client(&self) -> kube::Client {
        self.cluster.control_plane.client()
    }

    /// The name of the webhook's configuration.
    pub(super) fn configuration(&self) -> &str {
        &self.configuration
    }

    /// All pods are there and ready, and the workload's status says so.
    async fn settled(&self, kind: &str, replicas: usize) {
        let plural = format!("{}s", kind.to_lowercase());
        let path = format!("/apis/apps/v1/namespaces/{}/{plural}/app", self.namespace.name());
        let client = self.client();
        let member = if kind == "DaemonSet" { "numberReady" } else { "readyReplicas" };
        eventually("the workload to be complete", SOON, || async {
            let request = http::Request::get(&path).body(Vec::new())?;
            let found: Value = client.request(request).await?;
            let ready = &found["status"][member];
            ensure!(*ready == replicas, "{ready} are ready");
            let seen = &found["status"]["observedGeneration"];
            ensure!(*seen == found["metadata"]["generation"], "it is not seen");
            Ok(())
        })
        .await;
    }

    /// Writes the role, and waits until the webhook has seen it.
    pub(super) async fn annotate(&self, role: &str) {
        let change = json!({"metadata": {"annotations": {ROLE_ARN: role}}});
        let accounts = self.namespace.api::<ServiceAccount>();
        accounts.patch("app", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
        eventually("the webhook to see it", SOON, || async {
            let pod = crate::support::pod("new", "app");
            let answer = self.cluster.webhook.review(&self.namespace, &pod).await;
            ensure!(answer.role().as_deref() == Some(role), "it has not");
            Ok(())
        })
        .await;
    }

    /// The pods that are not on their way out: name, and whether it has its role.
    pub(super) async fn pods(&self) -> Vec<(String, bool)> {
        let pods = self.namespace.api::<Pod>().list(&ListParams::default()).await.unwrap();
        let pods = pods.items.iter().filter(|it| it.metadata.deletion_timestamp.is_none());
        pods.map(|it| {
            let pod = serde_json::to_value(it).unwrap();
            let env = &pod["spec"]["containers"][0]["env"];
            let mut env = env.as_array().into_iter().flatten();
            let has_role = env.any(|it| it["name"] == "AWS_ROLE_ARN" && it["value"] == ROLE);
            (it.metadata.name.clone().unwrap_or_default(), has_role)
        })
        .collect()
    }

    /// How many pods have their role, and how many there are.
    pub(super) async fn with_role(&self) -> (usize, usize) {
        let pods = self.pods().await;
        (pods.iter().filter(|(_, has)| *has).count(), pods.len())
    }

    /// Somebody who may do what a restart needs, but for one resource.
    pub(super) async fn operator(&self, without: &str) -> PathBuf {
        let group = "rbac.authorization.k8s.io";
        let namespace = self.namespace.name();
        self.namespace.service_account("operator", &[]).await;
        let rules = RIGHTS.iter().filter(|(_, resource, _)| *resource != without);
        let rules: Vec<Value> = rules
            .map(|(group, resource, verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}))
            .collect();
        let everywhere = json!([{"apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]);
        let subjects =
            json!([{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}]);
        let name = format!("operator-{namespace}");
        let object = |kind: &str, more: Value| {
            let mut object = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": name}});
            if !kind.starts_with("Cluster") {
                object["metadata"]["namespace"] = namespace.into();
            }
            json_patch::merge(&mut object, &more);
            object
        };
        let to = |kind: &str| {
            let role = json!({"apiGroup": group, "kind": kind, "name": name});
            json!({"roleRef": role, "subjects": subjects})
        };
        let control_plane = &self.cluster.control_plane;
        for object in [
            object("Role", json!({"rules": rules})),
            object("RoleBinding", to("Role")),
            object("ClusterRole", json!({"rules": everywhere})),
            object("ClusterRoleBinding", to("ClusterRole")),
        ] {
            apply(control_plane, object).await;
        }
        control_plane.kubeconfig_for_service_account(namespace, "operator").await
    }

    /// What the operator has asked for that was granted, as `VERB RESOURCE`.
    pub(super) fn asked(&self) -> Vec<String> {
        let calls = self.cluster.control_plane.calls(self.namespace.name(), "operator");
        calls.iter().map(|it| format!("{} {}", it.verb, it.resource)).collect()
    }

    /// A restart with all rights.
    pub(super) async fn restart(&self, more: &[&str]) -> Said {
        self.restart_as(self.kubeconfig(), more).await
    }

    pub(super) async fn restart_as(&self, kubeconfig: PathBuf, more: &[&str]) -> Said {
        let (process, folder) = self.start(&kubeconfig, more);
        self.ended(&process, &folder).await
    }

    /// A restart that goes on.
    pub(super) fn start(&self, kubeconfig: &Path, more: &[&str]) -> (Process, Scratch) {
        let folder = Scratch::new().unwrap();
        let out = std::fs::File::create(folder.path().join("out")).unwrap();
        (self.start_to(kubeconfig, more, &folder, out.into()), folder)
    }

    /// The same with another standard output.
    pub(super) fn start_to(
        &self,
        kubeconfig: &Path,
        more: &[&str],
        folder: &Scratch,
        out: Stdio,
    ) -> Process {
        let errors = std::fs::File::create(folder.path().join("errors")).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
        let process = Process::start("audit --restart", program, |command| {
            command
                .args(["audit", "--restart", "-n", self.namespace.name()])
                .args(more)
                .env_clear()
                .env("KUBECONFIG", kubeconfig)
                .stdout(out)
                .stderr(errors);
        });
        process.unwrap()
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.cluster.control_plane.kubeconfig().to_owned()
    }

    /// The first pod is evicted, and what has come in its place is not ready before this is told so.
    pub(super) async fn first_is_under_way(&self, pods: usize) {
        eventually("a pod to be evicted", SOON, || async {
            let found = self.with_role().await;
            ensure!(found == (1, pods), "{found:?}");
            Ok(())
        })
        .await;
    }

    pub(super) async fn ended(&self, process: &Process, folder: &Scratch) -> Said {
        let status = eventually("the program to end", Duration::from_mins(3), || async {
            process.exit_status().ok_or_else(|| anyhow::anyhow!("it runs"))
        })
        .await;
        let text =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        Said { exit: status.code().unwrap(), out: text("out"), errors: text("errors") }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.kubelet.abort();
    }
}

/// So many nodes for a `DaemonSet` alone, and what its pods need to run there: nothing says that a node is ready.
async fn nodes(control_plane: &ControlPlane, team: &str, count: usize) -> Value {
    for number in 0..count {
        let name = format!("{team}-{number}");
        let metadata = json!({"name": name, "labels": {"team": team}});
        apply(control_plane, json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata}))
            .await;
    }
    json!({"nodeSelector": {"team": team}, "tolerations": [{"operator": "Exists"}]})
}

/// Makes pods run and be ready, in the order in which they come. A pod that was never on a node is gone at once when
/// it is deleted, so nothing has to be done for that.
async fn play_kubelet(namespace: Arc<Namespace>, worst: Arc<AtomicUsize>, most: Arc<AtomicUsize>) {
    let pods = namespace.api::<Pod>();
    loop {
        let Ok(list) = pods.list(&ListParams::default()).await else { continue };
        let is_ready = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|it| it.conditions.iter().flatten());
            conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
        };
        let (ready, new): (Vec<_>, Vec<_>) = list.items.iter().partition(|pod| is_ready(pod));
        worst.fetch_max(new.len(), Ordering::SeqCst);
        let room = most.load(Ordering::SeqCst).saturating_sub(ready.len());
        let is_sick = |pod: &&&Pod| pod.metadata.annotations.iter().any(|it| it.contains_key(SICK));
        for pod in new.iter().filter(|pod| !is_sick(pod)).take(room) {
            let status = json!({"status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-12-25T00:00:00Z"}]}});
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            // One that has gone meanwhile needs nothing.
            let _ = pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await;
        }
        // What it plays looks again and again; no test waits for this, but for what comes of it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
