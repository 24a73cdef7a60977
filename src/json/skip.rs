//! Goes over JSON that nobody asked for, and checks its grammar on the way.
//!
//! Each function takes the place where something begins and gives the one
//! behind it. The text has no control characters, so that a space is the only
//! white space, and nothing that it may not hold stands in a string.

use super::Unsure;

/// Deeper than any Kubernetes object, and a bit of a word each.
const MAX_DEPTH: u32 = 64;

type Behind = Result<usize, Unsure>;

/// The place of the next byte that is not a space, and that byte.
#[inline]
pub(super) fn spaces(text: &[u8], mut at: usize) -> Result<(usize, u8), Unsure> {
    loop {
        match text.get(at) {
            Some(b' ') => at += 1,
            Some(byte) => return Ok((at, *byte)),
            None => return Err(Unsure),
        }
    }
}

pub(super) fn value(text: &[u8], mut at: usize) -> Behind {
    // A bit for each object or list that is open: set, it is an object.
    let (mut open, mut depth) = (0_u64, 0);
    'values: loop {
        let first;
        (at, first) = spaces(text, at)?;
        match first {
            b'"' => at = string(text, at)?,
            b'{' | b'[' => {
                let next;
                (at, next) = spaces(text, at + 1)?;
                // Both close two places behind where they open in ASCII.
                if next == first + 2 {
                    at += 1;
                } else {
                    if depth == MAX_DEPTH {
                        return Err(Unsure);
                    }
                    depth += 1;
                    open = open << 1 | u64::from(first == b'{');
                    if first == b'{' {
                        at = name(text, at)?;
                    }
                    continue 'values;
                }
            }
            b't' => at = literal(text, at, b"true")?,
            b'f' => at = literal(text, at, b"false")?,
            b'n' => at = literal(text, at, b"null")?,
            _ => at = number(text, at)?,
        }
        // Behind a value: there is another one, or what holds it ends.
        while depth > 0 {
            let next;
            (at, next) = spaces(text, at)?;
            at += 1;
            let is_object = open & 1 == 1;
            if next == b',' {
                if is_object {
                    at = name(text, at)?;
                }
                continue 'values;
            }
            if next != if is_object { b'}' } else { b']' } {
                return Err(Unsure);
            }
            depth -= 1;
            open >>= 1;
        }
        return Ok(at);
    }
}

/// The name of a member and its colon.
#[inline]
fn name(text: &[u8], at: usize) -> Behind {
    let (at, first) = spaces(text, at)?;
    if first != b'"' {
        return Err(Unsure);
    }
    match spaces(text, string(text, at)?)? {
        (at, b':') => Ok(at + 1),
        _ => Err(Unsure),
    }
}

/// A string, from its first quote on.
#[inline]
pub(super) fn string(text: &[u8], at: usize) -> Behind {
    let mut at = plain(text, at + 1);
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(_) => at = plain(text, escape(text, at)?),
            None => return Err(Unsure),
        }
    }
}

/// To the next quote or backslash: eight bytes in one word at a time.
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
#[inline]
pub(super) fn plain(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(block) = text.get(at..at + 8)
        && let Ok(block) = block.try_into()
    {
        let word = u64::from_le_bytes(block);
        // The lowest bit that is set is right; a borrow may set others above it.
        let marks = (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES)) & (ONES << 7);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = text.get(at)
        && !matches!(byte, b'"' | b'\\')
    {
        at += 1;
    }
    at
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
