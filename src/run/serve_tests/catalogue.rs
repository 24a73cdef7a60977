//! `docs/metrics.md`: what the registry says of each metric, and what to do about it, which the tables
//! below add. So the page can't name a metric, a label or a value that the program does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use injection::admission::Outcome;

/// Of a metric: its name, and what to do.
type Row = (&'static str, &'static str);

/// What the page says before the tables.
const OPENING: &str = "\
# Metrics

`/metrics` on the metrics port (`--metrics-port`, 9999) has all of them in Prometheus' text format. [docs/operate.md](operate.md) has the alerts and the dashboard that
are made of them. This page is made from the program: `UPDATE_GOLDEN=1 cargo test --lib golden`.

- All series exist from the start, at zero, so \"never\" differs from \"gone\". Exceptions say so.
- Counters count since the process started, for one replica. Add up replicas, and use `rate` or `increase`.
- Labels have fixed values. No name of an object is ever one.
- Names begin with `pod_identity_` or `process_`, but for `http_request_count`, and follow Prometheus' rules. Four come from the Go webhook, for dashboards that know them.
  `promtool check metrics` complains about three of them, and about nothing else.
";

const GROUPS: [(&str, &[Row]); 8] = [
    (
        "Pods",
        &[
            (
                "pod_identity_pods",
                "`missing` and `no-usable-identity` should be 0: `audit -A` lists the pods, with the command that mends each. [The states](diagnosis.md#all-pods-at-once)",
            ),
            (
                "pod_identity_audit_last_complete_timestamp_seconds",
                "If it is older than three intervals, see [PodIdentityAuditOverdue](operate.md#podidentityauditoverdue)",
            ),
            (
                "pod_identity_audit_duration_seconds",
                "If it comes near the interval, make the interval longer",
            ),
            ("pod_identity_audit_interval_seconds", "Nothing: alerts compare with it"),
            (
                "pod_identity_audit_lease_held",
                "Exactly one replica should have 1. None has for up to 40 seconds after the very first start, and after the one that had it dies. If that lasts, the log says why: usually a missing right to Leases",
            ),
            (
                "pod_identity_audit_rounds_total",
                "If `incomplete` or `failed` rises, the log says what could not be looked at",
            ),
        ],
    ),
    (
        "Admissions",
        &[
            (
                "pod_identity_admissions_total",
                "Look at the outcomes [below](#outcomes). `lookup-failed`, `no-credentials`, `patch-too-large` and `bad-request` should be rare",
            ),
            (
                "pod_identity_admission_duration_seconds",
                "If the 99th percentile comes near `timeoutSeconds` (3 s as shipped), see [PodIdentityAdmissionSlow](operate.md#podidentityadmissionslow)",
            ),
            (
                "pod_identity_admission_warnings_total",
                "If a kind rises, search the [log](operate.md#the-log) for it: the line names the object. See [PodIdentityWarningsRising](operate.md#podidentitywarningsrising)",
            ),
            (
                "pod_identity_denied_total",
                "If it rises, ask the owners: the message of each refusal says what is missing",
            ),
            (
                "pod_identity_bad_requests_unlogged_total",
                "If it rises, something other than an API server calls the webhook: see [client certificates](client-certificates.md)",
            ),
            ("pod_identity_webhook_pod_count", "Nothing: it shows use"),
            ("http_request_count", "Codes of 500 and above: the log says why"),
        ],
    ),
    (
        "ServiceAccounts and lookups",
        &[
            ("pod_identity_service_accounts_ready", "If it stays 0, `/readyz?verbose` says why"),
            (
                "pod_identity_service_accounts_known",
                "If it differs between replicas for long, compare their watches below",
            ),
            ("pod_identity_service_accounts_annotated", "Nothing: it shows use"),
            ("pod_identity_webhook_used", "Nothing: it shows use"),
            (
                "pod_identity_live_lookups_total",
                "If `failed` rises, the API server does not answer in time: see [PodIdentityLookupsFailing](operate.md#podidentitylookupsfailing)",
            ),
            ("pod_identity_live_lookups_in_flight", "If it stays at 32, the API server is slow"),
            ("pod_identity_live_lookups_queued", "If it stays above 0, the API server is slow"),
            (
                "pod_identity_live_lookup_waits_total",
                "If it rises, pods come in bursts or the API server is slow",
            ),
            (
                "pod_identity_live_lookup_rejections_total",
                "Each is an admission with the outcome `lookup-failed`",
            ),
            (
                "pod_identity_webhook_missing_sa_count",
                "If it rises, pods name ServiceAccounts that do not exist",
            ),
            (
                "pod_identity_events_total",
                "If `dropped` rises, the log says why: often a missing right to Events",
            ),
            (
                "pod_identity_config_map_entries",
                "Compare with what you wrote: entries that can't be read are skipped",
            ),
            ("pod_identity_config_map_errors_total", "The log names the entry and its mistake"),
            ("pod_identity_container_credentials_identities", "Compare with what you wrote"),
            (
                "pod_identity_container_credentials_reloads_total",
                "If `failed` rises, the log names the entry and its mistake",
            ),
        ],
    ),
    (
        "Watches",
        &[
            (
                "pod_identity_watch_last_event_age_seconds",
                "Above 300, see [PodIdentityWatchSilent](operate.md#podidentitywatchsilent)",
            ),
            (
                "pod_identity_watch_errors_total",
                "The log says what the API server answered: often a missing right",
            ),
            ("pod_identity_watch_relists_total", "Some are normal when an API server restarts"),
            (
                "pod_identity_watch_silences_total",
                "If it rises, something between the webhook and the API server drops connections",
            ),
        ],
    ),
    (
        "Certificates and clock",
        &[
            (
                "pod_identity_certificate_not_after_timestamp_seconds",
                "See [PodIdentityCertificateExpiring](operate.md#podidentitycertificateexpiring)",
            ),
            (
                "pod_identity_certificate_not_before_timestamp_seconds",
                "Nothing: with the one above it gives the lifetime",
            ),
            (
                "pod_identity_ca_not_after_timestamp_seconds",
                "See [PodIdentityCertificateExpiring](operate.md#podidentitycertificateexpiring)",
            ),
            (
                "pod_identity_ca_not_before_timestamp_seconds",
                "Nothing: with the one above it gives the lifetime",
            ),
            (
                "pod_identity_certificate_changes_total",
                "`leaf-due`, `ca-due`, `ca-published` and `ca-overlap-passed` are renewals. Others mean that the Secret or the caBundle was changed or lost: see [certificates](certificates.md)",
            ),
            (
                "pod_identity_ca_bundle_writes_total",
                "If it rises all the time, something else writes the caBundle too",
            ),
            (
                "pod_identity_certificate_failures_total",
                "The log says what the API server answered: often a missing right",
            ),
            (
                "pod_identity_certificate_reloads_total",
                "If `failed` rises, the log says what is wrong with the files",
            ),
            (
                "pod_identity_client_ca_reloads_total",
                "If `failed` rises, the log says what is wrong with the file",
            ),
            (
                "pod_identity_client_rejections_total",
                "If it rises, see [client certificates](client-certificates.md#troubleshooting)",
            ),
            (
                "pod_identity_clock_offset_seconds",
                "Beyond 60 either way, see [PodIdentityClockOff](operate.md#podidentityclockoff)",
            ),
        ],
    ),
    (
        "Connections",
        &[
            (
                "pod_identity_open_connections",
                "Near 2,048, `evicted` below says whether any lacked a place",
            ),
            ("pod_identity_connections_accepted_total", "Nothing: it shows use"),
            (
                "pod_identity_connections_ended_total",
                "If `handshake` rises, the caBundle may be wrong, or a client lacks its certificate; if `evicted` rises, there are too many clients",
            ),
            (
                "pod_identity_connection_accept_failures_total",
                "If it rises, compare `process_open_fds` with `process_max_fds`",
            ),
        ],
    ),
    (
        "Traces",
        &[
            ("pod_identity_trace_spans_exported_total", "Nothing: it shows use"),
            (
                "pod_identity_trace_spans_dropped_total",
                "`export-failed`: the log says what is wrong with the collector. `queue-full`: it is slow. `rate-limit`: [sample fewer requests](traces.md#variables)",
            ),
        ],
    ),
    (
        "Process",
        &[
            (
                "pod_identity_ready",
                "See [PodIdentityReplicaNotReady](operate.md#podidentityreplicanotready)",
            ),
            ("pod_identity_build_info", "Count replicas by version during an update"),
            ("process_cpu_seconds_total", "Nothing: it shows use"),
            ("process_resident_memory_bytes", "The webhook stays below 192 MiB by itself"),
            ("process_virtual_memory_bytes", "Nothing: it is address space, not memory"),
            ("process_open_fds", "Compare with `process_max_fds`"),
            ("process_max_fds", "If it is reached, raise the limit of open files"),
            ("process_threads", "Nothing: it is constant"),
            (
                "process_start_time_seconds",
                "If it changes without an update, look at the pod's last state",
            ),
        ],
    ),
];

const OUTCOMES: [(Outcome, &str, &str); 12] = [
    (Outcome::Mutated, "the pod lacked something and got it", "nothing"),
    (Outcome::AlreadyComplete, "the pod has all that it should have", "nothing"),
    (
        Outcome::NotConfigured,
        "nothing gives the pod's ServiceAccount an identity",
        "nothing, unless it should have one: `doctor pod/NAME` says why",
    ),
    (
        Outcome::NoContainers,
        "there is an identity, but the pod's annotations leave no container that takes part",
        "check `skip-containers` and `include-containers`",
    ),
    (
        Outcome::NoCredentials,
        "`/mutate/required` refused the pod: a container would run without credentials",
        "the message of the refusal says which, and why",
    ),
    (
        Outcome::NoVolume,
        "an ephemeral container of a pod that was admitted without the volume",
        "restart the pod",
    ),
    (Outcome::MirrorPod, "a static pod's mirror is left alone", "nothing"),
    (
        Outcome::NotAPod,
        "the review is of something else",
        "correct the webhook configuration's rules",
    ),
    (
        Outcome::NotServed,
        "an operation on pods that is not served",
        "correct the webhook configuration's rules",
    ),
    (
        Outcome::LookupFailed,
        "the ServiceAccount could not be looked up; an HTTP error, so the `failurePolicy` decides",
        "see [PodIdentityLookupsFailing](operate.md#podidentitylookupsfailing)",
    ),
    (
        Outcome::PatchTooLarge,
        "the patch would be above 2 MiB; an HTTP error",
        "make the pod smaller",
    ),
    (Outcome::BadRequest, "the request could not be read; an HTTP error", "the log says why"),
];

/// What the registry's page says of a metric.
#[derive(Default)]
struct Family {
    help: String,
    kind: String,
    /// In the order of the page, with the values of each.
    labels: Vec<(String, BTreeSet<String>)>,
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut last = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            name.clone_into(&mut last);
            help.clone_into(&mut families.entry(last.clone()).or_default().help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else if let Some((_, labels)) = line.split_once('{') {
            let family = families.get_mut(&last).expect("a series follows its name");
            let labels = labels.rsplit_once('}').expect("labels end").0;
            for (label, value) in labels.split("\",").filter_map(|pair| pair.split_once("=\"")) {
                // Of a histogram.
                if label == "le" {
                    continue;
                }
                let known = family.labels.iter().position(|(name, _)| name == label);
                let known = known.unwrap_or_else(|| {
                    family.labels.push((label.to_owned(), BTreeSet::new()));
                    family.labels.len() - 1
                });
                family.labels[known].1.insert(value.trim_end_matches('"').to_owned());
            }
        }
    }
    families
}

fn unit(name: &str, kind: &str) -> &'static str {
    if name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds" {
        "Unix time in seconds"
    } else if name.ends_with("_seconds") || name.ends_with("_seconds_total") {
        "seconds"
    } else if name.ends_with("_bytes") {
        "bytes"
    } else if kind == "counter" {
        "count"
    } else if ["_ready", "_used", "_lease_held", "_info"].iter().any(|end| name.ends_with(end)) {
        "0 or 1"
    } else {
        "number"
    }
}

fn labels(family: &Family) -> String {
    let all = family.labels.iter().map(|(label, values)| {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        match label.as_str() {
            "version" => "`version`".to_owned(),
            // The page before the first request has those that are counted most.
            "code" => "`code`: the HTTP status".to_owned(),
            "path" => "`path`: `/mutate`, `/mutate/required`, `/healthz` or `other`".to_owned(),
            "verb" => "`verb`: `GET`, `POST` or `other`".to_owned(),
            _ => format!("`{label}`: {}", values.join(", ")),
        }
    });
    all.collect::<Vec<_>>().join("<br>")
}

/// The page in Markdown, of the text that `/metrics` answers.
pub(super) fn catalogue(page: &str) -> String {
    let mut families = families(page);
    let mut text = OPENING.to_owned();
    for (group, rows) in GROUPS {
        let _ = writeln!(text, "\n## {group}\n");
        text.push_str(
            "| metric | type, unit | labels | meaning | what to do |\n|---|---|---|---|---|\n",
        );
        for (name, to_do) in rows {
            let family = families.remove(*name);
            let family = family.unwrap_or_else(|| {
                panic!("GROUPS in src/run/serve_tests/catalogue.rs has {name}, which is not on /metrics: take it out")
            });
            let Family { help, kind, .. } = &family;
            let (unit, labels) = (unit(name, kind), labels(&family));
            let _ = writeln!(text, "| `{name}` | {kind}, {unit} | {labels} | {help} | {to_do} |");
        }
        if group == "Admissions" {
            text.push_str("\n### Outcomes\n\n| outcome | meaning | what to do |\n|---|---|---|\n");
            for (outcome, meaning, to_do) in OUTCOMES {
                let _ = writeln!(text, "| `{outcome}` | {meaning} | {to_do} |");
            }
        }
    }
    let missing: Vec<_> = families.into_keys().collect();
    assert!(
        missing.is_empty(),
        "add a row to GROUPS in src/run/serve_tests/catalogue.rs, with what to do about it: {missing:?}"
    );
    text
}

#[test]
fn every_outcome_has_its_row() {
    assert_eq!(OUTCOMES.map(|(outcome, ..)| outcome), Outcome::ALL);
}
