//! Text that is borrowed from the request where it can be.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::ops::Deref;

use super::chunks::Chunks;
use crate::json::Raw;

/// A string of a JSON text: borrowed from it, unless it has escapes. (serde borrows a bare
/// `Cow<str>` field, but not one inside an `Option` or a list.) It takes two
/// words, as a `&str` does: a review may have a million of them.
#[derive(Clone, Debug)]
pub struct Text<'a>(Held<'a>);

#[derive(Clone, Debug)]
enum Held<'a> {
    Borrowed(&'a str),
    Owned(Box<Owned>),
}

/// A box of a box has the size of one pointer; that of a `str` has two.
#[derive(Clone, Debug)]
struct Owned(Box<str>);

const _: () = assert!(size_of::<Text<'_>>() == size_of::<&str>());

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Held::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Held::Owned(Box::new(Owned(text.into()))))
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Held::Borrowed(""))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            Held::Borrowed(text) => text,
            Held::Owned(owned) => &owned.0,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text::from(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text::from(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text::from(text))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// Annotations, labels, a node selector: names with values that are only
/// decoded when they are asked for. Most are not, and some (the last applied
/// configuration) are long and full of escapes.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries<'a> {
    all: Chunks<(Text<'a>, Raw<'a>)>,
    /// A bit for each length that a name has: of most that are asked for none has it.
    lengths: u64,
}

/// Bytes of the shortest name that is ever asked for: `p/role-arn`, as a prefix
/// has a character at least. Shorter ones are not kept.
const SHORTEST: usize = 10;

impl<'a> Entries<'a> {
    /// The value under `name`, where it is a string.
    pub(super) fn get(&self, name: &str) -> Option<Text<'a>> {
        debug_assert!(name.len() >= SHORTEST, "{name} was not kept");
        if self.lengths & length(name) == 0 {
            return None;
        }
        let (_, value) = self.all.iter().find(|(key, _)| &**key == name)?;
        serde_json::from_str(value.get()).ok()
    }

    /// The names in their order, without the shortest.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| &**name)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        debug_assert!(name.len() >= SHORTEST, "{name} was not kept");
        self.lengths & length(name) != 0 && self.all.iter().any(|(key, _)| &**key == name)
    }
}

fn length(name: &str) -> u64 {
    1 << (name.len() % 64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Entries::default();
                while let Some((name, value)) = map.next_entry::<Text<'de>, _>()? {
                    if name.len() >= SHORTEST {
                        entries.lengths |= length(&name);
                        entries.all.push((name, value));
                    }
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
