//! What OpenTelemetry's environment variables say about traces.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
//!
//! They are often set for all programs of a cluster at once. So none of them keeps the webhook from starting:
//! what can't be used is told, and where that is the way to the collector, traces are off.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use text::{escaped, shortened};

use crate::http_client::trace_collector::{Collector, Endpoint};
use crate::{PROGRAM, VERSION};

/// Bytes of a variable at most.
const MAX_BYTES: usize = 8 << 10;
/// Entries of a list at most.
const MAX_ENTRIES: usize = 64;
/// Whoever sets one of these wants traces.
const MEANT: [&str; 3] = ["OTEL_EXPORTER_OTLP_", "OTEL_TRACES_", "OTEL_BSP_"];
/// Characters of a value that a warning repeats.
const ECHOED: usize = 64;
/// What is shown of an entry that may hold a secret.
const HIDDEN: &str = "an entry (not shown)";

/// How requests are traced, where they are.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    pub(crate) collector: Collector,
    /// Of one batch, all attempts together.
    pub(super) timeout: Duration,
    pub(super) sampling: Sampling,
    pub(super) queue: Queue,
    /// What describes this process, its name among it.
    pub(super) resource: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampling {
    /// Whether a caller who has a trace decides.
    pub(super) parent_based: bool,
    pub(super) choice: Choice,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Choice {
    All,
    None,
    Ratio(f64),
}

/// Spans on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) spans: usize,
    pub(super) batch: usize,
    /// Between batches.
    pub(super) delay: Duration,
}

/// The variables that are set to something, and what is to be told.
struct Variables<'a> {
    left: BTreeMap<String, String>,
    warnings: &'a mut Vec<String>,
}

/// The settings, unless traces are off. Adds to `warnings` what the user should know.
pub fn read(
    environment: impl Iterator<Item = (OsString, OsString)>,
    warnings: &mut Vec<String>,
) -> Option<TraceSettings> {
    let mut variables = Variables::of(environment, warnings);
    let settings = variables.settings();
    variables.tell_of_the_others();
    settings
}

impl<'a> Variables<'a> {
    fn of(
        environment: impl Iterator<Item = (OsString, OsString)>,
        warnings: &'a mut Vec<String>,
    ) -> Self {
        let mut left = BTreeMap::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with("OTEL_")) else {
                continue;
            };
            let Some(value) = value.to_str().filter(|value| value.len() <= MAX_BYTES) else {
                let name = shortened(name, ECHOED);
                warnings.push(format!(
                    "{name} has no effect: it is longer than {MAX_BYTES} bytes, or not UTF-8"
                ));
                continue;
            };
            // Set to nothing is not set.
            if !value.trim().is_empty() {
                left.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        Self { left, warnings }
    }

    fn settings(&mut self) -> Option<TraceSettings> {
        let endpoint = self.of_traces("ENDPOINT");
        match self.is_wanted() {
            Some(true) => {}
            None if endpoint.is_some() => {}
            wanted => {
                let is_meant = |name: &String| MEANT.iter().any(|it| name.starts_with(it));
                if wanted.is_none() && self.left.keys().any(is_meant) {
                    let warning = "traces are off: OTEL_EXPORTER_OTLP_ENDPOINT is not set";
                    self.warnings.push(warning.to_owned());
                }
                // What is set besides has no say.
                self.left.clear();
                return None;
            }
        }
        // All of them are read, so that all that is wrong is told at once.
        let is_protocol = self.is_protocol();
        let endpoint = self.endpoint(endpoint);
        let compression = self.of_traces("COMPRESSION");
        if let Some((name, value)) = compression.filter(|(_, value)| value != "none") {
            self.tell(&name, &value, "not supported: batches are sent uncompressed; set none");
        }
        let headers = self.headers();
        let ca_file = self.of_traces("CERTIFICATE").map(|(_, file)| PathBuf::from(file));
        let timeout = self.of_traces("TIMEOUT");
        let timeout = self.milliseconds(timeout, 10_000, 60_000);
        let limit = self.take("OTEL_BSP_EXPORT_TIMEOUT");
        let limit = self.milliseconds(limit, 30_000, 60_000);
        let sampling = self.sampling();
        let queue = self.queue();
        let resource = self.resource();
        self.propagators();
        let collector = Collector { endpoint: endpoint?, headers, ca_file };
        is_protocol.then_some(TraceSettings {
            collector,
            timeout: timeout.min(limit),
            sampling,
            queue,
            resource,
        })
    }

    /// Where that is said.
    fn is_wanted(&mut self) -> Option<bool> {
        let disabled = self.take("OTEL_SDK_DISABLED");
        let exporter = self.take("OTEL_TRACES_EXPORTER");
        if let Some((name, value)) = disabled {
            match value.to_ascii_lowercase().as_str() {
                "true" => return Some(false),
                "false" => {}
                _ => self.tell(&name, &value, "neither true nor false: taken for false"),
            }
        }
        let (name, value) = exporter?;
        let mut exporters = value.split(',').map(str::trim);
        let is_otlp = exporters.clone().any(|it| it == "otlp");
        if !is_otlp && value != "none" {
            self.tell(&name, &value, "not supported: traces are off; set otlp or none");
        } else if is_otlp && exporters.any(|it| it != "otlp") {
            self.tell(&name, &value, "supported in part: traces go to otlp alone");
        }
        Some(is_otlp)
    }

    fn is_protocol(&mut self) -> bool {
        match self.of_traces("PROTOCOL") {
            Some((name, value)) if value != "http/protobuf" => {
                let reason = "not supported: traces are off; set http/protobuf, and the \
                              collector's endpoint for it (port 4318 by default)";
                self.tell(&name, &value, reason);
                false
            }
            _ => true,
        }
    }

    /// The URL of traces is used as it is; the one of all signals gets their path.
    fn endpoint(&mut self, found: Option<(String, String)>) -> Option<Endpoint> {
        let default =
            || ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), "http://localhost:4318".to_owned());
        let (name, value) = found.unwrap_or_else(default);
        let endpoint = if name.contains("_TRACES_") {
            Endpoint::parse(&value)
        } else if value.contains(['?', '#']) {
            None
        } else {
            Endpoint::parse(&format!("{}/v1/traces", value.trim_end_matches('/')))
        };
        if endpoint.is_none() {
            // It may have a password.
            let shown = value.split(['?', '#']).next().unwrap_or_default();
            let value = if value.contains('@') { "(a URL with a user)" } else { shown };
            let reason = "not an http:// or https:// URL with a host and without a user: traces \
                          are off";
            self.tell(&name, value, reason);
        }
        endpoint
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some((name, value)) = self.of_traces("HEADERS") else { return headers };
        for (key, value) in self.entries(&name, &value) {
            let header = HeaderName::from_str(&key).ok().zip(HeaderValue::from_str(&value).ok());
            match header {
                Some((key, mut value)) => {
                    value.set_sensitive(true);
                    headers.insert(key, value);
                }
                // Either may be a part of a secret with a comma that is not encoded.
                None => self.tell(&name, HIDDEN, "not a header with a valid value: left out"),
            }
        }
        headers
    }

    fn sampling(&mut self) -> Sampling {
        let argument = self.take("OTEL_TRACES_SAMPLER_ARG");
        let Some((name, value)) = self.take("OTEL_TRACES_SAMPLER") else {
            return Sampling { parent_based: true, choice: Choice::All };
        };
        let (parent_based, choice) = match value.strip_prefix("parentbased_") {
            Some(choice) => (true, choice),
            None => (false, value.as_str()),
        };
        let choice = match choice {
            "always_on" => Choice::All,
            "always_off" => Choice::None,
            "traceidratio" => Choice::Ratio(self.ratio(argument)),
            _ => {
                let reason = "not supported: parentbased_always_on is used";
                self.tell(&name, &value, reason);
                return Sampling { parent_based: true, choice: Choice::All };
            }
        };
        Sampling { parent_based, choice }
    }

    fn ratio(&mut self, argument: Option<(String, String)>) -> f64 {
        let Some((name, value)) = argument else { return 1.0 };
        match value.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                self.tell(&name, &value, "not a number from 0 to 1: 1 is used");
                1.0
            }
        }
    }

    fn queue(&mut self) -> Queue {
        let spans = self.take("OTEL_BSP_MAX_QUEUE_SIZE");
        let spans = self.number(spans, 2_048, 1..=16_384);
        let batch = self.take("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
        let batch = self.number(batch, 512.min(spans), 1..=spans);
        let delay = self.take("OTEL_BSP_SCHEDULE_DELAY");
        let delay = self.milliseconds(delay, 5_000, 600_000);
        let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Queue { spans: size(spans), batch: size(batch), delay }
    }

    fn resource(&mut self) -> BTreeMap<String, String> {
        let mut resource = BTreeMap::from([
            ("service.name".to_owned(), PROGRAM.to_owned()),
            ("service.version".to_owned(), VERSION.to_owned()),
        ]);
        if let Some((name, value)) = self.take("OTEL_RESOURCE_ATTRIBUTES") {
            resource.extend(self.entries(&name, &value));
        }
        if let Some((_, service)) = self.take("OTEL_SERVICE_NAME") {
            resource.insert("service.name".to_owned(), service);
        }
        resource
    }

    fn propagators(&mut self) {
        if let Some((name, value)) = self.take("OTEL_PROPAGATORS")
            && value.split(',').any(|it| !matches!(it.trim(), "tracecontext" | "baggage"))
        {
            self.tell(&name, &value, "not supported: tracecontext alone is used");
        }
    }

    fn tell_of_the_others(self) {
        let names = self.left.into_keys().take(MAX_ENTRIES);
        let names = names.map(|name| escaped(&shortened(&name, ECHOED)).into_owned());
        let names = names.collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            self.warnings.push(format!("no effect: {names}: not supported; see docs/traces.md"));
        }
    }

    fn take(&mut self, name: &str) -> Option<(String, String)> {
        self.left.remove_entry(name)
    }

    /// What is said of traces counts before what is said of all signals.
    fn of_traces(&mut self, name: &str) -> Option<(String, String)> {
        let all = self.take(&format!("OTEL_EXPORTER_OTLP_{name}"));
        self.take(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or(all)
    }

    fn number(
        &mut self,
        found: Option<(String, String)>,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let Some((name, value)) = found else { return default };
        match value.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (least, most) = range.into_inner();
                let reason =
                    format!("not a whole number from {least} to {most}: {default} is used");
                self.tell(&name, &value, reason);
                default
            }
        }
    }

    fn milliseconds(
        &mut self,
        found: Option<(String, String)>,
        default: u64,
        most: u64,
    ) -> Duration {
        Duration::from_millis(self.number(found, default, 1..=most))
    }

    /// `key=value,key=value`, values percent-encoded.
    fn entries(&mut self, name: &str, list: &str) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        let listed = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for entry in listed.take(MAX_ENTRIES) {
            let read = entry.split_once('=').and_then(|(key, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                let key = key.trim();
                (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
            });
            if let Some(entry) = read {
                entries.push(entry);
                continue;
            }
            // `name: value`, and what stands behind a comma of a value, may be a secret in whole.
            self.tell(name, HIDDEN, "not key=value, percent-encoded: left out");
        }
        entries
    }

    fn tell(&mut self, name: &str, value: &str, reason: impl Display) {
        let value = shortened(value, ECHOED);
        self.warnings.push(format!("{name} has {}: {reason}", escaped(&value)));
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
