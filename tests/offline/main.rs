//! What needs no control plane: the program and its commands on this machine alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how a test says what went wrong"
)]

#[path = "../support/guide.rs"]
mod guide;
#[path = "../support/mod.rs"]
mod support;

mod action;
mod certificates_decisions;
mod client_certificates;
mod docs;
mod iam;
mod monitoring;
mod program;
mod scripts;
mod status_page;
