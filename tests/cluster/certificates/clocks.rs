//! The program beside a real API server, with a clock that is off.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificates::{
    Authorities, Authority as ManagedAuthority, Bundle, Certificate, Lifetimes, State,
};
use jiff::{SignedDuration, Timestamp};
use pod_identity_webhook::certificate_controller::{issue_authority, issue_leaf};
use serde_json::{Map, Value, json};

use super::scene::{SERVICE, Scene};
use crate::support::{Authority, SOON, Scratch, Webhook, eventually};

const YEAR: SignedDuration = SignedDuration::from_hours(370 * 24);

impl Scene {
    /// A process whose clock is ahead by so much, in libfaketime's words.
    async fn start_process(&self, ahead: Option<&str>) -> Webhook {
        let mut builder = Webhook::builder()
            .kubeconfig(self.control_plane.kubeconfig())
            .arg("--in-cluster=true")
            .arg(format!("--namespace={}", self.namespace))
            .arg(format!("--service-name={SERVICE}"))
            .arg(format!("--tls-secret={}", self.params.secret))
            .arg(format!("--webhook-config-name={}", self.name));
        if let Some(ahead) = ahead {
            builder = builder.clock(ahead);
        }
        builder.start().await
    }

    /// As the API server verifies it: each certificate has begun, and none has expired.
    async fn assert_valid(&self) -> State {
        let state = self.state().await.unwrap();
        let now = Timestamp::now();
        for certificate in state.certificates() {
            assert!(certificate.not_before() <= now, "{certificate:?}");
            assert!(!certificate.expired(now), "{certificate:?}");
        }
        self.verify(&state.leaf).await.unwrap();
        state
    }

    /// What a replica did that took a clock ahead for the time.
    async fn store_of_the_future(&self) -> State {
        let now = Timestamp::now() + YEAR;
        let lifetimes = &self.params.lifetimes;
        let authority = issue_authority(now, lifetimes).unwrap();
        let leaf = issue_leaf(now, &authority, &self.params.names.all(), lifetimes).unwrap();
        let current = ManagedAuthority { published: Some(now), ..authority };
        let state = State { authorities: Authorities::alone(current), leaf: Arc::new(leaf) };
        let mut data: Map<String, Value> =
            State::KEYS.into_iter().map(|key| (key.to_owned(), Value::Null)).collect();
        for (key, value) in state.write() {
            data.insert(key.to_owned(), STANDARD.encode(value).into());
        }
        self.patch_secret(json!({ "data": data })).await;
        for index in [0, 2] {
            let bundle = STANDARD.encode(state.authorities.current.certificate.pem());
            self.overwrite_bundle(index, &bundle).await;
        }
        state
    }

    /// The Secret and the caBundles that this leaf needs, whoever has to put them back.
    async fn comes_back(&self, unwanted: &Certificate) {
        eventually("certificates that the API server takes", SOON, || async {
            let state = self.state().await?;
            ensure!(state.authorities.current.certificate != *unwanted, "that of the future");
            self.verify(&state.leaf).await
        })
        .await;
        self.assert_valid().await;
    }
}

async fn readyz(webhook: &Webhook) -> anyhow::Result<String> {
    Ok(webhook.get_admin("/readyz?verbose").await?.text())
}

fn offset(metrics: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with("pod_identity_clock_offset_seconds "));
    line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_a_year_ahead_leaves_all_as_it_is_and_says_so() {
    let scene = Scene::new("ahead", Lifetimes::default()).await;
    let right = scene.start_process(None).await;
    right.ready().await;
    eventually("rest", SOON, || async {
        scene.state().await?.authorities.current.published.context("not recorded").map(drop)
    })
    .await;
    let (before, bundles) = (scene.assert_valid().await, scene.bundles().await.unwrap());
    let text = readyz(&right).await.unwrap();
    assert!(text.contains("[+]clock within 60 s"), "{text}");
    let measured = offset(&right.metrics().await);
    assert!(measured.abs() < 60.0, "{measured}");

    let ahead = scene.start_process(Some("+370d")).await;
    ahead.ready().await;
    ahead.logged("its clock", |line| line["message"] == "clock differs from API server's").await;
    eventually("a line for the clock", SOON, || async {
        let text = readyz(&ahead).await?;
        ensure!(
            text.contains("[!]clock") && text.contains("s ahead of the API server's"),
            "{text}"
        );
        ensure!(text.contains("[+]certificate ok"), "{text}");
        Ok(())
    })
    .await;
    let measured = offset(&ahead.metrics().await);
    let expected = -YEAR.as_secs_f64();
    assert!((measured - expected).abs() < 60.0, "{measured}, {expected}");
    assert_eq!(scene.state().await.unwrap(), before);
    assert_eq!(scene.bundles().await.unwrap(), bundles);

    // Alone it keeps them true as any other does.
    right.stop().await;
    scene.delete_secret().await;
    scene.overwrite_bundle(0, "").await;
    eventually("what was there", SOON, || async {
        ensure!(scene.state().await? == before && scene.bundles().await? == bundles, "not yet");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_replica_whose_clock_is_off_issues_what_the_api_server_takes() {
    for ahead in ["+370d", "-370d"] {
        let scene = Scene::new("first", Lifetimes::default()).await;
        let replica = scene.start_process(Some(ahead)).await;
        replica.ready().await;
        let state = scene.assert_valid().await;
        let lasts =
            state.authorities.current.certificate.not_after().duration_since(Timestamp::now());
        assert!((lasts.as_hours() - 365 * 24).abs() <= 1, "{lasts}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_from_files_is_judged_by_the_api_servers_clock() {
    let control_plane = crate::support::control_plane().await;
    let (authority, folder) = (Authority::new("files").unwrap(), Scratch::new().unwrap());
    let (now, day) = (SystemTime::now(), Duration::from_hours(24));
    let pair = authority.server_within(&["localhost"], now - day..now + 30 * day).unwrap();
    let certificate = folder.write("tls.crt", &pair.certificate).unwrap();
    let key = folder.write("tls.key", &pair.key).unwrap();
    let webhook = Webhook::builder()
        .kubeconfig(control_plane.kubeconfig())
        .arg(format!("--tls-cert={}", certificate.display()))
        .arg(format!("--tls-key={}", key.display()))
        .clock("+370d")
        .start()
        .await;
    webhook.ready().await;
    eventually("a line for the clock", SOON, || async {
        let text = readyz(&webhook).await?;
        ensure!(text.contains("[!]clock") && text.contains("[+]certificate ok"), "{text}");
        Ok(())
    })
    .await;
    // By that clock it is not valid any more.
    let ended = authority.server_within(&["localhost"], now - 30 * day..now - day).unwrap();
    std::fs::write(&key, &ended.key).unwrap();
    std::fs::write(&certificate, &ended.certificate).unwrap();
    eventually("not ready", SOON, || async {
        let text = readyz(&webhook).await?;
        ensure!(text.contains("expired") && text.contains("by the API server's clock"), "{text}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_misled_replica_wrote_is_replaced_while_others_run() {
    let scene = Scene::new("misled", Lifetimes::default()).await;
    let replicas = [scene.start(), scene.start()];
    scene.all_ready(&replicas).await;
    let before = scene.assert_valid().await;
    let future = scene.store_of_the_future().await;
    scene.comes_back(&future.authorities.current.certificate).await;
    let after = scene.state().await.unwrap();
    assert_eq!(after.authorities.current.certificate, before.authorities.current.certificate);
    for replica in &replicas {
        assert!(replica.ready(), "{:?}", replica.problems());
        assert_eq!(replica.leaf().as_ref(), Some(&before.leaf));
    }
    // Nobody remembers a good one.
    drop(replicas);
    let future = scene.store_of_the_future().await;
    let replicas = [scene.start(), scene.start()];
    scene.comes_back(&future.authorities.current.certificate).await;
    scene.all_ready(&replicas).await;
    for bundle in scene.bundles().await.unwrap() {
        // It may stay until it ends, beside the one that counts.
        assert!(Bundle::parse(&bundle).iter().count() <= 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_secret_of_the_future_is_made_anew_while_replicas_run() {
    let scene = Scene::new("cure", Lifetimes::default()).await;
    scene.all_ready(&[scene.start()]).await;
    let future = scene.store_of_the_future().await;
    // In the middle of whatever the replicas do about it.
    let replicas = [scene.start(), scene.start()];
    scene.delete_secret().await;
    scene.comes_back(&future.authorities.current.certificate).await;
    scene.all_ready(&replicas).await;
}
