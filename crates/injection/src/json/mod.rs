//! JSON, quicker than `serde_json` where an admission waits for it: strings
//! and objects written without a tree of values, and a reader that skips what
//! nobody asked for.
//!
//! `serde_json` stays the judge. The reader gives up wherever it is not sure,
//! and `serde_json` then reads the text from its beginning.

mod raw;
mod read;
mod scan;
mod write;

pub use raw::Raw;
pub use read::{Unsure, from_slice};
pub use write::push_string;

#[cfg(test)]
mod tests;
