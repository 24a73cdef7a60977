//! Formats that have quotes and escapes of their own: what is unprintable in a
//! document is written as the format's escape, and reads back as it was.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{begins_log_command, is_unprintable};
use crate::words::any_byte;

/// How a quoted text writes a character by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// `\u202e`, in pairs of surrogates beyond the first plane.
    Json,
    /// `\u202e`, and `\U000e0001` beyond the first plane: YAML's double quotes, HCL.
    Long,
}

/// A document, or a part of one, in which whatever is unprintable stands
/// between double quotes; line breaks between its values stay.
#[must_use]
pub fn quoted(document: &str, quotes: Quotes) -> Cow<'_, str> {
    if may_be_odd(document.as_bytes()) {
        Cow::Owned(escaped(document, quotes))
    } else {
        Cow::Borrowed(document)
    }
}

/// The usual document, at the cost of one look: a log line waits for it.
fn may_be_odd(document: &[u8]) -> bool {
    any_byte(
        document,
        |word| word.beyond_ascii_text().or(word.below(b' ')).or(word.equal_to(b'#')),
        |byte| *byte >= 0x7f || *byte < b' ' && *byte != b'\n' || *byte == b'#',
    )
}

#[cold]
fn escaped(document: &str, quotes: Quotes) -> String {
    let mut out = String::with_capacity(document.len() + 32);
    for (index, c) in document.char_indices() {
        let is_odd = c != '\n' && c != '\t' && is_unprintable(c)
            || c == '#' && begins_log_command(&document[index..]);
        // Writing to a `String` can't fail.
        let _ = match (quotes, u32::from(c)) {
            _ if !is_odd => out.write_char(c),
            (_, number @ ..=0xffff) => write!(out, "\\u{number:04x}"),
            (Quotes::Long, number) => write!(out, "\\U{number:08x}"),
            (Quotes::Json, _) => {
                let mut pair = [0; 2];
                c.encode_utf16(&mut pair).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
        };
    }
    out
}

/// Whether a value must stand in double quotes, on one line, for [`quoted`] to
/// find what is unprintable in it: in YAML, which can do without quotes.
#[must_use]
pub fn needs_quotes(value: &str) -> bool {
    let odd = |c: char| c != '\n' && c != '\t' && is_unprintable(c);
    // A block or folded scalar may begin a line with whatever follows a space.
    let command = value
        .match_indices("::")
        .any(|(index, _)| value[..index].chars().next_back().is_none_or(char::is_whitespace));
    command
        || value.chars().any(odd)
        || value.match_indices("##").any(|(index, _)| begins_log_command(&value[index..]))
}
