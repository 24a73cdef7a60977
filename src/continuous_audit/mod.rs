//! The audit of all pods, again and again, by one of the replicas: what the `audit` command finds, as numbers.
//!
//! A Lease chooses the replica ([`election`] decides, [`keeper`] asks). The one that holds it runs [`rounds`], and
//! is the one that tells of wrong `ServiceAccount`s by Events.

mod election;
mod keeper;
mod lease;
mod metrics;
mod rounds;
mod status;

use std::fmt;
use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use crate::api_server::clock::ServerClock;
use crate::config::{self, LeaseName};
use crate::identity_sources::ServiceAccounts;
use crate::platform;
use diagnosis::WebhookSettings;
use keeper::Keeper;
use status::Shared;

pub(crate) use status::Status;

/// What an audit is made with.
pub(crate) struct Asked {
    pub(crate) client: Client,
    /// The clock that rounds are dated by: this machine's own without one.
    pub(crate) clock: Option<ServerClock>,
    /// The settings that this webhook runs with: what pods would get.
    pub(crate) settings: WebhookSettings,
    /// The namespace of the `ConfigMap`, where that counts.
    pub(crate) config_map_in: Option<String>,
    pub(crate) accounts: ServiceAccounts,
}

/// A handle on the audit, for whoever shows what it found.
#[derive(Clone, Debug)]
pub(crate) struct ContinuousAudit {
    shared: Arc<Shared>,
}

/// Not started yet: [`run`](Self::run) does.
#[must_use = "without it there is no audit"]
pub(crate) struct AuditTask {
    asked: Arc<Asked>,
    lease: LeaseName,
    identity: String,
    shared: Arc<Shared>,
    leads: watch::Sender<bool>,
}

impl ContinuousAudit {
    /// `leads` becomes true while this replica is the one that tells others: while it holds the
    /// Lease, or where none may be used.
    pub(crate) fn new(
        wanted: &config::ContinuousAudit,
        asked: Asked,
        pod_name: Option<&str>,
        leads: watch::Sender<bool>,
    ) -> (Self, AuditTask) {
        let shared = Arc::new(Shared::new(wanted.interval));
        let (asked, lease) = (Arc::new(asked), wanted.lease.clone());
        let identity = identity(pod_name);
        let task = AuditTask { asked, lease, identity, shared: Arc::clone(&shared), leads };
        (Self { shared }, task)
    }

    /// How it stands now.
    #[must_use]
    pub(crate) fn status(&self) -> Status {
        self.shared.status()
    }

    /// As if this replica held the Lease and had just ended a round that found a pod in each state.
    #[cfg(test)]
    pub(crate) fn pretend(&self) {
        use std::time::Duration;

        use diagnosis::PodState;

        let hour = Duration::from_hours(1);
        self.shared.hold(Some(tokio::time::Instant::now() + hour));
        let term = self.shared.term().expect("it holds the Lease");
        let states = PodState::ALL.map(|state| (state, 1)).into();
        let ended = jiff::Timestamp::UNIX_EPOCH;
        let round = status::CompleteRound { ended, took: hour, pods: 9, states };
        self.shared.completed(term, round);
    }
}

impl AuditTask {
    /// Audits until `stop` becomes true, and gives the Lease back then.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { asked, lease, identity, shared, leads } = self;
        // Whoever is not ready has more urgent questions to the API server.
        tokio::select! {
            () = asked.accounts.listed() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let followed = leads.subscribe();
        let keeper = Keeper::new(asked.client.clone(), lease, identity, Arc::clone(&shared), leads);
        tokio::join!(keeper.run(stop.clone()), rounds::run(asked, shared, followed, stop));
    }
}

/// The pod's name, or else the machine's, and something that no process had before.
fn identity(pod_name: Option<&str>) -> String {
    let name = pod_name.map_or_else(platform::host_name, str::to_owned);
    format!("{name}_{:016x}", fastrand::u64(..))
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuditTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTask").field("lease", &self.lease).finish_non_exhaustive()
    }
}
