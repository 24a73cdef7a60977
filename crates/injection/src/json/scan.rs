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
