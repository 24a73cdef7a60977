//! A line of the log as `name=value` pairs, in quotes where a value needs them: logfmt, as Go's
//! `log/slog` writes it, for people and for what parses it. The names are those of the JSON lines.

use std::fmt::{self, Debug, Write as _};

use jiff::Timestamp;
use text::{Line, Quotes, is_unprintable, quoted};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use injection::json::push_string;

pub(super) struct TextLines;

impl<S, N> FormatEvent<S, N> for TextLines
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
        let mut line = Pairs(String::new());
        line.pair("timestamp", &format!("{:.6}", Timestamp::now()));
        line.pair("level", metadata.level().as_str());
        // What happened stands before with what, wherever the macro has put it.
        let mut message = Message(String::new());
        event.record(&mut message);
        line.pair("message", &message.0);
        event.record(&mut line);
        write!(writer, "{}", Line(line.0))
    }
}

/// The pairs of a line.
struct Pairs(String);

impl Pairs {
    fn pair(&mut self, name: &str, value: &str) {
        let Self(line) = self;
        if !line.is_empty() {
            line.push(' ');
        }
        // A field named as a word of Rust begins so.
        line.push_str(name.strip_prefix("r#").unwrap_or(name));
        line.push('=');
        let is_odd = |c: char| matches!(c, ' ' | '"' | '=' | '\\') || is_unprintable(c);
        if value.is_empty() || value.contains(is_odd) {
            let mut text = String::new();
            push_string(&mut text, value);
            line.push_str(&quoted(&text, Quotes::Json));
        } else {
            line.push_str(value);
        }
    }
}

impl Visit for Pairs {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != MESSAGE {
            self.pair(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != MESSAGE {
            self.pair(field.name(), &format!("{value:?}"));
        }
    }
}

const MESSAGE: &str = "message";

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == MESSAGE {
            // Writing to a `String` can't fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
