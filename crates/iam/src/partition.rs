//! AWS's partitions.
//! <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>

use arn::{Account, AccountError};

use super::policy::UNKNOWN;

/// The partitions that there are, by the names that ARNs have.
pub(crate) const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// Whether there is such a partition.
pub(crate) fn is_partition(name: &str) -> bool {
    PARTITIONS.contains(&name)
}

/// The audience that AWS's SDKs, EKS and this webhook use in all partitions.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// An account in one of AWS's partitions, not only one that looks like it.
///
/// # Errors
/// An unknown partition, an account ID that is not twelve digits.
pub fn account(partition: &str, id: &str) -> Result<Account, AccountError> {
    if !is_partition(partition) {
        return Err(AccountError::Partition(partition.to_owned()));
    }
    Account::new(partition, id)
}

/// The name that an EKS issuer has in its region, where this one ends as those of another
/// partition do: `oidc.eks.cn-north-1.amazonaws.com/id/X`.
pub(super) fn mended_eks_issuer(name: &str) -> Option<String> {
    let (is_china, rest) = (of_eks_issuer(name)? == "aws-cn", name.strip_prefix("oidc.eks.")?);
    let (region, rest) = rest.split_once('.')?;
    let (host, path) = rest.split_once('/')?;
    let wanted = match (host, is_china) {
        ("amazonaws.com", true) => "amazonaws.com.cn",
        ("amazonaws.com.cn", false) => "amazonaws.com",
        _ => return None,
    };
    Some(format!("oidc.eks.{region}.{wanted}/{path}"))
}

/// The partition of an EKS issuer's region: `oidc.eks.REGION.amazonaws.com/id/X`.
pub(super) fn of_eks_issuer(name: &str) -> Option<&'static str> {
    let region = name.strip_prefix("oidc.eks.").or_else(|| name.strip_prefix("oidc-eks."))?;
    let (region, _) = region.split_once('.')?;
    let looks_right = region.contains('-') && !region.contains(['$', '[', '<', '{', UNKNOWN]);
    looks_right.then(|| Account::partition_of_region(region))
}
