//! What STS is asked, and which condition keys that makes known.

mod claims;
mod keys;

use std::collections::{BTreeMap, BTreeSet};

use super::provider::{self, ProviderArn};
pub(super) use claims::names_of;

/// A call of `AssumeRoleWithWebIdentity`, as far as trust policies can test it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentityRequest {
    /// The token's `iss`
    pub issuer: String,
    /// The token's `sub`; empty for a token that has none
    pub subject: String,
    /// The token's `aud`
    pub audiences: Vec<String>,
    /// The token's `azp`, which Kubernetes does not set
    pub authorized_party: Option<String>,
    /// The token's `amr`, likewise
    pub methods: Vec<String>,
    /// The token's `email`, likewise
    pub email: Option<String>,
    /// The session tags in the token, by their keys
    pub session_tags: BTreeMap<String, String>,
    /// Those of the session tags that further sessions inherit
    pub transitive_tag_keys: Vec<String>,
    /// The source identity in the token
    pub source_identity: Option<String>,
    /// Why STS refuses the token, whatever the policy says
    pub refused: Option<String>,
    /// The ARN of the account's provider, where somebody knows it; otherwise
    /// any provider ARN with the issuer's name counts as it.
    pub provider_arn: Option<String>,
    /// Claims that STS takes over from tokens of some providers alone, by their names in
    /// condition keys; nothing where nobody knows which the token has
    further_claims: Option<BTreeMap<String, String>>,
    /// Further condition keys, in lower case, with their values
    context: BTreeMap<String, Vec<String>>,
    /// Condition keys that the request does not have, in lower case
    absent: BTreeSet<String>,
}

/// What is known of a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The request has these values.
    Values(Vec<String>),
    /// It holds one of these values or all; and why nobody knows which.
    OneOf(Vec<String>, String),
    /// The request has no such key.
    Absent,
    /// The request has this key, but AWS alone knows its value; and how to give it.
    Present(String),
    /// AWS alone knows whether the request has it; and how to give its value.
    Unknown(String),
}

impl WebIdentityRequest {
    /// The request that brings a token with these claims (`iss`, `sub`, `aud`).
    #[must_use]
    pub fn new(issuer: &str, subject: &str, audiences: &[&str]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audiences: audiences.iter().map(|&audience| audience.to_owned()).collect(),
            authorized_party: None,
            methods: Vec::new(),
            email: None,
            session_tags: BTreeMap::new(),
            transitive_tag_keys: Vec::new(),
            source_identity: None,
            refused: None,
            provider_arn: None,
            further_claims: None,
            context: BTreeMap::new(),
            absent: BTreeSet::new(),
        }
    }

    /// Adds a value of a condition key that the token does not hold
    /// (`aws:SourceIp`). The key may come again, with a further value.
    #[must_use]
    pub fn with_context(mut self, key: &str, value: &str) -> Self {
        self.context.entry(key.to_ascii_lowercase()).or_default().push(value.to_owned());
        self
    }

    /// Says that the request has no such condition key (`aws:SourceVpce`).
    #[must_use]
    pub fn without_key(mut self, key: &str) -> Self {
        self.absent.insert(key.to_ascii_lowercase());
        self
    }

    /// What was said of condition keys that can't all be true: one that is given and absent, or
    /// two names of the session.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        if let Some(key) = self.absent.iter().find(|key| self.context.contains_key(*key)) {
            return Some(format!(
                "the condition key {key:?} is given a value and said to be absent; say one of them"
            ));
        }
        let names = self.context.get("sts:rolesessionname")?;
        (names.len() > 1).then(|| {
            "sts:RoleSessionName is given several times; a session has one name".to_owned()
        })
    }

    /// The issuer's name in ARNs and condition keys.
    #[must_use]
    pub fn provider_name(&self) -> &str {
        provider::name_of_issuer(&self.issuer)
    }

    /// Whether IAM knows the issuer without a provider in the account.
    #[must_use]
    pub fn has_built_in_provider(&self) -> bool {
        provider::BUILT_IN.contains(&self.provider_name())
    }

    /// Whether the issuer is one that STS takes: OpenID Connect has no other scheme, and
    /// Google's may come without one.
    pub(super) fn has_https_issuer(&self) -> bool {
        let issuer = self.issuer.as_str();
        issuer.starts_with("https://") || provider::BUILT_IN.contains(&issuer)
    }

    /// Whether the provider that somebody names is the issuer's.
    pub(super) fn has_provider(&self) -> bool {
        self.provider_arn.as_ref().is_none_or(|arn| {
            let name = ProviderArn::read(arn).map_or(arn.as_str(), |arn| arn.name);
            name == self.provider_name()
        })
    }

    /// A condition key, without regard to case.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
    #[must_use]
    pub fn key(&self, key: &str) -> Known {
        let lower = key.to_ascii_lowercase();
        if let Some(values) = self.context.get(&lower) {
            return Known::Values(values.clone());
        }
        if self.absent.contains(&lower) {
            return Known::Absent;
        }
        let ours = lower.strip_prefix(&self.provider_name().to_ascii_lowercase());
        if let Some(claim) = ours.and_then(|rest| rest.strip_prefix(':')) {
            return self.claim(claim, key);
        }
        // Another provider's token is not in this request.
        if provider::split_key(&lower).is_some() {
            return Known::Absent;
        }
        self.of_service(&lower, key)
    }
}

/// How to say what a key holds.
fn ask(key: &str) -> String {
    format!(
        "{key} is not in the token; give it with --condition-key {key}=VALUE, or --no-condition-key {key}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> WebIdentityRequest {
        WebIdentityRequest::new(
            "https://oidc.example.com/id/X",
            "system:serviceaccount:a:b",
            &["sts"],
        )
    }

    fn values(values: &[&str]) -> Known {
        Known::Values(values.iter().map(|&value| value.to_owned()).collect())
    }

    #[test]
    fn knows_the_claims_without_regard_to_case() {
        assert_eq!(
            request().key("OIDC.example.com/id/x:Sub"),
            values(&["system:serviceaccount:a:b"])
        );
        assert_eq!(request().key("oidc.example.com/id/X:aud"), values(&["sts"]));
    }

    #[test]
    fn tells_what_is_absent_from_what_is_unknown() {
        for absent in [
            "oidc.example.com/id/Y:sub",
            "oidc.example.com/id/X:groups",
            "saml:aud",
            "oidc.example.com/id/X:amr",
            "aws:RequestTag/a.b",
            "aws:PrincipalTag/a:b.c",
            "s3:prefix",
            "sub",
        ] {
            assert_eq!(request().key(absent), Known::Absent, "{absent}");
        }
        for unknown in ["aws:SourceIp", "aws:ResourceTag/a", "iam:ResourceTag/a", "sts:New"] {
            assert!(matches!(request().key(unknown), Known::Unknown(_)), "{unknown}");
        }
        for present in ["aws:CurrentTime", "sts:RoleSessionName"] {
            assert!(matches!(request().key(present), Known::Present(_)), "{present}");
        }
        let told = request().with_context("aws:SourceIp", "192.0.2.1");
        assert_eq!(told.key("AWS:sourceip"), values(&["192.0.2.1"]));
    }

    #[test]
    fn notices_what_contradicts_itself() {
        let named = || request().with_context("sts:RoleSessionName", "me");
        let told = request().with_context("aws:TagKeys", "a").with_context("aws:TagKeys", "b");
        for (request, wanted) in [
            (named(), false),
            (named().without_key("aws:SourceIp"), false),
            (named().without_key("sts:rolesessionname"), true),
            (named().with_context("STS:RoleSessionName", "you"), true),
            (told.clone(), false),
            (told.without_key("AWS:TagKeys"), true),
        ] {
            assert_eq!(request.contradiction().is_some(), wanted, "{request:?}");
        }
    }

    #[test]
    fn does_not_guess_which_of_several_audiences_counts() {
        let mut request = request();
        request.audiences.push("other".to_owned());
        assert!(matches!(request.key("oidc.example.com/id/X:aud"), Known::OneOf(..)));
        request.authorized_party = Some("party".to_owned());
        assert_eq!(request.key("oidc.example.com/id/X:aud"), values(&["party"]));
    }
}
