//! The parts of an admission, without the server around them: built in seconds, since the crate that they are in needs no client, no TLS
//! and no runtime.

pub mod reviews;
pub mod scene;
