//! The metrics of what is known of `ServiceAccount`s, and how it came in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ServiceAccounts, Stats};
use crate::api_server::metrics::register_watches;
use crate::telemetry::metrics::{MetricsError, Registry};

/// A number among [`Stats`].
type Read = fn(&Stats) -> u64;

impl ServiceAccounts {
    /// Registers them. They are read from [`stats`](Self::stats), which waits
    /// for nothing.
    pub fn register(&self, registry: &Registry) -> Result<(), MetricsError> {
        self.register_memory(registry)?;
        self.register_live_lookups(registry)?;
        self.register_other_sources(registry)?;
        self.register_as_the_go_webhook(registry)?;
        let (accounts, config_map) = (&self.inner.watch, &self.inner.config_map_watch);
        register_watches(registry, "service-accounts", [Arc::clone(accounts)])?;
        register_watches(registry, "config-map", [Arc::clone(config_map)])
    }

    fn register_memory(&self, registry: &Registry) -> Result<(), MetricsError> {
        registry.read_gauge(
            "pod_identity_service_accounts_known",
            "ServiceAccounts in memory now.",
            self.reader(|stats| stats.known as u64),
        )?;
        registry.read_gauge(
            "pod_identity_service_accounts_annotated",
            "ServiceAccounts in memory now that have a role-arn annotation, well-formed or not.",
            self.reader(|stats| stats.with_role as u64),
        )?;
        let accounts = self.clone();
        registry.read_gauge(
            "pod_identity_service_accounts_ready",
            "1 when the first list of ServiceAccounts is complete, else 0.",
            move || u64::from(accounts.is_listed()),
        )
    }

    fn register_live_lookups(&self, registry: &Registry) -> Result<(), MetricsError> {
        let results: [(_, Read); 3] = [
            ("found", |stats| stats.live_gets.with_role + stats.live_gets.without_role),
            ("not-found", |stats| stats.live_gets.not_found),
            ("failed", |stats| stats.live_gets.failed),
        ];
        registry.read_counters(
            "pod_identity_live_lookups_total",
            "GET requests for a ServiceAccount that an admission waited for, by result. \
             Admissions that wait for the same ServiceAccount share a request.",
            "result",
            results,
            self.reader_of_all(),
        )?;
        registry.read_gauge(
            "pod_identity_live_lookups_queued",
            "Admissions that wait now for their turn to ask the API server.",
            self.reader(|stats| stats.queue.waiting as u64),
        )?;
        registry.read_gauge(
            "pod_identity_live_lookups_in_flight",
            "Live lookups that the API server has not answered yet.",
            self.reader(|stats| stats.queue.slots_taken as u64),
        )?;
        registry.read_counter(
            "pod_identity_live_lookup_waits_total",
            "Admissions that had to wait for their turn to ask the API server, because too many live lookups were running.",
            self.reader(|stats| stats.queue.waited),
        )?;
        let reasons: [(_, Read); 2] =
            [("queue-full", |stats| stats.queue.full), ("timeout", |stats| stats.queue.timeouts)];
        registry.read_counters(
            "pod_identity_live_lookup_rejections_total",
            "Admissions whose live lookup failed before its turn, by reason: the queue was full, or --service-account-lookup-timeout passed.",
            "reason",
            reasons,
            self.reader_of_all(),
        )
    }

    fn register_other_sources(&self, registry: &Registry) -> Result<(), MetricsError> {
        let results: [(_, Read); 3] = [
            ("sent", |stats| stats.events.sent),
            ("present", |stats| stats.events.present),
            ("dropped", |stats| stats.events.dropped),
        ];
        registry.read_counters(
            "pod_identity_events_total",
            "Kubernetes Events about ServiceAccounts with wrong annotations, by result: sent, \
             present in the API server already, or dropped because of a failure or of too many.",
            "result",
            results,
            self.reader_of_all(),
        )?;
        registry.read_gauge(
            "pod_identity_config_map_entries",
            "Entries of the ConfigMap pod-identity-webhook in use now.",
            self.reader(|stats| stats.config_map_entries as u64),
        )?;
        registry.read_counter(
            "pod_identity_config_map_errors_total",
            "Entries of the ConfigMap pod-identity-webhook that were skipped, and versions of it \
             that could not be read.",
            self.reader(|stats| stats.config_map_errors),
        )?;
        registry.read_gauge(
            "pod_identity_container_credentials_identities",
            "ServiceAccounts in the container credentials file that are in use now.",
            self.reader(|stats| stats.container_credentials_keys as u64),
        )?;
        let results: [(_, Read); 2] = [
            ("loaded", |stats| stats.container_credentials_loads),
            ("failed", |stats| stats.container_credentials_errors),
        ];
        registry.read_counters(
            "pod_identity_container_credentials_reloads_total",
            "Times that the container credentials file was read with new content, the first time \
             included, by result. Each entry that was skipped counts as failed too.",
            "result",
            results,
            self.reader_of_all(),
        )
    }

    fn register_as_the_go_webhook(&self, registry: &Registry) -> Result<(), MetricsError> {
        let accounts = self.clone();
        // It stays so when the last of them is gone.
        let seen = AtomicBool::new(false);
        registry.read_gauge(
            "pod_identity_webhook_used",
            "1 once a ServiceAccount with a role was seen, else 0. Same name as in the Go webhook.",
            move || {
                let now = accounts.stats().with_role > 0;
                u64::from(seen.fetch_or(now, Ordering::Relaxed) || now)
            },
        )?;
        registry.read_counter(
            "pod_identity_webhook_missing_sa_count",
            "Live lookups whose ServiceAccount does not exist. Same name as in the Go webhook.",
            self.reader(|stats| stats.live_gets.not_found),
        )
    }

    fn reader(&self, read: Read) -> impl Fn() -> u64 + Send + Sync + use<> {
        let accounts = self.clone();
        move || read(&accounts.stats())
    }

    fn reader_of_all(&self) -> impl Fn(Read) -> u64 + Clone + Send + Sync + use<> {
        let accounts = self.clone();
        move |read| read(&accounts.stats())
    }
}
