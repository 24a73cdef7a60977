//! Prints pods for the examples.

use std::io::{IsTerminal as _, stdout};

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Prints `after` as YAML, with lines that differ from `before` marked.
pub(crate) fn additions(before: &Value, after: &Value) -> anyhow::Result<()> {
    let (before, after) = (serde_saphyr::to_string(before)?, serde_saphyr::to_string(after)?);
    let colour = stdout().is_terminal();
    for change in TextDiff::from_lines(&before, &after).iter_all_changes() {
        let (sign, paint) = match change.tag() {
            ChangeTag::Equal => (' ', ""),
            ChangeTag::Insert => ('+', "\x1b[32m"),
            ChangeTag::Delete => ('-', "\x1b[31m"),
        };
        let line = change.value().trim_end_matches('\n');
        if colour && !paint.is_empty() {
            println!("{paint}{sign} {line}\x1b[0m");
        } else {
            println!("{sign} {line}");
        }
    }
    Ok(())
}

/// Prints one line with a name and a value; strings without quotes.
pub(crate) fn field(name: &str, value: &Value) {
    match value.as_str() {
        Some(text) => println!("{name:<9} {text}"),
        None => println!("{name:<9} {value}"),
    }
}
