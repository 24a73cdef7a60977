//! What the plan was made from changes before a pod's turn comes. The test acts while the first replacement is not ready:
//! it plays kubelet, and the program waits for it.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::ensure;
use axum::http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::FAST;
use super::scene::{Said, Scene};
use crate::support::{SOON, Scratch, Session, eventually};

/// Three pods, of which the first is evicted; then `change` happens, and then its replacement is ready.
async fn changed(more: &[&str], change: impl AsyncFn(&Scene)) -> (Scene, Said) {
    let scene = Scene::with(3, &json!({})).await;
    scene.ready.store(2, Ordering::SeqCst);
    let more: Vec<&str> = ["--yes", FAST].iter().chain(more).copied().collect();
    let (process, folder) = scene.start(&scene.kubeconfig(), &more);
    scene.first_is_under_way(3).await;
    change(&scene).await;
    scene.ready.store(usize::MAX, Ordering::SeqCst);
    let said = scene.ended(&process, &folder).await;
    (scene, said)
}

/// Writes the annotation that keeps a pod from being evicted.
async fn keep(scene: &Scene, pod: &str) {
    let change = json!({"metadata": {"annotations":
        {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}});
    let pods = scene.namespace.api::<Pod>();
    pods.patch(pod, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
}

/// A budget with the status that its controller, which does not run here, would write.
pub(super) async fn budget_of(scene: &Scene, least: u32, allowed: u32) {
    let budget = json!({
        "metadata": {"name": "app"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "app"}}},
    });
    scene.namespace.create_object::<PodDisruptionBudget>(&budget).await.unwrap();
    allow(scene, least, allowed).await;
}

/// As the controller of budgets counts.
pub(super) async fn allow(scene: &Scene, least: u32, allowed: u32) {
    let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed,
        "currentHealthy": 3, "desiredHealthy": least, "expectedPods": 3}});
    let budgets = scene.namespace.api::<PodDisruptionBudget>();
    budgets.patch_status("app", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

async fn without_role(scene: &Scene) -> Vec<String> {
    let pods = scene.pods().await.into_iter();
    pods.filter(|(_, has_role)| !has_role).map(|(name, _)| name).collect()
}

fn lines<'a>(said: &'a Said, word: &str) -> Vec<&'a str> {
    said.out.lines().filter(|line| line.starts_with(word)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicts_no_pod_that_is_annotated_against_it() {
    let scene = Scene::with(3, &json!({})).await;
    let kept = without_role(&scene).await.swap_remove(1);
    keep(&scene, &kept).await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (2, 3)), "{said:?}");
    assert_eq!(without_role(&scene).await, [kept]);
    assert!(said.out.contains("safe-to-evict is \"false\""), "{said:?}");
    // Nor is it replaced by a rollout.
    let said = scene.restart(&["--yes", "--rollout", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (2, 3)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skips_pods_that_were_annotated_after_the_plan() {
    let annotate = async |scene: &Scene| {
        for pod in without_role(scene).await {
            keep(scene, &pod).await;
        }
    };
    let (scene, said) = changed(&[], annotate).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (1, 3)), "{said:?}");
    let skipped = lines(&said, "skipped ");
    assert!(skipped.len() == 2 && skipped[0].contains("safe-to-evict"), "{said:?}");
    assert!(said.errors.contains("1 of 3 done; 2 skipped"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_the_last_pod_of_what_was_scaled_down_after_the_plan() {
    let scale = async |scene: &Scene| {
        let change = json!({"spec": {"replicas": 1}});
        let deployments = scene.namespace.api::<Deployment>();
        deployments.patch("app", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
        // A pod that does not run yet goes first: the replacement.
        eventually("one of the old pods to be the last", SOON, || async {
            let found = scene.with_role().await;
            ensure!(found == (0, 1), "{found:?}");
            Ok(())
        })
        .await;
    };
    let (scene, said) = changed(&[], scale).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (0, 1)), "{said:?}");
    assert!(lines(&said, "evicted ")[0].contains("scaled down"), "{said:?}");
    assert!(lines(&said, "skipped ")[0].contains("has a single replica"), "{said:?}");
    assert_eq!(lines(&said, "gone ").len(), 1, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skips_pods_that_a_budget_made_after_the_plan_keeps() {
    let budget = async |scene: &Scene| budget_of(scene, 3, 0).await;
    let (scene, said) = changed(&["-o", "json"], budget).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (1, 3)), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let step = &report["steps"][0];
    let skipped: Vec<_> =
        step["pods"].as_array().unwrap().iter().map(|it| &it["skipped"]["id"]).collect();
    assert_eq!(skipped, [&Value::Null, &json!("budget"), &json!("budget")], "{said:?}");
    let statuses = [&step["status"], &report["summary"]["status"]];
    assert_eq!(statuses, ["fail", "fail"], "{said:?}");
    assert!(report["stopped"].is_null(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_when_nobody_reads_what_is_done_any_more() {
    let scene = Scene::with(3, &json!({})).await;
    scene.ready.store(2, Ordering::SeqCst);
    let (folder, (reader, writer)) = (Scratch::new().unwrap(), std::io::pipe().unwrap());
    let kubeconfig = scene.kubeconfig();
    let process = scene.start_to(&kubeconfig, &["--yes", FAST], &folder, Stdio::from(writer));
    scene.first_is_under_way(3).await;
    drop(reader);
    scene.ready.store(usize::MAX, Ordering::SeqCst);
    let said = scene.ended(&process, &folder).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (1, 3)), "{said:?}");
    for wanted in ["can't be printed any more", "1 of 3 done; 2 left"] {
        assert!(said.errors.contains(wanted), "{wanted}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_a_restart_that_was_stopped_is_no_pass() {
    let scene = Scene::with(3, &json!({})).await;
    scene.ready.store(2, Ordering::SeqCst);
    // The second pod would have to wait for a minute.
    let more = ["--yes", "--per-minute=1", "-o", "json"];
    let (process, folder) = scene.start(&scene.kubeconfig(), &more);
    scene.first_is_under_way(3).await;
    process.interrupt();
    scene.ready.store(usize::MAX, Ordering::SeqCst);
    let said = scene.ended(&process, &folder).await;
    assert_eq!((said.exit, scene.with_role().await), (130, (1, 3)), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let statuses = [&report["steps"][0]["status"], &report["summary"]["status"]];
    assert_eq!(statuses, ["unknown", "unknown"], "{said:?}");
    assert!(report["stopped"].is_string(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_at_once_when_ctrl_c_is_typed_twice() {
    let scene = Scene::with(2, &json!({})).await;
    scene.ready.store(1, Ordering::SeqCst);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.args(["audit", "--restart", "--yes", FAST, "-n", scene.namespace.name()]);
    command.env("KUBECONFIG", scene.kubeconfig()).env("TERM", "xterm");
    tokio::task::block_in_place(|| {
        let mut session = Session::start(&mut command);
        session.type_until("", "is evicted: its replacement");
        session.type_until("\u{3}", "Ctrl-C stops at once");
        session.type_until("\u{3}", "its replacement was not waited for");
    });
    assert_eq!(scene.with_role().await, (1, 2));
}

/// No controller of quotas runs: the test writes what it would count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evicts_nothing_where_a_quota_has_no_room_for_one_more_pod() {
    let scene = Scene::with(2, &json!({})).await;
    let quota = json!({"metadata": {"name": "all"}, "spec": {"hard": {"pods": "2"}}});
    scene.namespace.create_object::<ResourceQuota>(&quota).await.unwrap();
    let status = json!({"status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}});
    let quotas = scene.namespace.api::<ResourceQuota>();
    quotas.patch_status("all", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    eventually("the API server to see it", SOON, || async {
        let pod = crate::support::pod("probe", "app");
        ensure!(scene.namespace.admit_pod(&pod, true).await.is_err(), "there is room");
        Ok(())
    })
    .await;
    let said = scene.restart(&["--yes", FAST, "-o", "json"]).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (0, 2)), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["refusals"][0]["id"], "quota", "{said:?}");
}

/// What the program relies on between its last look and its request: with a budget and without, and for a rollout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_refuses_what_was_decided_by_an_older_version() {
    let scene = Scene::with(2, &json!({})).await;
    let client = scene.client();
    let pods = scene.namespace.api::<Pod>();
    let name = scene.pods().await.swap_remove(0).0;
    let seen = pods.get(&name).await.unwrap().metadata;
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name},
        "deleteOptions": {"preconditions": {"uid": seen.uid, "resourceVersion": seen.resource_version}},
    });
    let namespace = format!("namespaces/{}", scene.namespace.name());
    let evict = async || {
        let request = Request::post(format!("/api/v1/{namespace}/pods/{name}/eviction"));
        let request = request.header("content-type", "application/json");
        client.request::<Value>(request.body(eviction.to_string().into_bytes()).unwrap()).await
    };
    let is_conflict = |answer: kube::Result<Value>| matches!(answer, Err(kube::Error::Api(status)) if status.code == 409);
    keep(&scene, &name).await;
    assert!(is_conflict(evict().await));
    budget_of(&scene, 1, 1).await;
    assert!(is_conflict(evict().await));
    assert_eq!(scene.pods().await.len(), 2);

    let deployments = scene.namespace.api::<Deployment>();
    let seen = deployments.get("app").await.unwrap().metadata;
    let change = json!({"spec": {"paused": true}});
    deployments.patch("app", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    let patch = json!({"metadata": {"uid": seen.uid, "resourceVersion": seen.resource_version}});
    let request = Request::patch(format!("/apis/apps/v1/{namespace}/deployments/app"));
    let request = request.header("content-type", "application/merge-patch+json");
    let request = request.body(patch.to_string().into_bytes()).unwrap();
    assert!(is_conflict(client.request(request).await));
}
