//! Strings as JSON has them.

use std::fmt::Write as _;

use text::any_byte;

/// Appends `text` to `out` as a JSON string, in quotes and escaped.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // One fast look: nearly no string has anything to escape.
    if is_plain(text.as_bytes()) {
        out.push_str(text);
    } else {
        push_escaped(out, text);
    }
    out.push('"');
}

#[cold]
fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => {
                // Into a `String` it can't fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
}

/// Whether a string can stand in its quotes as it is.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    !any_byte(
        text,
        |word| word.equal_to(b'"').or(word.equal_to(b'\\')).or(word.below(b' ')),
        |byte| matches!(byte, ..b' ' | b'"' | b'\\'),
    )
}
