//! The HTTPS server of admissions, and what it learns from: the API server and
//! other servers, what the cluster says of `ServiceAccounts`, the certificates of
//! TLS. Its metrics, log lines and traces are here as well.
//!
//! It is apart from the program because Cargo optimizes by the package: this one is
//! compiled for speed, the program's commands for size (ARCHITECTURE.md). Unlike
//! the other crates here it is not pure.
//!
//! The way of a request is one function: `Admissions::answer` in
//! [`server::admissions`].

pub mod api_server;
pub mod crypto;
pub mod http_client;
pub mod identity_sources;
pub mod input;
pub mod platform;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod watched_file;

/// As servers and collectors know the program: the name of this crate means nothing to them.
const PROGRAM: &str = "pod-identity-webhook";
/// All packages have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");
