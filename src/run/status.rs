//! What the status page shows, gathered from the parts that know it.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use status_page::{
    Audit, Certificates, Clock, Condition, Held, Hour, LastHour, Lifetime, PodsOfState, Replica,
    Round, Sources, Status, Watch,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::api_server::clock::{self, ServerClock};
use crate::api_server::watch::SILENCE;
use crate::certificate_controller::Stats;
use crate::continuous_audit::ContinuousAudit;
use crate::identity_sources::ServiceAccounts;
use crate::platform;
use crate::server::{self, Metrics, Readiness, RecentWarnings, SECONDS};
use crate::tls::clients::ClientVerifier;
use crate::tls::resolver::CertificateResolver;
use diagnosis::PodState;

/// How often the counters are sampled, for the last hour.
const SAMPLE_INTERVAL: Duration = Duration::from_mins(1);

/// The parts that are asked when somebody asks for the page: none of them waits for anything.
#[derive(Debug)]
pub(super) struct StatusPage {
    pub(super) readiness: Arc<Readiness>,
    pub(super) resolver: Arc<CertificateResolver>,
    /// Of managed certificates, where they are managed.
    pub(super) managed: Option<Arc<Stats>>,
    pub(super) clients: Option<Arc<ClientVerifier>>,
    pub(super) clock: Option<ServerClock>,
    pub(super) accounts: ServiceAccounts,
    /// Whether there is a file of container credentials.
    pub(super) container_credentials: bool,
    pub(super) metrics: Arc<Metrics>,
    pub(super) warnings: Arc<RecentWarnings>,
    pub(super) names: bool,
    pub(super) replica: Replica,
    pub(super) audit: Option<ContinuousAudit>,
    pub(super) past: Past,
}

/// What the counters were in the last hour.
#[derive(Debug)]
pub(super) struct Past {
    started: Instant,
    hour: Mutex<Hour>,
}

impl Past {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), hour: Mutex::new(Hour::new(&SECONDS)) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hour) -> T) -> T {
        // Whole at any time: a sample is put in at once.
        act(&mut self.hour.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StatusPage {
    /// The page as it is now.
    pub(super) fn html(&self) -> String {
        status_page::html(&self.status())
    }

    /// Samples the counters for ever.
    pub(super) async fn sample(&self) -> Infallible {
        let mut ticks = interval(SAMPLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (at, counts) = (self.past.started.elapsed(), self.metrics.counts());
            self.past.with(|hour| hour.sample(at, counts));
        }
    }

    fn status(&self) -> Status {
        let known = self.clock.as_ref().and_then(ServerClock::now);
        let now = known.unwrap_or_else(Timestamp::now);
        Status {
            version: env!("CARGO_PKG_VERSION"),
            replica: self.replica.clone(),
            now,
            uptime: self.past.started.elapsed(),
            conditions: self.conditions(),
            certificates: self.certificates(),
            clock: self.clock(),
            sources: self.sources(),
            hour: self.hour(),
            audit: self.audit.as_ref().map(|audit| audited(audit, now)),
            warnings: self.warnings.seen(),
            names: self.names,
        }
    }

    fn conditions(&self) -> Vec<Condition> {
        let conditions = server::Condition::ALL.into_iter();
        let conditions = conditions.map(|condition| Condition {
            name: condition.as_str(),
            reason: self.readiness.reason(condition).map(|reason| reason.to_string()),
        });
        conditions.collect()
    }

    fn certificates(&self) -> Certificates {
        let serving = self.resolver.validity().and_then(lifetime);
        let authority = match &self.managed {
            None => Held::NotUsed,
            Some(stats) => held(stats.authority_validity().map(|(not_before, not_after)| {
                Lifetime { not_before: Some(not_before), not_after }
            })),
        };
        let clients = match &self.clients {
            None => Held::NotUsed,
            Some(verifier) => held(verifier.authorities_validity().and_then(lifetime)),
        };
        Certificates { serving: held(serving), authority, clients }
    }

    fn clock(&self) -> Clock {
        let Some(clock) = &self.clock else { return Clock::NoCluster };
        let Some(offset) = clock.offset() else { return Clock::NotKnown };
        let (text, is_warning) = clock::in_words(Some(offset));
        Clock::Offset { offset: offset.median, text, is_warning }
    }

    fn sources(&self) -> Sources {
        let (stats, watch) = (self.accounts.stats(), self.accounts.watch());
        let live = stats.live_gets;
        Sources {
            listed: self.accounts.is_listed(),
            known: count(stats.known),
            with_role: count(stats.with_role),
            watch: self.accounts.is_watched().then(|| Watch {
                connected: watch.is_connected(),
                silent_for: watch.last_event_age(),
                silence: SILENCE,
                last_failure: watch.last_failure().map(|failure| failure.to_string()),
            }),
            config_map: self.accounts.config_map_state(),
            config_map_entries: count(stats.config_map_entries),
            container_credentials: self
                .container_credentials
                .then(|| count(stats.container_credentials_keys)),
            from_memory: stats.hits,
            live: live.with_role + live.without_role + live.not_found + live.failed,
            failed: live.failed,
            waiting: stats.waiting,
        }
    }

    fn hour(&self) -> LastHour {
        let (at, counts) = (self.past.started.elapsed(), self.metrics.counts());
        self.past.with(|hour| hour.last(at, &counts))
    }
}

/// How the audit stands at this time by the API server's clock.
fn audited(audit: &ContinuousAudit, now: Timestamp) -> Audit {
    let status = audit.status();
    let age =
        |now: Timestamp, then| Duration::try_from(now.duration_since(then)).unwrap_or_default();
    Audit {
        interval: status.interval,
        is_holder: status.holds_lease,
        last: status.last_complete.map(|round| Round {
            age: age(now, round.ended),
            took: round.took,
            states: PodState::ALL
                .map(|state| PodsOfState {
                    state: state.as_str(),
                    is_wrong: state.is_wrong(),
                    pods: count(round.states.get(&state).copied().unwrap_or_default()),
                })
                .to_vec(),
        }),
        // Failures are dated by this node's clock.
        failure: status
            .last_failure
            .map(|failure| (age(Timestamp::now(), failure.at), failure.why.to_string())),
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The pod where its name was given, else the machine, which is named as the pod unless it has the host's network.
pub(super) fn replica(pod_name: Option<&str>) -> Replica {
    let host = platform::host_name();
    match pod_name {
        Some(name) => Replica::Pod(name.to_owned()),
        None if host.is_empty() => Replica::NotKnown,
        None => Replica::Host(host),
    }
}

fn held(lifetime: Option<Lifetime>) -> Held {
    lifetime.map_or(Held::NotKnown, Held::For)
}

/// Of seconds since the Unix epoch; none where they are beyond what a time can be.
fn lifetime(validity: RangeInclusive<u64>) -> Option<Lifetime> {
    let time = |seconds: u64| Timestamp::from_second(i64::try_from(seconds).ok()?).ok();
    Some(Lifetime { not_before: time(*validity.start()), not_after: time(*validity.end())? })
}
