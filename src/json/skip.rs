//! Goes over JSON that nobody asked for, and checks its grammar on the way.
//!
//! Each function takes the place where something begins and gives the one
//! behind it. The text has no control characters, so that a space is the only
//! white space, and nothing that it may not hold stands in a string.

use super::Unsure;

/// What is open: a bit for each object, set, and for each list, behind these.
const OUTSIDE: u64 = 0b10;
/// No bit is left. No Kubernetes object is as deep.
const DEEPEST: u64 = 1 << 63;

/// One in each byte of a word.
const ONES: u64 = u64::MAX / 255;
const HIGHEST: u64 = ONES << 7;
/// What is below them is a control character.
const SPACES: u64 = ONES * b' ' as u64;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// Sets the highest bit of each byte that is zero.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Whether a string can stand in its quotes as it is.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks();
    let needs_escape = |word: u64| {
        let controls = word.wrapping_sub(SPACES) & !word;
        (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | controls) & HIGHEST != 0
    };
    !words.iter().any(|word| needs_escape(u64::from_le_bytes(*word)))
        && !rest.iter().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\'))
}

type Behind = Result<usize, Unsure>;

/// The byte at a place. Behind the end it is one that the text does not have,
/// which no branch takes: so the end needs no branch of its own.
#[inline]
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The place of the next byte that is not a space, and that byte.
#[inline]
pub(super) fn spaces(text: &[u8], at: usize) -> (usize, u8) {
    match byte(text, at) {
        b' ' => many_spaces(text, at),
        other => (at, other),
    }
}

/// An API server sends none.
#[cold]
#[inline(never)]
fn many_spaces(text: &[u8], mut at: usize) -> (usize, u8) {
    while byte(text, at) == b' ' {
        at += 1;
    }
    (at, byte(text, at))
}

pub(super) fn value(text: &[u8], at: usize) -> Behind {
    let mut open = OUTSIDE;
    let (mut at, mut next) = spaces(text, at);
    // Before a value, or before the name of one.
    'items: loop {
        if is_object(open) {
            if next != b'"' {
                return Err(Unsure);
            }
            (at, next) = spaces(text, string(text, at)?);
            if next != b':' {
                return Err(Unsure);
            }
            (at, next) = spaces(text, at + 1);
        }
        match next {
            b'"' => at = string(text, at)?,
            b'{' | b'[' => {
                let first = next;
                (at, next) = spaces(text, at + 1);
                // Both close two places behind where they open in ASCII.
                if next != first + 2 {
                    if open >= DEEPEST {
                        return Err(Unsure);
                    }
                    open = open << 1 | u64::from(first == b'{');
                    continue 'items;
                }
                at += 1;
            }
            b't' => at = literal(text, at, b"true")?,
            b'f' => at = literal(text, at, b"false")?,
            b'n' => at = literal(text, at, b"null")?,
            _ => at = number(text, at)?,
        }
        // Behind a value: there is another one, or what holds it ends.
        while open != OUTSIDE {
            (at, next) = spaces(text, at);
            if next == b',' {
                (at, next) = spaces(text, at + 1);
                continue 'items;
            }
            if next != if is_object(open) { b'}' } else { b']' } {
                return Err(Unsure);
            }
            at += 1;
            open >>= 1;
        }
        return Ok(at);
    }
}

fn is_object(open: u64) -> bool {
    open & 1 == 1
}

/// A string, from its first quote on.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the loop over values then keeps what this needs at hand")]
fn string(text: &[u8], at: usize) -> Behind {
    let mut at = at + 1;
    loop {
        at = plain(text, at);
        match byte(text, at) {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(text, at)?,
            _ => return Err(Unsure),
        }
    }
}

/// To the next quote or backslash: eight bytes in one word at a time.
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
#[inline]
pub(super) fn plain(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*block);
        // The lowest bit that is set is right; a borrow may set others above it.
        let marks = (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES)) & HIGHEST;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    last_of(text, at)
}

/// The same in the last bytes of a text.
#[cold]
#[inline(never)]
fn last_of(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count()
}

/// An escape, from its backslash on.
#[inline(never)]
fn escape(text: &[u8], at: usize) -> Behind {
    match text.get(at + 1..).unwrap_or_default() {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(at + 2),
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|it| it.is_ascii_hexdigit()) => {
            Ok(at + 6)
        }
        _ => Err(Unsure),
    }
}

pub(super) fn literal(text: &[u8], at: usize, word: &[u8]) -> Behind {
    let behind = at + word.len();
    if text.get(at..behind) == Some(word) { Ok(behind) } else { Err(Unsure) }
}

#[inline(never)]
fn number(text: &[u8], mut at: usize) -> Behind {
    let is = |at: usize, bytes: &[u8]| text.get(at).is_some_and(|byte| bytes.contains(byte));
    if is(at, b"-") {
        at += 1;
    }
    // Behind a zero no digit may follow: whatever reads on refuses it.
    at = if is(at, b"0") { at + 1 } else { digits(text, at)? };
    if is(at, b".") {
        at = digits(text, at + 1)?;
    }
    if is(at, b"eE") {
        at += 1;
        at = digits(text, if is(at, b"+-") { at + 1 } else { at })?;
    }
    Ok(at)
}

fn digits(text: &[u8], at: usize) -> Behind {
    let rest = text.get(at..).unwrap_or_default();
    match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => Err(Unsure),
        count => Ok(at + count),
    }
}
