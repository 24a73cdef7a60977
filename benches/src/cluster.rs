//! The part on a real API server: memory and readiness with many `ServiceAccounts`, and what pod creation waits.

mod accounts;
mod creation;

pub use creation::BARE;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use pod_identity_parts::reviews::{NAMESPACE, review};

use crate::client::request;
use crate::http::{self, Case, Measured, Shape, Tool};
use crate::load::{Loop, measure};
use crate::results::{Effort, progress};
use crate::server::{Identity, Server, stay_on_the_load_core};
use crate::support::{ControlPlane, Options, poll, raise_open_files};

/// A webhook to be measured: ours, and the Go webhook where there is one.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub name: &'static str,
    pub program: PathBuf,
}

pub struct Plan {
    pub candidates: Vec<Candidate>,
    pub effort: Effort,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Found {
    pub accounts: usize,
    /// Seconds for a bare list, page by page, of the same metadata.
    pub list: Vec<f64>,
    pub webhooks: Vec<Webhook>,
    /// The load with few, some and all `ServiceAccounts`, interleaved; ours alone.
    pub few_and_many: Vec<Measured>,
    pub creation: Vec<creation::Creation>,
    pub bursts: Vec<creation::Burst>,
}

/// What one webhook took with all `ServiceAccounts`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Webhook {
    pub name: String,
    /// Seconds from its start to Ready.
    pub ready: Vec<f64>,
    /// MiB of memory, as resident: with next to none, with all, at most while they were listed, and so on.
    pub idle: f64,
    pub steady: f64,
    pub peak_of_list: f64,
    pub peak_of_relist: Option<f64>,
    pub after_relist: Option<f64>,
    pub after_churn: f64,
}

/// `ServiceAccounts` for comparison with all.
pub const FEW: usize = 100;
const SOME: usize = 10_000;

impl Plan {
    fn accounts(&self) -> usize {
        match self.effort {
            Effort::Smoke => 2_000,
            Effort::Standard | Effort::Full => 100_000,
        }
    }

    pub fn expected(&self) -> Duration {
        let candidates = self.candidates.len() as u64;
        Duration::from_secs(match self.effort {
            Effort::Smoke => 30 + 20 * candidates,
            Effort::Standard => 145 + 75 * candidates,
            Effort::Full => 155 + 110 * candidates,
        })
    }

    pub async fn run(self) -> anyhow::Result<Found> {
        raise_open_files();
        let control_plane = ControlPlane::start(Options::default()).await;
        let identity = Identity::new()?;
        let mut found = Found { accounts: self.accounts(), ..Found::default() };
        let mut webhooks: Vec<_> = self
            .candidates
            .iter()
            .map(|it| Webhook { name: it.name.into(), ..Webhook::default() })
            .collect();

        for (candidate, webhook) in self.candidates.iter().zip(&mut webhooks) {
            let (server, _) = started(&identity, candidate, &control_plane).await?;
            webhook.idle = settled(&server).await;
        }
        // Before there are many: an API server with 100,000 objects more has other things to do as well.
        let mut servers = Vec::new();
        for candidate in &self.candidates {
            servers.push((candidate.name, started(&identity, candidate, &control_plane).await?.0));
        }
        let pods = if self.effort == Effort::Smoke { 50 } else { 1000 };
        found.creation = creation::latencies(&control_plane, &identity, &servers, pods).await?;
        found.bursts = creation::bursts(&control_plane, &identity, &servers, pods * 2).await?;
        drop(servers);

        accounts::fill(&control_plane, self.accounts()).await?;
        for round in 0..3 {
            found.list.push(accounts::list(&control_plane, self.accounts()).await?);
            for (candidate, webhook) in self.candidates.iter().zip(&mut webhooks) {
                let (server, ready) = started(&identity, candidate, &control_plane).await?;
                webhook.ready.push(ready);
                if round == 0 {
                    webhook.peak_of_list = peak_mib(&server)?;
                    webhook.steady = settled(&server).await;
                    progress(&format!("{webhook:?}"));
                }
            }
        }
        let mut ours = None;
        for (candidate, webhook) in self.candidates.iter().zip(&mut webhooks) {
            let (server, _) = started(&identity, candidate, &control_plane).await?;
            webhook.peak_of_relist = relisted(&server, &control_plane).await?;
            webhook.after_relist = Some(settled(&server).await);
            accounts::churn(&control_plane, if self.effort == Effort::Smoke { 300 } else { 5_000 })
                .await?;
            webhook.after_churn = settled(&server).await;
            progress(&format!("{webhook:?}"));
            ours.get_or_insert(server);
        }
        found.webhooks = webhooks;
        let many = ours.context("there is a webhook")?;
        let program = &self.candidates[0].program;
        let few = identity.webhook(program, &[http::accounts(&identity, FEW)?]).await?;
        let some = identity.webhook(program, &[http::accounts(&identity, SOME)?]).await?;
        let (effort, accounts) = (self.effort, self.accounts());
        found.few_and_many = tokio::task::spawn_blocking(move || {
            // What it knows it answers without the API server, which is to keep quiet meanwhile.
            let _frozen = Frozen::new(control_plane.process_ids());
            let of_file = |count| spread(count, |n| format!("sa-{n}"));
            let servers = [
                (FEW, &few, of_file(FEW)),
                (SOME, &some, of_file(SOME)),
                (accounts, &many, spread(accounts, accounts::annotated)),
            ];
            few_and_many(effort, &identity, &servers)
        })
        .await??;
        Ok(found)
    }
}

/// Starts it and waits until it is ready; also gives the seconds that took.
async fn started(
    identity: &Identity,
    candidate: &Candidate,
    control_plane: &ControlPlane,
) -> anyhow::Result<(Server, f64)> {
    let begun = Instant::now();
    let kubeconfig = format!("--kubeconfig={}", control_plane.kubeconfig().display());
    let server = identity.webhook(&candidate.program, &[kubeconfig]).await?;
    server.ready().await?;
    Ok((server, begun.elapsed().as_secs_f64()))
}

/// MiB, when nothing has been going on for a while.
async fn settled(server: &Server) -> f64 {
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.process().resident_kib() as f64 / 1024.0
}

/// MiB at most since the start, or since it was last forgotten.
fn peak_mib(server: &Server) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/status", server.process().id());
    let status = std::fs::read_to_string(&path)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// MiB at most while the whole list comes anew; nothing where the webhook tells nothing of its lists.
async fn relisted(server: &Server, control_plane: &ControlPlane) -> anyhow::Result<Option<f64>> {
    const RELISTS: &str = "pod_identity_watch_relists_total{resource=\"service-accounts\"} ";
    let relists = async || {
        let page = server.metrics().await?;
        let line = page.lines().find_map(|line| line.strip_prefix(RELISTS));
        Ok::<_, anyhow::Error>(line.and_then(|number| number.parse::<f64>().ok()))
    };
    let Some(before) = relists().await? else { return Ok(None) };
    // An API server that has just started knows no older versions: who has missed changes lists anew. To miss them it
    // may not even have a connection: what has come in there it would read first.
    server.process().freeze();
    restart(control_plane).await;
    accounts::churn(control_plane, 200).await?;
    restart(control_plane).await;
    std::fs::write(format!("/proc/{}/clear_refs", server.process().id()), "5")
        .context("failed to forget the peak")?;
    server.process().thaw();
    let relisted = poll("the list to come anew", Duration::from_mins(1), || async {
        ensure!(relists().await? > Some(before), "no list has begun");
        Ok(())
    });
    if let Err(error) = relisted.await {
        progress(&format!("no peak of a relist: {error:#}"));
        return Ok(None);
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    peak_mib(server).map(Some)
}

async fn restart(control_plane: &ControlPlane) {
    control_plane.kill_api_server();
    control_plane.start_api_server().await;
}

/// The same load on each of them. Each is named by how many `ServiceAccounts` it knows, and asked for some that are
/// spread over all.
fn few_and_many(
    effort: Effort,
    identity: &Identity,
    servers: &[(usize, &Server, Vec<String>)],
) -> anyhow::Result<Vec<Measured>> {
    stay_on_the_load_core()?;
    let how = Loop::Closed { connections: 32 };
    let (shape, tool) = (Shape::Containers, Tool::Own);
    let case = Case { bytes: 6_000, shape, hit: true, how, tool };
    let (rounds, times) = (http::rounds(effort, &case), http::times(effort, &case));
    let mut measured: Vec<_> = servers
        .iter()
        .map(|(count, ..)| Measured {
            case: case.clone(),
            server: count.to_string(),
            rounds: Vec::new(),
        })
        .collect();
    for _ in 0..rounds {
        for (measured, (_, server, names)) in measured.iter_mut().zip(servers) {
            let requests =
                names.iter().map(|it| request(server.address, "/mutate", &review(case.bytes, it)));
            let target = identity.target(server)?;
            measured.rounds.push(measure(server, &target, requests.collect(), case.how, times)?);
        }
    }
    Ok(measured)
}

/// Some that have a role, of so many of which every fifth has one.
fn spread(count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    (0..64).map(|n| name((n * (count / 64) / 5 + 1) * 5)).collect()
}

/// Processes for which time stands still.
struct Frozen(Vec<u32>);

impl Frozen {
    fn new(processes: Vec<u32>) -> Self {
        let frozen = Self(processes);
        frozen.send(Signal::STOP);
        frozen
    }

    fn send(&self, signal: Signal) {
        for id in &self.0 {
            if let Some(pid) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.send(Signal::CONT);
    }
}

/// The namespace that the accounts are in is that of the reviews.
pub const HOME: &str = NAMESPACE;
