//! What needs the machine for itself: it measures time and memory, opens thousands of files or connections, or
//! takes all processors. Cargo runs one test program after the other, so nothing else of ours runs beside these,
//! and `alone` has them run one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how a test says what went wrong, and measurements are printed"
)]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod availability;
mod balancer;
mod burst;
mod continuous_audit;
mod lifecycle;

use tokio::sync::{Mutex, MutexGuard};

/// The machine. Each test here holds it from its first line to its end.
async fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::const_new(());
    MACHINE.lock().await
}
