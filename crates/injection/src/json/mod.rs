//! JSON, quicker than `serde_json` where an admission waits for it: strings
//! and objects written without a tree of values, and a reader that skips what
//! nobody asked for.
//!
//! `serde_json` stays the judge. The reader gives up wherever it is not sure,
//! and `serde_json` then reads the text from its beginning.

mod marks;
mod raw;
mod read;
mod scan;
mod write;

pub use raw::Raw;
pub use read::{Unsure, from_slice};
pub use write::push_string;

/// What is wrong with a text, and where: ` at line 1 column 5`.
pub(crate) fn without_place(error: &serde_json::Error) -> (String, String) {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let told = error.to_string();
    (told.strip_suffix(&place).unwrap_or(&told).to_owned(), place)
}

#[cfg(test)]
mod tests;
