//! Admission reviews: bytes in, bytes out, and the one word that says how an
//! admission ended.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>

mod admit;
mod explain;
mod memory;
mod outcome;
mod required;
mod respond;
mod review;

pub use admit::{Admission, AdmissionSettings, Candidate, Endpoint, Method, Triage};
pub use explain::{Explanation, Line, Mark, Part};
pub use memory::{ANSWER_MEMORY, MAX_ANSWER_BYTES, MEMORY_FACTOR};
pub use outcome::Outcome;
pub use required::Refusal;
pub use respond::respond;
pub use review::{ApiVersion, DecodeError, Review, Subject, decode};
