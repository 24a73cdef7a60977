//! Text for people, made safe to show: names and values that others chose come
//! out as one line that says what is in them, and does nothing.
//!
//! What is escaped: control characters (a newline forges a line, ESC and the C1
//! set drive the terminal), marks that reorder or hide text (bidi controls,
//! zero-width characters, fillers, variation selectors, tags), line and
//! paragraph separators, and the commands that CI systems read from logs
//! (`::error::`, `##[error]`, `##vso[...]`). Each becomes `\n`, `\r`, `\t` or
//! `\u{1b}`, as in Rust's own escapes, so that text that was escaped before
//! stays as it is.
//!
//! Formats with quotes of their own (JSON, YAML, HCL) keep every value: see
//! [`quoted`].

mod characters;
mod quoted;

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

pub use characters::is_unprintable;
pub use quoted::{Quotes, needs_quotes, quoted};

/// Shows a value, however it was made up, as part of one line.
///
/// ```
/// use text::Printable;
/// assert_eq!(Printable("a\u{1b}[2Jb\n").to_string(), r"a\u{1b}[2Jb\n");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printable<T>(pub T);

/// A whole line: what it shows is escaped, and the one newline is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<T>(pub T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escaped(&self.0.to_string()))
    }
}

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.0.to_string()))?;
        f.write_char('\n')
    }
}

/// The text with everything escaped that must not reach a terminal or a log.
/// Text that needs nothing is borrowed. To escape twice is to escape once.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    let command = workflow_command(text);
    let is_odd = |(index, c): (usize, char)| {
        is_unprintable(c) || (c == '#' && begins_log_command(&text[index..]))
    };
    if command.is_none() && !text.char_indices().any(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (index, c) in text.char_indices() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_odd((index, c)) || command == Some(index) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Several lines that are our own: control characters other than the newline
/// are escaped, so that a forgotten value at least drives no terminal.
#[must_use]
pub fn escaped_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => Line(line).to_string(),
            None => escaped(line).into_owned(),
        })
        .collect()
}

/// Where `::` begins a line, behind any space: GitHub reads a command there.
fn workflow_command(line: &str) -> Option<usize> {
    let trimmed = line.trim_start();
    trimmed.starts_with("::").then(|| line.len() - trimmed.len())
}

/// Azure, `TeamCity` and GitHub's older runners read `##name[...]` anywhere.
fn begins_log_command(text: &str) -> bool {
    text.strip_prefix("##").is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('[')
    })
}

#[cfg(test)]
mod tests;
