//! Watch, index and lookups against a model of an API server in paused time:
//! the same seed gives the same run.
//!
//! `SIMULATION_SEED=7 cargo test --lib simulation -- --nocapture` shows the run of
//! one seed, `SIMULATION_RUNS=10000` makes more runs than usual.

#![allow(clippy::print_stdout, reason = "the trace of a run, for those who debug it")]

mod server;

use tokio::time::Instant;

use super::*;
use server::{CALM, Kind, Name, World};

/// Seeds of an ordinary run.
const RUNS: u64 = 200;
/// How long it is stormy in one run.
const STORM: Duration = Duration::from_mins(1);
const WINDOW: Duration = Duration::from_secs(10);
const LIMIT: Duration = SECOND;

#[test]
fn answers_as_promised_whatever_the_api_server_does() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        println!("{}", run(seed).join("\n"));
        return;
    }
    for seed in 0..variable("SIMULATION_RUNS").unwrap_or(RUNS) {
        run(seed);
    }
}

#[test]
fn runs_the_same_way_for_the_same_seed() {
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The trace of a run.
fn run(seed: u64) -> Vec<String> {
    // That of the backoff's jitter.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let (trace, wrong) = runtime.block_on(simulate(seed));
    if !wrong.is_empty() {
        println!("{}", trace.join("\n"));
        panic!("SIMULATION_SEED={seed}: {}", wrong.join("\n"));
    }
    trace
}

async fn simulate(seed: u64) -> (Vec<String>, Vec<String>) {
    let tasks = alive_tasks();
    let world = World::new(seed);
    let options = Options {
        watch_config_map: true,
        lookup_timeout: LIMIT,
        fresh_window: WINDOW,
        ..options(Source::Cluster(world.client()))
    };
    let (accounts, running) = super::api_server::started(options).await;
    let mut judge = Judge { world, accounts, wrong: Vec::new(), answered: 0 };
    judge.storm().await;
    judge.calm().await;
    let Judge { world, accounts, mut wrong, answered } = judge;
    if answered < 20 {
        wrong.push(format!("only {answered} lookups were answered"));
    }
    let stats = accounts.stats();
    let left = (stats.waiting, stats.queue.waiting, stats.queue.slots_taken);
    let inner = &accounts.inner;
    let forgotten = inner.lookups.is_idle() && inner.config_map_flights.is_empty();
    if left != (0, 0, 0) || !forgotten {
        wrong.push(format!("left behind: {left:?}, flights forgotten: {forgotten}"));
    }
    drop(accounts);
    running.abort();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    if alive_tasks() != tasks {
        wrong.push(format!("{} tasks are left", alive_tasks() - tasks));
    }
    let trace = std::mem::take(&mut world.state().trace);
    (trace, wrong)
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Changes the world, asks, and compares the answers with what was true.
struct Judge {
    world: Arc<World>,
    accounts: ServiceAccounts,
    wrong: Vec<String>,
    answered: usize,
}

impl Judge {
    async fn storm(&mut self) {
        let end = Instant::now() + STORM;
        let mut asking = tokio::task::JoinSet::new();
        while Instant::now() < end {
            let (step, pause) = {
                let rng = &mut self.world.state().rng;
                let most = if rng.u8(0..4) == 0 { 5000 } else { 200 };
                (rng.u8(0..100), Duration::from_millis(rng.u64(1..=most)))
            };
            match step {
                0..3 => {
                    let weather = self.world.state().random_weather();
                    self.world.change_weather(weather);
                }
                3..6 => self.world.compact(),
                6..10 => self.change_config_map(),
                10..45 => {
                    let name = self.change_service_account();
                    // "Create, annotate, run", and its like.
                    if self.world.state().rng.bool() {
                        asking.spawn(self.ask(name));
                    }
                }
                45..48 => {
                    // A client that leaves.
                    let (asked, patience) = (self.ask(self.some_name()), pause / 10);
                    asking.spawn(async move { timeout(patience, asked).await.ok().flatten() });
                }
                48..54 => {
                    // One that comes and goes where the watch does not look.
                    let name = self.some_name();
                    let role = format!("short-lived-{}", self.world.state().now());
                    self.world.write(Kind::ServiceAccount, &name, Some(Some(role)));
                    self.world.cut();
                    asking.spawn(self.ask(name.clone()));
                    tokio::time::sleep(pause / 20).await;
                    self.world.write(Kind::ServiceAccount, &name, None);
                }
                _ => {
                    let name = self.some_name();
                    let askers = self.world.state().rng.u8(1..4);
                    for _ in 0..askers {
                        asking.spawn(self.ask(name.clone()));
                    }
                }
            }
            tokio::time::sleep(pause).await;
            while let Some(ended) = asking.try_join_next() {
                self.note(ended.expect("no panic"));
            }
        }
        while let Some(ended) = asking.join_next().await {
            self.note(ended.expect("no panic"));
        }
    }

    /// When all is well again, everything is known as it is.
    async fn calm(&mut self) {
        self.world.change_weather(CALM);
        // A watch of the storm may last, and a GET of it hang, for so long.
        tokio::time::sleep(15 * Duration::from_mins(1)).await;
        let (known, count) =
            (self.accounts.stats(), self.world.state().count(Kind::ServiceAccount));
        if (known.known, known.with_role) != count {
            self.wrong.push(format!("in the end {count:?} are known as {known:?}"));
        }
        for _ in 0..2 {
            for name in names() {
                let expected = {
                    let state = self.world.state();
                    let now = state.now();
                    let own = state.at(Kind::ServiceAccount, &name, now);
                    let config_map = state.at(Kind::ConfigMap, &config_map(), now);
                    let role = own.and_then(|own| own.role.clone());
                    role.or_else(|| config_map.and_then(|it| it.role.clone()))
                };
                let lookup = self.accounts.resolve(key(&name.0, &name.1), Caller::default()).await;
                if role(&lookup) != expected.as_deref() {
                    self.wrong.push(format!("in the end {name:?} is {lookup:?}, not {expected:?}"));
                }
            }
            tokio::time::sleep(2 * WINDOW).await;
        }
    }

    fn note(&mut self, ended: Option<Result<(), String>>) {
        self.answered += usize::from(ended.is_some());
        self.wrong.extend(ended.and_then(Result::err));
    }

    fn some_name(&self) -> Name {
        let names = names();
        let at = self.world.state().rng.usize(..names.len());
        names[at].clone()
    }

    fn change_config_map(&self) {
        let (step, now) = {
            let mut state = self.world.state();
            (state.rng.u8(0..4), state.now())
        };
        let to = (step > 0).then(|| (step > 1).then(|| format!("config-map-{now}")));
        self.world.write(Kind::ConfigMap, &config_map(), to);
    }

    fn change_service_account(&self) -> Name {
        let name = self.some_name();
        let (step, now) = {
            let mut state = self.world.state();
            (state.rng.u8(0..10), state.now())
        };
        let role = || Some(Some(format!("role-{now}")));
        let write = |to| self.world.write(Kind::ServiceAccount, &name, to);
        match step {
            0 | 1 => write(None),
            2 | 3 => write(Some(None)),
            4 => {
                write(None);
                write(Some(None));
            }
            5 => {
                write(None);
                write(role());
            }
            6 => {
                write(Some(None));
                write(role());
            }
            _ => write(role()),
        }
        name
    }

    /// One lookup, and what is wrong with its answer.
    fn ask(&self, name: Name) -> impl Future<Output = Option<Result<(), String>>> + Send + 'static {
        let (world, accounts) = (Arc::clone(&self.world), self.accounts.clone());
        let by = self.world.state().rng.u8(0..3);
        async move {
            // Not in the same instant as what was delivered and may not have
            // been taken yet.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let asked = Asked::new(&world, name);
            let caller = Caller::new([10, 0, 0, by].into());
            let lookup = accounts.resolve(key(&asked.name.0, &asked.name.1), caller).await;
            Some(asked.check(&world, &lookup))
        }
    }
}

/// What was true when a lookup began.
struct Asked {
    name: Name,
    begun: Instant,
    version: u64,
    seen: Option<u64>,
    /// With what was delivered in the same instant, before or after.
    seen_now: Option<u64>,
    config_map_seen: Option<u64>,
    is_settled: bool,
}

impl Asked {
    fn new(world: &World, name: Name) -> Self {
        let (state, begun) = (world.state(), Instant::now());
        Self {
            begun,
            version: state.now(),
            seen: state.seen(Kind::ServiceAccount, &name, begun),
            seen_now: state.seen(Kind::ServiceAccount, &name, begun + Duration::from_nanos(1)),
            config_map_seen: state.seen(Kind::ConfigMap, &config_map(), begun),
            is_settled: state.is_settled(&name, begun, WINDOW),
            name,
        }
    }

    fn check(&self, world: &World, lookup: &Lookup) -> Result<(), String> {
        let mut state = world.state();
        let (name, took) = (&self.name, self.begun.elapsed());
        let role = role(lookup);
        let unknown = matches!(lookup.service_account, Observed::Unknown(_));
        let line = format!("{}/{} after {took:?}: {role:?}, unknown: {unknown}", name.0, name.1);
        state.note(&line);
        let state = &*state;
        let wrong = |what: &str| {
            let began = self.begun.elapsed().as_millis();
            Err(format!("{what}: {name:?}, begun {began} ms ago at {}: {lookup:?}", self.version))
        };
        if took > LIMIT {
            return wrong("took longer than the lookup timeout");
        }
        // Before the first list, the answer is that of a GET: of a version
        // since the lookup began, or of a role that others asked for earlier.
        let now = state.now();
        let roles =
            |kind, name, from: Option<u64>| state.roles(kind, name, from.unwrap_or_default(), now);
        let is_known = |seen: Option<u64>| {
            let known = seen.and_then(|seen| state.at(Kind::ServiceAccount, name, seen));
            known.is_some_and(|known| known.role.is_some())
        };
        let answer = match &lookup.service_account {
            Observed::Known(sa) => sa.role.as_ref().map(RoleArn::as_str),
            Observed::Absent => None,
            Observed::Unknown(_) if is_known(self.seen) && is_known(self.seen_now) => {
                return wrong("is known, and should have been answered from memory");
            }
            Observed::Unknown(_) => return Ok(()),
        };
        if !roles(Kind::ServiceAccount, name, self.seen).contains(&answer) {
            return wrong("is older than what the watch had delivered");
        }
        let meanwhile = roles(Kind::ServiceAccount, name, Some(self.version));
        let excused = self.is_settled || state.is_settled(name, Instant::now(), WINDOW);
        if answer.is_none() && !excused && !meanwhile.contains(&None) {
            return wrong("was annotated all the time");
        }
        if answer.is_some() {
            return Ok(());
        }
        let entry = match &lookup.config_map_entry {
            Observed::Known(entry) => entry.role.as_ref().map(RoleArn::as_str),
            Observed::Absent => None,
            Observed::Unknown(_) if self.config_map_seen.is_some() => {
                return wrong("the ConfigMap is known, and should have been taken from memory");
            }
            Observed::Unknown(_) => return Ok(()),
        };
        let from = self.config_map_seen.unwrap_or(self.version);
        if !roles(Kind::ConfigMap, &config_map(), Some(from)).contains(&entry) {
            return wrong("has an older ConfigMap than the watch had delivered");
        }
        Ok(())
    }
}

fn names() -> Vec<Name> {
    let names = [("shop", "app"), ("shop", "db"), ("bank", "app"), ("bank", "db")];
    names.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).into()
}

fn config_map() -> Name {
    ("eks".to_owned(), "pod-identity-webhook".to_owned())
}
