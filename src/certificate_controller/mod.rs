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

pub(crate) use access::{AccessError, ManagedObject, Operation};
pub(crate) use init::init;
pub(crate) use issue::IssueError;
pub use issue::{issue_authority, issue_leaf};
pub use manager::{ManagedCertificates, Manager, ManagerSettings};
pub(crate) use manager::{Status, Watches};
pub(crate) use metrics::register;
pub(crate) use serving::certified_key;
pub(crate) use stats::Stats;
