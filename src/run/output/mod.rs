//! What commands say: lines for people, and documents for programs.
//!
//! Nothing else in the program writes to standard output or standard error but
//! the log (a test below holds it), and nothing gets there unescaped: a line
//! is escaped as a whole, so that no value has to be remembered.
//!
//! On a terminal words have colours, and prose is wrapped to its width. Anywhere else a line
//! is one line.

mod head;
mod look;
mod pipe;
mod progress;
pub(super) mod table;
mod wrap;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, StderrLock, StdoutLock, Write};

use serde::Serialize;
use serde_json::{Value, json};
use text::{Line, Quotes, escaped, escaped_lines, quoted};

pub(super) use head::Head;
pub(super) use look::Tone;
pub(super) use pipe::{exit_code as ended, failed};
pub(super) use progress::Progress;

use injection::workloads::to_yaml;

use head::ShownHead;
use look::Look;
use pipe::{Errors, Out};

/// Lines for people.
#[derive(Debug)]
pub(super) struct Lines<W> {
    to: W,
    look: Look,
}

/// Standard output. Where its reader has gone, writing fails and [`exit_code`] says so.
pub(super) fn out() -> Lines<Out<StdoutLock<'static>>> {
    let stdout = io::stdout();
    let look = Look::of(&stdout);
    Lines { to: Out(stdout.lock()), look }
}

/// Standard error. Where its reader has gone, nobody minds.
pub(super) fn errors() -> Lines<Errors<StderrLock<'static>>> {
    let stderr = io::stderr();
    let look = Look::of(&stderr);
    Lines { to: Errors(stderr.lock()), look }
}

/// Whether a person reads what is printed.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Says why a command ends. Where standard error is closed, the exit code must do.
pub(super) fn fail(error: impl Display) {
    if pipe::reader_has_gone() {
        return;
    }
    pipe::failed();
    let _ = errors().prose(Head::new().word(Tone::Bad, "error:"), error);
}

/// Says what was read in another way than it was likely meant.
pub(super) fn warn(warning: impl Display) {
    let _ = errors().prose(Head::new().word(Tone::Doubtful, "warning:"), warning);
}

impl<W: Write> Lines<W> {
    /// One line, whatever it holds and however long it is.
    pub(super) fn line(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.to, "{}", Line(text))
    }

    /// A line with colour in its head. A terminal gets it in as many lines as it takes.
    pub(super) fn prose(&mut self, head: Head, text: impl Display) -> io::Result<()> {
        let plain = text.to_string();
        let ShownHead { plain: plain_head, styled, hanging } = head.shown();
        let (shown_head, shown) = (escaped(&plain_head), escaped(&plain));
        // What is a command of a CI system only when both stand together is escaped together.
        let together = format!("{plain_head}{plain}");
        if escaped(&together) != format!("{shown_head}{shown}") {
            return self.line(together);
        }
        let text = match self.look.width {
            Some(width) => {
                let used = wrap::columns(&shown_head);
                // Below a wide head there would be no room for the text.
                let indent = if used * 2 > width { 4.min(used) } else { hanging.unwrap_or(used) };
                wrap::wrapped(&shown, width, used, indent)
            }
            None => shown.into_owned(),
        };
        let head = if self.look.colour { styled } else { shown_head.into_owned() };
        let line = format!("{head}{text}");
        writeln!(self.to, "{}", line.trim_end())
    }

    /// Lines that have been made one by one, by [`Line`]; control characters
    /// that were forgotten are escaped still. A terminal gets them wrapped, each below its own
    /// beginning.
    pub(super) fn lines(&mut self, text: impl Display) -> io::Result<()> {
        let text = escaped_lines(&text.to_string());
        let Some(width) = self.look.width else { return self.to.write_all(text.as_bytes()) };
        for line in text.lines() {
            let shown = line.trim_start_matches(' ');
            let indent = line.len() - shown.len();
            // Below the second column, where there are two and room for it.
            let column = shown.find("  ").map_or(0, |at| {
                let text = shown[at..].trim_start();
                wrap::columns(&shown[..shown.len() - text.len()])
            });
            let hanging = if column == 0 || column * 2 > width { 2 } else { column };
            let shown = wrap::wrapped(shown, width, indent, indent + hanging);
            writeln!(self.to, "{:indent$}{shown}", "")?;
        }
        Ok(())
    }

    /// A table, which is never wrapped.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<table::Cell>]) -> io::Result<()> {
        let lines = table::lines(headings, rows, self.look.colour);
        lines.iter().try_for_each(|line| writeln!(self.to, "{line}"))
    }

    /// Text of a format with escapes of its own, which have been used.
    pub(super) fn document(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    /// JSON over many lines; what is unprintable is escaped in its texts.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(self.to, "{}", quoted(&text, Quotes::Json))
    }

    /// The same as YAML. Members are in the order of their names, but for `first`.
    pub(super) fn yaml(&mut self, value: &impl Serialize, first: &[&str]) -> io::Result<()> {
        let mut value = serde_json::to_value(value)?;
        let yaml = |value: &Value| to_yaml(value).map_err(io::Error::other);
        let whole = yaml(&value)?;
        // In flow style, order would take more than this.
        if let Some(members) = value.as_object_mut().filter(|_| !whole.starts_with('{')) {
            for name in first {
                if let Some(member) = members.remove(*name) {
                    self.document(&yaml(&json!({*name: member}))?)?;
                }
            }
            return self.document(&yaml(&value)?);
        }
        self.document(&whole)
    }

    /// JSON on one line.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        writeln!(self.to, "{}", quoted(&text, Quotes::Json))
    }

    /// Lets readers of a pipe see what there is so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests;
