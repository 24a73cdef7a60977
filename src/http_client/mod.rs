//! Requests to servers other than the API server: an issuer's documents, a
//! webhook that is registered by URL, and EC2 instance metadata.

pub mod instance_metadata;
pub mod issuer_documents;
pub(crate) mod webhook_probe;
