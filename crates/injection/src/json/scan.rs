//! Goes over JSON that nobody asked for, and checks its grammar on the way.
//!
//! Two looks at the text, one behind the other. The first finds the quotes that
//! no backslash escapes, 64 bytes at a time and without asking what they mean.
//! The second goes over the items, and knows from the first where each string
//! ends instead of looking for it: else every string would wait for the one before.

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
    /// Its quotes from the place on, but for the escaped ones: a bit for each byte.
    quotes: u64,
    /// All of its backslashes.
    backslashes: u64,
    /// Its last byte escapes the first one of the next window.
    carry: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, Unsure> {
        let mut scan = Self { text, at: 0, window: 0, quotes: 0, backslashes: 0, carry: false };
        scan.look()?;
        Ok(scan)
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

    #[inline]
    fn is_before(&self, wanted: &[u8]) -> bool {
        self.text.get(self.at..self.at + wanted.len()) == Some(wanted)
    }

    pub(super) fn take_word(&mut self, word: &[u8]) -> Result<(), Unsure> {
        if !self.is_before(word) {
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
        // All quotes before the place are gone: the next one begins the string.
        let mut within = u64::MAX << self.go_to_quote()?;
        self.quotes &= self.quotes - 1;
        let mut escapes = 0;
        while self.quotes == 0 {
            escapes |= self.backslashes & within;
            within = u64::MAX;
            self.next_window()?;
        }
        let end = self.go_to_quote()?;
        escapes |= self.backslashes & within & !(u64::MAX << end);
        self.quotes &= self.quotes - 1;
        self.at = self.window + end as usize + 1;
        Ok(escapes == 0)
    }

    /// The place of the next quote in its window, which becomes the one that was looked at last.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "two of three strings end in the window of the last one"
    )]
    fn go_to_quote(&mut self) -> Result<u32, Unsure> {
        while self.quotes == 0 {
            self.next_window()?;
        }
        Ok(self.quotes.trailing_zeros())
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn next_window(&mut self) -> Result<(), Unsure> {
        self.window += WINDOW;
        self.look()
    }

    /// Finds the quotes and backslashes of the window.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn look(&mut self) -> Result<(), Unsure> {
        let rest = self.text.get(self.window..).unwrap_or_default();
        let Marks { quotes, backslashes } = match rest.first_chunk() {
            Some(whole) => Marks::of(whole),
            None => Marks::of_last(rest)?,
        };
        (self.quotes, self.backslashes) = (quotes, backslashes);
        if backslashes != 0 || self.carry {
            (self.quotes, self.carry) = unescaped(rest, quotes, backslashes, self.carry)?;
        }
        Ok(())
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

    /// A name and its colon. Names of empty objects go by with the name behind them: a pod's managed fields
    /// are little else.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the place then stays in registers")]
    fn name(&mut self) -> Result<(), Unsure> {
        self.string()?;
        while self.is_before(b":{},\"") {
            self.at += 4;
            self.string()?;
        }
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

/// The quotes of a window that are not escaped, and whether the next window's first byte is. `rest` is the text from
/// the window on. A backslash outside of a string, which escapes nothing, does no harm: whoever goes over the items
/// comes to it and gives up.
#[inline(never)]
fn unescaped(
    rest: &[u8],
    quotes: u64,
    backslashes: u64,
    is_escaped: bool,
) -> Result<(u64, bool), Unsure> {
    let (escaped, carry) = escaped(backslashes, is_escaped);
    check_escapes(rest, escaped & !(quotes | backslashes))?;
    Ok((quotes & !escaped, carry))
}

/// Whether each byte that stands behind an escaping backslash may. Quotes and backslashes, which may and are nearly
/// all of them, are not among `others`.
#[inline]
fn check_escapes(rest: &[u8], mut others: u64) -> Result<(), Unsure> {
    while others != 0 {
        let at = others.trailing_zeros() as usize;
        others &= others - 1;
        match rest.get(at..).unwrap_or_default() {
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

/// Whether any byte is a control character. Not left to the compiler's vectorizer, which has no part in a program
/// that is compiled for size.
#[inline(never)]
pub(super) fn has_controls(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks();
    let least = |least: u8x16, block: &[u8; 16]| least.min(u8x16::new(*block));
    let least = blocks.iter().fold(u8x16::MAX, least).to_array();
    least.iter().chain(rest).any(|byte| *byte < b' ')
}

/// The quotes and the backslashes of a window: a bit for each byte.
struct Marks {
    quotes: u64,
    backslashes: u64,
}

impl Marks {
    #[inline]
    fn of(window: &[u8; WINDOW]) -> Self {
        // Nearly no window has a backslash: one look for all of its blocks says so.
        let (blocks, _) = window.as_chunks();
        let backslash = |block: &[u8; 16]| u8x16::new(*block).simd_eq(u8x16::splat(b'\\'));
        let any = blocks.iter().map(backslash).fold(u8x16::ZERO, |any, found| any | found);
        let backslashes = if any.to_bitmask() == 0 { 0 } else { places(window, b'\\') };
        Self { quotes: places(window, b'"'), backslashes }
    }

    /// Of a text's last bytes; there must be some.
    #[cold]
    #[inline(never)]
    fn of_last(rest: &[u8]) -> Result<Self, Unsure> {
        let mut whole = [0; WINDOW];
        match whole.get_mut(..rest.len()) {
            Some(part) if !rest.is_empty() => part.copy_from_slice(rest),
            _ => return Err(Unsure),
        }
        Ok(Self::of(&whole))
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
