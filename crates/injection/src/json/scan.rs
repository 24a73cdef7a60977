//! Goes over JSON that nobody asked for, and checks its grammar on the way.
//!
//! Two looks at the text, one behind the other. The first finds quotes and
//! backslashes, 64 bytes at a time and without asking what they mean. The
//! second goes over the items, and knows from the first where each string ends
//! instead of looking for it: else every string would wait for the one before.

use wide::u8x16;

use super::Unsure;

/// What is open: a bit for each object, set, and for each list, behind these.
const OUTSIDE: u64 = 0b10;
/// No bit is left. No Kubernetes object is as deep.
const DEEPEST: u64 = 1 << 63;

const WINDOW: usize = 64;

/// A place in a text. The text has no control characters, so that nothing that
/// it may not hold stands in a string. No space is allowed between two items:
/// an API server sends none.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the window begins that was looked at last.
    window: usize,
    /// Its quotes and backslashes from the place on: a bit for each byte.
    marks: u64,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, window: 0, marks: marks(text, 0) }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// The next byte, which it stays before. Behind the end it is one that the
    /// text does not have, which no branch takes: so the end needs no branch of
    /// its own.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn take(&mut self, wanted: u8) -> Result<(), Unsure> {
        if self.peek() != wanted {
            return Err(Unsure);
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn take_word(&mut self, word: &[u8]) -> Result<(), Unsure> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Unsure);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string in its quotes. True where it is its text as it stands: it has
    /// no escapes.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the place then stays in registers")]
    pub(super) fn string(&mut self) -> Result<bool, Unsure> {
        if self.peek() != b'"' {
            return Err(Unsure);
        }
        self.next_mark();
        self.at = self.next_mark();
        if self.peek() == b'"' {
            self.at += 1;
            Ok(true)
        } else if self.peek() == b'\\' {
            *self = self.behind_escapes()?;
            Ok(false)
        } else {
            Err(Unsure)
        }
    }

    /// The rest of a string, from its first backslash on: a window at a time, so that a string of many
    /// escapes costs no more than its bytes.
    #[inline(never)]
    fn behind_escapes(mut self) -> Result<Self, Unsure> {
        // No bit of what stands before the backslash, which no other escapes.
        let mut from = u64::MAX << (self.at - self.window);
        let mut is_escaped = false;
        loop {
            let looked_at = Marks::of(self.text, self.window);
            let (escaped, carry) = escaped(looked_at.backslashes & from, is_escaped);
            let ends = looked_at.quotes & from & !escaped;
            // What is escaped up to the string's end, or in all of the window.
            let within = if ends == 0 { u64::MAX } else { ends ^ (ends - 1) };
            self.check_escapes(escaped & within, looked_at.quotes | looked_at.backslashes)?;
            if ends != 0 {
                self.at = self.window + ends.trailing_zeros() as usize + 1;
                self.marks = (looked_at.quotes | looked_at.backslashes) & !within;
                return Ok(self);
            }
            self.window += WINDOW;
            if self.window >= self.text.len() {
                return Err(Unsure);
            }
            (from, is_escaped) = (u64::MAX, carry);
        }
    }

    /// Whether each byte that stands behind an escaping backslash may. Quotes and backslashes, which may, are
    /// nearly all of them.
    #[inline]
    fn check_escapes(&self, escaped: u64, marks: u64) -> Result<(), Unsure> {
        let mut others = escaped & !marks;
        while others != 0 {
            let at = self.window + others.trailing_zeros() as usize;
            others &= others - 1;
            match self.text.get(at..).unwrap_or_default() {
                [b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {}
                [b'u', digits @ ..] => match digits.first_chunk::<4>() {
                    Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
                    _ => return Err(Unsure),
                },
                _ => return Err(Unsure),
            }
        }
        Ok(())
    }

    /// The place of the next quote or backslash, each of which is given once;
    /// behind the last one, the end of the text.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the place then stays in registers")]
    fn next_mark(&mut self) -> usize {
        while self.marks == 0 {
            if self.window >= self.text.len() {
                return self.text.len();
            }
            self.window += WINDOW;
            self.marks = marks(self.text, self.window);
        }
        let mark = self.window + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        mark
    }

    /// Goes over one value.
    pub(super) fn value(&mut self) -> Result<(), Unsure> {
        *self = self.behind_value()?;
        Ok(())
    }

    fn behind_value(mut self) -> Result<Self, Unsure> {
        let mut open = OUTSIDE;
        'value: loop {
            let first = self.peek();
            if first == b'"' {
                self.string()?;
            } else if first == b'{' {
                self.at += 1;
                if self.peek() != b'}' {
                    open = deeper(open)? | 1;
                    self.name()?;
                    continue 'value;
                }
                self.at += 1;
            } else if first == b'[' {
                self.at += 1;
                if self.peek() != b']' {
                    open = deeper(open)?;
                    continue 'value;
                }
                self.at += 1;
            } else {
                self = self.scalar(first)?;
            }
            // Behind a value: there is another one, or what holds it ends.
            while open != OUTSIDE {
                let is_object = open & 1 == 1;
                let next = self.peek();
                self.at += 1;
                if next == b',' {
                    if is_object {
                        self.name()?;
                    }
                    continue 'value;
                }
                if next != if is_object { b'}' } else { b']' } {
                    return Err(Unsure);
                }
                open >>= 1;
            }
            return Ok(self);
        }
    }

    /// A name and its colon.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the place then stays in registers")]
    fn name(&mut self) -> Result<(), Unsure> {
        self.string()?;
        self.take(b':')
    }

    /// Not a part of the loop over values, which most of the time has strings and
    /// objects before it.
    #[inline(never)]
    fn scalar(mut self, first: u8) -> Result<Self, Unsure> {
        match first {
            b't' => self.take_word(b"true")?,
            b'f' => self.take_word(b"false")?,
            b'n' => self.take_word(b"null")?,
            _ => self.number()?,
        }
        Ok(self)
    }

    fn number(&mut self) -> Result<(), Unsure> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is = |at: usize, bytes: &[u8]| rest.get(at).is_some_and(|byte| bytes.contains(byte));
        let mut at = usize::from(is(0, b"-"));
        // Behind a zero no digit may follow: whatever reads on refuses it.
        at = if is(at, b"0") { at + 1 } else { digits(rest, at)? };
        if is(at, b".") {
            at = digits(rest, at + 1)?;
        }
        if is(at, b"eE") {
            at += 1;
            at = digits(rest, if is(at, b"+-") { at + 1 } else { at })?;
        }
        self.at += at;
        Ok(())
    }
}

#[inline]
fn deeper(open: u64) -> Result<u64, Unsure> {
    if open >= DEEPEST { Err(Unsure) } else { Ok(open << 1) }
}

fn digits(text: &[u8], at: usize) -> Result<usize, Unsure> {
    let rest = text.get(at..).unwrap_or_default();
    match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => Err(Unsure),
        count => Ok(at + count),
    }
}

/// The bytes that a backslash escapes, and whether the first one of the next window is. The first byte
/// is where the window before ended with an escaping backslash.
///
/// A row of backslashes escapes every second byte from its second on. Those that begin at an odd place are
/// added to all: the sum carries through each such row, and so changes which places of it are even.
/// (The way of simdjson: Langdale, Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1.1.)
#[inline]
fn escaped(backslashes: u64, is_escaped: bool) -> (u64, bool) {
    const EVEN: u64 = u64::MAX / 3;
    let first = u64::from(is_escaped);
    let backslashes = backslashes & !first;
    let behind = backslashes << 1 | first;
    let odd_rows = backslashes & !EVEN & !behind;
    let (rows, carry) = odd_rows.overflowing_add(backslashes);
    ((EVEN ^ rows << 1) & behind, carry)
}

/// The quotes and the backslashes of a window: a bit for each byte.
struct Marks {
    quotes: u64,
    backslashes: u64,
}

impl Marks {
    #[inline]
    fn of(text: &[u8], window: usize) -> Self {
        let rest = text.get(window..).unwrap_or_default();
        let mut last = [0; WINDOW];
        let whole = rest.first_chunk().unwrap_or_else(|| {
            if let Some(part) = last.get_mut(..rest.len()) {
                part.copy_from_slice(rest);
            }
            &last
        });
        Self { quotes: places(whole, b'"'), backslashes: places(whole, b'\\') }
    }
}

/// Where a byte stands in a window.
#[inline]
fn places(window: &[u8; WINDOW], byte: u8) -> u64 {
    let (blocks, _) = window.as_chunks();
    blocks.iter().rev().fold(0, |places, block| {
        places << 16 | u64::from(u8x16::new(*block).simd_eq(u8x16::splat(byte)).to_bitmask())
    })
}

/// The quotes and backslashes of a window, together: a bit for each byte.
#[inline(always)]
#[allow(clippy::inline_always, reason = "two of three strings end in the window of the last one")]
fn marks(text: &[u8], window: usize) -> u64 {
    let rest = text.get(window..).unwrap_or_default();
    match rest.first_chunk() {
        Some(whole) => marks_of(whole),
        None => marks_of_last(rest),
    }
}

#[cold]
#[inline(never)]
fn marks_of_last(rest: &[u8]) -> u64 {
    let mut whole = [0; WINDOW];
    if let Some(part) = whole.get_mut(..rest.len()) {
        part.copy_from_slice(rest);
    }
    marks_of(&whole)
}

#[inline]
fn marks_of(window: &[u8; WINDOW]) -> u64 {
    let (blocks, _) = window.as_chunks();
    blocks.iter().rev().fold(0, |marks, block| {
        let block = u8x16::new(*block);
        let found = block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\'));
        marks << 16 | u64::from(found.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_is_escaped_as_a_walk_from_byte_to_byte_does(
            windows in proptest::collection::vec(any::<[u64; 3]>(), 1..4)
        ) {
            let (mut carry, mut walks_carry) = (false, false);
            for [some, more, fewer] in windows {
                // Long rows and short ones.
                let backslashes = (some | more) & (fewer | more.rotate_left(1));
                let mut walked = 0;
                for bit in 0..64 {
                    if walks_carry {
                        walked |= 1 << bit;
                        walks_carry = false;
                    } else {
                        walks_carry = backslashes >> bit & 1 == 1;
                    }
                }
                let found;
                (found, carry) = escaped(backslashes, carry);
                prop_assert_eq!((found, carry), (walked, walks_carry));
            }
        }
    }
}
