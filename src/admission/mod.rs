//! Admission reviews: bytes in, bytes out, and the one word that says how an
//! admission ended.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>

mod outcome;
mod required;
mod respond;
mod review;

pub use outcome::Outcome;
pub use required::{Refusal, refuse};
pub use respond::{Answer, respond};
pub use review::{ApiVersion, DecodeError, Review, Subject, decode};
