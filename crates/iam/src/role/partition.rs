//! The partition of a role, from all that tells it.

use arn::Account;

use super::names::Issuer;
use super::settings::Boundary;
use crate::partition::{PARTITIONS, is_partition, of_eks_issuer};

/// What may tell the partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionHints<'a> {
    /// Its name, as somebody typed it.
    pub partition: Option<&'a str>,
    /// The region that the account is used in.
    pub region: Option<&'a str>,
    /// An issuer of EKS, or one whose documents are in a bucket.
    pub issuer: &'a Issuer,
    /// A policy of the same account.
    pub boundary: Option<&'a Boundary>,
}

/// Why the partition is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// There is no such partition.
    #[error("{0:?} is not an AWS partition ({list})", list = PARTITIONS.join(", "))]
    Unknown(String),
    /// Not the name of a region.
    #[error("{0:?} is not an AWS region, such as eu-west-1")]
    Region(String),
    /// Two of them tell two partitions.
    #[error("{0} says that the partition is {1}, {2} says {3}; correct one of them")]
    Contradiction(&'static str, String, &'static str, String),
}

impl PartitionHints<'_> {
    /// The partition that all of them tell, `aws` where none does.
    ///
    /// # Errors
    /// Two that contradict each other, and names that are none.
    pub fn partition(&self) -> Result<&'static str, PartitionError> {
        if let Some(region) = self.region.filter(|region| !is_region(region)) {
            return Err(PartitionError::Region(region.to_owned()));
        }
        let told = [
            ("--partition", self.partition),
            ("--region", self.region.map(Account::partition_of_region)),
            ("the issuer", of_host(self.issuer.name())),
            ("--permissions-boundary", self.boundary.map(Boundary::partition)),
        ];
        let mut told = told.into_iter().filter_map(|(who, what)| Some((who, what?)));
        let Some((first, partition)) = told.next() else { return Ok("aws") };
        if let Some((other, another)) = told.find(|(_, what)| *what != partition) {
            let (one, other_one) = (partition.to_owned(), another.to_owned());
            if !is_partition(partition) {
                return Err(PartitionError::Unknown(one));
            }
            return Err(PartitionError::Contradiction(first, one, other, other_one));
        }
        let known = PARTITIONS.into_iter().find(|known| *known == partition);
        known.ok_or_else(|| PartitionError::Unknown(partition.to_owned()))
    }
}

/// Of hosts that are AWS's own.
const BY_DOMAIN: [(&str, &str); 6] = [
    (".amazonaws.com.cn", "aws-cn"),
    (".c2s.ic.gov", "aws-iso"),
    (".sc2s.sgov.gov", "aws-iso-b"),
    (".cloud.adc-e.uk", "aws-iso-e"),
    (".csp.hci.ic.gov", "aws-iso-f"),
    (".amazonaws.eu", "aws-eusc"),
];

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let (Some((number, words)), true) = (parts.split_last(), text.len() <= 32) else {
        return false;
    };
    words.len() >= 2
        && words.iter().all(|it| !it.is_empty() && it.bytes().all(|c| c.is_ascii_lowercase()))
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
}

/// The partition of an issuer, where its host tells one: that of EKS, or of a region outside of
/// `aws`. A bucket in `aws` tells nothing, since accounts of other partitions can use it.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn of_host(name: &str) -> Option<&'static str> {
    if let Some(partition) = of_eks_issuer(name) {
        return Some(partition);
    }
    let (host, _) = name.split_once('/').unwrap_or((name, ""));
    if let Some((_, partition)) = BY_DOMAIN.iter().find(|(domain, _)| host.ends_with(domain)) {
        return Some(partition);
    }
    let labels = host.strip_suffix(".amazonaws.com")?;
    // `s3-us-gov-west-1` is an old way to write it. The bucket's name stands before.
    let region = labels.rsplit('.').next()?;
    let region = region.strip_prefix("s3-").unwrap_or(region);
    let partition = Account::partition_of_region(region);
    (is_region(region) && partition != "aws").then_some(partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        partition: Option<&str>,
        region: Option<&str>,
        issuer: &str,
        boundary: Option<&str>,
    ) -> Result<&'static str, String> {
        let issuer = issuer.parse().expect("an issuer");
        let boundary: Option<Boundary> = boundary.map(|it| it.parse().expect("a boundary"));
        let hints =
            PartitionHints { partition, region, issuer: &issuer, boundary: boundary.as_ref() };
        hints.partition().map_err(|error| error.to_string())
    }

    const PLAIN: &str = "https://oidc.example.com/x";
    const CHINA: &str = "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/X";

    #[test]
    fn follows_from_whatever_tells_it() {
        for (partition, region, issuer, boundary, wanted) in [
            (None, None, PLAIN, None, "aws"),
            (Some("aws-iso"), None, PLAIN, None, "aws-iso"),
            (None, Some("us-gov-west-1"), PLAIN, None, "aws-us-gov"),
            (None, None, CHINA, None, "aws-cn"),
            (None, None, "https://oidc.eks.us-gov-east-1.amazonaws.com/id/X", None, "aws-us-gov"),
            (None, None, "https://oidc.eks.eu-west-1.amazonaws.com/id/X", None, "aws"),
            (None, None, "https://keys.s3.cn-north-1.amazonaws.com.cn/a", None, "aws-cn"),
            (None, None, "https://keys.s3.us-gov-west-1.amazonaws.com/a", None, "aws-us-gov"),
            (None, None, "https://s3-us-gov-west-1.amazonaws.com/keys", None, "aws-us-gov"),
            (None, None, "https://cn-x.s3.eu-west-1.amazonaws.com/a", None, "aws"),
            (None, None, PLAIN, Some("arn:aws-cn:iam::aws:policy/X"), "aws-cn"),
            (Some("aws-cn"), Some("cn-north-1"), CHINA, None, "aws-cn"),
            // A bucket that anybody can read.
            (Some("aws-cn"), None, "https://keys.s3.eu-west-1.amazonaws.com/a", None, "aws-cn"),
        ] {
            assert_eq!(told(partition, region, issuer, boundary), Ok(wanted), "{issuer}");
        }
    }

    #[test]
    fn is_refused_where_two_contradict_each_other() {
        for (partition, region, issuer, boundary) in [
            (Some("aws"), None, CHINA, None),
            (None, Some("eu-west-1"), CHINA, None),
            (Some("aws-cn"), None, "https://oidc.eks.eu-west-1.amazonaws.com/id/X", None),
            (Some("aws"), Some("us-gov-west-1"), PLAIN, None),
            (Some("aws"), None, "https://keys.s3.us-gov-west-1.amazonaws.com/a", None),
            (None, None, CHINA, Some("arn:aws:iam::aws:policy/X")),
        ] {
            let said = told(partition, region, issuer, boundary).expect_err(issuer);
            assert!(said.contains("correct one of them"), "{said}");
        }
        for (partition, region) in [
            (Some("aws-moon"), None),
            (Some("aws-moon"), Some("eu-west-1")),
            (None, Some("europe")),
            (None, Some("eu-west-1;x")),
            (None, Some("")),
        ] {
            let said = told(partition, region, PLAIN, None).expect_err("no name");
            assert!(said.contains("is not an AWS"), "{said}");
        }
    }
}
