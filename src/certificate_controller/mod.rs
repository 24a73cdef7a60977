//! Certificates that the webhook makes, keeps in its Secret, publishes in the
//! caBundles and renews, together with any number of replicas.
//!
//! What to do is decided in [`certificates`]; here it is done.

mod access;
mod init;
mod issue;
mod manager;
mod metrics;
mod secret;
mod serving;
mod stats;
mod view;
mod webhooks;

pub use access::{AccessError, ManagedObject, Operation};
pub use init::{InitError, Initialised, init};
pub use issue::{IssueError, issue_authority, issue_leaf};
pub use manager::{ManagedCertificates, Manager, ManagerSettings, Status, Watches};
pub use metrics::register;
pub use serving::{ServingError, certified_key};
pub use stats::Stats;
