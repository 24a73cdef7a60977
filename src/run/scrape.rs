//! What is counted elsewhere, brought into the metrics at each scrape.

use std::sync::Arc;

use jiff::Timestamp;

use crate::api_server::clock::{self, ServerClock};
use crate::certificate_controller::{ManagedCertificates, Operation};
use crate::identity_sources::{ServiceAccounts, WatchStats};
use crate::server::ConnectionStats;
use crate::telemetry::metrics::{
    Ending, EventResult, LiveLookup, LookupRejection, Metrics, Reload, Watched,
};
use crate::tls::reload::ReloadStats;
use crate::tls::resolver::CertificateResolver;
use certificates::Cause;

pub(super) fn service_accounts(metrics: &Metrics, accounts: ServiceAccounts) {
    metrics.on_scrape(move |metrics| {
        let stats = accounts.stats();
        let to = &metrics.accounts;
        to.known.set(gauge(stats.known as u64));
        to.annotated.set(gauge(stats.with_role as u64));
        to.ready.set(i64::from(accounts.is_listed()));
        let gets = stats.live_gets;
        to.live_lookups.raise_to(LiveLookup::Found, gets.with_role + gets.without_role);
        to.live_lookups.raise_to(LiveLookup::NotFound, gets.not_found);
        to.live_lookups.raise_to(LiveLookup::Failed, gets.failed);
        let queue = stats.queue;
        to.live_lookups_queued.set(gauge(queue.waiting as u64));
        to.live_lookups_in_flight.set(gauge(queue.slots_taken as u64));
        to.live_lookup_waits.raise_to(queue.waited);
        to.live_lookup_rejections.raise_to(LookupRejection::QueueFull, queue.full);
        to.live_lookup_rejections.raise_to(LookupRejection::Timeout, queue.timeouts);
        to.events.raise_to(EventResult::Sent, stats.events.sent);
        to.events.raise_to(EventResult::Present, stats.events.present);
        to.events.raise_to(EventResult::Dropped, stats.events.dropped);
        watches(metrics, Watched::ServiceAccounts, std::iter::once(&stats.watch));
        watches(metrics, Watched::ConfigMap, std::iter::once(&stats.config_map_watch));
        to.config_map_entries.set(gauge(stats.config_map_entries as u64));
        to.config_map_errors.raise_to(stats.config_map_errors);
        to.container_credentials_identities.set(gauge(stats.container_credentials_keys as u64));
        let (loads, failed) =
            (stats.container_credentials_loads, stats.container_credentials_errors);
        to.container_credentials_reloads.raise_to(Reload::Loaded, loads);
        to.container_credentials_reloads.raise_to(Reload::Failed, failed);
        metrics.peer.missing_service_accounts.raise_to(gets.not_found);
        if stats.with_role > 0 {
            metrics.peer.used.set(1);
        }
    });
}

pub(super) fn https(
    metrics: &Metrics,
    resolver: Arc<CertificateResolver>,
    connections: Arc<ConnectionStats>,
) {
    metrics.on_scrape(move |metrics| {
        let to = &metrics.https;
        to.certificate_not_after.set(gauge(resolver.not_after().unwrap_or_default()));
        to.open_connections.set(gauge(connections.open()));
        to.accepted_connections.raise_to(connections.accepted());
        to.accept_failures.raise_to(connections.accept_failures());
        for ending in Ending::ALL {
            to.ended_connections.raise_to(ending, connections.ended(ending));
        }
    });
}

pub(super) fn reloads(metrics: &Metrics, reloads: Arc<ReloadStats>) {
    metrics.on_scrape(move |metrics| {
        let to = &metrics.https;
        to.certificate_reloads.raise_to(Reload::Loaded, reloads.succeeded());
        to.certificate_reloads.raise_to(Reload::Failed, reloads.failed());
    });
}

pub(super) fn clock(metrics: &Metrics, clock: ServerClock) {
    metrics.on_scrape(move |metrics| {
        metrics.managed.clock_offset.set(clock::seconds(clock.offset()));
    });
}

pub(super) fn managed(metrics: &Metrics, outcome: &ManagedCertificates) {
    let (stats, held) = (Arc::clone(&outcome.stats), outcome.watches.clone());
    metrics.on_scrape(move |metrics| {
        watches(metrics, Watched::Secret, std::iter::once(&WatchStats::new(&held.secret)));
        let configurations: Vec<_> =
            held.configurations.iter().map(|state| WatchStats::new(state)).collect();
        watches(metrics, Watched::WebhookConfigurations, configurations.iter());
        let to = &metrics.managed;
        to.ca_not_after.set(stats.authority_ends().map_or(0, Timestamp::as_second));
        let changes = stats.changes();
        for cause in Cause::ALL {
            to.changes.raise_to(cause, changes.get(cause.as_str()).copied().unwrap_or_default());
        }
        to.repairs.raise_to(stats.repairs());
        let failures = stats.failures();
        for operation in Operation::ALL {
            let failed = failures.get(operation.as_str()).copied().unwrap_or_default();
            to.failures.raise_to(operation, failed);
        }
    });
}

/// Those of one kind, of which there may be none: together, and the age of the one that was silent longest.
fn watches<'a>(
    metrics: &Metrics,
    watched: Watched,
    all: impl Iterator<Item = &'a WatchStats> + Clone,
) {
    let to = &metrics.watches;
    to.relists.raise_to(watched, all.clone().map(|watch| watch.relists).sum());
    to.errors.raise_to(watched, all.clone().map(|watch| watch.failures).sum());
    to.silences.raise_to(watched, all.clone().map(|watch| watch.silences).sum());
    if let Some(age) = all.filter_map(|watch| watch.last_event_age).max() {
        to.age(watched, age.as_secs());
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
