//! A reader for serde's types that skips fast.
//!
//! Of a review nine tenths are skipped. This reads objects, lists, plain
//! strings and nothing else: any other value that is wanted goes to
//! `serde_json`, cut out of the text. It checks the grammar of all that it
//! skips, so that it takes no text that `serde_json` refuses.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::marks::look_over;
use super::raw;
use super::scan::Scan;

/// Deserializes a JSON text quickly, with the result that `serde_json` would have.
///
/// # Errors
/// [`Unsure`] for a text that is not JSON, and for JSON written in a rare way. The caller
/// then reads the text with `serde_json`, which also says what is wrong with it.
pub fn from_slice<'a, T: Deserialize<'a>>(mut text: &'a [u8]) -> Result<T, Unsure> {
    while let [rest @ .., b' ' | b'\n' | b'\r' | b'\t'] = text {
        text = rest;
    }
    // Two fast looks at all of it spare two at each string.
    let windows = look_over(text)?;
    let text = simdutf8::basic::from_utf8(text).map_err(|_| Unsure)?;
    let mut reader = Reader { text, scan: Scan::new(text.as_bytes(), &windows)? };
    let value = T::deserialize(&mut reader)?;
    if reader.scan.is_at_end() { Ok(value) } else { Err(Unsure) }
}

/// [`from_slice`] gave up; `serde_json` decides. It does not mean that the text is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsure;

struct Reader<'a, 'w> {
    text: &'a str,
    /// Of the same.
    scan: Scan<'w>,
}

impl<'a> Reader<'a, '_> {
    #[inline]
    fn string(&mut self) -> Result<Text<'a>, Unsure> {
        let begin = self.scan.at();
        let is_plain = self.scan.string()?;
        let end = self.scan.at();
        let range = if is_plain { begin + 1..end - 1 } else { begin..end };
        let text = self.text.get(range).ok_or(Unsure)?;
        Ok(if is_plain { Text::Plain(text) } else { Text::Escaped(text) })
    }

    /// Has `serde_json` read the next value.
    fn hand_over<T>(
        &mut self,
        read: impl FnOnce(&mut SerdeJson<'a>) -> serde_json::Result<T>,
    ) -> Result<T, Unsure> {
        let begin = self.scan.at();
        self.scan.value()?;
        by_serde_json(self.text.get(begin..self.scan.at()).unwrap_or_default(), read)
    }
}

/// A string as it stands, or in its quotes with its escapes.
enum Text<'a> {
    Plain(&'a str),
    Escaped(&'a str),
}

/// What `serde_json` reads from one value.
fn by_serde_json<'a, T>(
    value: &'a str,
    read: impl FnOnce(&mut SerdeJson<'a>) -> serde_json::Result<T>,
) -> Result<T, Unsure> {
    read(&mut serde_json::Deserializer::from_str(value)).map_err(|_| Unsure)
}

type SerdeJson<'a> = serde_json::Deserializer<serde_json::de::StrRead<'a>>;

impl<'de> Deserializer<'de> for &mut Reader<'de, '_> {
    type Error = Unsure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.hand_over(|reader| reader.deserialize_any(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        if self.scan.peek() == b'n' {
            self.scan.take_word(b"null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        let value = self.scan.peek() == b't';
        self.scan.take_word(if value { b"true" } else { b"false" })?;
        visitor.visit_bool(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        match self.string()? {
            Text::Plain(text) => visitor.visit_borrowed_str(text),
            Text::Escaped(text) => by_serde_json(text, |reader| reader.deserialize_str(visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.scan.take(b'[')?;
        let mut items = Items { reader: self, end: b']', begun: false, ended: false };
        let value = visitor.visit_seq(&mut items)?;
        if items.ended { Ok(value) } else { Err(Unsure) }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.scan.take(b'{')?;
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

    /// A [`Raw`](super::Raw), or one of the types that `serde_json` knows by their names.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unsure> {
        if name != raw::NAME {
            return self.hand_over(|reader| reader.deserialize_newtype_struct(name, visitor));
        }
        let begin = self.scan.at();
        self.scan.value()?;
        visitor.visit_borrowed_str(self.text.get(begin..self.scan.at()).ok_or(Unsure)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unsure> {
        self.hand_over(|reader| reader.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unsure> {
        self.scan.value()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct
    }
}

/// The items of a list, or the members of an object.
struct Items<'r, 'a, 'w> {
    reader: &'r mut Reader<'a, 'w>,
    end: u8,
    begun: bool,
    ended: bool,
}

impl Items<'_, '_, '_> {
    /// Goes before the next one and gives its first byte, if there is one.
    #[inline]
    fn go_on(&mut self) -> Result<Option<u8>, Unsure> {
        let scan = &mut self.reader.scan;
        if scan.peek() == self.end {
            scan.take(self.end)?;
            self.ended = true;
            return Ok(None);
        }
        if self.begun {
            scan.take(b',')?;
        }
        let next = scan.peek();
        self.begun = true;
        Ok(Some(next))
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de, '_> {
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

impl<'de> MapAccess<'de> for &mut Items<'_, 'de, '_> {
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
        self.reader.scan.take(b':')?;
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
