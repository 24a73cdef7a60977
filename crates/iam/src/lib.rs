//! IAM's policy documents: read with their places, linted, evaluated, written.
//!
//! Pure: text in, values out. [`simulate`] answers what STS would answer to
//! `AssumeRoleWithWebIdentity`; what AWS alone knows comes in as arguments.

#![warn(missing_docs)]
mod audience;
mod condition;
#[cfg(test)]
mod cost;
mod finding;
mod glob;
mod hcl;
mod holes;
mod intrinsic;
mod json;
mod kind;
mod lint;
mod markdown;
mod node;
mod partition;
mod place;
mod placeholder;
mod policy;
mod provider;
mod provider_url;
mod quotes;
mod reader;
mod request;
mod role;
mod simulate;
mod terraform;
mod trust_policy;
mod write;
mod yaml;

use text::near;

pub use audience::AWS_DOMAINS;
pub use finding::{Code, Finding, Severity};
pub use lint::{lint, lint_file, lint_for_prefix};
pub use partition::{AUDIENCE, account};
pub use place::Position;
pub use policy::{
    AbsentStatement, Condition, Effect, Policy, Principal, Principals, Statement, Text,
};
pub use provider::{ProviderArn, is_built_in_provider};
pub use request::{Known, WebIdentityRequest};
pub use role::{
    Audience, Boundary, Format, Issuer, NameError, PartitionError, PartitionHints, Permissions,
    PermissionsError, Role, RoleError, RoleName, RolePath, SessionDuration, SettingError, Subject,
    Subjects, Tags, Thumbprint,
};
pub use simulate::{Element, Reason, StatementName, Verdict, simulate};
pub use trust_policy::{PolicyError, account_of_role, max_session_duration};
