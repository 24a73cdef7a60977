//! The one way to an API server. Every call of the program goes through here: the client with its connect
//! timeout, keepalive and deadline for each request, lists that are read page by page, watches that are made
//! anew when they fall silent, and one classification of what can go wrong.

mod authorized;
pub mod client;
mod client_error;
pub mod clock;
mod credentials;
pub(crate) mod failure;
mod in_pod;
mod kubeconfig;
pub mod metrics;
mod no_proxy;
pub mod pages;
pub mod request;
mod transport;
mod user_cluster;
pub mod watch;

pub use failure::{Failure, FailureKind};
pub use user_cluster::{BearerToken, Impersonated, UserCluster};
