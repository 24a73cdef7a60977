//! A line of the log as one flat JSON object, written as its fields come: an
//! admission waits for its line, so it must not build a tree of values first.

use std::cell::Cell;
use std::fmt::{self, Debug, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use text::{Quotes, quoted};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::logs::PROGRAM_CRATE;
use injection::json::push_string;

pub(super) struct JsonLines;

thread_local! {
    /// The memory of the last line. Taken while a line is written: a value that
    /// logs while it is shown finds none, and makes its own.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
    /// The last second, and how it is written.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line(LINE.take());
        line.0.clear();
        line.0.push_str(r#"{"timestamp":""#);
        push_time(&mut line.0, SystemTime::now());
        line.0.push_str(r#"","level":""#);
        line.0.push_str(metadata.level().as_str());
        line.0.push('"');
        event.record(&mut line);
        line.0.push_str(r#","target":"#);
        push_target(&mut line.0, metadata.target());
        line.0.push_str("}\n");
        // JSON's own escapes leave DEL, the C1 set and the marks of direction.
        let written = writer.write_str(&quoted(&line.0, Quotes::Json));
        LINE.set(line.0);
        written
    }
}

/// An object that takes the fields of an event as its members.
struct Line(String);

impl Line {
    fn member(&mut self, field: &Field) -> &mut String {
        let Self(line) = self;
        line.push(',');
        // A field named as a word of Rust begins so.
        let name = field.name();
        line.push('"');
        line.push_str(name.strip_prefix("r#").unwrap_or(name));
        line.push_str("\":");
        line
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        push_string(self.member(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field).push_str(if value { "true" } else { "false" });
    }

    // Writing to a `String` can't fail: so below.
    fn record_i64(&mut self, field: &Field, value: i64) {
        let _ = write!(self.member(field), "{value}");
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let _ = write!(self.member(field), "{value}");
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let line = self.member(field);
        // JSON has no other numbers.
        if value.is_finite() {
            let _ = write!(line, "{value}");
        } else {
            line.push_str("null");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        push_string(self.member(field), &text);
    }
}

/// A module of this crate is one of the program's.
fn push_target(out: &mut String, target: &str) {
    match target.strip_prefix(concat!(env!("CARGO_CRATE_NAME"), "::")) {
        // Names of Rust, which need no escapes.
        Some(modules) => out.extend(["\"", PROGRAM_CRATE, "::", modules, "\""]),
        None => push_string(out, target),
    }
}

/// To the microsecond, in UTC. What changes once a second is written once a
/// second.
fn push_time(out: &mut String, now: SystemTime) {
    // A clock before 1970 is not worth a line of its own.
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = SECOND.get();
    if second != since.as_secs() {
        second = since.as_secs();
        let time = i64::try_from(second).ok().and_then(|it| Timestamp::from_second(it).ok());
        let written = time.unwrap_or_default().to_string();
        // Without its Z. The year has four digits for as long as jiff counts.
        text.copy_from_slice(written.as_bytes().get(..19).unwrap_or(b"1970-01-01T00:00:00"));
        SECOND.set((second, text));
    }
    out.push_str(str::from_utf8(&text).unwrap_or_default());
    let _ = write!(out, ".{:06}Z", since.subsec_micros());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn writes_the_time_of_day_to_the_microsecond() {
        for (seconds, micros, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_793_000_000, 7, "2026-10-26T07:33:20.000007Z"),
            (1_793_000_000, 999_999, "2026-10-26T07:33:20.999999Z"),
            (1_793_000_001, 1, "2026-10-26T07:33:21.000001Z"),
        ] {
            let mut text = String::new();
            let since = Duration::from_secs(seconds) + Duration::from_micros(micros);
            push_time(&mut text, UNIX_EPOCH + since);
            assert_eq!(text, expected);
        }
    }
}
