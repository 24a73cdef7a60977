//! What commands say: lines for people, and documents for programs.
//!
//! Nothing else in the program writes to standard output or standard error but
//! the log (a test below holds it), and nothing gets there unescaped: a line
//! is escaped as a whole, so that no value has to be remembered.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, StderrLock, StdoutLock, Write};

use serde::Serialize;
use text::{Line, Quotes, escaped_lines, quoted};

/// Lines for people.
pub(super) struct Lines<W>(W);

pub(super) fn out() -> Lines<StdoutLock<'static>> {
    Lines(io::stdout().lock())
}

pub(super) fn errors() -> Lines<StderrLock<'static>> {
    Lines(io::stderr().lock())
}

/// Whether a person reads what is printed.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Says why a command ends. Where standard error is closed, the exit code must do.
pub(super) fn fail(error: impl Display) {
    let _ = errors().line(format_args!("error: {error}"));
}

impl<W: Write> Lines<W> {
    /// One line, whatever it holds.
    pub(super) fn line(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.0, "{}", Line(text))
    }

    /// Lines that have been made one by one, by [`Line`]; control characters
    /// that were forgotten are escaped still.
    pub(super) fn lines(&mut self, text: impl Display) -> io::Result<()> {
        self.0.write_all(escaped_lines(&text.to_string()).as_bytes())
    }

    /// Text of a format with escapes of its own, which have been used.
    pub(super) fn document(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    /// JSON over many lines; what is unprintable is escaped in its texts.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(self.0, "{}", quoted(&text, Quotes::Json))
    }

    /// The same on one line.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        writeln!(self.0, "{}", quoted(&text, Quotes::Json))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(say: impl FnOnce(&mut Lines<&mut Vec<u8>>) -> io::Result<()>) -> String {
        let mut said = Vec::new();
        say(&mut Lines(&mut said)).expect("a Vec takes all");
        String::from_utf8(said).expect("text")
    }

    #[test]
    fn escapes_lines_and_documents_each_in_its_way() {
        let value = "a\u{9b}\n::b";
        assert_eq!(said(|out| out.line(value)), "a\\u{9b}\\n::b\n");
        assert_eq!(said(|out| out.lines(format_args!("{value}\n"))), "a\\u{9b}\n\\u{3a}:b\n");
        assert_eq!(said(|out| out.json_line(&value)), "\"a\\u009b\\n::b\"\n");
    }

    /// Files of the program, and what may stand in which.
    #[test]
    fn leaves_no_other_way_in_or_out() {
        let only = [
            ("io::stdout", vec!["run/output.rs"]),
            ("io::stderr", vec!["run/output.rs", "telemetry/logs.rs"]),
            ("io::stdin", vec!["input/stream.rs"]),
            ("fs::read(", vec![]),
            ("fs::read_to_string(", vec![]),
            ("File::open(", vec![]),
            ("read_to_end(", vec!["input/mod.rs"]),
        ];
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut left = vec![source.clone()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(
                    path.read_dir().expect("a folder").map(|it| it.expect("an entry").path()),
                );
                continue;
            }
            let name = path.strip_prefix(&source).expect("below it").display().to_string();
            let text = std::fs::read_to_string(&path).expect("a file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (what, files) in &only {
                let may = files.contains(&name.as_str()) || name.ends_with("tests.rs");
                assert!(may || !code.contains(what), "src/{name} has {what}");
            }
        }
    }
}
