//! What the AWS CLI or Terraform printed of a role and a provider, outside of a folder.

use std::path::Path;

use serde_json::Value;

use crate::input::{self, InputError, Limit};
use diagnosis::{Fact, Reason, saved};

/// The most of what the AWS CLI printed; a state of Terraform is larger.
const LONGEST: Limit = Limit::mebibytes(8);

/// The role with this ARN, where it is known.
///
/// # Errors
/// A file that can't be read. One that is of no use is a fact.
pub(crate) fn printed_role(path: &Path, arn: Option<&str>) -> Result<Fact<String>, InputError> {
    printed(path, |name, text| saved::role(name, text, arn))
}

/// The provider of this issuer, where it is known.
///
/// # Errors
/// As [`printed_role`].
pub(crate) fn printed_provider(
    path: &Path,
    issuer: Option<&str>,
) -> Result<Fact<Value>, InputError> {
    printed(path, |name, text| saved::provider(name, text, issuer))
}

fn printed<T>(
    path: &Path,
    read: impl FnOnce(&str, &str) -> Result<T, Reason>,
) -> Result<Fact<T>, InputError> {
    let text = input::read_text(path, LONGEST)?;
    let name = path.display().to_string();
    Ok(read(&name, &text).map_or_else(Fact::Unknown, Fact::Known))
}
