//! The names that make a role, read strictly: they end in documents and
//! command lines.

use std::fmt;
use std::str::FromStr;

use crate::glob::is_glob;
use crate::partition::AUDIENCE;
use crate::provider;

/// An issuer that IAM takes as a provider's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// Whose tokens get the role: one `ServiceAccount`, or a glob's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    namespace: String,
    service_account: String,
}

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
    /// Not a role name.
    #[error("{0:?} is not a role name: 1 to 64 letters, digits and _+=,.@-; pass --role-name")]
    RoleName(String),
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

impl Subject {
    /// # Errors
    /// Names that Kubernetes would not take, globs aside.
    pub fn new(namespace: &str, service_account: &str) -> Result<Self, NameError> {
        check_name(namespace, 63, "-")?;
        check_name(service_account, 253, "-.")?;
        Ok(Self { namespace: namespace.to_owned(), service_account: service_account.to_owned() })
    }

    /// Whether it has `*` or `?` in it.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        is_glob(&self.namespace) || is_glob(&self.service_account)
    }

    /// As the token's `sub` has it.
    #[must_use]
    pub fn claim(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }

    /// Namespace and name, where it is one.
    pub(super) fn one(&self) -> Option<(&str, &str)> {
        (!self.is_glob()).then_some((&self.namespace, &self.service_account))
    }

    /// A role name made of both.
    ///
    /// # Errors
    /// A glob, or names too long for it: only the user can choose then.
    pub fn role_name(&self) -> Result<RoleName, NameError> {
        format!("{}-{}", self.namespace, self.service_account).parse()
    }
}

fn check_name(name: &str, longest: usize, marks: &str) -> Result<(), NameError> {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "*?".contains(c);
    let is_good = !name.is_empty()
        && name.len() <= longest
        && name.chars().all(|c| is_letter(c) || marks.contains(c))
        && name.starts_with(is_letter)
        && name.ends_with(is_letter);
    if is_good { Ok(()) } else { Err(NameError::Kubernetes(name.to_owned())) }
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

    #[test]
    fn takes_names_of_kubernetes_and_globs() {
        for (namespace, name, glob) in
            [("demo", "my.app-1", false), ("team-*", "app", true), ("demo", "*", true)]
        {
            assert_eq!(Subject::new(namespace, name).map(|s| s.is_glob()), Ok(glob));
        }
        for (namespace, name) in [
            ("Demo", "a"),
            ("a.b", "c"),
            ("", "a"),
            ("a", "b:c"),
            ("a", "'; id #"),
            ("-a", "b"),
            ("a", "b\n"),
        ] {
            assert!(Subject::new(namespace, name).is_err(), "{namespace} {name}");
        }
    }

    #[test]
    fn leaves_the_role_name_to_the_user_where_it_would_not_fit() {
        let name = |namespace, name| Subject::new(namespace, name).and_then(|s| s.role_name());
        assert_eq!(name("demo", "app").map(|n| n.as_str().to_owned()), Ok("demo-app".to_owned()));
        assert!(name("demo", "*").is_err());
        assert!(name("demo", &"a".repeat(64)).is_err());
    }
}
