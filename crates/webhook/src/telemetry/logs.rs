//! The log: lines on standard error.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use super::json_lines::JsonLines;
pub use super::log_buffer::LogBuffer;
use super::text_lines::TextLines;

/// How lines look, and which are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub format: Format,
    /// As klog counts: 0 to 2 is info, 3 and 4 debug, from 5 trace.
    pub verbosity: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One flat JSON object a line.
    Json,
    /// `name=value` pairs: logfmt.
    Text,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up logging: {0}; call this once, before anything logs")]
pub struct LogsError(#[from] SetGlobalDefaultError);

/// Sends the events of this process to standard error.
///
/// Each line is formatted into a buffer of its thread, with no lock held.
/// There is no queue and no writing thread behind it, which would lose the
/// lines that matter most, the last ones before a crash or a kill: see
/// [`LogBuffer`] for when a line leaves.
pub fn init(settings: LogSettings) -> Result<LogBuffer, LogsError> {
    let buffer = LogBuffer::new(std::io::stderr());
    tracing::subscriber::set_global_default(subscriber(settings, buffer.clone()))?;
    Ok(buffer)
}

/// The same to another writer.
pub(crate) fn subscriber<W>(settings: LogSettings, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A dependency's debug events can hold bodies and tokens: they stay off at
    // every verbosity.
    let levels = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(LOGGED_BY_US)
        .with_target(PROGRAM_CRATE, level(settings.verbosity))
        .with_target(env!("CARGO_CRATE_NAME"), level(settings.verbosity));
    // Without it, a closed standard error makes the layer report its failure
    // to standard error, which panics.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match settings.format {
        Format::Json => Box::new(lines.event_format(JsonLines)),
        Format::Text => Box::new(lines.event_format(TextLines)),
    };
    Registry::default().with(levels).with(lines)
}

/// The crate of the program. Those who read the log see its name before the modules of this crate
/// too: what is in which crate is nothing to them.
pub(super) const PROGRAM_CRATE: &str = "pod_identity_webhook";

/// What kube says of a failed request, a watch above all: at each attempt, with
/// the error as a debug dump or the whole body of the answer. Our own lines say
/// it once and with the next step. The longest name that fits counts.
const LOGGED_BY_US: [(&str, LevelFilter); 4] = [
    ("kube_runtime", LevelFilter::ERROR),
    ("kube_client::client", LevelFilter::ERROR),
    ("kube_client::client::builder", LevelFilter::OFF),
    // Nobody else knows that the file of the API server's authorities is bad.
    ("kube_client::client::tls", LevelFilter::WARN),
];

fn level(verbosity: i32) -> Level {
    match verbosity {
        ..=2 => Level::INFO,
        3..=4 => Level::DEBUG,
        5.. => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, verbosity: i32, events: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(LogSettings { format, verbosity }, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = written.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn writes_one_flat_json_object_a_line() {
        let text = written(Format::Json, 0, || {
            tracing::info!(outcome = "mutated", warnings = 2, pod = "a\nb", "admission");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "admission");
        assert_eq!(line["outcome"], "mutated");
        assert_eq!(line["warnings"], 2);
        assert_eq!(line["pod"], "a\nb");
        let timestamp = line["timestamp"].as_str().expect("a timestamp");
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
        assert!(timestamp.ends_with('Z') && timestamp.contains('.'), "{timestamp}");
    }

    #[test]
    fn writes_text_as_pairs_that_a_parser_takes() {
        let text = written(Format::Text, 0, || {
            let error = std::io::Error::other("a \"b\"\nc=d\\");
            tracing::warn!(port = 443, %error, empty = "", pod = "demo/a", ready = true, "listening on it");
        });
        let (timestamp, rest) = text.split_once(' ').expect("pairs");
        let timestamp = timestamp.strip_prefix("timestamp=").expect("a time");
        assert!(timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
        assert_eq!(
            rest,
            "level=WARN message=\"listening on it\" port=443 error=\"a \\\"b\\\"\\nc=d\\\\\" \
             empty=\"\" pod=demo/a ready=true\n"
        );
    }

    /// As Go's parsers of logfmt read a line: pairs with spaces between them, values as JSON has
    /// them where they are in quotes.
    #[test]
    fn reads_every_pair_back_whatever_a_value_holds() {
        proptest::proptest!(|(value in ".*", other in "[ =\"\\\\a]{0,8}")| {
            let text = written(Format::Text, 0, || {
                tracing::info!(value = value.as_str(), other = other.as_str(), "read back");
            });
            let mut rest = text.strip_suffix('\n').expect("one line");
            let mut pairs = Vec::new();
            while let Some((name, after)) = rest.split_once('=') {
                let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
                let (value, end) = if after.starts_with('"') {
                    let value = values.next().expect("a string").expect("a string of JSON");
                    (value, values.byte_offset())
                } else {
                    let end = after.find(' ').unwrap_or(after.len());
                    (after[..end].to_owned(), end)
                };
                pairs.push((name.trim_start().to_owned(), value));
                rest = &after[end..];
            }
            let of = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| &*pair.1);
            proptest::prop_assert_eq!(pairs.len(), 5);
            proptest::prop_assert_eq!(of("message"), Some("read back"));
            proptest::prop_assert_eq!(of("value"), Some(&*value));
            proptest::prop_assert_eq!(of("other"), Some(&*other));
        });
    }

    #[test]
    fn writes_one_line_whatever_a_field_holds() {
        let odd = "a\n::error::b\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}";
        let error = std::io::Error::other(odd);
        for format in [Format::Json, Format::Text] {
            let text = written(format, 0, || {
                tracing::warn!(pod = odd, %error, why = ?odd, "{odd}");
                tracing::info!("{odd}");
            });
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(!text.contains(|c| c != '\n' && text::is_unprintable(c)), "{text:?}");
            if format == Format::Json {
                let line: Value = serde_json::from_str(text.lines().next().unwrap()).expect("JSON");
                assert_eq!(line["pod"], odd);
                assert_eq!(line["message"], odd);
            }
        }
    }

    #[test]
    fn leaves_out_what_kube_says_of_each_failed_request_and_nothing_more() {
        let text = written(Format::Json, 5, || {
            tracing::warn!(target: "kube_runtime::watcher", "watcher error 403: Api(Status");
            tracing::warn!(target: "kube_client::client", "a body, Error(");
            tracing::error!(target: "kube_client::client::builder", "failed with error refused");
            tracing::error!(target: "kube_runtime::watcher", "a bug");
            tracing::warn!(target: "kube_client::client::tls", "stale roots");
            tracing::warn!(target: "kube_client::config", "overriding cluster URL");
        });
        let told: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let told: Vec<_> = told.iter().map(|line| &line["message"]).collect();
        assert_eq!(told, ["a bug", "stale roots", "overriding cluster URL"]);
    }

    #[test]
    fn names_the_modules_of_this_crate_as_the_programs() {
        let text = written(Format::Json, 0, || {
            tracing::info!("of this crate");
            tracing::info!(target: "pod_identity_webhook::run::serve", "of the program");
            tracing::warn!(target: "webhooks::a", "of another");
        });
        let targets = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["target"].clone());
        assert_eq!(
            targets.collect::<Vec<_>>(),
            [
                "pod_identity_webhook::telemetry::logs::tests",
                "pod_identity_webhook::run::serve",
                "webhooks::a"
            ]
        );
    }

    #[test]
    fn tells_more_at_higher_verbosity_but_nothing_more_of_dependencies() {
        let events = || {
            tracing::info!("ours-info");
            tracing::debug!("ours-debug");
            tracing::trace!("ours-trace");
            tracing::info!(target: "pod_identity_webhook::run", "program-info");
            tracing::debug!(target: "pod_identity_webhook::run", "program-debug");
            tracing::info!(target: "kube_client", "theirs-info");
            tracing::warn!(target: "kube_client", "theirs-warn");
        };
        for (verbosity, told) in [
            (-1, vec!["ours-info", "program-info", "theirs-warn"]),
            (2, vec!["ours-info", "program-info", "theirs-warn"]),
            (3, vec!["ours-info", "ours-debug", "program-info", "program-debug", "theirs-warn"]),
            (4, vec!["ours-info", "ours-debug", "program-info", "program-debug", "theirs-warn"]),
            (
                5,
                vec![
                    "ours-info",
                    "ours-debug",
                    "ours-trace",
                    "program-info",
                    "program-debug",
                    "theirs-warn",
                ],
            ),
        ] {
            let text = written(Format::Json, verbosity, events);
            let messages: Vec<String> = text
                .lines()
                .map(|line| {
                    serde_json::from_str::<Value>(line).expect("JSON")["message"].to_string()
                })
                .map(|message| message.trim_matches('"').to_owned())
                .collect();
            assert_eq!(messages, told, "{verbosity}");
        }
    }
}
