//! `audit --restart` on a real API server with the controllers of workloads: evictions and budgets are the API
//! server's own. The controller of budgets does not run: the test writes their status, and plays kubelet.

mod changes;
mod scene;
mod states;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::Ordering;

use anyhow::ensure;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Api;
use kube::api::{Patch, PatchParams};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{SOON, Session, eventually};
use scene::{RIGHTS, Scene};

const FAST: &str = "--per-minute=6000";

fn single() -> Value {
    json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_a_plan_then_restarts_one_pod_after_the_other() {
    let scene = Scene::with(3, &json!({})).await;
    let before = scene.pods().await;
    let operator = scene.operator("").await;
    let said = scene.restart_as(operator.clone(), &[]).await;
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.out.contains("evict") && said.out.contains("3 missing"), "{said:?}");
    assert!(said.errors.contains("nothing is changed yet: --yes"), "{said:?}");
    assert_eq!(scene.pods().await, before, "a plan changes nothing");

    let said = scene.restart_as(operator.clone(), &["--yes", FAST]).await;
    assert_eq!(said.exit, 0, "{said:?}");
    assert_eq!(scene.with_role().await, (3, 3), "{said:?}");
    assert_eq!(scene.worst.load(Ordering::SeqCst), 1, "one pod at a time: {said:?}");
    let restarted = said.out.lines().filter(|line| line.starts_with("restarted ")).count();
    assert_eq!(restarted, 3, "{said:?}");
    assert!(said.errors.contains("3 of 3 done"), "{said:?}");

    // Each right that docs name is used, and no other.
    let used: BTreeSet<String> = scene.asked().into_iter().collect();
    for (_, resource, verbs) in RIGHTS {
        for verb in verbs.iter().filter(|verb| **verb != "patch") {
            assert!(used.contains(&format!("{verb} {resource}")), "{verb} {resource}: {used:?}");
        }
    }
    let said = scene.restart_as(operator, &["--yes", FAST, "-o", "json"]).await;
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.exit, &report["summary"]["status"]), (0, &json!("pass")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_a_missing_right_before_anything_is_evicted() {
    let scene = Scene::with(2, &json!({})).await;
    let before = scene.pods().await;
    let operator = scene.operator("pods/eviction").await;
    let said = scene.restart_as(operator.clone(), &["--yes", FAST]).await;
    assert_eq!(said.exit, 2, "{said:?}");
    let wanted = format!("create pods/eviction in namespace {}", scene.namespace);
    assert!(said.errors.contains(&wanted), "{said:?}");
    let said = scene.restart_as(operator, &[]).await;
    assert!(said.exit == 1 && said.errors.contains(&wanted), "{said:?}");
    assert_eq!(scene.pods().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_for_a_budget_until_it_allows_a_disruption() {
    let scene = Scene::with(2, &json!({})).await;
    let budgets = scene.namespace.api::<PodDisruptionBudget>();
    let budget = json!({
        "metadata": {"name": "app"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "app"}}},
    });
    scene.namespace.create_object::<PodDisruptionBudget>(&budget).await.unwrap();
    let allow = async |allowed: u32| {
        let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed,
            "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}});
        budgets.patch_status("app", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    };
    allow(0).await;
    let operator = scene.operator("").await;
    let said = scene.restart_as(operator.clone(), &["--yes", FAST, "--timeout=1s"]).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (0, 2)), "{said:?}");
    for wanted in ["could not be evicted within 1s", "The disruption budget app"] {
        assert!(said.errors.contains(wanted), "{wanted}: {said:?}");
    }

    // On a terminal it is seen what is waited for, and Ctrl-C ends that.
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.args(["audit", "--restart", "--yes", "-n", scene.namespace.name()]);
    command.env("KUBECONFIG", &operator).env("TERM", "xterm");
    tokio::task::block_in_place(|| {
        let mut session = Session::start(&mut command);
        session.type_until("", "1 of 2: ");
        session.type_until("\u{3}", "between two pods, as you asked");
    });
    assert_eq!(scene.with_role().await, (0, 2));

    let evictions = || scene.asked().iter().filter(|it| *it == "create pods/eviction").count();
    let before = evictions();
    let (process, folder) = scene.start(&operator, &["--yes", FAST]);
    eventually("an eviction that is refused", SOON, || async {
        ensure!(evictions() > before, "there is none");
        Ok(())
    })
    .await;
    assert_eq!(scene.with_role().await, (0, 2), "the budget is respected");
    // As the controller of budgets does it once the replacement is healthy.
    for replaced in 1..=2 {
        allow(1).await;
        eventually("the next pod", SOON, || async {
            let (with_role, _) = scene.with_role().await;
            ensure!(with_role == replaced, "{with_role}");
            Ok(())
        })
        .await;
    }
    let said = scene.ended(&process, &folder).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (2, 2)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_at_the_first_replacement_that_is_not_ready() {
    let scene = Scene::with(3, &json!({})).await;
    // One pod less than there are: the first replacement never gets ready.
    scene.ready.store(2, Ordering::SeqCst);
    let said = scene.restart(&["--yes", FAST, "--timeout=3s", "-o", "json"]).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (1, 3)), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["steps"][0]["status"], "fail", "{said:?}");
    let stopped = report["stopped"].as_str().unwrap();
    assert!(stopped.contains("is not ready yet"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicts_nothing_whose_replacement_would_not_have_its_identity() {
    let scene = Scene::with(2, &json!({})).await;
    let before = scene.pods().await;
    scene.point_nowhere().await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.pods().await), (1, before), "{said:?}");
    assert!(said.out.contains("a new pod would not help"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_a_single_replica_only_if_that_may_cost_downtime_or_by_a_rollout() {
    let scene = Scene::with(1, &single()).await;
    let before = scene.pods().await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.pods().await), (1, before), "{said:?}");
    assert!(said.out.contains("has a single replica"), "{said:?}");

    let operator = scene.operator("pods/eviction").await;
    let said = scene.restart_as(operator, &["--yes", "--rollout", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (1, 1)), "{said:?}");
    let deployment = scene.namespace.api::<Deployment>().get("app").await.unwrap();
    let deployment = serde_json::to_value(deployment).unwrap();
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{deployment}");
    assert!(scene.asked().contains(&"patch deployments".to_owned()), "{:?}", scene.asked());

    let other = Scene::with(1, &single()).await;
    let said = other.restart(&["--yes", "--allow-downtime", FAST]).await;
    assert_eq!((said.exit, other.with_role().await), (0, (1, 1)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_the_pods_of_a_stateful_set_from_the_last_on() {
    let scene = Scene::of("StatefulSet", 3, &json!({"spec": {"serviceName": "app"}})).await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (3, 3)), "{said:?}");
    assert_eq!(scene.worst.load(Ordering::SeqCst), 1, "one pod at a time: {said:?}");
    let restarted = said.out.lines().filter(|line| line.starts_with("restarted "));
    let order: Vec<_> = restarted.filter_map(|line| line.split(": ").nth(1)).collect();
    assert!(
        order.iter().zip([2, 1, 0]).all(|(it, at)| it.starts_with(&format!("app-{at} "))),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_the_pods_of_a_daemon_set_node_by_node() {
    let scene = Scene::of("DaemonSet", 2, &json!({})).await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (2, 2)), "{said:?}");
    assert_eq!(scene.worst.load(Ordering::SeqCst), 1, "one pod at a time: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_between_two_pods_when_it_is_asked_to() {
    let scene = Scene::with(2, &json!({})).await;
    let kubeconfig = scene.operator("").await;
    // The second pod would have to wait for a minute.
    let (process, folder) = scene.start(&kubeconfig, &["--yes", "--per-minute=1"]);
    eventually("the first pod to be restarted", SOON, || async {
        let out = std::fs::read_to_string(folder.path().join("out"))?;
        ensure!(out.contains("restarted "), "{out}");
        Ok(())
    })
    .await;
    let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let said = scene.ended(&process, &folder).await;
    assert_eq!((said.exit, scene.with_role().await), (130, (1, 2)), "{said:?}");
    for wanted in ["between two pods", "1 of 2 done", "1 left"] {
        assert!(said.errors.contains(wanted), "{wanted}: {said:?}");
    }
}

impl Scene {
    /// The API server can't call the webhook any more, and must.
    pub(super) async fn point_nowhere(&self) {
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client());
        let name = self.configuration().to_owned();
        let mut found = api.get(&name).await.unwrap();
        for webhook in found.webhooks.iter_mut().flatten() {
            webhook.client_config.url = Some("https://127.0.0.1:1/mutate".to_owned());
            webhook.failure_policy = Some("Fail".to_owned());
        }
        found.metadata.managed_fields = None;
        api.replace(&name, &kube::api::PostParams::default(), &found).await.unwrap();
        eventually("the API server to see it", SOON, || async {
            let pod = crate::support::pod("probe", "app");
            ensure!(self.namespace.admit_pod(&pod, true).await.is_err(), "it calls the webhook");
            Ok(())
        })
        .await;
    }
}
