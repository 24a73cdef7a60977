//! What pod creation waits for a webhook.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Client, request};
use crate::http::{HIT, MISS, median};
use crate::results::progress;
use crate::server::{Identity, Server};
use crate::support::{ControlPlane, Namespace, Registration, pod, register, review};

const ROLE: (&str, &str) = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");

/// Milliseconds for one pod at a time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Creation {
    /// The webhook's and whether its pods have a role, "none" or "bare".
    pub name: String,
    pub pods: usize,
    pub p50: f64,
    pub p99: f64,
}

/// All at once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Burst {
    pub name: String,
    pub pods: usize,
    pub mutated: usize,
    pub failed: usize,
    pub seconds: f64,
    pub slowest: f64,
}

/// One that gives the answer of ours without looking.
pub const BARE: &str = "bare";

type Servers = [(&'static str, Server)];

/// Where pods are created, and as whom.
struct Place {
    name: String,
    namespace: Arc<Namespace>,
    account: &'static str,
    took: Vec<f64>,
}

impl Place {
    fn new(name: impl Into<String>, namespace: &Arc<Namespace>, account: &'static str) -> Self {
        Self { name: name.into(), namespace: Arc::clone(namespace), account, took: Vec::new() }
    }

    async fn create(&mut self, number: usize) -> anyhow::Result<()> {
        let pod = pod(&format!("pod-{}-{number}", self.account), self.account);
        let begun = Instant::now();
        self.namespace.admit_pod(&pod, false).await?;
        self.took.push(milliseconds(begun.elapsed()));
        Ok(())
    }

    fn found(mut self) -> Creation {
        self.took.sort_by(f64::total_cmp);
        let pods = self.took.len();
        let p99 = self.took[(pods * 99).div_ceil(100) - 1];
        Creation { name: self.name, pods, p50: median(self.took), p99 }
    }
}

/// In turns, each of them first as often as the others: without a webhook, with each, and with one that gives the
/// answer of the first without looking.
pub async fn latencies(
    control_plane: &ControlPlane,
    identity: &Identity,
    servers: &Servers,
    pods: usize,
) -> anyhow::Result<Vec<Creation>> {
    let mut places = vec![Place::new("none", &Arc::new(namespace(control_plane).await), HIT)];
    let mut answers = Vec::new();
    for (name, server) in servers {
        let place = Arc::new(registered(control_plane, identity, server).await);
        places.push(Place::new(*name, &place, HIT));
        places.push(Place::new(format!("{name}, no role"), &place, MISS));
        answers.push(answer(identity, server, place.name()).await?);
    }
    let answer = answers.first().context("there is a webhook")?;
    let bare = identity.bare_webhook(answer).await?;
    let place = Arc::new(registered(control_plane, identity, &bare).await);
    // Called as often as each of the others: a server that sleeps longer between two calls has colder caches.
    places.push(Place::new(BARE, &place, HIT));
    places.push(Place::new(format!("{BARE}, the same again"), &place, MISS));
    for number in 0..pods {
        for place in &mut places {
            place.create(number).await?;
        }
        places.rotate_left(1);
    }
    let mut found: Vec<_> = places.into_iter().map(Place::found).collect();
    found.sort_by(|a, b| a.p50.total_cmp(&b.p50));
    progress(&format!("{found:?}"));
    Ok(found)
}

/// The answer to a pod of the measurement, with `UID` for its `uid`.
async fn answer(identity: &Identity, server: &Server, namespace: &str) -> anyhow::Result<String> {
    let review = review(namespace, &pod("pod", HIT));
    let mut client = Client::connect(&identity.target(server)?).await?;
    let request = request(server.address, "/mutate", &serde_json::to_vec(&review)?);
    let mut answer: Value = serde_json::from_slice(client.exchange(&request).await?)?;
    ensure!(answer["response"]["patch"].is_string(), "the webhook adds nothing: {answer}");
    answer["response"]["uid"] = "UID".into();
    Ok(answer.to_string())
}

pub async fn bursts(
    control_plane: &ControlPlane,
    identity: &Identity,
    servers: &Servers,
    pods: usize,
) -> anyhow::Result<Vec<Burst>> {
    let mut found = Vec::new();
    for (name, server) in servers {
        let namespace = registered(control_plane, identity, server).await;
        let begun = Instant::now();
        let made = stream::iter(0..pods).map(|number| {
            let namespace = &namespace;
            async move {
                let begun = Instant::now();
                let made = namespace.admit_pod(&pod(&format!("burst-{number}"), HIT), false).await;
                (made.map(|it| has_role(&it.object)), begun.elapsed())
            }
        });
        let made: Vec<_> = made.buffer_unordered(pods).collect().await;
        found.push(Burst {
            name: (*name).to_owned(),
            pods,
            mutated: made.iter().filter(|(made, _)| matches!(made, Ok(true))).count(),
            failed: made.iter().filter(|(made, _)| made.is_err()).count(),
            seconds: begun.elapsed().as_secs_f64(),
            slowest: made.iter().map(|(_, took)| took.as_secs_f64()).fold(0.0, f64::max),
        });
        if let Some(error) = made.iter().find_map(|(made, _)| made.as_ref().err()) {
            progress(&format!("a pod of the burst was refused: {error:#}"));
        }
    }
    progress(&format!("{found:?}"));
    Ok(found)
}

async fn namespace(control_plane: &ControlPlane) -> Namespace {
    let namespace = control_plane.namespace("pods").await;
    namespace.service_account(HIT, &[ROLE]).await;
    namespace
}

async fn registered(
    control_plane: &ControlPlane,
    identity: &Identity,
    server: &Server,
) -> Namespace {
    let namespace = namespace(control_plane).await;
    let url = format!("https://{}", server.address);
    // The longest that an API server waits: whatever is slow shows as slow, not as missing.
    let registration =
        Registration { timeout_seconds: 30, entry_overlay: json!({}), ..Registration::default() };
    register(control_plane, &namespace, &url, identity.ca_pem(), registration).await;
    namespace
}

fn has_role(pod: &Value) -> bool {
    let env = pod["spec"]["containers"][0]["env"].as_array();
    env.is_some_and(|env| env.iter().any(|it| it["name"] == "AWS_ROLE_ARN"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
