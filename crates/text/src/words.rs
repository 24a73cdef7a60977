//! Bytes looked at eight at a time, in one word of the machine: where a log line or an answer waits for it. Not left
//! to the compiler's vectorizer, which has no part in a program that is compiled for size.

/// One in each byte of a word.
const ONES: u64 = u64::MAX / 255;

/// Whether a text has a byte that is looked for. `in_word` may also say so of a word that has none: `is_wanted` then
/// decides, byte by byte.
#[must_use]
#[inline]
pub fn any_byte(
    text: &[u8],
    in_word: impl Fn(Word) -> Word,
    is_wanted: impl Fn(&u8) -> bool,
) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let is_marked = |bytes: &[u8; 8]| in_word(Word(u64::from_le_bytes(*bytes))).is_marked();
    words.iter().any(|bytes| is_marked(bytes) && bytes.iter().any(&is_wanted))
        || rest.iter().any(&is_wanted)
}

/// Eight bytes. A mark is the highest bit of a byte. A word with a byte that is looked for has one, if not always on
/// that byte. (Henry S. Warren, "Hacker's Delight", 2nd edition, section 6-1.)
#[derive(Clone, Copy, Debug)]
pub struct Word(u64);

impl Word {
    /// Marks the bytes that are this one.
    #[must_use]
    #[inline]
    pub fn equal_to(self, byte: u8) -> Self {
        let zeros = self.0 ^ (ONES * u64::from(byte));
        Self(zeros.wrapping_sub(ONES) & !zeros)
    }

    /// Marks the bytes that are below this one, which is at most 128.
    #[must_use]
    #[inline]
    pub fn below(self, byte: u8) -> Self {
        Self(self.0.wrapping_sub(ONES * u64::from(byte)) & !self.0)
    }

    /// Marks the bytes from 127 on: DEL, and all that are not ASCII.
    #[must_use]
    #[inline]
    pub fn beyond_ascii_text(self) -> Self {
        Self(self.0 | self.0.wrapping_add(ONES))
    }

    /// The marks of both.
    #[must_use]
    #[inline]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    fn is_marked(self) -> bool {
        self.0 & (ONES << 7) != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn misses_no_byte_and_finds_none_that_is_not_there(text: Vec<u8>, byte: u8, limit in 0..=128_u8) {
            let found = [
                any_byte(&text, |word| word.equal_to(byte), |it| *it == byte),
                any_byte(&text, |word| word.below(limit), |it| *it < limit),
                any_byte(&text, Word::beyond_ascii_text, |it| *it >= 0x7f),
            ];
            let there =
                [text.contains(&byte), text.iter().any(|it| *it < limit), text.iter().any(|it| *it >= 0x7f)];
            prop_assert_eq!(found, there);
        }
    }
}
