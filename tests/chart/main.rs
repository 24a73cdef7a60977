//! The Helm chart, with the real helm: what it renders, and what becomes of an installation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how a test says what went wrong"
)]

#[path = "../support/mod.rs"]
mod support;

mod flags;
mod installation;
mod render;
mod same;
mod values;
