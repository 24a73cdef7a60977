//! The certificate that is served: from files, or managed in the cluster.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;

use crate::api_server::clock::{self, ServerClock};
use crate::certificate_controller::{
    self, ManagedCertificates, Manager, ManagerSettings, Stats, Status, certified_key,
};
use crate::config;
use crate::server::{Condition, Readiness, Remark};
use crate::telemetry::metrics::Registry;
use crate::tls;
use crate::tls::reload::Reloader;
use crate::tls::resolver::CertificateResolver;
use crate::watched_file;
use certificates::Leaf;

/// Keeps the resolver and the readiness up to date.
#[derive(Debug)]
pub(super) struct Certificate {
    resolver: Arc<CertificateResolver>,
    readiness: Arc<Readiness>,
    source: Source,
    available: watch::Sender<bool>,
}

#[derive(Debug)]
enum Source {
    /// With a cluster, its clock counts.
    Files(Box<Reloader>, Option<Cluster>),
    Managed(Box<Manager>, ManagedCertificates, ServerClock),
}

/// A client whose answers tell the time, and that time.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) clock: ServerClock,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the files, where the certificate is in files: without a pair that
    /// can be served there is no point in starting.
    pub(super) async fn open(
        wanted: &config::Certificate,
        cluster: Option<&Cluster>,
        resolver: Arc<CertificateResolver>,
        readiness: Arc<Readiness>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let (available, _) = watch::channel(false);
        let source = match wanted {
            config::Certificate::Files(paths) => {
                let mut reloader = Reloader::new(paths.clone(), Arc::clone(&resolver));
                reloader.load().await?;
                available.send_replace(true);
                tls::metrics::register(registry, Arc::clone(&resolver), reloader.reloads())?;
                certificate_controller::register(registry, None)?;
                Source::Files(Box::new(reloader), cluster.cloned())
            }
            config::Certificate::Managed { params, configurations } => {
                let Cluster { client, clock } = cluster
                    .context("managed certificates need a cluster; set --in-cluster=false")?;
                let settings = ManagerSettings {
                    params: params.clone(),
                    configurations: configurations.clone(),
                };
                let (manager, outcome) = Manager::new(client.clone(), clock.clone(), settings);
                tls::metrics::register(registry, Arc::clone(&resolver), &Arc::default())?;
                certificate_controller::register(registry, Some(&outcome))?;
                Source::Managed(Box::new(manager), outcome, clock.clone())
            }
        };
        Ok(Self { resolver, readiness, source, available })
    }

    /// What is known of managed certificates, where they are managed.
    pub(super) fn managed(&self) -> Option<Arc<Stats>> {
        match &self.source {
            Source::Files(..) => None,
            Source::Managed(_, managed, _) => Some(Arc::clone(&managed.stats)),
        }
    }

    /// Becomes true when there is one to serve.
    pub(super) fn available(&self) -> watch::Receiver<bool> {
        self.available.subscribe()
    }

    /// Keeps it until dropped.
    pub(super) async fn keep(self) -> Infallible {
        let Self { resolver, readiness, source, available } = self;
        match source {
            Source::Files(reloader, cluster) => {
                let clock = cluster.as_ref().map(|cluster| &cluster.clock);
                tokio::join!(
                    reloader.run(watched_file::INTERVAL),
                    watch_validity(&resolver, &readiness, clock),
                    keep_clock(cluster.as_ref()),
                    remark_on_clock(clock, &readiness),
                );
            }
            Source::Managed(manager, ManagedCertificates { leaf, status, .. }, clock) => {
                tokio::join!(
                    manager.run(),
                    follow_leaf(leaf, &resolver, &available),
                    follow_status(status, &readiness),
                    remark_on_clock(Some(&clock), &readiness),
                );
            }
        }
        // None of them returns while this is awaited.
        std::future::pending().await
    }
}

/// Serves each leaf that the manager hands out.
async fn follow_leaf(
    mut leaves: watch::Receiver<Option<Arc<Leaf>>>,
    resolver: &CertificateResolver,
    available: &watch::Sender<bool>,
) {
    loop {
        let leaf = leaves.borrow_and_update().clone();
        match leaf.as_deref().map(certified_key) {
            Some(Ok(pair)) => {
                resolver.swap(pair);
                available.send_replace(true);
            }
            // The manager has checked it: this would be a bug of ours.
            Some(Err(error)) => tracing::error!(%error, "failed to serve managed certificate"),
            None => resolver.clear(),
        }
        if leaves.changed().await.is_err() {
            return;
        }
    }
}

async fn follow_status(mut status: watch::Receiver<Status>, readiness: &Readiness) {
    loop {
        let now = status.borrow_and_update().clone();
        if now.ready {
            readiness.meet(Condition::Certificate);
        } else {
            readiness.fail(Condition::Certificate, now.to_string());
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn keep_clock(cluster: Option<&Cluster>) {
    if let Some(Cluster { client, clock }) = cluster {
        match clock.keep(client.clone()).await {}
    }
}

/// Has `readyz?verbose` say how the clocks are.
async fn remark_on_clock(clock: Option<&ServerClock>, readiness: &Readiness) {
    let Some(clock) = clock else { return };
    let mut ticks = watched_file::ticks(watched_file::INTERVAL);
    let mut known = clock.known();
    loop {
        // Each only waits, so the one that loses loses nothing.
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = known.changed() => {}
        }
        let (text, is_warning) = clock::in_words(clock.offset());
        readiness.remark_on_clock(Remark { text, is_warning });
    }
}

/// A certificate from files is somebody else's to renew: say when they did not.
/// By the API server's clock, which verifies it, where that is known.
async fn watch_validity(
    resolver: &CertificateResolver,
    readiness: &Readiness,
    clock: Option<&ServerClock>,
) {
    let mut ticks = watched_file::ticks(watched_file::INTERVAL);
    loop {
        ticks.tick().await;
        let known = clock.and_then(ServerClock::now);
        let now = known.unwrap_or_else(Timestamp::now).as_second();
        let now = u64::try_from(now).unwrap_or_default();
        let whose = if known.is_some() { "the API server's" } else { "this node's" };
        match resolver.validity() {
            Some(validity) if now > *validity.end() => readiness.fail(
                Condition::Certificate,
                format!(
                    "the certificate expired {} s ago by {whose} clock; renew --tls-cert",
                    now - validity.end()
                ),
            ),
            Some(validity) if now < *validity.start() => readiness.fail(
                Condition::Certificate,
                format!(
                    "the certificate is not valid for another {} s by {whose} clock; correct that \
                     clock, or issue a new certificate for --tls-cert",
                    validity.start() - now
                ),
            ),
            _ => readiness.meet(Condition::Certificate),
        }
    }
}
