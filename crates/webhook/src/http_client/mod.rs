//! The one way to servers other than the API server. One `client`, with a
//! deadline, a maximum of bytes and no redirects, for an issuer's documents, a
//! webhook that is registered by URL, EC2 instance metadata, and a collector of
//! traces.

mod client;
pub mod instance_metadata;
pub mod issuer_documents;
pub mod manifests;
pub(crate) mod trace_collector;
mod url;
pub mod webhook_probe;
