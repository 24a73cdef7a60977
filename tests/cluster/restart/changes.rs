//! What the plan was made from changes before a pod's turn comes. The test acts while the first replacement is not ready:
//! it plays kubelet, and the program waits for it.

use std::process::Stdio;
use std::sync::atomic::Ordering;

use anyhow::ensure;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::FAST;
use super::scene::{Said, Scene};
use crate::support::{SOON, Scratch, eventually};

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
    let budget = async |scene: &Scene| {
        let budget = json!({
            "metadata": {"name": "app"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "app"}}},
        });
        scene.namespace.create_object::<PodDisruptionBudget>(&budget).await.unwrap();
        let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 0,
            "currentHealthy": 3, "desiredHealthy": 3, "expectedPods": 3}});
        let budgets = scene.namespace.api::<PodDisruptionBudget>();
        budgets.patch_status("app", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    };
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
