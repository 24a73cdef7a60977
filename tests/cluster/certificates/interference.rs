//! Somebody else changes, deletes or owns what is managed.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use certificates::{Bundle, Lifetimes};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use pod_identity_webhook::api_server::clock::ServerClock;
use pod_identity_webhook::certificate_controller::{Manager, ManagerSettings};
use serde_json::json;
use tokio::time::Instant;

use super::scene::{Replica, Scene};
use crate::support::{ControlPlane, Options, SOON, eventually};

/// By the watch, which takes a moment: without it, the end of a silent watch
/// would come far later.
const REPAIRED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_bundle_is_repaired_at_once() {
    let scene = Scene::new("overwritten", Lifetimes::default()).await;
    let replicas = [scene.start(), scene.start()];
    scene.all_ready(&replicas).await;
    let right = scene.bundles().await.unwrap();
    let garbage = "bm90IGEgY2VydGlmaWNhdGU=";
    let mut longest = Duration::ZERO;
    for (index, bundle) in [(0, ""), (2, garbage), (0, garbage), (2, ""), (0, "")].repeat(4) {
        let overwritten = Instant::now();
        scene.overwrite_bundle(index, bundle).await;
        eventually("the repair", REPAIRED, || async {
            ensure!(scene.bundles().await? == right, "not yet");
            Ok(())
        })
        .await;
        longest = longest.max(overwritten.elapsed());
        assert!(replicas.iter().all(|replica| replica.leaf().is_some()));
    }
    eprintln!("measured: 20 overwritten caBundles, each repaired within {longest:?}");
    let repairs = |replica: &Replica| replica.certificates.stats.repairs();
    // The first writing and twenty repairs, each by one of them.
    assert_eq!(replicas.iter().map(repairs).sum::<u64>(), 2 + 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_or_damaged_secret_comes_back_as_it_was() {
    let scene = Scene::new("damaged", Lifetimes::default()).await;
    let replicas = [scene.start(), scene.start()];
    scene.all_ready(&replicas).await;
    // The last write of a first start: the CA is recorded as published.
    eventually("rest", SOON, || async {
        scene.state().await?.authorities.current.published.context("not recorded").map(drop)
    })
    .await;
    let before = scene.state().await.unwrap();
    for damage in [
        None,
        Some(json!({ "ca.key": "anVuaw==" })),
        Some(json!({ "ca.crt": null, "ca.key": null })),
    ] {
        let done = Instant::now();
        match &damage {
            None => scene.delete_secret().await,
            Some(data) => scene.patch_secret(json!({ "data": data })).await,
        }
        eventually("the Secret as it was", SOON, || async {
            ensure!(scene.state().await? == before, "another one");
            Ok(())
        })
        .await;
        eprintln!("measured: {damage:?} undone in {:?}", done.elapsed());
        for replica in &replicas {
            assert_eq!(replica.leaf().as_ref(), Some(&before.leaf));
        }
    }
    // The leaf alone: a new one by the same CA, at once.
    scene.patch_secret(json!({ "data": { "tls.key": "anVuaw==" } })).await;
    eventually("a new leaf", SOON, || async {
        let state = scene.state().await?;
        ensure!(state.authorities == before.authorities, "another CA");
        ensure!(replicas.iter().all(|replica| replica.leaf().as_ref() == Some(&state.leaf)), "old");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_secret_lost_while_nobody_ran_is_made_anew_beside_the_old_ca() {
    let scene = Scene::new("lost", Lifetimes::default()).await;
    let first = [scene.start()];
    scene.all_ready(&first).await;
    let old = scene.state().await.unwrap().authorities.current.certificate;
    drop(first);
    scene.delete_secret().await;
    scene.all_ready(&[scene.start()]).await;
    let new = scene.state().await.unwrap().authorities.current.certificate;
    assert_ne!(old, new);
    for bundle in scene.bundles().await.unwrap() {
        let bundle = Bundle::parse(&bundle);
        assert!(bundle.contains(&old) && bundle.contains(&new), "{bundle:?}");
    }
}

#[tokio::test]
async fn a_configuration_applied_later_is_waited_for() {
    let scene = Scene::bare("later", Lifetimes::default()).await;
    let replica = scene.start();
    replica.complains(&["does not exist", &scene.name, "--webhook-config-name"]).await;
    assert!(!replica.ready() && replica.leaf().is_none());
    // The Secret is made all the same: by another watch, so perhaps a moment later.
    eventually("the Secret", SOON, || async { scene.state().await.map(drop) }).await;
    scene.apply_configuration(&json!({})).await;
    scene.all_ready(std::slice::from_ref(&replica)).await;
    // Deleted again it is named, and the leaf stays.
    scene.webhooks().delete(&scene.name, &DeleteParams::default()).await.unwrap();
    replica.complains(&["does not exist"]).await;
    assert!(replica.ready() && replica.leaf().is_some());
}

#[tokio::test]
async fn a_foreign_secret_is_served_and_left_alone() {
    let scene = Scene::new("foreign", Lifetimes::default()).await;
    scene.overwrite_bundle(0, "Zm9yZWlnbg==").await;
    let before = scene.bundles().await.unwrap();
    let pair = rcgen::generate_simple_self_signed([scene.params.names.server_name()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let secret = json!({
        "metadata": { "name": scene.params.secret },
        "type": "kubernetes.io/tls",
        "stringData": { "tls.crt": certificate, "tls.key": key },
    });
    let created = scene.namespace.create_object::<Secret>(&secret).await.unwrap();
    let replica = scene.start();
    eventually("the foreign leaf", SOON, || async {
        let leaf = replica.leaf().context("none")?;
        ensure!(leaf.chain_pem().trim() == certificate.trim().replace("\r\n", "\n"), "another");
        ensure!(replica.ready(), "{:?}", replica.problems());
        Ok(())
    })
    .await;
    // Past what would have been written at once.
    replica.certificates.status.clone().wait_for(|status| status.ready).await.unwrap();
    assert_eq!(scene.bundles().await.unwrap(), before);
    let after = scene.secrets().get(&scene.params.secret).await.unwrap();
    assert_eq!(after.metadata.resource_version, created.metadata.resource_version);

    // One that can't be read is named, by a replica that has nothing else.
    drop(replica);
    scene.patch_secret(json!({ "data": { "tls.key": ByteString(b"junk".to_vec()) } })).await;
    let replica = scene.start();
    replica.complains(&["not managed by", "tls.key", "delete it", "--tls-secret"]).await;
    assert!(!replica.ready() && replica.leaf().is_none());
    // Deleted, it is ours to make.
    scene.delete_secret().await;
    scene.all_ready(&[replica]).await;
}

#[tokio::test]
async fn a_configuration_of_cert_manager_is_left_alone() {
    let scene = Scene::bare("injected", Lifetimes::default()).await;
    scene.apply_configuration(&json!({ "cert-manager.io/inject-ca-from": "eks/webhook" })).await;
    let replica = scene.start();
    let said = ["cert-manager.io/inject-ca-from", "--in-cluster=false", &scene.name];
    replica.complains(&said).await;
    assert!(!replica.ready());
    assert_eq!(scene.bundles().await.unwrap(), [b"", b""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_api_server_costs_nothing_that_is_held() {
    // One of its own, to be killed.
    let scene = Scene::new("away", Lifetimes::default()).await;
    let away = ControlPlane::start(Options::default()).await;
    let namespace = away.namespace("away").await;
    let mut params = scene.params.clone();
    namespace.name().clone_into(&mut params.names.namespace);
    let settings = ManagerSettings { params, configurations: Vec::new() };
    let clock = ServerClock::new();
    let (manager, certificates) = Manager::new(clock.observed(away.client()), clock, settings);
    let task = tokio::spawn(manager.run());
    let mut leaf = certificates.leaf.clone();
    let held = leaf.wait_for(Option::is_some).await.unwrap().clone();

    away.kill_api_server();
    let mut status = certificates.status.clone();
    eventually("a few ticks without an API server", SOON, || async {
        ensure!(certificates.stats.failures().contains_key("watch"), "not noticed yet");
        Ok(())
    })
    .await;
    assert!(status.borrow_and_update().ready);
    assert_eq!(*leaf.borrow(), held);
    away.start_api_server().await;
    // The watch is back when a deleted Secret is seen.
    let secrets = namespace.api::<Secret>();
    secrets.delete("certificates", &DeleteParams::default()).await.unwrap();
    eventually("the Secret again", Duration::from_mins(1), || async {
        secrets.get("certificates").await?;
        Ok(())
    })
    .await;
    assert_eq!(*leaf.borrow(), held);
    task.abort();
}
