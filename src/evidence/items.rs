//! Lists read item by item, so that a list of any length costs no more memory
//! than what is kept of it.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Takes an item, or says why it can't.
pub(super) type Take<'f> = dyn FnMut(Value) -> Result<(), String> + 'f;

/// What is around the items: the other members of the object, none for a bare
/// list.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) members: Map<String, Value>,
    pub(super) is_list: bool,
}

/// Reads a list, or an object with `items`; each item goes to `take` when it is
/// read, and is forgotten.
pub(super) fn read<'de, D: Deserializer<'de>>(
    from: D,
    take: &mut Take<'_>,
) -> Result<Around, D::Error> {
    from.deserialize_any(Document(take))
}

struct Document<'a, 'f>(&'a mut Take<'f>);

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = Around;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Around, A::Error> {
        Each(self.0).visit_seq(list)?;
        Ok(Around { is_list: true, ..Around::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Around, A::Error> {
        let mut around = Around::default();
        while let Some(member) = map.next_key::<String>()? {
            if member == "items" {
                map.next_value_seed(Each(&mut *self.0))?;
                around.is_list = true;
            } else {
                around.members.insert(member, map.next_value()?);
            }
        }
        Ok(around)
    }
}

struct Each<'a, 'f>(&'a mut Take<'f>);

impl<'de> DeserializeSeed<'de> for Each<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Each<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    /// As Go writes an empty list.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            (self.0)(item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Holds what is kept of a list, up to a size.
#[derive(Debug, Default)]
pub(super) struct Kept {
    items: Vec<Value>,
    bytes: usize,
}

impl Kept {
    /// In bytes of JSON. 5,000 usual pods have 6 MiB.
    pub(super) const MOST: usize = 64 << 20;

    /// What an item weighs beside its text.
    const OVERHEAD: usize = 128;

    pub(super) fn push(&mut self, item: Value) -> Result<(), String> {
        let mut counter = Counter(Self::OVERHEAD);
        // Counting can't fail, nor can a value's text.
        let _ = serde_json::to_writer(&mut counter, &item);
        self.bytes = self.bytes.saturating_add(counter.0);
        if self.bytes > Self::MOST {
            return Err(format!(
                "the list is too long: its first {} items already have {} MiB; ask about a single \
                 pod",
                self.items.len(),
                Self::MOST >> 20
            ));
        }
        self.items.push(item);
        Ok(())
    }

    pub(super) fn into_items(self) -> Vec<Value> {
        self.items
    }
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn items(text: &str) -> Result<(Vec<Value>, Around), serde_json::Error> {
        let mut items = Vec::new();
        let mut json = serde_json::Deserializer::from_str(text);
        let around = read(&mut json, &mut |item| {
            items.push(item);
            Ok(())
        })?;
        json.end()?;
        Ok((items, around))
    }

    #[test]
    fn reads_lists_of_every_shape() {
        let (found, around) = items(r#"{"metadata": {"continue": "x"}, "items": [1, 2]}"#).unwrap();
        assert_eq!(found, [json!(1), json!(2)]);
        assert_eq!(around.members["metadata"]["continue"], "x");
        assert_eq!(items("[1, 2]").unwrap().0, [json!(1), json!(2)]);
        assert!(items(r#"{"items": null}"#).unwrap().1.is_list);
        let (none, one) = items(r#"{"kind": "Pod"}"#).unwrap();
        assert!(none.is_empty() && !one.is_list);
        for wrong in ["5", "[1", r#"{"items": {}}"#] {
            assert!(items(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn holds_so_much_and_no_more() {
        let mut kept = Kept::default();
        let item = Value::String("x".repeat(1 << 20));
        let taken = (0..100).take_while(|_| kept.push(item.clone()).is_ok()).count();
        assert_eq!(taken, 63);
    }
}
