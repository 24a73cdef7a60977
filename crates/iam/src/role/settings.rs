//! What a role has besides its policies.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use std::str::FromStr;

use arn::Account;

use crate::partition::is_partition;

/// Where the role stands among others: `/`, or names between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePath(String);

/// How long a session may be, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionDuration(u32);

/// The policy that bounds what the role may do, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(String);

/// The tags of a role, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

/// Why a role can't have it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not a path of IAM.
    #[error(
        "{0:?} is not a path: / or names between slashes such as /team/app/, of at most 512 characters"
    )]
    Path(String),
    /// Not seconds between an hour and twelve.
    #[error("{0:?} is not a maximum session duration: 3600 to 43200 seconds")]
    SessionDuration(String),
    /// Not the ARN of a managed policy.
    #[error(
        "{0:?} is not the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary"
    )]
    Boundary(String),
    /// Another account's policy.
    #[error(
        "the permissions boundary {0:?} is a policy of another account than --account-id; IAM takes the role's own and AWS's"
    )]
    BoundaryAccount(String),
    /// Not `KEY=VALUE`, or characters that IAM takes in no tag.
    #[error(
        "{0:?} is not a tag: KEY=VALUE, of letters, digits, spaces and _.:/=+-@, the key 1 to 128 characters, the value at most 256"
    )]
    Tag(String),
    /// AWS's own.
    #[error("the tag {0:?} begins with aws:, which is reserved; choose another key")]
    ReservedTag(String),
    /// The key of another tag, in whatever case.
    #[error("the tag {0:?} is given twice; IAM's keys have no case")]
    TagTwice(String),
    /// IAM takes no more.
    #[error("{0} tags; a role has at most 50")]
    Tags(usize),
}

impl RolePath {
    /// With a slash at both ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_default(&self) -> bool {
        self.0 == "/"
    }
}

impl Default for RolePath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl FromStr for RolePath {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+=,@:~!%^()".contains(c))
        };
        let names = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let is_good = text == "/" || names.is_some_and(|names| names.split('/').all(is_name));
        if is_good && text.len() <= 512 {
            Ok(Self(text.to_owned()))
        } else {
            Err(SettingError::Path(text.to_owned()))
        }
    }
}

impl SessionDuration {
    /// From an hour to twelve.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for SessionDuration {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let digits = text.bytes().all(|c| c.is_ascii_digit());
        let seconds = text.parse().ok().filter(|it| digits && (3_600..=43_200).contains(it));
        seconds.map(Self).ok_or_else(|| SettingError::SessionDuration(text.to_owned()))
    }
}

impl Boundary {
    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// # Errors
    /// A policy of another account.
    pub fn check(&self, account: &Account) -> Result<(), SettingError> {
        match self.0.split(':').nth(4) {
            Some(id) if id == "aws" || id == account.id() => Ok(()),
            _ => Err(SettingError::BoundaryAccount(self.0.clone())),
        }
    }
}

impl FromStr for Boundary {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_good = match parts[..] {
            ["arn", partition, "iam", "", account, resource] => {
                let name = resource.strip_prefix("policy/");
                let is_account = account == "aws" || Account::new(partition, account).is_ok();
                let is_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
                is_partition(partition)
                    && is_account
                    && name.is_some_and(|it| !it.is_empty() && it.chars().all(is_name))
            }
            _ => false,
        };
        if is_good && text.len() <= 2_048 {
            Ok(Self(text.to_owned()))
        } else {
            Err(SettingError::Boundary(text.to_owned()))
        }
    }
}

impl Tags {
    /// Of texts `KEY=VALUE`.
    ///
    /// # Errors
    /// What IAM would refuse.
    pub fn new<S: AsRef<str>>(given: &[S]) -> Result<Self, SettingError> {
        if given.len() > 50 {
            return Err(SettingError::Tags(given.len()));
        }
        let mut tags: Vec<(String, String)> = Vec::new();
        for text in given.iter().map(AsRef::as_ref) {
            let no_tag = || SettingError::Tag(text.to_owned());
            let (key, value) = text.split_once('=').ok_or_else(no_tag)?;
            let is_good = |part: &str, longest: usize| {
                part.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
                    && part.chars().count() <= longest
            };
            if key.is_empty() || !is_good(key, 128) || !is_good(value, 256) {
                return Err(no_tag());
            }
            if key.to_lowercase().starts_with("aws:") {
                return Err(SettingError::ReservedTag(key.to_owned()));
            }
            if tags.iter().any(|(other, _)| other.to_lowercase() == key.to_lowercase()) {
                return Err(SettingError::TagTwice(key.to_owned()));
            }
            tags.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self(tags))
    }

    pub(super) fn each(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_paths_that_begin_and_end_with_a_slash() {
        for good in ["/", "/team/", "/team/app/", &format!("/{}/", "a".repeat(510))] {
            assert_eq!(good.parse::<RolePath>().map(|it| it.as_str().to_owned()), Ok(good.into()));
        }
        let long = format!("/{}/", "a".repeat(511));
        for bad in ["", "team", "/team", "team/", "//", "/a//b/", "/a b/", "/$(id)/", &long] {
            assert!(bad.parse::<RolePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn takes_sessions_from_one_hour_to_twelve() {
        for (text, seconds) in [
            ("3600", Some(3_600)),
            ("43200", Some(43_200)),
            ("3599", None),
            ("43201", None),
            ("1h", None),
            ("+3600", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(text.parse::<SessionDuration>().ok().map(SessionDuration::seconds), seconds);
        }
    }

    #[test]
    fn takes_a_policy_of_the_account_or_of_aws_as_a_boundary() {
        let account = Account::new("aws", "111122223333").expect("an account");
        for (arn, is_of_account) in [
            ("arn:aws:iam::111122223333:policy/team/boundary", true),
            ("arn:aws:iam::aws:policy/PowerUserAccess", true),
            ("arn:aws:iam::444455556666:policy/boundary", false),
        ] {
            let boundary: Boundary = arn.parse().expect(arn);
            assert_eq!(boundary.check(&account).is_ok(), is_of_account, "{arn}");
        }
        for bad in [
            "boundary",
            "arn:aws:iam::111122223333:role/x",
            "arn:aws:iam::1111:policy/x",
            "arn:aws-moon:iam::111122223333:policy/x",
            "arn:aws:iam::111122223333:policy/",
            "arn:aws:iam::111122223333:policy/$(id)",
            "arn:aws:s3::111122223333:policy/x",
        ] {
            assert!(bad.parse::<Boundary>().is_err(), "{bad}");
        }
    }

    #[test]
    fn takes_tags_that_iam_takes() {
        let tags = Tags::new(&["team=a b", "e-mail=x@example.com", "empty=", "sum=1+1=2"]);
        let tags = tags.expect("tags");
        let all: Vec<_> = tags.each().collect();
        assert_eq!(
            all,
            [("team", "a b"), ("e-mail", "x@example.com"), ("empty", ""), ("sum", "1+1=2")]
        );
        assert_eq!(Tags::new(&["a=1", "A=2"]), Err(SettingError::TagTwice("A".to_owned())));
        assert_eq!(Tags::new(&["AWS:a=1"]), Err(SettingError::ReservedTag("AWS:a".to_owned())));
        let long = format!("{}=x", "a".repeat(129));
        for bad in ["team", "=x", "a='x'", "a=$(id)", "a=x\n", &long] {
            assert_eq!(Tags::new(&[bad]), Err(SettingError::Tag(bad.to_owned())));
        }
        let many: Vec<String> = (0..51).map(|index| format!("k{index}=")).collect();
        assert!(Tags::new(&many[..50]).is_ok());
        assert_eq!(Tags::new(&many), Err(SettingError::Tags(51)));
    }
}
