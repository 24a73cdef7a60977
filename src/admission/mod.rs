//! Admission reviews: bytes in, bytes out, and the one word that says how an
//! admission ended.

mod outcome;

pub use outcome::Outcome;
