//! Role ARNs, accounts and partitions, as IAM writes them, how a bare role
//! name becomes an ARN, and which annotations were meant to give one.

#![warn(missing_docs)]
pub mod annotation;

use std::fmt;

use text::shortened;

/// The partition and account that complete a bare role name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    partition: String,
    id: String,
}

/// Why a partition or an account ID is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not twelve digits; the text as given.
    #[error("the account ID {:?} is not 12 digits", shortened(.0, 64))]
    AccountId(String),
    /// Does not begin with `aws`; the text as given.
    #[error(
        "the partition {:?} is not one of AWS's (aws, aws-cn, aws-us-gov, aws-iso, ...)",
        shortened(.0, 64)
    )]
    Partition(String),
}

impl Account {
    /// # Errors
    /// An account ID that is not twelve digits, a partition that does not
    /// begin with `aws`.
    pub fn new(partition: &str, id: &str) -> Result<Self, AccountError> {
        if !is_account_id(id) {
            return Err(AccountError::AccountId(id.to_owned()));
        }
        if !is_partition(partition) {
            return Err(AccountError::Partition(partition.to_owned()));
        }
        Ok(Self { partition: partition.to_owned(), id: id.to_owned() })
    }

    /// The partition, such as `aws` or `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The account ID: twelve digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same account in a partition that somebody knows better.
    pub fn in_partition(&self, partition: &str) -> Result<Self, AccountError> {
        Self::new(partition, &self.id)
    }

    /// The partition that a region belongs to, by its name.
    /// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
    #[must_use]
    pub fn partition_of_region(region: &str) -> &'static str {
        const BY_PREFIX: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-isob-", "aws-iso-b"),
            ("us-isof-", "aws-iso-f"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-iso-", "aws-iso"),
            ("eusc-", "aws-eusc"),
        ];
        let found = BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix));
        found.map_or("aws", |(_, partition)| partition)
    }
}

/// The value of `AWS_ROLE_ARN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn(Box<str>);

impl RoleArn {
    /// From an annotation's or an entry's value, trimmed; nothing where it is
    /// blank. With an `account`, a value without `arn:` is a role name or path.
    #[must_use]
    pub fn read(value: &str, account: Option<&Account>) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        match account {
            Some(Account { partition, id }) if !value.contains("arn:") => {
                let path = value.trim_start_matches('/');
                Some(Self(format!("arn:{partition}:iam::{id}:role/{path}").into()))
            }
            _ => Some(Self(value.into())),
        }
    }

    /// The ARN as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it looks as IAM writes role ARNs:
    /// `arn:PARTITION:iam::ACCOUNT:role/PATH-AND-NAME`.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
    #[must_use]
    pub fn looks_like_iam(&self) -> bool {
        looks_like_iam(&self.0)
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether text looks as IAM writes role ARNs.
#[must_use]
pub fn looks_like_iam(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (head, partition, service, region) = (next(), next(), next(), next());
    let (account, resource) = (next(), next());
    head == "arn"
        && is_partition(partition)
        && service == "iam"
        && region.is_empty()
        && is_account_id(account)
        && resource.strip_prefix("role/").is_some_and(is_path_and_name)
}

fn is_partition(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 32 && text.starts_with("aws") && text.chars().all(allowed)
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

fn is_path_and_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    !text.is_empty() && !text.ends_with('/') && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_look_of_a_role_arn() {
        for good in [
            "arn:aws:iam::111122223333:role/s3-reader",
            "arn:aws-cn:iam::111122223333:role/team/app+a=b,c.d@e_f-g",
            "arn:aws-us-gov:iam::111122223333:role/x",
            "arn:aws-iso-b:iam::111122223333:role/x",
        ] {
            assert!(looks_like_iam(good), "{good}");
        }
        for odd in [
            "s3-reader",
            "arn:aws:iam::1111222233:role/ten-digits",
            "arn:aws:iam::111122223333:user/not-a-role",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/dir/",
            "arn:aws:iam:eu-west-1:111122223333:role/x",
            "arn:aws:sts::111122223333:assumed-role/x/y",
            "arn:minio:iam:::role/idmp-x",
            "arn:aws:iam::111122223333:role/with space",
        ] {
            assert!(!looks_like_iam(odd), "{odd}");
        }
    }

    #[test]
    fn completes_a_bare_name_or_path_where_an_account_is_given() {
        let account = Account::new("aws-cn", "111122223333").expect("a good account");
        for (given, arn) in [
            ("app", "arn:aws-cn:iam::111122223333:role/app"),
            ("/team/app", "arn:aws-cn:iam::111122223333:role/team/app"),
            (" team/app ", "arn:aws-cn:iam::111122223333:role/team/app"),
            ("arn:aws:iam::444455556666:role/x", "arn:aws:iam::444455556666:role/x"),
        ] {
            let read = RoleArn::read(given, Some(&account));
            assert_eq!(read.as_ref().map(RoleArn::as_str), Some(arn), "{given}");
        }
        assert_eq!(RoleArn::read("app", None).as_ref().map(RoleArn::as_str), Some("app"));
    }

    #[test]
    fn takes_a_blank_value_for_unset() {
        assert_eq!(RoleArn::read(" \n", None), None);
    }

    #[test]
    fn refuses_an_account_that_is_none() {
        assert!(Account::new("aws", "1111222233").is_err());
        assert!(Account::new("azure", "111122223333").is_err());
    }

    #[test]
    fn tells_the_partition_from_the_region() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
        ] {
            assert_eq!(Account::partition_of_region(region), partition, "{region}");
        }
    }
}
