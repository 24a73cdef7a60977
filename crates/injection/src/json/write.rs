//! Strings as JSON has them.

use std::fmt::Write as _;

/// One in each byte of a word.
const ONES: u64 = u64::MAX / 255;
/// What is below them is a control character.
const SPACES: u64 = ONES * b' ' as u64;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

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

/// Whether a string can stand in its quotes as it is: eight bytes in one word at a time.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = text.as_chunks();
    let needs_escape = |word: u64| {
        let controls = word.wrapping_sub(SPACES) & !word;
        (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | controls) & (ONES << 7) != 0
    };
    !words.iter().any(|word| needs_escape(u64::from_le_bytes(*word)))
        && !rest.iter().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\'))
}
