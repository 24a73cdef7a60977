//! What the measurements have in common: the reviews that are sent.
//!
//! `measure` compares whole servers; `benches/` measures parts in one process.

pub mod parts;
pub mod reviews;
