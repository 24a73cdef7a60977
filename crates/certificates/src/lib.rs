//! The certificates that the webhook manages by itself: what is in its Secret,
//! what the API server trusts by its caBundles, and what to do about it now.
//!
//! Pure: the time by the API servers' clocks, the Secret's data and the webhook
//! configurations come in as values; keys are made by the caller, and signatures
//! are verified by the [`Crypto`] that it gives.
//!
//! Why no leaf is ever served that a caBundle does not verify:
//! 1. A process takes a leaf only when each caBundle that it sees verifies it.
//! 2. Whoever writes a caBundle, from however old a view, keeps every authority
//!    made here that is in it and has not expired.
//! 3. A leaf ends before the authority that signed it.
//!
//! So what verified a leaf once verifies it until it ends, unless someone else
//! overwrites the caBundle. The overlap is for the API server's own view of the
//! configuration, which is a little behind.

#![warn(missing_docs)]
mod bundle;
mod certificate;
mod clock;
mod crypto;
mod decide;
mod key;
mod params;
mod problem;
mod published;
mod repair;
mod secret;
mod serve;
mod server_time;
mod state;

pub use bundle::Bundle;
pub use certificate::{AUTHORITY_PREFIX, Certificate, CertificateError};
pub use clock::{Clock, Moment, Offset};
pub use crypto::Crypto;
pub use decide::{Cause, Change, Decision, Memory, SecretStep, decide};
pub use key::{KeyError, PrivateKey};
pub use params::{Lifetimes, Names, Params, ParamsError};
pub use problem::Problem;
pub use published::{Configuration, Entry, PublishedBundles, Webhook};
pub use repair::BundleRepair;
pub use secret::{Flaw, MANAGED_BY, MANAGER, SecretView};
pub use server_time::ServerTime;
pub use state::{Authorities, Authority, Leaf, State};
