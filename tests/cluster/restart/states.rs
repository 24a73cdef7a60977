//! Workloads that are not as they should be when the restart comes to them.

use anyhow::ensure;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::FAST;
use super::changes::{allow, budget_of};
use super::scene::{SICK, Scene};
use crate::support::{SOON, eventually};

async fn stateful(replicas: usize) -> Scene {
    Scene::of("StatefulSet", replicas, &json!({"spec": {"serviceName": "app"}})).await
}

/// From here on, this pod is not ready.
async fn make_sick(scene: &Scene, pod: &str) {
    let pods = scene.namespace.api::<Pod>();
    let sick = json!({"metadata": {"annotations": {SICK: "true"}}});
    pods.patch(pod, &PatchParams::default(), &Patch::Merge(sick)).await.unwrap();
    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    pods.patch_status(pod, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

/// Deletes a pod of a `StatefulSet`; the next one is ready then.
async fn made_anew(scene: &Scene, pod: &str) {
    let pods = scene.namespace.api::<Pod>();
    let old = pods.get(pod).await.unwrap().metadata.uid;
    pods.delete(pod, &DeleteParams::default()).await.unwrap();
    eventually("the next pod", SOON, || async {
        let new = pods.get(pod).await?;
        ensure!(new.metadata.uid != old, "it is the old one");
        let status = serde_json::to_value(new.status)?;
        ensure!(status["conditions"][0]["status"] == "True", "{status}");
        Ok(())
    })
    .await;
}

/// The controller makes no pod before those of lower numbers are ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begins_a_stateful_set_with_the_pod_that_keeps_others_from_being_made() {
    let scene = stateful(3).await;
    make_sick(&scene, "app-0").await;
    let said = scene.restart(&["--yes", FAST, "--timeout=20s"]).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (3, 3)), "{said:?}");
    let restarted = said.out.lines().filter(|line| line.starts_with("restarted "));
    let order: Vec<_> = restarted.filter_map(|line| line.split(": ").nth(1)).collect();
    let is_at = |(it, at): (&&str, i32)| it.starts_with(&format!("app-{at} "));
    assert!(order.len() == 3 && order.iter().zip([0, 2, 1]).all(is_at), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_no_pod_from_a_stateful_set_that_could_not_make_it_anew() {
    let scene = stateful(3).await;
    made_anew(&scene, "app-0").await;
    make_sick(&scene, "app-0").await;
    let before = scene.pods().await;
    let said = scene.restart(&["--yes", FAST, "--timeout=3s"]).await;
    assert_eq!((said.exit, scene.pods().await), (1, before), "{said:?}");
    assert!(said.out.contains("in its place before app-0 is ready"), "{said:?}");
    assert!(said.errors.contains("0 of 2 done; 2 skipped"), "{said:?}");
}

/// One pod has failed, as when a node had no room for it, and stays for somebody to see. Its workload does not count it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_no_failed_pod_for_one_that_the_workload_still_has() {
    let scene = Scene::with(2, &json!({})).await;
    let failed = scene.pods().await.swap_remove(0).0;
    make_sick(&scene, &failed).await;
    let pods = scene.namespace.api::<Pod>();
    let status = json!({"status": {"phase": "Failed"}});
    pods.patch_status(&failed, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    scene.first_is_under_way(3).await;
    budget_of(&scene, 1, 0).await;
    let operator = scene.operator("").await;
    let (process, folder) = scene.start(&operator, &["--yes", FAST, "--timeout=15s"]);
    eventually("an eviction that is refused", SOON, || async {
        let asked = scene.asked();
        ensure!(asked.iter().any(|it| it == "create pods/eviction"), "{asked:?}");
        Ok(())
    })
    .await;
    // After the dry run: now the API server makes no pod any more.
    scene.point_nowhere().await;
    allow(&scene, 1, 1).await;
    let said = scene.ended(&process, &folder).await;
    assert_eq!((said.exit, scene.with_role().await), (1, (1, 2)), "{said:?}");
    assert!(said.errors.contains("no pod has come in its place yet"), "{said:?}");
}

/// A finalizer keeps it: its controller makes no pods any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_nothing_of_a_workload_that_is_being_deleted() {
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    let scene = Scene::with(2, &held).await;
    let before = scene.pods().await;
    let deployments = scene.namespace.api::<Deployment>();
    deployments.delete("app", &DeleteParams::background()).await.unwrap();
    for more in [vec!["--yes", FAST, "-o", "json"], vec!["--yes", "--rollout", FAST, "-o", "json"]]
    {
        let said = scene.restart(&more).await;
        assert_eq!((said.exit, scene.pods().await), (1, before.clone()), "{said:?}");
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["refusals"][0]["id"], "ending", "{said:?}");
    }
    let free = json!({"metadata": {"finalizers": null}});
    deployments.patch("app", &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
}

/// They work with the role that they have: somebody has misspelt the next one since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_no_role_from_a_pod_for_one_that_no_sts_would_take() {
    let scene = Scene::with(2, &json!({})).await;
    let said = scene.restart(&["--yes", FAST]).await;
    assert_eq!((said.exit, scene.with_role().await), (0, (2, 2)), "{said:?}");
    scene.annotate("arn:aws:iam::111122223333:app").await;
    for more in [vec!["--yes", FAST], vec!["--yes", "--rollout", FAST]] {
        let said = scene.restart(&more).await;
        assert_eq!((said.exit, scene.with_role().await), (1, (2, 2)), "{said:?}");
        assert!(said.out.contains("is not the ARN of a role"), "{said:?}");
    }
}
