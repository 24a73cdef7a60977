//! The decisions about the managed certificates: case by case, and in a model
//! of several replicas beside an API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how it fails"
)]

#[path = "certificates_decisions/cases.rs"]
mod cases;
#[path = "certificates_decisions/clocks.rs"]
mod clocks;
#[path = "certificates_decisions/fixtures.rs"]
mod fixtures;
#[path = "certificates_decisions/model.rs"]
mod model;
#[path = "certificates_decisions/sequences.rs"]
mod sequences;
#[path = "certificates_decisions/serving.rs"]
mod serving;
#[path = "certificates_decisions/views.rs"]
mod views;
