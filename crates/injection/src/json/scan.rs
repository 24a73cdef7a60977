//! Goes over JSON that nobody asked for, and checks its grammar on the way.
//!
//! This is the second look at the text. The first ([`marks`](super::marks)) has found the quotes that no backslash
//! escapes, so that this knows where each string ends instead of looking for it: else every string would wait for
//! the one before.

use super::Unsure;
use super::marks::{Marks, WINDOW};

/// What is open: a bit for each object, set, and for each list, behind these.
const OUTSIDE: u64 = 0b10;
/// No bit is left. No Kubernetes object is as deep.
const DEEPEST: u64 = 1 << 63;

/// A place in a text. The text has no control characters, so that nothing that
/// it may not hold stands in a string. No space is allowed between two items:
/// an API server sends none.
#[derive(Clone, Copy)]
pub(super) struct Scan<'w> {
    text: &'w [u8],
    at: usize,
    /// Of the same text, from the window on that comes next.
    windows: &'w [Marks],
    /// Where the window begins that is looked at.
    window: usize,
    /// Its quotes from the place on.
    quotes: u64,
    backslashes: u64,
}

impl<'w> Scan<'w> {
    pub(super) fn new(text: &'w [u8], windows: &'w [Marks]) -> Result<Self, Unsure> {
        let [Marks { quotes, backslashes }, windows @ ..] = windows else { return Err(Unsure) };
        Ok(Self { text, at: 0, windows, window: 0, quotes: *quotes, backslashes: *backslashes })
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
        // All quotes before the place are gone: the next one begins the string. Two of three strings end in the
        // window of the last one.
        let begin = self.quotes;
        let end = begin & begin.wrapping_sub(1);
        if end == 0 {
            return self.string_beyond();
        }
        self.go_behind(end);
        Ok(self.backslashes & (lowest(end) - lowest(begin)) == 0)
    }

    /// A string that ends in a later window.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn string_beyond(&mut self) -> Result<bool, Unsure> {
        while self.quotes == 0 {
            self.next_window()?;
        }
        let begin = lowest(self.quotes);
        let mut escapes = self.backslashes & !(begin - 1);
        let mut end = self.quotes & !begin;
        if end == 0 {
            self.next_window()?;
            while self.quotes == 0 {
                escapes |= self.backslashes;
                self.next_window()?;
            }
            end = self.quotes;
            escapes |= self.backslashes & (lowest(end) - 1);
        } else {
            escapes &= lowest(end) - 1;
        }
        self.go_behind(end);
        Ok(escapes == 0)
    }

    /// Behind the first of these quotes of the window.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn go_behind(&mut self, quotes: u64) {
        self.at = self.window + quotes.trailing_zeros() as usize + 1;
        self.quotes = quotes & (quotes - 1);
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as above")]
    fn next_window(&mut self) -> Result<(), Unsure> {
        let [next, rest @ ..] = self.windows else { return Err(Unsure) };
        Marks { quotes: self.quotes, backslashes: self.backslashes } = *next;
        self.windows = rest;
        self.window += WINDOW;
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
                self.at = behind_scalar(self.text, self.at, first)?;
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
        while self.is_before(b":{},") {
            self.at += 4;
            self.string()?;
        }
        self.take(b':')
    }
}

/// Not a part of the loop over values, which most of the time has strings and
/// objects before it.
#[inline(never)]
fn behind_scalar(text: &[u8], at: usize, first: u8) -> Result<usize, Unsure> {
    let rest = text.get(at..).unwrap_or_default();
    let word: &[u8] = match first {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return Ok(at + number(rest)?),
    };
    if rest.starts_with(word) { Ok(at + word.len()) } else { Err(Unsure) }
}

/// How many bytes the number takes that this begins with.
fn number(rest: &[u8]) -> Result<usize, Unsure> {
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
    Ok(at)
}

/// The lowest bit alone, of those that are set.
#[inline]
fn lowest(bits: u64) -> u64 {
    bits & bits.wrapping_neg()
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
