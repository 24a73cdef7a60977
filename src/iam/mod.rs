//! IAM's policy documents: read with their places, linted, evaluated, written.
//!
//! Pure: text in, values out. [`simulate`] answers what STS would answer to
//! `AssumeRoleWithWebIdentity`; what AWS alone knows comes in as arguments.

mod condition;
mod finding;
mod glob;
mod json;
mod node;
mod place;
mod policy;
mod provider;
mod reader;
mod request;
mod simulate;
mod token;

pub use finding::{Code, Finding, Severity};
pub use place::Position;
pub use policy::{Condition, Effect, Policy, Principal, Principals, Statement, Text};
pub use provider::ProviderArn;
pub use reader::PolicyError;
pub use request::{Known, WebIdentityRequest};
pub use simulate::{Element, Reason, StatementName, Verdict, simulate};
pub use token::{TokenError, request_from_token};
