//! A mutating admission webhook that gives Kubernetes pods AWS IAM roles.
//!
//! What can be decided without the world is in crates of its own under
//! `crates/`, which need no client, runtime or TLS. This package is the rest:
//! the command line, the sockets, the cluster and the files. ARCHITECTURE.md
//! has the map.
//!
//! The way of a request is one function: `server::admissions::answer`.

pub mod api_server;
pub mod certificate_controller;
pub mod cli;
pub mod config;
mod continuous_audit;
pub mod crypto;
mod evidence;
#[cfg(test)]
mod golden_tests;
mod http_client;
pub mod identity_sources;
mod input;
mod platform;
mod restart;
pub mod run;
mod server;
mod telemetry;
mod tls;
mod watched_file;
