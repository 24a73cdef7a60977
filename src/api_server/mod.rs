//! The one way to an API server. Every call of the program goes through here: the client with its connect
//! timeout, keepalive and deadline for each request, lists that are read page by page, watches that are made
//! anew when they fall silent, and one classification of what can go wrong.

pub mod client;
mod client_error;
pub mod clock;
pub(crate) mod failure;
mod kubeconfig;
pub(crate) mod metrics;
pub(crate) mod pages;
mod request;
mod transport;
pub(crate) mod watch;

pub(crate) use failure::{Failure, FailureKind};
pub(crate) use kubeconfig::names as kubeconfig_names;
