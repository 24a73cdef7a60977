//! The HTTP part: the floor, this webhook and, where there is one, the Go webhook, side by side.

use std::path::PathBuf;
use std::slice;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use pod_identity_parts::reviews::{NAMESPACE, review, review_with_annotation};

use crate::client::{Client, request};
use crate::load::{self, Found, Loop, Times};
use crate::results::{Effort, progress};
use crate::server::{Identity, Server, stay_on_the_load_core};
use crate::support::{ControlPlane, Options};
use crate::wrk;

pub const HIT: &str = "app";
pub const MISS: &str = "default";

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Of the review.
    pub bytes: usize,
    pub shape: Shape,
    pub hit: bool,
    pub how: Loop,
    pub tool: Tool,
}

/// What most of a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    Containers,
    /// One escaped annotation, as `kubectl apply` leaves.
    Annotation,
}

/// What puts the load on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    Own,
    Wrk,
}

/// What one server did in it, round by round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub case: Case,
    pub server: String,
    pub rounds: Vec<Found>,
}

const KB: usize = 1000;

/// The table of the targets first, then one axis at a time.
fn cases(effort: Effort) -> Vec<Case> {
    let closed = |connections| Loop::Closed { connections };
    let (shape, tool) = (Shape::Containers, Tool::Own);
    let case = |kilobytes: usize, hit, how| Case { bytes: kilobytes * KB, shape, hit, how, tool };
    let mut cases = vec![case(6, true, closed(32)), case(6, false, closed(32))];
    if effort == Effort::Smoke {
        cases.push(case(6, true, Loop::Open { per_second: 200 }));
        cases.extend(by_wrk(&cases[..1]));
        return cases;
    }
    let sizes = [64, 200].map(|size| case(size, true, closed(32)));
    let annotation = Case { shape: Shape::Annotation, ..case(56, true, closed(32)) };
    cases.extend(sizes.into_iter().chain([annotation]));
    cases.extend(by_wrk(&cases));
    cases.extend([case(6, true, closed(1)), case(6, true, closed(8))]);
    cases.extend([2, 64, 200].map(|size| case(size, true, closed(8))));
    cases.push(case(6, true, Loop::Handshakes { connections: 8 }));
    cases.extend([200, 1000, 5000].map(|per_second| case(6, true, Loop::Open { per_second })));
    if effort == Effort::Full {
        for size in [2, 64, 200] {
            cases.push(case(size, true, closed(1)));
            cases.push(case(size, false, closed(8)));
        }
        cases.extend([1, 8].map(|connections| case(6, false, closed(connections))));
        cases.extend([200, 1000, 5000].map(|per_second| case(6, false, Loop::Open { per_second })));
    }
    cases
}

fn by_wrk(cases: &[Case]) -> Vec<Case> {
    cases.iter().map(|it| Case { tool: Tool::Wrk, ..it.clone() }).collect()
}

pub struct Plan {
    pub program: PathBuf,
    /// The Go webhook, where there is one.
    pub peer: Option<PathBuf>,
    pub effort: Effort,
}

impl Plan {
    pub fn expected(&self) -> Duration {
        let each = |case: &Case| {
            let Times { warm_up, window } = times(self.effort, case);
            (warm_up + window) * rounds(self.effort, case) * if self.peer.is_some() { 3 } else { 2 }
        };
        cases(self.effort).iter().map(each).sum()
    }

    pub async fn run(self) -> anyhow::Result<Vec<Measured>> {
        let identity = Identity::new()?;
        let mut servers = vec![("floor", identity.floor().await?)];
        // The Go webhook knows no files: then both ask the same API server.
        let control_plane = match &self.peer {
            Some(_) => Some(api_server().await),
            None => None,
        };
        let accounts = match &control_plane {
            Some(it) => format!("--kubeconfig={}", it.kubeconfig().display()),
            None => accounts(&identity, 100)?,
        };
        servers.push(("ours", identity.webhook(&self.program, slice::from_ref(&accounts)).await?));
        if let Some(peer) = &self.peer {
            servers.push(("peer", identity.webhook(peer, &[accounts]).await?));
        }
        for (_, server) in &servers[1..] {
            server.ready().await?;
        }
        // Past the time in which a ServiceAccount without a role is asked for again.
        if control_plane.is_some() {
            tokio::time::sleep(Duration::from_secs(12)).await;
        }
        tokio::task::spawn_blocking(move || compare(self.effort, &identity, &servers)).await?
    }
}

async fn api_server() -> ControlPlane {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace_named(NAMESPACE).await;
    let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");
    namespace.service_account(HIT, &[role]).await;
    control_plane
}

/// A file with so many `ServiceAccounts`: every fifth has a role, `app` too, `default` has none. JSON: a file of YAML
/// may have 1,024 documents.
pub fn accounts(identity: &Identity, count: usize) -> anyhow::Result<String> {
    let mut items = vec![account(HIT, true), account(MISS, false)];
    items.extend((items.len()..count).map(|n| account(&format!("sa-{n}"), n.is_multiple_of(5))));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = format!("accounts-{count}.json");
    let file = identity.folder().write(&file, list.to_string())?;
    Ok(format!("--service-accounts={}", file.display()))
}

fn account(name: &str, with_role: bool) -> Value {
    let mut account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE}});
    if with_role {
        let role = format!("arn:aws:iam::111122223333:role/{name}");
        account["metadata"]["annotations"] = json!({"eks.amazonaws.com/role-arn": role});
    }
    account
}

/// What the targets are held against comes in more and shorter rounds: a machine that others share changes its pace
/// within seconds, and then a round compares two paces.
const FINER: u32 = 5;

fn is_of_targets(case: &Case) -> bool {
    case.tool == Tool::Own && case.bytes == 6 * KB && case.how == Loop::Closed { connections: 32 }
}

pub fn rounds(effort: Effort, case: &Case) -> u32 {
    effort.rounds() * if is_of_targets(case) { FINER } else { 1 }
}

pub fn times(effort: Effort, case: &Case) -> Times {
    if case.tool == Tool::Wrk {
        // It counts in whole seconds. What warms up is a round of its own.
        return Times { warm_up: Duration::ZERO, window: Duration::from_secs(1) };
    }
    let window = match case.how {
        Loop::Open { .. } => Duration::from_secs(3),
        Loop::Closed { .. } | Loop::Handshakes { .. } => Duration::from_millis(1500),
    };
    let window = if effort == Effort::Smoke { window / 3 } else { window };
    let window = if is_of_targets(case) { window / FINER } else { window };
    Times { warm_up: window / 5, window }
}

/// On a thread without a runtime, as the load has its own.
fn compare(
    effort: Effort,
    identity: &Identity,
    servers: &[(&'static str, Server)],
) -> anyhow::Result<Vec<Measured>> {
    stay_on_the_load_core()?;
    let mut all = Vec::new();
    for case in cases(effort) {
        let account = if case.hit { HIT } else { MISS };
        let body = match case.shape {
            Shape::Containers => review(case.bytes, account),
            Shape::Annotation => review_with_annotation(case.bytes, account),
        };
        // The floor answers as long as ours does.
        let answer = answer_length(identity, &servers[1].1, &body)?;
        let files = (
            identity.folder().write("wrk.lua", wrk::SCRIPT)?,
            identity.folder().write("review.json", &body)?,
        );
        let times = times(effort, &case);
        let mut compared: Vec<_> = servers
            .iter()
            .map(|(name, server)| {
                let measured =
                    Measured { case: case.clone(), server: (*name).into(), rounds: Vec::new() };
                let path =
                    if *name == "floor" { format!("/{answer}") } else { "/mutate".to_owned() };
                (measured, *name, server, path)
            })
            .collect();
        let warm_up = u32::from(case.tool == Tool::Wrk);
        for round in 0..rounds(effort, &case) + warm_up {
            for (measured, name, server, path) in &mut compared {
                let found = if let (Tool::Wrk, Loop::Closed { connections }) = (case.tool, case.how)
                {
                    let (script, body) = (files.0.as_path(), files.1.as_path());
                    let seconds = times.window.as_secs() as u32;
                    let load = wrk::Load { script, body, path, connections, seconds };
                    wrk::measure(server, load)
                } else {
                    let target = identity.target(server)?;
                    let requests = vec![request(server.address, path, &body)];
                    load::measure(server, &target, requests, case.how, times)
                };
                let found = found.with_context(|| format!("{name}, {case:?}"))?;
                if round >= warm_up {
                    measured.rounds.push(found);
                }
            }
        }
        let figures = compared.iter().map(|(it, ..)| {
            let (cpu, rate) = (it.cpu_microseconds(), it.per_second());
            format!("{} {cpu:.1} µs, {rate:.0}/s", it.server)
        });
        let figures: Vec<_> = figures.collect();
        progress(&format!(
            "{case:?}: body {}, answer {answer}; {}",
            body.len(),
            figures.join("; ")
        ));
        all.extend(compared.into_iter().map(|(measured, ..)| measured));
    }
    Ok(all)
}

/// How long the webhook's answer is: the floor's is to be of that length.
fn answer_length(identity: &Identity, server: &Server, body: &[u8]) -> anyhow::Result<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::connect(&identity.target(server)?).await?;
        let answer = client.exchange(&request(server.address, "/mutate", body)).await?;
        Ok(answer.len())
    })
}

impl Measured {
    /// The median over the rounds.
    pub fn median(&self, of: impl Fn(&Found) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    pub fn cpu_microseconds(&self) -> f64 {
        self.median(|found| found.cpu_seconds * 1e6 / found.requests as f64)
    }

    pub fn per_second(&self) -> f64 {
        self.median(|found| found.requests as f64 / found.seconds)
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
