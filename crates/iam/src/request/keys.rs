//! The condition keys that are no claims: of AWS, of STS, and of other services.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>

use super::{Known, WebIdentityRequest, ask};
use crate::condition::seconds_of_time;

/// Each request has them.
const ALWAYS: [&str; 8] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:useragent",
    "aws:userid",
    "sts:rolesessionname",
];

/// No call of `AssumeRoleWithWebIdentity` has them. It is not signed, so that nothing is known
/// of a principal; no service makes it for somebody else; and they are of other calls to STS.
const NEVER: [&str; 32] = [
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:referer",
    "aws:signinsessionarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:tokenissuetime",
    "aws:username",
    "sts:awsservicename",
    "sts:durationseconds",
    "sts:externalid",
    "sts:identitytokenaudience",
    "sts:requestcontextproviders",
    "sts:signingalgorithm",
    "sts:taskpolicyarn",
];

/// Beginnings of such keys.
const NEVER_UNDER: [&str; 2] = ["aws:principaltag/", "sts:requestcontext/"];

impl WebIdentityRequest {
    /// `key` is as the policy has it, `lower` the same in lower case.
    pub(super) fn of_service(&self, lower: &str, key: &str) -> Known {
        match lower {
            "aws:securetransport" => return Known::Values(vec!["true".to_owned()]),
            "aws:viaawsservice" => return Known::Values(vec!["false".to_owned()]),
            "aws:tagkeys" => return values(self.tag_keys()),
            "sts:transitivetagkeys" => return values(self.transitive_tag_keys.clone()),
            "sts:sourceidentity" => return values(self.source_identity.iter().cloned().collect()),
            "aws:sourceidentity" if !self.has_source_identity() => return Known::Absent,
            _ => {}
        }
        if let Some(tag) = lower.strip_prefix("aws:requesttag/") {
            let found = self.session_tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag));
            let told = self.context.get("aws:tagkeys").into_iter().flatten();
            return match found {
                Some((_, value)) => Known::Values(vec![value.clone()]),
                None if told.into_iter().any(|name| name.eq_ignore_ascii_case(tag)) => {
                    Known::Present(ask(key))
                }
                None => Known::Absent,
            };
        }
        if ALWAYS.contains(&lower) {
            return self.other_clock(lower).unwrap_or_else(|| Known::Present(ask(key)));
        }
        let is_never =
            NEVER.contains(&lower) || NEVER_UNDER.iter().any(|start| lower.starts_with(start));
        let is_of_this_call =
            lower.starts_with("aws:") || lower.starts_with("sts:") || is_tag_of_role(lower);
        if is_never || !is_of_this_call {
            return Known::Absent;
        }
        Known::Unknown(ask(key))
    }

    /// Whether the token has session tags, or somebody says that the request has.
    pub(crate) fn has_session_tags(&self) -> bool {
        !self.tag_keys().is_empty() || self.context.contains_key("aws:tagkeys")
    }

    /// Whether the token has a source identity, or somebody says that the request has.
    pub(crate) fn has_source_identity(&self) -> bool {
        self.source_identity.is_some() || self.context.contains_key("sts:sourceidentity")
    }

    fn tag_keys(&self) -> Vec<String> {
        let told = self.context.keys().filter_map(|key| key.strip_prefix("aws:requesttag/"));
        self.session_tags.keys().cloned().chain(told.map(str::to_owned)).collect()
    }

    /// The same time, where somebody says what the other of the two keys for it holds.
    fn other_clock(&self, lower: &str) -> Option<Known> {
        let other = match lower {
            "aws:currenttime" => "aws:epochtime",
            "aws:epochtime" => "aws:currenttime",
            _ => return None,
        };
        let [told] = self.context.get(other)?.as_slice() else { return None };
        // Operators for numbers test seconds.
        let seconds = seconds_of_time(told)?.to_string();
        Some(Known::Values(vec![if lower == "aws:epochtime" { seconds } else { told.clone() }]))
    }
}

/// STS takes the tags of the role under both names.
fn is_tag_of_role(lower: &str) -> bool {
    lower.starts_with("iam:resourcetag/")
}

/// A key without values is absent.
fn values(values: Vec<String>) -> Known {
    if values.is_empty() { Known::Absent } else { Known::Values(values) }
}
