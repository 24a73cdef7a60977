//! What becomes of pods: case by case, and what must hold for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "test code: a panic is how a test says what went wrong, and cases are files"
)]

mod cases;
mod properties;
