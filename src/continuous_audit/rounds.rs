//! One round after the other, for as long as this replica holds the Lease.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::Asked;
use super::status::{CompleteRound, RoundResult, Shared};
use crate::api_server::client::limited;
use crate::api_server::clock::ServerClock;
use crate::evidence::{config_map, everything, webhooks};
use crate::platform;
use diagnosis::{Audit, Auditor, Fact, PodState, Sources};
use text::shortened;

/// How long a round may take.
const LONGEST: Duration = Duration::from_mins(15);
/// After a round that failed, the next one begins no later.
const RETRY: Duration = Duration::from_mins(1);
/// The first round of a new holder begins within this: whoever has just taken over has had enough to do.
const FIRST: Duration = Duration::from_secs(2);
/// Admissions go first.
const NICE: i32 = 10;
/// The most of a page of pods: several times that is in memory while it is read. A pod has 1.5 MiB at most.
const LARGEST: u64 = 8 << 20;
/// How much of what could not be looked at is said.
const NOTE_BYTES: usize = 400;

/// Audits whenever `leads` is true, until `stop` is.
pub(super) async fn run(
    asked: Arc<Asked>,
    shared: Arc<Shared>,
    mut leads: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let rounds = async {
        let mut next = Instant::now();
        let mut log = Log::default();
        // It ends with the task that knows who holds the Lease.
        while leads.wait_for(|leads| *leads).await.is_ok() {
            next = next.max(Instant::now() + FIRST.mul_f64(fastrand::f64()));
            // Each only waits: a round that is cut short is of no use to anybody.
            tokio::select! {
                () = one_after_the_other(&asked, &shared, &mut next, &mut log) => {}
                lost = leads.wait_for(|leads| !*leads) => if lost.is_err() { return },
            }
        }
    };
    tokio::select! {
        () = rounds => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn one_after_the_other(
    asked: &Arc<Asked>,
    shared: &Shared,
    next: &mut Instant,
    log: &mut Log,
) {
    loop {
        sleep_until(*next).await;
        let begun = Instant::now();
        let interval = shared.interval();
        // Should this one be cut short, and the Lease come back at once.
        *next = begun + interval.min(RETRY);
        let Some(term) = shared.term() else {
            // The Lease is lost, which whoever runs this learns in a moment.
            continue;
        };
        let ended = timeout(LONGEST, on_its_own_thread(asked)).await;
        let took = begun.elapsed();
        let failed = match ended {
            Ok(Ok(audit)) => {
                let audit = &audit;
                *next = begun + interval.mul_f64(0.95 + 0.1 * fastrand::f64());
                take(asked, shared, term, audit, took, log);
                None
            }
            Ok(Err(why)) => Some(why),
            Err(_) => Some("it took longer than 15 minutes; check the API server".to_owned()),
        };
        if let Some(why) = failed {
            *next = Instant::now() + interval.min(RETRY).mul_f64(0.9 + 0.2 * fastrand::f64());
            if log.is_new(&why) {
                tracing::warn!(error = why, "audit round failed");
            }
            shared.not_completed(
                term,
                RoundResult::Failed,
                format!("audit round failed: {why}").into(),
            );
        }
        // At least half of the time is free of it.
        *next = (*next).max(Instant::now() + took);
    }
}

fn take(asked: &Asked, shared: &Shared, term: u64, audit: &Audit, took: Duration, log: &mut Log) {
    let count = |state| audit.states.get(&state).copied().unwrap_or_default();
    let unknown = count(PodState::Unknown);
    let wrong: usize = PodState::ALL.into_iter().filter(|it| it.is_wrong()).map(count).sum();
    let (pods, seconds) = (audit.pods, took.as_secs_f64());
    if audit.incomplete {
        let why = shortened(&audit.notes.join("; "), NOTE_BYTES);
        if log.is_new(&why) {
            tracing::warn!(pods, error = %why, "audit round incomplete");
        }
        let why = format!("audit round incomplete: {why}").into();
        return shared.not_completed(term, RoundResult::Incomplete, why);
    }
    log.is_new("");
    tracing::info!(pods, wrong, unknown, seconds, "audit round complete");
    let ended = asked.clock.as_ref().and_then(ServerClock::now).unwrap_or_else(Timestamp::now);
    let states = PodState::ALL.into_iter().map(|state| (state, count(state))).collect();
    shared.completed(term, CompleteRound { ended, took, pods, states });
}

/// Says the same thing once.
#[derive(Debug, Default)]
struct Log(String);

impl Log {
    fn is_new(&mut self, text: &str) -> bool {
        let is_new = self.0 != text;
        text.clone_into(&mut self.0);
        is_new
    }
}

/// Runs a round where it is in nobody's way: reading a page of pods takes a processor for as long as thousands of
/// admissions do. Dropped, it ends with the page that it reads.
async fn on_its_own_thread(asked: &Arc<Asked>) -> Result<Audit, String> {
    let (asked, runtime) = (Arc::clone(asked), Handle::current());
    let (done, ended) = oneshot::channel();
    let (alive, dropped) = oneshot::channel::<()>();
    let round = move || {
        platform::step_back(NICE);
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = round(&asked) => ended,
                _ = dropped => Err("it was cut short".to_owned()),
            }
        });
        // Nobody may be waiting any more.
        let _ = done.send(ended);
    };
    let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(round);
    if let Err(error) = thread {
        return Err(format!("failed to start a thread: {error}"));
    }
    let ended = ended.await;
    drop(alive);
    ended.unwrap_or_else(|_| {
        Err("it panicked; please report this bug with the log before it".to_owned())
    })
}

/// What the audit command does, with the settings that this webhook itself has.
async fn round(asked: &Asked) -> Result<Audit, String> {
    let Asked { client, settings, accounts, config_map_in, .. } = asked;
    let client = &limited(client.clone(), LARGEST);
    let webhooks = webhooks(client).await;
    let config_map = match config_map_in {
        // Without the right to it, the webhook does without it.
        Some(home) if accounts.heeds_config_map() => config_map(client, home).await,
        _ => Fact::NotAsked,
    };
    let container_credentials = accounts.container_credentials();
    let container_credentials = container_credentials.map_or(Fact::NotAsked, Fact::Known);
    let sources = Sources { webhooks, config_map, container_credentials };
    let mut auditor = Auditor::new(&sources, settings).counting();
    let listed = everything(client, None, &mut auditor, &mut |_| {}).await;
    listed.map_err(|error| error.to_string())?;
    Ok(auditor.finish())
}
