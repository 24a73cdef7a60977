//! The names that make a role, read strictly: they end in documents and
//! command lines.

use std::fmt;
use std::str::FromStr;

use crate::partition::AUDIENCE;
use crate::provider;

/// An issuer that IAM takes as a provider's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// A token's audience, and the provider's client ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(String);

/// A role's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName(String);

/// A certificate's SHA-1, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbprint(String);

/// Why a name is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The issuer does not begin with `https://`.
    #[error("the issuer {0:?} does not begin with https://; IAM accepts no other")]
    Scheme(String),
    /// The issuer has a port.
    #[error("the issuer {0:?} has a port; IAM accepts none in a provider's URL")]
    Port(String),
    /// The issuer is not a URL of host and path, or has over 255 characters.
    #[error("the issuer {0:?} is not a URL with only a host and a path, of at most 255 characters")]
    Issuer(String),
    /// Not a name or glob of a namespace or ServiceAccount.
    #[error(
        "{0:?} is not the name of a namespace or ServiceAccount: lower-case letters, digits, - and ., or * and ? for a glob"
    )]
    Kubernetes(String),
    /// The audience is empty, over 255 characters long, or has white space at its ends.
    #[error(
        "the audience is empty, longer than 255 characters, or begins or ends with white space"
    )]
    Audience,
    /// A ServiceAccount without a namespace.
    #[error(
        "the ServiceAccount {0:?} has no namespace; pass --namespace, or NAMESPACE/NAME to --service-account"
    )]
    NoNamespace(String),
    /// Each ServiceAccount has a namespace of its own.
    #[error(
        "--namespace {0:?} is of no use: each --service-account names its namespace; leave it out"
    )]
    UnusedNamespace(String),
    /// No ServiceAccount at all, or more than a trust policy has room for.
    #[error("{0} ServiceAccounts; a role takes 1 to 100 names or globs")]
    Subjects(usize),
    /// Not a role name.
    #[error("{0:?} is not a role name: 1 to 64 letters, digits and _+=,.@-; pass --role-name")]
    RoleName(String),
    /// Nothing that the name of the role could be made of.
    #[error("a role for {0} has no default name; pass --role-name")]
    NoDefaultName(&'static str),
    /// Not 40 hexadecimal digits.
    #[error("{0:?} is not a thumbprint: 40 hexadecimal digits, without colons")]
    Thumbprint(String),
}

impl Issuer {
    /// What stands in ARNs and condition keys: the URL without `https://`.
    #[must_use]
    pub fn name(&self) -> &str {
        provider::name_of_issuer(&self.0)
    }

    /// The URL, with `https://`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
impl FromStr for Issuer {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some(name) = text.strip_prefix("https://") else {
            return Err(NameError::Scheme(text.to_owned()));
        };
        let (host, path) = name.split_once('/').unwrap_or((name, ""));
        if host.contains(':') {
            return Err(NameError::Port(text.to_owned()));
        }
        let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let is_path = path.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/%+:@=,".contains(c));
        if is_host && is_path && text.len() <= 255 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Issuer(text.to_owned()))
        }
    }
}

impl Audience {
    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_default(&self) -> bool {
        self.0 == AUDIENCE
    }
}

impl FromStr for Audience {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_good = !text.is_empty()
            && text.len() <= 255
            && text == text.trim()
            && !text.contains(char::is_control);
        if is_good { Ok(Self(text.to_owned())) } else { Err(NameError::Audience) }
    }
}

impl RoleName {
    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_good = !text.is_empty()
            && text.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
        if is_good { Ok(Self(text.to_owned())) } else { Err(NameError::RoleName(text.to_owned())) }
    }
}

impl Thumbprint {
    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Thumbprint {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_good = text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit());
        if is_good {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NameError::Thumbprint(text.to_owned()))
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_issuers_that_iam_takes() {
        for good in [
            "https://oidc.example.com",
            "https://s3.eu-west-1.amazonaws.com/bucket/id/X",
            "https://x.auth0.com/",
        ] {
            assert_eq!(
                good.parse::<Issuer>().map(|issuer| issuer.url().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "http://a.example",
            "a.example",
            "https://a.example:6443",
            "https://",
            "https:///x",
            "https://a.example/?q",
            "https://a.example/$(id)",
            "https://a.example/${x}",
            "https://a'b",
        ] {
            assert!(bad.parse::<Issuer>().is_err(), "{bad}");
        }
    }
}
