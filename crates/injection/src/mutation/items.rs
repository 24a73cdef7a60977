//! Lists that are read item by item, without one of their items being kept as
//! it came.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Reads a list and hands each item to `take`, with what was made of those
/// before it.
pub(super) fn items<'de, D, Item, Made>(
    deserializer: D,
    take: fn(&mut Made, Item),
) -> Result<Made, D::Error>
where
    D: Deserializer<'de>,
    Item: Deserialize<'de>,
    Made: Default,
{
    struct Taking<Item, Made>(fn(&mut Made, Item), PhantomData<Item>);
    impl<'de, Item: Deserialize<'de>, Made: Default> Visitor<'de> for Taking<Item, Made> {
        type Value = Made;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Made, A::Error> {
            let mut made = Made::default();
            while let Some(item) = list.next_element()? {
                (self.0)(&mut made, item);
            }
            Ok(made)
        }
    }
    deserializer.deserialize_seq(Taking(take, PhantomData))
}
