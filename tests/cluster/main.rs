//! What needs an API server. The modules share one control plane (`support::control_plane`), each test in
//! namespaces of its own and with names made from them; those that stop or change it start one of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how a test says what went wrong, and measurements are printed"
)]

#[path = "../support/guide.rs"]
mod guide;
#[path = "../support/mod.rs"]
mod support;

mod api_server;
mod certificates;
mod chart;
mod completion;
mod connection;
mod continuous_audit;
mod control_plane;
mod deploy;
mod doctor;
mod guides;
mod iam_role;
mod inject;
mod issuer;
mod parity;
mod restart;
mod traces;
