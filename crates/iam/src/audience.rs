//! Audiences that are nearly the one that the tokens of pods have: the linter tells them, and
//! `iam role` makes no role for them.

use super::finding::Code;
use super::lint::shown;
use super::near::nearest;
use super::partition::AUDIENCE;

/// Where AWS's services have their hosts, in all partitions.
pub const AWS_DOMAINS: [&str; 9] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "sc2s.sgov.gov",
];

/// What is wrong with an audience that was meant to be [`AUDIENCE`], and why.
pub(crate) fn slip(text: &str) -> Option<(Code, String)> {
    let trimmed = text.trim();
    let bare = trimmed.trim_start_matches("https://").trim_end_matches('/');
    if trimmed == AUDIENCE || trimmed == "amazonaws.com" {
        return None;
    }
    if is_endpoint(bare) {
        let message = format!(
            "{} is a host of STS, not the audience of a pod's token, which is {AUDIENCE} in all regions and partitions: no token matches",
            shown(text)
        );
        return Some((Code::AudienceEndpoint, message));
    }
    let is_near = nearest(bare, &[AUDIENCE]).is_some()
        || [
            "sts.amazon.com",
            "sts.aws.com",
            "sts.aws.amazon.com",
            "sts.amazonaws.cn",
            "sts.amazoneaws.com",
        ]
        .contains(&bare);
    is_near.then(|| {
        let message = format!(
            "{} looks like a misspelling of {AUDIENCE}, the audience that AWS SDKs and this webhook use",
            shown(text)
        );
        (Code::AudienceMisspelt, message)
    })
}

/// `sts.REGION.amazonaws.com`, `sts.amazonaws.com.cn` and its like.
fn is_endpoint(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_sts = host.starts_with("sts.") || host.starts_with("sts-fips.");
    let is_of = |domain: &&str| host.strip_suffix(domain).is_some_and(|it| it.ends_with('.'));
    is_sts && host != AUDIENCE && AWS_DOMAINS.iter().any(is_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_hosts_of_sts_and_misspellings_from_other_audiences() {
        for (text, code) in [
            ("sts.amazonaws.com", None),
            ("https://kubernetes.default.svc", None),
            ("vault", None),
            ("sts.example.com", None),
            ("sts.amazonaws.com.cn", Some(Code::AudienceEndpoint)),
            ("https://sts.amazonaws.com.cn/", Some(Code::AudienceEndpoint)),
            ("sts.eu-central-1.amazonaws.com", Some(Code::AudienceEndpoint)),
            ("sts.cn-north-1.amazonaws.com.cn", Some(Code::AudienceEndpoint)),
            ("sts.*.amazonaws.com", Some(Code::AudienceEndpoint)),
            ("sts-fips.us-east-1.amazonaws.com", Some(Code::AudienceEndpoint)),
            ("sts.us-iso-east-1.c2s.ic.gov", Some(Code::AudienceEndpoint)),
            ("sts.amazon.com", Some(Code::AudienceMisspelt)),
            ("STS.amazonaws.com", Some(Code::AudienceMisspelt)),
            ("https://sts.amazonaws.com", Some(Code::AudienceMisspelt)),
        ] {
            assert_eq!(slip(text).map(|(code, _)| code), code, "{text}");
        }
    }
}
