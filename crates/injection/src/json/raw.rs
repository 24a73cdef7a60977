//! A value as it stands in its text.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The text of a value that is decoded later, or never. As `serde_json`'s `RawValue`, but the fast
/// reader knows it and goes over the value once: `serde_json` alone makes a `RawValue`, and would go
/// over it again.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a>(&'a str);

/// By this name the fast reader knows it.
pub(super) const NAME: &str = "injection::json::Raw";

impl<'a> Raw<'a> {
    /// The value's JSON.
    #[must_use]
    pub fn get(self) -> &'a str {
        self.0
    }

    /// What it holds.
    ///
    /// # Errors
    /// What is wrong with it, without a place: that would be one within this value.
    pub fn read<T: Deserialize<'a>>(self) -> Result<T, String> {
        let read = super::from_slice(self.0.as_bytes()).or_else(|_| serde_json::from_str(self.0));
        read.map_err(|error| super::without_place(&error).0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsItStands;
        impl<'de> Visitor<'de> for AsItStands {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            /// The fast reader's way.
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Raw<'de>, E> {
                Ok(Raw(text))
            }

            /// The way of `serde_json`.
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Raw<'de>, D::Error> {
                <&RawValue>::deserialize(deserializer).map(|value| Raw(value.get()))
            }
        }
        deserializer.deserialize_newtype_struct(NAME, AsItStands)
    }
}
