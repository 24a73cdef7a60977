//! The metrics of certificates that are managed in the cluster.

use std::sync::Arc;

use super::{ManagedCertificates, Operation, Stats, Watches};
use crate::api_server::metrics::register_watches;
use crate::telemetry::metrics::{MetricsError, Registry};
use certificates::Cause;

/// Registers them: all zero where certificates are not managed.
pub(crate) fn register(
    registry: &Registry,
    managed: Option<&ManagedCertificates>,
) -> Result<(), MetricsError> {
    let Watches { secret, configurations } =
        managed.map(|managed| managed.watches.clone()).unwrap_or_default();
    register_watches(registry, "secret", [secret])?;
    register_watches(registry, "webhook-configurations", configurations)?;
    let stats = managed.map(|managed| Arc::clone(&managed.stats)).unwrap_or_default();
    register_stats(registry, &stats)
}

fn register_stats(registry: &Registry, stats: &Arc<Stats>) -> Result<(), MetricsError> {
    let shared = || Arc::clone(stats);
    let stats = shared();
    registry.read_gauge(
        "pod_identity_ca_not_after_timestamp_seconds",
        "Unix time in seconds when the CA of the managed certificates expires; 0 without one.",
        move || stats.authority_validity().map_or(0, |(_, end)| end.as_second()),
    )?;
    let stats = shared();
    registry.read_gauge(
        "pod_identity_ca_not_before_timestamp_seconds",
        "Unix time in seconds when the CA of the managed certificates became valid; 0 without one.",
        move || stats.authority_validity().map_or(0, |(start, _)| start.as_second()),
    )?;
    let stats = shared();
    registry.read_counters(
        "pod_identity_certificate_changes_total",
        "Changes that this process made to the Secret with the managed certificates, by cause.",
        "cause",
        Cause::ALL.map(|cause| (cause.as_str(), cause)),
        move |cause| stats.changes().get(cause.as_str()).copied().unwrap_or_default(),
    )?;
    let stats = shared();
    registry.read_counter(
        "pod_identity_ca_bundle_writes_total",
        "Times that this process wrote a caBundle field of a MutatingWebhookConfiguration.",
        move || stats.repairs(),
    )?;
    let stats = shared();
    registry.read_counters(
        "pod_identity_certificate_failures_total",
        "Operations on managed certificates that failed, by operation: watch, get, create, update \
         or patch of an object in the cluster, or issue a certificate.",
        "operation",
        Operation::ALL.map(|operation| (operation.as_str(), operation)),
        move |operation| stats.failures().get(operation.as_str()).copied().unwrap_or_default(),
    )
}
