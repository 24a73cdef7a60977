//! The metrics by who owns what they tell.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::labels::{
    self, Ending, EventResult, LiveLookup, LookupRejection, Path, Rejection, Reload, Verb,
};
use super::{Counters, Total};
use crate::certificate_controller::Operation;
use certificates::Cause;
use injection::admission::Method;

/// What is known of `ServiceAccount`s, and how it came in.
#[derive(Debug)]
pub struct Accounts {
    pub known: IntGauge,
    pub annotated: IntGauge,
    /// 1 when the first list is complete.
    pub ready: IntGauge,
    pub live_lookups: Counters<LiveLookup>,
    pub live_lookups_queued: IntGauge,
    pub live_lookups_in_flight: IntGauge,
    pub live_lookup_waits: Total,
    pub live_lookup_rejections: Counters<LookupRejection>,
    pub events: Counters<EventResult>,
    pub config_map_entries: IntGauge,
    /// Entries skipped and documents refused.
    pub config_map_errors: Total,
    pub container_credentials_identities: IntGauge,
    pub container_credentials_reloads: Counters<Reload>,
}

/// The HTTPS server's certificate, clients and connections.
#[derive(Debug)]
pub struct Https {
    /// Unix time.
    pub certificate_not_after: IntGauge,
    pub certificate_reloads: Counters<Reload>,
    pub client_ca_reloads: Counters<Reload>,
    pub client_rejections: Counters<Rejection>,
    pub open_connections: IntGauge,
    pub accepted_connections: Total,
    pub accept_failures: Total,
    pub ended_connections: Counters<Ending>,
}

/// Certificates managed in the cluster; all zero where they come from files.
#[derive(Debug)]
pub struct Managed {
    /// Unix time.
    pub ca_not_after: IntGauge,
    /// Seconds; not a number while the API server's clock is not known.
    pub clock_offset: Gauge,
    pub changes: Counters<Cause>,
    pub repairs: Total,
    pub failures: Counters<Operation>,
}

/// The Go webhook's series, for dashboards that know them.
#[derive(Debug)]
pub struct Peer {
    requests: IntCounterVec,
    /// The API server's and the kubelet's: no search among label values.
    mutate_ok: IntCounter,
    required_ok: IntCounter,
    healthz_ok: IntCounter,
    /// 1 once an annotated `ServiceAccount` was seen.
    pub used: IntGauge,
    pub pods: Counters<Method>,
    pub missing_service_accounts: Total,
}

impl Accounts {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            known: gauge(
                registry,
                "pod_identity_service_accounts_known",
                "ServiceAccounts in memory.",
            )?,
            annotated: gauge(
                registry,
                "pod_identity_service_accounts_annotated",
                "ServiceAccounts in memory with a role.",
            )?,
            ready: gauge(
                registry,
                "pod_identity_service_accounts_ready",
                "1 when the first list of ServiceAccounts is complete.",
            )?,
            live_lookups: Counters::register(
                registry,
                (
                    "pod_identity_live_lookups_total",
                    "ServiceAccounts asked for while an admission waited, by result.",
                ),
                ["result"],
                LiveLookup::ALL,
                |result| [result.as_str()],
                |result| result as usize,
            )?,
            live_lookups_queued: gauge(
                registry,
                "pod_identity_live_lookups_queued",
                "Admissions that wait for their turn to ask the API server.",
            )?,
            live_lookups_in_flight: gauge(
                registry,
                "pod_identity_live_lookups_in_flight",
                "Live GETs that the API server has not answered yet.",
            )?,
            live_lookup_waits: total(
                registry,
                "pod_identity_live_lookup_waits_total",
                "Admissions that had to wait for their turn to ask the API server.",
            )?,
            live_lookup_rejections: Counters::register(
                registry,
                (
                    "pod_identity_live_lookup_rejections_total",
                    "Admissions that got no turn to ask the API server, by reason.",
                ),
                ["reason"],
                LookupRejection::ALL,
                |reason| [reason.as_str()],
                |reason| reason as usize,
            )?,
            events: Counters::register(
                registry,
                (
                    "pod_identity_events_total",
                    "Events on ServiceAccounts that are wrong, by what became of them.",
                ),
                ["result"],
                EventResult::ALL,
                |result| [result.as_str()],
                |result| result as usize,
            )?,
            config_map_entries: gauge(
                registry,
                "pod_identity_config_map_entries",
                "Entries of the ConfigMap in use.",
            )?,
            config_map_errors: total(
                registry,
                "pod_identity_config_map_errors_total",
                "Entries of the ConfigMap skipped, and documents that could not be read.",
            )?,
            container_credentials_identities: gauge(
                registry,
                "pod_identity_container_credentials_identities",
                "ServiceAccounts that the container credentials file lists.",
            )?,
            container_credentials_reloads: reloads(
                registry,
                "pod_identity_container_credentials_reloads_total",
                "Times that the container credentials file was read, by result.",
            )?,
        })
    }
}

impl Https {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            certificate_not_after: gauge(
                registry,
                "pod_identity_certificate_not_after_timestamp_seconds",
                "Unix time at which the certificate being served expires.",
            )?,
            certificate_reloads: reloads(
                registry,
                "pod_identity_certificate_reloads_total",
                "Times that the certificate was read, by result.",
            )?,
            client_ca_reloads: reloads(
                registry,
                "pod_identity_client_ca_reloads_total",
                "Times that the authorities of clients were read, by result.",
            )?,
            client_rejections: Counters::register(
                registry,
                (
                    "pod_identity_client_rejections_total",
                    "Clients rejected in the TLS handshake for want of a good certificate, by reason.",
                ),
                ["reason"],
                Rejection::ALL,
                |reason| [reason.as_str()],
                |reason| reason as usize,
            )?,
            accepted_connections: total(
                registry,
                "pod_identity_connections_accepted_total",
                "Connections accepted on the HTTPS port.",
            )?,
            accept_failures: total(
                registry,
                "pod_identity_connection_accept_failures_total",
                "Connections that the system refused, for want of files say.",
            )?,
            ended_connections: Counters::register(
                registry,
                ("pod_identity_connections_ended_total", "Connections that ended, by how."),
                ["ending"],
                Ending::ALL,
                |ending: Ending| [ending.as_str()],
                |ending| ending as usize,
            )?,
            open_connections: gauge(
                registry,
                "pod_identity_open_connections",
                "Connections to the HTTPS port.",
            )?,
        })
    }
}

impl Managed {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ca_not_after: gauge(
                registry,
                "pod_identity_ca_not_after_timestamp_seconds",
                "Unix time at which the CA of the managed certificates expires.",
            )?,
            clock_offset: {
                let offset = Gauge::new(
                    "pod_identity_clock_offset_seconds",
                    "The API server's clock minus this machine's, in seconds: negative where this \
                     machine's is ahead, NaN where the API server's is not known.",
                )?;
                offset.set(f64::NAN);
                registry.register(Box::new(offset.clone()))?;
                offset
            },
            changes: Counters::register(
                registry,
                (
                    "pod_identity_certificate_changes_total",
                    "Changes that this process made to the Secret of its certificates, by cause.",
                ),
                ["cause"],
                Cause::ALL,
                |cause: Cause| [cause.as_str()],
                |cause| cause as usize,
            )?,
            repairs: total(
                registry,
                "pod_identity_ca_bundle_writes_total",
                "caBundles that this process wrote.",
            )?,
            failures: Counters::register(
                registry,
                (
                    "pod_identity_certificate_failures_total",
                    "Steps of the certificates' management that failed, by operation.",
                ),
                ["operation"],
                Operation::ALL,
                |operation: Operation| [operation.as_str()],
                |operation| operation as usize,
            )?,
        })
    }
}

impl Peer {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new("http_request_count", "Requests to the HTTPS port."),
            &["verb", "path", "code"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let ok = |verb: Verb, path: Path| {
            requests.get_metric_with_label_values(&[verb.as_str(), path.as_str(), "200"])
        };
        Ok(Self {
            mutate_ok: ok(Verb::Post, Path::Mutate)?,
            required_ok: ok(Verb::Post, Path::Required)?,
            healthz_ok: ok(Verb::Get, Path::Healthz)?,
            requests,
            used: gauge(
                registry,
                "pod_identity_webhook_used",
                "1 once a ServiceAccount with a role was seen.",
            )?,
            pods: Counters::register(
                registry,
                ("pod_identity_webhook_pod_count", "Pods with an identity, by its kind."),
                ["method"],
                labels::METHODS,
                |method| [labels::method_word(method)],
                |method| method as usize,
            )?,
            missing_service_accounts: total(
                registry,
                "pod_identity_webhook_missing_sa_count",
                "Pods whose ServiceAccount was not known when they were admitted.",
            )?,
        })
    }

    pub fn request(&self, verb: Verb, path: Path, code: u16) {
        match (verb, path, code) {
            (Verb::Post, Path::Mutate, 200) => self.mutate_ok.inc(),
            (Verb::Post, Path::Required, 200) => self.required_ok.inc(),
            (Verb::Get, Path::Healthz, 200) => self.healthz_ok.inc(),
            _ => {
                let labels = [verb.as_str(), path.as_str(), &code.to_string()];
                if let Ok(counter) = self.requests.get_metric_with_label_values(&labels) {
                    counter.inc();
                }
            }
        }
    }
}

pub(super) fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

pub(super) fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// A counter of what is counted elsewhere.
fn total(registry: &Registry, name: &str, help: &str) -> Result<Total, prometheus::Error> {
    counter(registry, name, help).map(Total::of)
}

fn reloads(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<Counters<Reload>, prometheus::Error> {
    Counters::register(
        registry,
        (name, help),
        ["result"],
        Reload::ALL,
        |reload| [reload.as_str()],
        |reload| reload as usize,
    )
}

/// A gauge that is 1 and tells the version in its label.
pub(super) fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let info = IntGaugeVec::new(
        Opts::new("pod_identity_build_info", "1, with the version of this program."),
        &["version"],
    )?;
    registry.register(Box::new(info.clone()))?;
    info.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
    Ok(())
}
