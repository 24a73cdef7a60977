//! An API server that takes connections and says nothing more, as behind a network that loses everything:
//! whoever asks for a pod is answered from memory, and what was missed is caught up with.

use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::sleep;

use super::load::Load;
use super::scene::{ROLE, Scene};
use crate::alone;
use crate::support::{Relay, SOON, Webhook, control_plane, eventually, pod};

/// A `ServiceAccount` whose role changes while nobody hears of it.
const MARKER: &str = "marker";

/// A watch is noticed to be silent after 150 s, and a request to begin it anew may fall in the silence.
const NOTICED: Duration = Duration::from_mins(5);

/// The API server behind a relay, and what changes there.
pub struct Silence {
    pub relay: Relay,
    spells: usize,
}

impl Silence {
    pub fn of(relay: Relay) -> Self {
        Self { relay, spells: 0 }
    }

    /// For replicas that are to ask through the relay.
    pub fn flag(&self) -> String {
        format!("--kube-api={}", self.relay.url())
    }

    /// Before the replicas start.
    pub async fn prepare(&self, scene: &Scene<'_>) {
        let annotation = ("eks.amazonaws.com/role-arn", &*self.role());
        scene.apps.service_account(MARKER, &[annotation]).await;
    }

    fn role(&self) -> String {
        format!("{ROLE}-{}", self.spells)
    }

    /// Falls silent for so long, with pods that flow meanwhile, and changes the role of the marker. Nobody
    /// has heard of that yet.
    pub async fn fall(
        &mut self,
        scene: &Scene<'_>,
        replicas: &[Webhook],
        load: &Load,
        length: Duration,
    ) {
        let before = self.relay.fallen();
        let old = self.role();
        self.relay.fall_silent();
        self.spells += 1;
        let annotations = json!({ "eks.amazonaws.com/role-arn": self.role() });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        let accounts = scene.apps.api::<ServiceAccount>();
        accounts.patch(MARKER, &PatchParams::default(), &patch).await.unwrap();
        // The length of the disturbance: nothing is waited for.
        sleep(length).await;
        load.flows().await;
        assert!(self.relay.fallen() > before, "no connection fell silent");
        for replica in replicas {
            assert_eq!(role_of_marker(scene, replica).await.unwrap(), Some(old.clone()));
        }
    }

    /// Waits until each replica knows of the change: by a new watch, for the old connections are dead.
    pub async fn is_made_up_for(&self, scene: &Scene<'_>, replicas: &[Webhook], within: Duration) {
        let role = Some(self.role());
        for replica in replicas {
            eventually("what changed in the silence", within, || async {
                let known = role_of_marker(scene, replica).await?;
                ensure!(known == role, "{known:?}, not {role:?}");
                Ok(())
            })
            .await;
        }
    }
}

async fn role_of_marker(scene: &Scene<'_>, replica: &Webhook) -> anyhow::Result<Option<String>> {
    let mut reviewer = scene.reviewer(replica).await?;
    Ok(reviewer.review(&scene.apps, &pod("marked", MARKER)).await.role())
}

/// Two replicas that ask through the relay.
async fn begun() -> (Silence, Scene<'static>, Vec<Webhook>) {
    let silence = Silence::of(Relay::before(control_plane().await).await);
    let scene = Scene::new(control_plane().await, &[&silence.flag()]).await;
    silence.prepare(&scene).await;
    let replicas = scene.start(2).await;
    (silence, scene, replicas)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_api_server_costs_no_pod_and_no_change() {
    let _alone = alone().await;
    let (mut silence, scene, replicas) = begun().await;
    let load = Load::start(&scene);
    for seconds in [1, 3] {
        load.flows().await;
        silence.fall(&scene, &replicas, &load, Duration::from_secs(seconds)).await;
        silence.relay.come_back();
        silence.is_made_up_for(&scene, &replicas, SOON).await;
    }
    load.stop().await.assert_whole(&[]);
}

/// Nobody tells it that its connections are dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes: make soak"]
async fn a_watch_that_fell_silent_is_made_anew_unasked() {
    let _alone = alone().await;
    let (mut silence, scene, replicas) = begun().await;
    let load = Load::start(&scene);
    load.flows().await;
    silence.fall(&scene, &replicas, &load, Duration::from_secs(20)).await;
    silence.relay.serve_new();
    let back = tokio::time::Instant::now();
    silence.is_made_up_for(&scene, &replicas, NOTICED).await;
    eprintln!("measured: a change made in the silence is known {:?} after it", back.elapsed());
    for replica in &replicas {
        let metrics = replica.metrics().await;
        let silences = r#"pod_identity_watch_silences_total{resource="service-accounts"} "#;
        let line = metrics.lines().find_map(|line| line.strip_prefix(silences));
        assert_ne!(line, Some("0"), "{metrics}");
    }
    load.stop().await.assert_whole(&[]);
}
