//! The certificate that is served: from files, or managed in the cluster.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use kube::Client;
use tokio::sync::watch;

use super::scrape;
use crate::config;
use crate::server::{Condition, Readiness};
use crate::telemetry::metrics::Metrics;
use crate::tls::managed::{ManagedCertificates, Manager, Settings, Status, certified_key};
use crate::tls::reload::Reloader;
use crate::tls::resolver::CertificateResolver;
use crate::watched_file;
use certificates::Leaf;

/// Keeps the resolver and the readiness true.
#[derive(Debug)]
pub(super) struct Certificate {
    resolver: Arc<CertificateResolver>,
    readiness: Arc<Readiness>,
    source: Source,
    held: watch::Sender<bool>,
}

#[derive(Debug)]
enum Source {
    Files(Box<Reloader>),
    Managed(Box<Manager>, ManagedCertificates),
}

impl Certificate {
    /// Reads the files, where the certificate is in files: without a pair that
    /// can be served there is no point in starting.
    pub(super) async fn open(
        wanted: &config::Certificate,
        client: Option<&Client>,
        resolver: Arc<CertificateResolver>,
        readiness: Arc<Readiness>,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        let (held, _) = watch::channel(false);
        let source = match wanted {
            config::Certificate::Files(paths) => {
                let mut reloader = Reloader::new(paths.clone(), Arc::clone(&resolver));
                reloader.load().await?;
                held.send_replace(true);
                scrape::reloads(metrics, reloader.stats());
                Source::Files(Box::new(reloader))
            }
            config::Certificate::Managed { params, configurations } => {
                let client = client.context("certificates are managed in a cluster alone")?;
                let settings =
                    Settings { params: params.clone(), configurations: configurations.clone() };
                let (manager, outcome) = Manager::new(client.clone(), settings);
                scrape::managed(metrics, Arc::clone(&outcome.stats));
                Source::Managed(Box::new(manager), outcome)
            }
        };
        Ok(Self { resolver, readiness, source, held })
    }

    /// Becomes true when there is one to serve.
    pub(super) fn held(&self) -> watch::Receiver<bool> {
        self.held.subscribe()
    }

    /// Keeps it until dropped.
    pub(super) async fn keep(self) -> Infallible {
        let Self { resolver, readiness, source, held } = self;
        match source {
            Source::Files(reloader) => {
                tokio::join!(
                    reloader.run(watched_file::INTERVAL),
                    watch_validity(&resolver, &readiness)
                );
            }
            Source::Managed(manager, ManagedCertificates { leaf, status, .. }) => {
                tokio::join!(
                    manager.run(),
                    follow_leaf(leaf, &resolver, &held),
                    follow_status(status, &readiness),
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
    held: &watch::Sender<bool>,
) {
    loop {
        let leaf = leaves.borrow_and_update().clone();
        match leaf.as_deref().map(certified_key) {
            Some(Ok(pair)) => {
                resolver.swap(pair);
                held.send_replace(true);
            }
            // The manager has checked it: this would be a bug of ours.
            Some(Err(error)) => tracing::error!(%error, "the managed certificate is not served"),
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

/// A certificate from files is somebody else's to renew: say when they did not.
async fn watch_validity(resolver: &CertificateResolver, readiness: &Readiness) {
    let mut ticks = watched_file::ticks(watched_file::INTERVAL);
    loop {
        ticks.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match resolver.validity() {
            Some(validity) if now > *validity.end() => readiness.fail(
                Condition::Certificate,
                format!("the certificate expired {} s ago: renew --tls-cert", now - validity.end()),
            ),
            Some(validity) if now < *validity.start() => readiness.fail(
                Condition::Certificate,
                format!(
                    "the certificate is not valid for another {} s: check this node's clock, or \
                     issue --tls-cert anew",
                    validity.start() - now
                ),
            ),
            _ => readiness.meet(Condition::Certificate),
        }
    }
}
