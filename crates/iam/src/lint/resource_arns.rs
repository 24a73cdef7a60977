//! ARNs of resources, part by part: `arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use super::shown;
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::policy::{Statement, Text, UNKNOWN};
use crate::write::text as quoted;

/// Services that are the same in all regions: their ARNs have none.
const WITHOUT_REGION: [&str; 8] = [
    "budgets",
    "cloudfront",
    "globalaccelerator",
    "iam",
    "organizations",
    "route53",
    "shield",
    "sts",
];

/// What else than a bucket S3's ARNs name: these have an account.
const OF_ACCOUNTS: [&str; 6] =
    ["accesspoint", "access-grants", "async-request", "job", "storage-lens", "storage-lens-group"];

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    statement.resources.iter().chain(&statement.not_resources).filter_map(check).collect()
}

fn check(resource: &Text) -> Option<Finding> {
    let known = resource.known();
    if !known.starts_with("arn:") {
        return None;
    }
    let tell = |message: String| Finding::new(Code::ResourceArn, resource.at, message);
    let parts: Vec<&str> = known.splitn(6, ':').collect();
    let [_, partition, service, region, account, name] = parts.as_slice() else {
        // What is not known, or a wildcard at the end, may be the rest.
        let is_open = known.contains(UNKNOWN) || known.ends_with('*');
        let message = format!(
            "{} lacks parts of an ARN, which is arn:PARTITION:SERVICE:REGION:ACCOUNT:NAME: IAM rejects the policy",
            shown(resource.as_str())
        );
        return (!is_open).then(|| tell(message));
    };
    if name.is_empty() && !is_glob(&known) {
        let message = format!(
            "{} names no resource: the last part of the ARN is empty",
            shown(resource.as_str())
        );
        return Some(tell(message));
    }
    let is_literal =
        |part: &str| !part.is_empty() && !is_glob(part) && !part.contains(['$', UNKNOWN]);
    let mended = |region: &str, account: &str| {
        let arn =
            format!("arn:{partition}:{}:{region}:{account}:{name}", service.to_ascii_lowercase());
        resource.is_known().then(|| quoted(&arn))
    };
    let fixed = |finding: Finding, fix: Option<String>| match fix {
        Some(fix) => finding.fixed(fix),
        None => finding,
    };
    if service.contains(|c: char| c.is_ascii_uppercase()) && is_literal(service) {
        let message = format!(
            "the service in {} is in upper case, and ARNs have it in lower case: no resource matches",
            shown(resource.as_str())
        );
        return Some(fixed(tell(message), mended(region, account)));
    }
    // A wildcard, or what is not known, may be a kind that has an account.
    let first = name.split(['/', ':']).next().unwrap_or_default();
    let is_bucket = *service == "s3" && is_literal(first) && !OF_ACCOUNTS.contains(&first);
    if (is_bucket || WITHOUT_REGION.contains(service)) && is_literal(region) {
        let message = format!(
            "ARNs of {service} have no region, and {} has one: no resource matches",
            shown(resource.as_str())
        );
        let account = if is_bucket { "" } else { account };
        return Some(fixed(tell(message), mended("", account)));
    }
    if (is_bucket || *service == "route53") && is_literal(account) {
        let message = format!(
            "ARNs of {} have no account, and {} has one: no resource matches",
            if is_bucket { "S3's buckets and objects" } else { "route53" },
            shown(resource.as_str())
        );
        return Some(fixed(tell(message), mended(region, "")));
    }
    None
}
