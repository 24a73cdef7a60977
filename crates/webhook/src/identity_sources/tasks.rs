//! What keeps the memory up to date, beside the lookups.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::config_map::{ConfigMapEntries, Known};
use super::container_credentials::ContainerCredentialsFile;
use super::events::{Events, Report};
use super::files::{self, Files, FilesError};
use super::flights::Flights;
use super::index::{Index, Uid};
use super::lookup::Lookups;
use super::slots::Slots;
use super::watch::EventHandler;
use super::wrong::Wrong;
use super::{DebugClient, EventSending, Inner, Options, ServiceAccounts, Source, watch};
use crate::api_server::watch::WatchState;
use injection::identity::{Key, Manifests};

/// The tasks of a [`ServiceAccounts`]. Dropped, they stop.
#[must_use = "without them nothing is ever known"]
pub struct Tasks(Vec<(&'static str, BoxFuture<'static, ()>)>);

/// They run for as long as the program does.
#[derive(Debug, thiserror::Error)]
#[error("the task that {task} ended: {why}; please report this bug with the log before it")]
pub struct TaskEnded {
    task: &'static str,
    why: String,
}

/// How long the first list waits for the time. A few answers tell it.
const FIRST_TIME: Duration = Duration::from_secs(2);

/// What is not there yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    pub(super) service_accounts: bool,
    pub(super) config_map: bool,
}

impl Pending {
    pub(super) fn words(self) -> Vec<&'static str> {
        let accounts = self.service_accounts.then_some("the first list of ServiceAccounts");
        let config_map = self.config_map.then_some("the ConfigMap's first answer");
        accounts.into_iter().chain(config_map).collect()
    }
}

impl Tasks {
    /// Runs them, each as a task of its own. Cancel-safe: dropping this stops
    /// them all.
    ///
    /// # Errors
    /// When one of them ends, which none should: a webhook that no longer
    /// learns of changes had better be restarted.
    pub async fn run(self) -> Result<std::convert::Infallible, TaskEnded> {
        let mut running = JoinSet::new();
        let mut names = HashMap::new();
        for (name, task) in self.0 {
            names.insert(running.spawn(task).id(), name);
        }
        let (id, why) = match running.join_next_with_id().await {
            Some(Ok((id, ()))) => (id, "it returned".to_owned()),
            Some(Err(error)) => (error.id(), error.to_string()),
            None => return std::future::pending().await,
        };
        let task = names.get(&id).copied().unwrap_or_default();
        Err(TaskEnded { task, why })
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

pub(super) async fn start(options: Options) -> Result<(ServiceAccounts, Tasks), FilesError> {
    let now = Instant::now().into_std();
    let (mut files, mut manifests) = (None, None);
    let slots = Slots::default();
    let (client, lookups) = match options.source {
        Source::Cluster(client) => {
            let index = Index::new(options.fresh_window, now);
            let ask = watch::ask(client.clone(), options.reader.clone());
            (Some(client), Lookups::live(index, ask, options.lookup_timeout, slots.clone()))
        }
        Source::Files(path) => {
            let mut read = Files::new(path);
            let first = read.poll().await.transpose()?.unwrap_or_default();
            manifests = Some(first);
            files = Some(read);
            (None, Lookups::from_memory(Index::new(Duration::ZERO, now)))
        }
        Source::Manifests(read) => {
            manifests = Some(read);
            (None, Lookups::from_memory(Index::new(Duration::ZERO, now)))
        }
    };
    let pending = Pending {
        service_accounts: client.is_some(),
        config_map: client.is_some() && options.watch_config_map,
    };
    let known = if pending.config_map { Known::Unanswered } else { Known::Off };
    let account = options.reader.account().cloned();
    let (events, reports) = Events::new();
    let inner = Arc::new(Inner {
        lookups: Arc::new(lookups),
        config_map: Arc::new(ConfigMapEntries::new(options.namespace, account, known)),
        config_map_flights: Flights::new(slots.clone()),
        slots,
        container_credentials: ContainerCredentialsFile::default(),
        lists_container_credentials: options.container_credentials.is_some(),
        reader: options.reader,
        client: client.clone().map(DebugClient),
        lookup_timeout: options.lookup_timeout,
        watch: Arc::new(WatchState::new(options.watch_silence)),
        config_map_watch: Arc::new(WatchState::new(options.watch_silence)),
        events,
        clock: options.clock,
        files_errors: AtomicU64::new(0),
        pending: tokio::sync::watch::Sender::new(pending),
    });

    let mut tasks: Vec<(_, BoxFuture<'static, ()>)> = Vec::new();
    let interval = options.poll_interval;
    if let Some(manifests) = manifests {
        inner.take(&manifests);
    }
    if let Some(files) = files {
        tasks.push(("reads the files", Arc::clone(&inner).follow_files(files, interval).boxed()));
    }
    if let Some(path) = options.container_credentials {
        let file = inner.container_credentials.begin(path).await;
        let inner = Arc::clone(&inner);
        let follow = async move { inner.container_credentials.follow(file, interval).await };
        tasks.push(("reads the container credentials file", follow.boxed()));
    }
    if let Some(client) = client {
        let sends = !matches!(options.events, EventSending::Never);
        let task = Arc::clone(&inner).watch(client.clone(), sends);
        tasks.push(("watches ServiceAccounts", task.boxed()));
        if options.watch_config_map {
            let task = Arc::clone(&inner).watch_config_map(client.clone());
            tasks.push(("watches the ConfigMap", task.boxed()));
        }
        let task = Arc::clone(&inner).send_events(client, reports, options.events);
        tasks.push(("sends Events", task.boxed()));
    }
    Ok((ServiceAccounts { inner }, Tasks(tasks)))
}

impl Inner {
    async fn watch(self: Arc<Self>, client: kube::Client, sends: bool) {
        let listed = || {
            let is_first = self
                .pending
                .send_if_modified(|pending| std::mem::take(&mut pending.service_accounts));
            if is_first {
                let known = self.lookups.index().known();
                tracing::info!(service_accounts = known, "loaded ServiceAccounts");
            }
        };
        // Without the time, all of the first list counts as new.
        if let Some(clock) = &self.clock {
            let mut known = clock.known();
            let _ = timeout(FIRST_TIME, known.wait_for(|known| *known)).await;
        }
        let handler = EventHandler {
            reader: &self.reader,
            lookups: &self.lookups,
            events: sends.then_some(&self.events),
            clock: self.clock.as_ref(),
        };
        watch::watch(client, handler, &self.watch, listed).await;
    }

    async fn send_events(
        self: Arc<Self>,
        client: kube::Client,
        reports: mpsc::Receiver<Report>,
        sending: EventSending,
    ) {
        match sending {
            EventSending::Never => {}
            EventSending::Always => return self.events.send(&client, reports).await,
            EventSending::While(allowed) => {
                let wrong = Wrong {
                    client: &client,
                    reader: &self.reader,
                    lookups: &self.lookups,
                    limit: self.lookup_timeout,
                };
                return self.events.send_while(&client, reports, allowed, wrong).await;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn watch_config_map(self: Arc<Self>, client: kube::Client) {
        let changed = || {
            let is_answered = !matches!(**self.config_map.known(), Known::Unanswered);
            self.pending
                .send_if_modified(|pending| is_answered && std::mem::take(&mut pending.config_map));
        };
        self.config_map.watch(client, &self.config_map_watch, changed).await;
    }

    async fn follow_files(self: Arc<Self>, mut files: Files, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            match files.poll().await {
                Some(Ok(manifests)) => self.take(&manifests),
                Some(Err(error)) => {
                    self.files_errors.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "failed to load ServiceAccounts, keeping the previous ones");
                }
                None => {}
            }
        }
    }

    fn take(&self, manifests: &Manifests) {
        let now = Instant::now().into_std();
        {
            // As one step: nobody sees half of them.
            let mut index = self.lookups.index_mut();
            index.begin_list();
            for manifest in &manifests.service_accounts {
                let key = Key { namespace: &manifest.namespace, name: &manifest.name };
                let annotations = manifest.annotations.iter();
                let read = self.reader.read(annotations.map(|(k, v)| (k.as_str(), v.as_str())));
                for warning in read.iter().flat_map(|read| &read.warnings) {
                    let kind = warning.kind.as_str();
                    tracing::warn!(service_account = %key, kind, %warning, "problem in a ServiceAccount");
                }
                index.list_item(key, (read.map(Arc::new), Uid::default()), None, now);
            }
            index.finish_list();
        }
        let namespace = self.config_map.namespace();
        let config_map = files::config_map(manifests, namespace);
        self.config_map.take(config_map.and_then(|found| found.config.as_deref()));
        tracing::info!(
            service_accounts = manifests.service_accounts.len(),
            config_map = config_map.is_some(),
            "loaded ServiceAccounts"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn says_which_task_ended_and_why() {
        let others = || ("runs", std::future::pending().boxed());
        for (task, said) in [
            (async { panic!("as a bug would") }.boxed(), "panicked"),
            (async {}.boxed(), "it returned"),
        ] {
            let ended = Tasks(vec![others(), ("breaks", task)]).run().await;
            let error = ended.map(|_| ()).expect_err("one ended").to_string();
            assert!(error.contains("breaks") && error.contains(said), "{error}");
        }
    }

    #[tokio::test]
    async fn stops_them_all_when_dropped() {
        let (alive, dropped) = tokio::sync::oneshot::channel::<()>();
        let task = async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        let running = tokio::spawn(Tasks(vec![("runs", task.boxed())]).run());
        tokio::task::yield_now().await;
        running.abort();
        dropped.await.expect_err("its other end is dropped with the task");
    }
}
