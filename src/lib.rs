//! A mutating admission webhook that gives Kubernetes pods AWS IAM roles.
//!
//! What can be decided without the world is in crates of its own under
//! `crates/`, which need no client, runtime or TLS. This package is the rest:
//! the command line, the sockets, the cluster and the files. ARCHITECTURE.md
//! has the map.
//!
//! The way of a request is one function: `server::admissions::answer`.

pub mod api_server;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod document_folder;
pub mod evidence;
pub mod fetch;
#[cfg(test)]
mod golden_tests;
pub mod input;
pub mod live_issuer;
pub mod run;
pub mod server;
pub mod service_accounts;
pub mod telemetry;
pub mod tls;
pub mod watched_file;
