//! The STS that pods send their tokens to, where it is not AWS's: `MinIO`, Ceph and others have role
//! ARNs of their own.

use super::redact::endpoint;
use super::{Case, pod};
use iam::AWS_DOMAINS;
use injection::identity::{Identity, RoleArn};

impl Case<'_> {
    /// The STS whose role this is: the role is not an ARN of AWS's, and pods call another STS.
    pub(super) fn sts_of_role(&self) -> Option<&str> {
        let role = self.role_arn()?;
        let is_odd = RoleArn::read(role, None).is_some_and(|it| !it.looks_like_iam());
        if is_odd && may_be_role(role) { self.other_sts() } else { None }
    }

    /// Whether the address that the annotation asks for is injected, whatever the flags that are
    /// known here say.
    pub(super) fn gets_annotated_sts(&self) -> bool {
        let key = &self.settings.policy.settings.keys.sts_endpoint_url;
        let account = self.facts.service_account.known();
        let asked = account.and_then(|it| it["metadata"]["annotations"][key].as_str());
        let given = self.came_back().and_then(pod::sts_endpoint);
        given.is_some() && asked.map(|it| endpoint(it.trim())).as_deref() == given
    }

    /// The address of the STS that the pods call, where it is not AWS's.
    pub(super) fn other_sts(&self) -> Option<&str> {
        let given = self.came_back().and_then(pod::sts_endpoint);
        let asked = || match self.identity() {
            Some(Identity::WebIdentity(web)) => web.sts_endpoint_url,
            _ => None,
        };
        given.or_else(asked).filter(|url| !url.is_empty() && !is_of_aws(url))
    }
}

/// Whether it can be the ARN of a role at another STS. In a partition of AWS's it has to be a role.
pub(super) fn may_be_role(arn: &str) -> bool {
    let parts: Vec<_> = arn.split(':').collect();
    let &["arn", partition, _, _, .., resource] = parts.as_slice() else { return false };
    let is_role = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty());
    let is_text = !resource.is_empty() && !arn.contains(|c: char| c.is_whitespace());
    is_text && !partition.is_empty() && (is_role || !partition.starts_with("aws"))
}

/// Whether AWS's own STS is at the URL, such as that of a VPC interface endpoint.
fn is_of_aws(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let below = AWS_DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    below.is_some_and(|it| it.split('.').any(|label| ["sts", "sts-fips"].contains(&label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_addresses_of_awss_sts() {
        for (url, is) in [
            ("https://sts.amazonaws.com", true),
            ("https://sts.eu-west-1.amazonaws.com/", true),
            ("https://STS-FIPS.us-east-1.amazonaws.com.:443/path", true),
            ("https://sts.cn-north-1.amazonaws.com.cn", true),
            ("https://vpce-0123456789abcdef0-abcdefgh.sts.eu-west-1.vpce.amazonaws.com", true),
            ("https://minio.minio.svc:9000", false),
            ("https://sts.example.com", false),
            ("https://sts.notamazonaws.com", false),
            ("https://minio-1234.elb.eu-west-1.amazonaws.com", false),
            ("http://[fd00::1]:9000", false),
            ("https://10.0.0.1", false),
        ] {
            assert_eq!(is_of_aws(url), is, "{url}");
        }
    }

    #[test]
    fn tells_an_arn_of_another_sts_from_a_mistake() {
        for (arn, may_be) in [
            ("arn:minio:iam:::role/idmp-app", true),
            ("arn:aws:iam:::role/S3Access", true),
            ("arn:aws:iam::RGW12345678901234567:role/app", true),
            ("arn:aws:iam::role/app", true),
            ("arn:aws:iam::111122223333:user/app", false),
            ("arn:aws:iam::111122223333:role/", false),
            ("arn:minio:iam:::role/idmp app", false),
            ("arn:minio:iam:::", false),
            ("role/app", false),
            ("app", false),
            ("arn:", false),
        ] {
            assert_eq!(may_be_role(arn), may_be, "{arn}");
        }
    }
}
