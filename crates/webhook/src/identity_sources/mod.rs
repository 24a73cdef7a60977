//! What the cluster says of a `ServiceAccount`, by the time a pod needs it.
//!
//! [`ServiceAccounts::resolve`] answers from memory, which a watch (or files)
//! keeps up to date. Only where that may be too old, it asks the API server.

mod config_map;
mod container_credentials;
mod entries;
mod events;
mod failure;
mod fair_queue;
mod files;
mod flights;
mod index;
mod lookup;
mod metrics;
mod object;
mod slots;
mod stats;
mod tasks;
mod watch;
mod wrong;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use kube::Client;
use tokio::time::{Instant, timeout};

pub use fair_queue::Caller;
pub(crate) use files::FilesError;
pub(crate) use stats::Stats;
pub use tasks::Tasks;

use crate::api_server::clock::ServerClock;
use crate::api_server::watch::WatchState;
use crate::telemetry::traces::Parent;
use config_map::{ConfigMapEntries, Known};
use container_credentials::ContainerCredentialsFile;
use events::Events;
use failure::AskError;
use flights::{Flights, Settled};
use injection::identity::{
    ConfigMapEntry, ConfigMapIdentities, ContainerCredentialsKeys, Key, Lookup, Manifests,
    Observed, ServiceAccount, ServiceAccountReader,
};
use lookup::Lookups;
use slots::Slots;
use tasks::Pending;

/// How [`ServiceAccounts`] are to be kept.
#[derive(Debug)]
pub struct Options {
    pub source: Source,
    pub reader: ServiceAccountReader,
    /// Where the `ConfigMap` is.
    pub namespace: String,
    pub watch_config_map: bool,
    /// The file of `--watch-container-credentials-config`.
    pub container_credentials: Option<PathBuf>,
    /// How long a lookup waits for the API server at most.
    pub lookup_timeout: Duration,
    /// How long after its first sight a `ServiceAccount` without a role is
    /// verified by a live GET.
    pub fresh_window: Duration,
    /// How often files are looked at.
    pub poll_interval: Duration,
    /// How long a watch may bring nothing before it is made anew.
    pub watch_silence: Duration,
    /// Whether Events tell of `ServiceAccounts` that are wrong.
    pub events: EventSending,
    /// The clock that creation times are by: this machine's own without one.
    pub clock: Option<ServerClock>,
}

/// Whether Events are sent.
#[derive(Clone, Debug)]
pub enum EventSending {
    Never,
    Always,
    /// While this is true. Each time that it becomes true, all is told that is wrong then: nobody
    /// knows what another replica got to.
    While(tokio::sync::watch::Receiver<bool>),
}

/// Where `ServiceAccounts` and the `ConfigMap` come from.
pub enum Source {
    Cluster(Client),
    /// A file or a folder. There is nobody to ask: what they don't name is
    /// absent, and their `ConfigMap` counts with or without the flag.
    Files(PathBuf),
    /// What has been read already; the same as files otherwise.
    Manifests(Manifests),
}

/// Who asks, and what the question is traced beneath.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub(crate) caller: Caller,
    pub(crate) trace: Parent,
}

impl From<Caller> for Asker {
    fn from(caller: Caller) -> Self {
        Self { caller, trace: Parent::default() }
    }
}

/// A handle; its copies share one memory.
#[derive(Clone, Debug)]
pub struct ServiceAccounts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lookups: Arc<Lookups>,
    config_map: Arc<ConfigMapEntries>,
    config_map_flights: Flights<Result<Arc<ConfigMapIdentities>, Arc<str>>>,
    container_credentials: ContainerCredentialsFile,
    lists_container_credentials: bool,
    reader: ServiceAccountReader,
    client: Option<DebugClient>,
    lookup_timeout: Duration,
    /// Of all live GETs, those of the `ConfigMap` among them.
    slots: Slots,
    watch: Arc<WatchState>,
    config_map_watch: Arc<WatchState>,
    events: Events,
    clock: Option<ServerClock>,
    files_errors: AtomicU64,
    pending: tokio::sync::watch::Sender<Pending>,
}

impl ServiceAccounts {
    /// Reads the files, if any, and prepares the tasks that keep the memory up
    /// to date. Nothing is asked before they run.
    pub async fn start(options: Options) -> Result<(Self, Tasks), FilesError> {
        tasks::start(options).await
    }

    /// All that is known about the key at this time, where memory is enough to say so.
    pub(crate) fn known(&self, key: Key<'_>, now: Instant) -> Option<Lookup> {
        let container_credentials = self.inner.container_credentials.contains(key);
        let service_account = self.inner.lookups.known(key, now)?;
        let config_map_entry = if decides(&service_account, container_credentials) {
            Observed::Absent
        } else {
            self.known_config_map_entry(key)?
        };
        self.inner.lookups.count_hit();
        Some(Lookup { container_credentials, service_account, config_map_entry })
    }

    /// All that is known about the key. From memory without waiting, where
    /// that is enough. Where it is not, the caller waits in a line of his
    /// own.
    pub async fn resolve(&self, key: Key<'_>, by: impl Into<Asker>) -> Lookup {
        let (begun, by) = (Instant::now(), by.into());
        let container_credentials = self.inner.container_credentials.contains(key);
        let service_account = self.inner.lookups.service_account(key, &by).await;
        let config_map_entry = if decides(&service_account, container_credentials) {
            Observed::Absent
        } else {
            self.config_map_entry(key, &by, begun).await
        };
        Lookup { container_credentials, service_account, config_map_entry }
    }

    /// Whether the `ConfigMap` gives identities: it is asked for, and may be read.
    #[must_use]
    pub fn heeds_config_map(&self) -> bool {
        !matches!(&**self.inner.config_map.known(), Known::Off | Known::Forbidden)
    }

    /// Who gets container credentials, if there is a file that lists them.
    #[must_use]
    pub fn container_credentials(&self) -> Option<ContainerCredentialsKeys> {
        self.inner.lists_container_credentials.then(|| self.inner.container_credentials.keys())
    }

    /// What is not there yet, in words.
    #[must_use]
    pub(crate) fn not_ready(&self) -> Vec<&'static str> {
        self.inner.pending.borrow().words()
    }

    /// Whether the first list of `ServiceAccounts` is complete.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        !self.inner.pending.borrow().service_accounts
    }

    /// Waits until the first list of `ServiceAccounts` is complete. It stays
    /// so: what is known is good while the API server is away.
    pub async fn listed(&self) {
        // It can't fail: this handle holds the sender.
        let _ = self.inner.pending.subscribe().wait_for(|pending| !pending.service_accounts).await;
    }

    /// Waits until the `ConfigMap` was answered for, where it is watched.
    pub async fn config_map_answered(&self) {
        let _ = self.inner.pending.subscribe().wait_for(|pending| !pending.config_map).await;
    }

    fn known_config_map_entry(&self, key: Key<'_>) -> Option<Observed<Arc<ConfigMapEntry>>> {
        match &**self.inner.config_map.known() {
            Known::Entries(entries) => Some(entry_of(entries, key)),
            Known::Off | Known::Forbidden => Some(Observed::Absent),
            Known::Unanswered => self.inner.client.is_none().then_some(Observed::Absent),
        }
    }

    async fn config_map_entry(
        &self,
        key: Key<'_>,
        by: &Asker,
        begun: Instant,
    ) -> Observed<Arc<ConfigMapEntry>> {
        match (self.known_config_map_entry(key), &self.inner.client) {
            (Some(known), _) => known,
            (None, None) => Observed::Absent,
            (None, Some(DebugClient(client))) => {
                match self.ask_config_map(client, by, begun).await {
                    Ok(entries) => entry_of(&entries, key),
                    Err(why) => Observed::Unknown(why),
                }
            }
        }
    }

    /// In what is left of the time that the lookup, begun then, may take.
    async fn ask_config_map(
        &self,
        client: &Client,
        by: &Asker,
        begun: Instant,
    ) -> Result<Arc<ConfigMapIdentities>, Arc<str>> {
        let Inner { config_map, lookup_timeout, config_map_flights, .. } = &*self.inner;
        let limit = lookup_timeout.saturating_sub(begun.elapsed());
        let ask = || {
            let (config_map, client) = (Arc::clone(config_map), client.clone());
            let trace = by.trace.clone();
            async move {
                let late = |_| Err(AskError::Timeout { what: config_map.what(), limit });
                let asked = timeout(limit, config_map.ask(client, trace)).await;
                let answer = asked.unwrap_or_else(late).map_err(|error| error.to_string().into());
                // The entries may be others than those that were read before.
                || Settled::ForEarlier(answer)
            }
        };
        let key = Key { namespace: config_map.namespace(), name: config_map::NAME };
        let answer = config_map_flights.get(key, by.caller, limit, ask).await;
        answer.unwrap_or_else(|why| Err(why.explained(config_map.what(), limit)))
    }
}

fn entry_of(entries: &ConfigMapIdentities, key: Key<'_>) -> Observed<Arc<ConfigMapEntry>> {
    entries.get(key).map_or(Observed::Absent, |entry| Observed::Known(Arc::clone(entry)))
}

/// Whether nobody needs the `ConfigMap`. A role of its own wins over the `ConfigMap`'s, which then counts for
/// container credentials alone; and what might win has to be known first.
fn decides(service_account: &Observed<Arc<ServiceAccount>>, container_credentials: bool) -> bool {
    match service_account {
        Observed::Known(service_account) => {
            service_account.role.is_some() && !container_credentials
        }
        Observed::Unknown(_) => true,
        Observed::Absent => false,
    }
}

/// kube's client tells nothing of itself.
struct DebugClient(Client);

impl std::fmt::Debug for DebugClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster(_) => f.write_str("Cluster"),
            Self::Files(path) => f.debug_tuple("Files").field(path).finish(),
            Self::Manifests(_) => f.write_str("Manifests"),
        }
    }
}

#[cfg(test)]
mod tests;
