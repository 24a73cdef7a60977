//! A reader for serde's types that skips fast.
//!
//! Of a review nine tenths are skipped. This reads objects, lists, plain
//! strings and nothing else: any other value that is wanted goes to
//! `serde_json`, cut out of the text. It checks the grammar of all that it
//! skips, so that it takes no text that `serde_json` refuses.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::skip;

/// Reads a whole text, or says that `serde_json` is to be asked: about what is
/// wrong, and about what is right in a way that is rare. An API server sends
/// one line.
pub fn from_slice<'a, T: Deserialize<'a>>(mut text: &'a [u8]) -> Result<T, Unsure> {
    while let [rest @ .., b' ' | b'\n' | b'\r' | b'\t'] = text {
        text = rest;
    }
    // One fast look at all of it spares one at each string.
    // A fold, and not `any`: without a way out it goes by vectors.
    let least = text.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    let text = str::from_utf8(text).map_err(|_| Unsure)?;
    if least < b' ' {
        return Err(Unsure);
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.at == text.len() { Ok(value) } else { Err(Unsure) }
}

/// `serde_json` is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsure;

/// Of a text without control characters.
struct Reader<'a> {
    text: &'a str,
    /// The same.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not a space, which it stays before.
    #[inline]
    fn peek(&mut self) -> u8 {
        let next;
        (self.at, next) = skip::spaces(self.bytes, self.at);
        next
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> Result<(), Unsure> {
        if self.peek() != wanted {
            return Err(Unsure);
        }
        self.at += 1;
        Ok(())
    }

    /// A string that needs no decoding; nothing, and it stays before it, where
    /// it does.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each reader of a name then looks at it at once")]
    fn plain_string(&mut self) -> Result<Option<&'a str>, Unsure> {
        // Before a name there is no space left.
        if skip::byte(self.bytes, self.at) != b'"' && self.peek() != b'"' {
            return Err(Unsure);
        }
        let begin = self.at + 1;
        let end = skip::plain(self.bytes, begin);
        if skip::byte(self.bytes, end) != b'"' {
            return Ok(None);
        }
        self.at = end + 1;
        Ok(self.text.get(begin..end))
    }

    /// Has `serde_json` read the next value.
    fn hand_over<T>(
        &mut self,
        read: impl FnOnce(&mut Judge<'a>) -> serde_json::Result<T>,
    ) -> Result<T, Unsure> {
        let begin = self.at;
        self.at = skip::value(self.bytes, begin)?;
        let value = self.bytes.get(begin..self.at).unwrap_or_default();
        let mut judge = serde_json::Deserializer::from_slice(value);
        read(&mut judge).map_err(|_| Unsure)
    }
}

type Judge<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unsure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.hand_over(|judge| judge.deserialize_any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        if self.peek() == b'n' {
            self.at = skip::literal(self.bytes, self.at, b"null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        let value = self.peek() == b't';
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.at = skip::literal(self.bytes, self.at, word)?;
        visitor.visit_bool(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        match self.plain_string()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.hand_over(|judge| judge.deserialize_str(visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.take(b'[')?;
        let mut items = Items { reader: self, end: b']', begun: false, ended: false };
        let value = visitor.visit_seq(&mut items)?;
        if items.ended { Ok(value) } else { Err(Unsure) }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.take(b'{')?;
        let mut items = Items { reader: self, end: b'}', begun: false, ended: false };
        let value = visitor.visit_map(&mut items)?;
        if items.ended { Ok(value) } else { Err(Unsure) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unsure> {
        self.deserialize_map(visitor)
    }

    /// `serde_json` has types of its own, known by their name: a `RawValue`.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unsure> {
        self.hand_over(|judge| judge.deserialize_newtype_struct(name, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unsure> {
        self.hand_over(|judge| judge.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.at = skip::value(self.bytes, self.at)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct
    }
}

/// The items of a list, or the members of an object.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    end: u8,
    begun: bool,
    ended: bool,
}

impl Items<'_, '_> {
    /// Goes before the next one and gives its first byte, if there is one.
    #[inline]
    fn go_on(&mut self) -> Result<Option<u8>, Unsure> {
        let mut next = self.reader.peek();
        if next == self.end {
            self.reader.at += 1;
            self.ended = true;
            return Ok(None);
        }
        if self.begun {
            if next != b',' {
                return Err(Unsure);
            }
            self.reader.at += 1;
            next = self.reader.peek();
        }
        self.begun = true;
        Ok(Some(next))
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unsure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unsure> {
        match self.go_on()? {
            Some(_) => seed.deserialize(&mut *self.reader).map(Some),
            None => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unsure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unsure> {
        match self.go_on()? {
            Some(b'"') => seed.deserialize(&mut *self.reader).map(Some),
            // Names that are no strings would go to `serde_json`, which takes
            // more as a value than as a name.
            Some(_) => Err(Unsure),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unsure> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not plain enough for the fast reader")
    }
}

impl std::error::Error for Unsure {}

impl Error for Unsure {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
