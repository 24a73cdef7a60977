//! The condition keys that AWS documents for all services (`aws:`) and for STS (`sts:`), with the
//! type of their values.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>

use crate::near::{distance_within, nearest};

/// What a key's values are, and which operators compare such values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Arn,
    Boolean,
    Number,
    Date,
    /// `aws:EpochTime`: seconds, for both kinds of operators.
    Seconds,
    Address,
}

impl Type {
    /// What a key of this type holds, in words.
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Arn => "an ARN",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Date => "a date",
            Self::Seconds => "seconds since 1970",
            Self::Address => "an IP address",
        }
    }
}

/// A documented key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContextKey {
    /// One that ends with a slash has the key of a tag behind it.
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// Whether a request has several values of it.
    pub(super) is_multivalued: bool,
}

/// What a key is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Known(ContextKey),
    /// `aws:RequestTag` without the key of a tag.
    Tagless(&'static str),
    /// Nearly a documented key: which one.
    Misspelt(String),
    /// An old key, and the one that took its place.
    Replaced(&'static str),
    /// `aws:` or `sts:`, and none of those that are documented.
    Undocumented,
    /// Of another service, or a token's claim.
    Other,
}

const fn one(name: &'static str, of: Type) -> ContextKey {
    ContextKey { name, of, is_multivalued: false }
}

const fn several(name: &'static str, of: Type) -> ContextKey {
    ContextKey { name, of, is_multivalued: true }
}

const KEYS: [ContextKey; 77] = [
    one("aws:AssumedRoot", Type::Text),
    several("aws:CalledVia", Type::Text),
    one("aws:CalledViaAWSMCP", Type::Text),
    one("aws:CalledViaFirst", Type::Text),
    one("aws:CalledViaLast", Type::Text),
    one("aws:ChatbotSourceArn", Type::Arn),
    one("aws:CurrentTime", Type::Date),
    one("aws:Ec2InstanceSourcePrivateIPv4", Type::Address),
    one("aws:Ec2InstanceSourceVpc", Type::Text),
    one("aws:EpochTime", Type::Seconds),
    one("aws:FederatedProvider", Type::Text),
    one("aws:IsMcpServiceAction", Type::Boolean),
    one("aws:MultiFactorAuthAge", Type::Number),
    one("aws:MultiFactorAuthPresent", Type::Boolean),
    one("aws:PrincipalAccount", Type::Text),
    one("aws:PrincipalArn", Type::Arn),
    one("aws:PrincipalIsAWSService", Type::Boolean),
    one("aws:PrincipalOrgID", Type::Text),
    // Of policies that AWS manages.
    one("aws:PrincipalOrgMasterAccountId", Type::Text),
    several("aws:PrincipalOrgPaths", Type::Text),
    one("aws:PrincipalServiceName", Type::Text),
    several("aws:PrincipalServiceNamesList", Type::Text),
    one("aws:PrincipalTag/", Type::Text),
    one("aws:PrincipalType", Type::Text),
    one("aws:referer", Type::Text),
    one("aws:RequestedRegion", Type::Text),
    one("aws:RequestTag/", Type::Text),
    one("aws:ResourceAccount", Type::Text),
    one("aws:ResourceOrgID", Type::Text),
    several("aws:ResourceOrgPaths", Type::Text),
    one("aws:ResourceTag/", Type::Text),
    one("aws:SecureTransport", Type::Boolean),
    one("aws:SignInSessionArn", Type::Arn),
    one("aws:SourceAccount", Type::Text),
    one("aws:SourceArn", Type::Arn),
    one("aws:SourceIdentity", Type::Text),
    one("aws:SourceIp", Type::Address),
    one("aws:SourceOrgID", Type::Text),
    several("aws:SourceOrgPaths", Type::Text),
    // Of the policies that SNS makes.
    one("aws:SourceOwner", Type::Text),
    one("aws:SourceVpc", Type::Text),
    one("aws:SourceVpcArn", Type::Arn),
    one("aws:SourceVpce", Type::Text),
    several("aws:TagKeys", Type::Text),
    one("aws:TokenIssueTime", Type::Date),
    one("aws:UserAgent", Type::Text),
    one("aws:userid", Type::Text),
    one("aws:username", Type::Text),
    one("aws:ViaAWSMCPService", Type::Boolean),
    one("aws:ViaAWSService", Type::Boolean),
    one("aws:VpceAccount", Type::Text),
    one("aws:VpceOrgID", Type::Text),
    several("aws:VpceOrgPaths", Type::Text),
    one("aws:VpcSourceIp", Type::Address),
    one("sts:AWSServiceName", Type::Text),
    one("sts:DurationSeconds", Type::Number),
    one("sts:ExternalId", Type::Text),
    several("sts:IdentityTokenAudience", Type::Text),
    one("sts:RequestContext/", Type::Text),
    several("sts:RequestContextProviders", Type::Arn),
    one("sts:RoleSessionName", Type::Text),
    one("sts:SigningAlgorithm", Type::Text),
    one("sts:SourceIdentity", Type::Text),
    one("sts:TaskPolicyArn", Type::Arn),
    several("sts:TransitiveTagKeys", Type::Text),
    one("accounts.google.com:aud", Type::Text),
    one("accounts.google.com:oaud", Type::Text),
    one("accounts.google.com:sub", Type::Text),
    several("cognito-identity.amazonaws.com:amr", Type::Text),
    one("cognito-identity.amazonaws.com:aud", Type::Text),
    one("cognito-identity.amazonaws.com:sub", Type::Text),
    one("graph.facebook.com:app_id", Type::Text),
    one("graph.facebook.com:id", Type::Text),
    one("www.amazon.com:app_id", Type::Text),
    one("www.amazon.com:user_id", Type::Text),
    one("iam:PassedToService", Type::Text),
    one("iam:ResourceTag/", Type::Text),
];

/// A longer key has been cut by nobody: it is compared with none.
const LONGEST: usize = 200;

impl Lookup {
    /// Keys are compared without regard to case.
    pub(super) fn of(key: &str) -> Self {
        if key.len() > LONGEST {
            return Self::Other;
        }
        if let Some(found) = known(key) {
            return Self::Known(found);
        }
        let Some((service, name)) = key.split_once(':') else { return Self::Other };
        if service.eq_ignore_ascii_case("aws") && name.eq_ignore_ascii_case("arn") {
            return Self::Replaced("aws:PrincipalArn");
        }
        let tagless = |it: &&ContextKey| {
            it.name
                .strip_suffix('/')
                .is_some_and(|it| it.eq_ignore_ascii_case(key.trim_end_matches('/')))
        };
        if let Some(found) = KEYS.iter().find(tagless) {
            return Self::Tagless(found.name);
        }
        match misspelt(service, name) {
            Some(meant) => Self::Misspelt(meant),
            None if is(service, "aws") || is(service, "sts") => Self::Undocumented,
            None => Self::Other,
        }
    }
}

fn is(service: &str, wanted: &str) -> bool {
    service.eq_ignore_ascii_case(wanted)
}

/// The documented key of this name.
pub(super) fn known(key: &str) -> Option<ContextKey> {
    let is_it = |it: &&ContextKey| {
        let beginning = key.get(..it.name.len());
        let begins = beginning.is_some_and(|it_is| it_is.eq_ignore_ascii_case(it.name));
        begins && (it.name.ends_with('/') == (key.len() > it.name.len()))
    };
    KEYS.iter().find(is_it).copied()
}

/// The key that was meant: a letter or two are wrong, or it is another service's.
fn misspelt(service: &str, name: &str) -> Option<String> {
    let of = |service: &str| {
        let prefix = format!("{service}:");
        let names = KEYS.iter().filter_map(move |it| it.name.strip_prefix(prefix.as_str()));
        names.collect::<Vec<&'static str>>()
    };
    // What follows a slash is the key of a tag.
    let (stem, tag) = match name.split_once('/') {
        Some((stem, tag)) => (format!("{stem}/"), tag),
        None => (name.to_owned(), ""),
    };
    let exact =
        |names: &[&'static str]| names.iter().copied().find(|it| it.eq_ignore_ascii_case(&stem));
    let meant = |service: &str, found: &str| format!("{service}:{found}{tag}");
    let (aws, sts) = (of("aws"), of("sts"));
    match service.to_ascii_lowercase().as_str() {
        "aws" => {
            let near = nearest(&stem, &aws).map(|it| meant("aws", it));
            exact(&sts).map(|it| meant("sts", it)).or(near)
        }
        "sts" => {
            let near = nearest(&stem, &sts).map(|it| meant("sts", it));
            exact(&aws).map(|it| meant("aws", it)).or(near)
        }
        other => {
            let looks_like = |wanted: &str| {
                is_permuted(other, wanted) || distance_within(other, wanted, 1).is_some()
            };
            let of_aws = exact(&aws).filter(|_| looks_like("aws")).map(|it| meant("aws", it));
            let of_sts = exact(&sts).filter(|_| looks_like("sts")).map(|it| meant("sts", it));
            of_aws.or(of_sts)
        }
    }
}

/// `was` for `aws`.
fn is_permuted(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_documented_keys_and_what_was_meant_by_others() {
        let misspelt = |meant: &str| Lookup::Misspelt(meant.to_owned());
        for (key, wanted) in [
            ("aws:SourceIpp", misspelt("aws:SourceIp")),
            ("aws:PrincipalTags/team", misspelt("aws:PrincipalTag/team")),
            ("aws:ExternalId", misspelt("sts:ExternalId")),
            ("sts:TagKeys", misspelt("aws:TagKeys")),
            ("was:SourceIp", misspelt("aws:SourceIp")),
            ("st:ExternalId", misspelt("sts:ExternalId")),
            ("sts:ExternalID2", misspelt("sts:ExternalId")),
            ("aws:RequestTag", Lookup::Tagless("aws:RequestTag/")),
            ("aws:RequestTag/", Lookup::Tagless("aws:RequestTag/")),
            ("AWS:Arn", Lookup::Replaced("aws:PrincipalArn")),
            ("aws:MadeUpByNobody", Lookup::Undocumented),
            ("s3:ResourceAccount", Lookup::Other),
            ("kms:ViaService", Lookup::Other),
            ("oidc.example.com/id/X:sub", Lookup::Other),
            ("sub", Lookup::Other),
        ] {
            assert_eq!(Lookup::of(key), wanted, "{key}");
        }
        for key in ["aws:sourceip", "AWS:SourceVPC", "aws:PrincipalTag/a:b", "sts:externalid"] {
            assert!(matches!(Lookup::of(key), Lookup::Known(_)), "{key}");
        }
    }
}
