//! The one way to an API server. Every call of the program goes through here: the client with its connect
//! timeout, keepalive and deadline for each request, lists that are read page by page, watches that are made
//! anew when they fall silent, and one classification of what can go wrong.

pub mod client;
pub mod clock;
pub mod failure;
mod kubeconfig;
pub mod metrics;
pub mod pages;
mod request;
mod transport;
pub mod watch;

pub use client::{ClientError, RequestTimeout};
pub use failure::{Failure, FailureKind};
pub use request::{OwnDeadline, RequestError};
