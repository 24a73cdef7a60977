//! `doctor` on a real control plane with a real webhook and an issuer of its own over HTTPS: one
//! link is broken at a time, and that one has to be named, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod by_hand;
mod leaks;
mod planted;
mod planted_cluster;
mod published;
mod scenarios;
mod scene;
