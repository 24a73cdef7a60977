//! A mutating admission webhook that gives Kubernetes pods AWS IAM roles.
//!
//! What can be decided without the world is in crates of its own under
//! `crates/`, which need no client, runtime or TLS. `crates/webhook` is the
//! server, and what it learns from. This package is the rest: the command line,
//! what its commands ask, and what `serve` does beside serving. ARCHITECTURE.md
//! has the map.

pub mod certificate_controller;
pub mod cli;
pub mod config;
mod continuous_audit;
mod evidence;
#[cfg(test)]
mod golden_tests;
mod restart;
pub mod run;

pub use webhook::{api_server, crypto, identity_sources};
pub(crate) use webhook::{http_client, input, platform, server, telemetry, tls, watched_file};
