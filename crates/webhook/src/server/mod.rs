//! The sockets: HTTPS for the API server, plain HTTP for probes and metrics,
//! and how both come to an end.
//!
//! No client can hold it: every state of a connection has a deadline
//! ([`Limits`]), and at the cap the connection that has waited longest for its
//! client makes room.

pub mod admin;
pub mod admissions;
pub mod bind;
pub(crate) mod body;
pub mod https;
pub(crate) mod limits;
pub(crate) mod readiness;
pub(crate) mod stats;

mod accept;
mod activity;
mod answer;
mod bad_requests;
mod cap;
mod connection;
mod deadline;
mod fallbacks;
mod memory;
mod metered_io;
mod metrics;
mod recent;
mod record;
mod table;
mod watched_io;
mod work;

pub use body::BodyReader;
pub(crate) use body::{BodyError, RequestBody, UnsupportedContentType, require_json};
pub use https::Https;
pub use limits::{DrainLimits, Limits};
pub use metrics::{Metrics, SECONDS};
pub use readiness::{Condition, Readiness, Remark};
pub use recent::RecentWarnings;
pub use stats::ConnectionStats;

/// How a server ended: the requests that were in flight when it stopped
/// listening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    pub finished: usize,
    pub cut: usize,
}

#[cfg(test)]
mod tests;
