//! What STS is asked, and which condition keys that makes known.

use std::collections::BTreeMap;

use super::provider;

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
    /// The ARN of the account's provider, where somebody knows it; otherwise
    /// any provider ARN with the issuer's name counts as it.
    pub provider_arn: Option<String>,
    /// Further condition keys, in lower case, with their values
    context: BTreeMap<String, Vec<String>>,
}

/// What is known of a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The request has these values.
    Values(Vec<String>),
    /// The request has no such key.
    Absent,
    /// AWS alone knows; and why that is.
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
            provider_arn: None,
            context: BTreeMap::new(),
        }
    }

    /// Adds a value of a condition key that the token does not hold
    /// (`aws:SourceIp`). The key may come again, with a further value.
    #[must_use]
    pub fn with_context(mut self, key: &str, value: &str) -> Self {
        self.context.entry(key.to_ascii_lowercase()).or_default().push(value.to_owned());
        self
    }

    /// The issuer's name in ARNs and condition keys.
    #[must_use]
    pub fn provider_name(&self) -> &str {
        provider::name_of_issuer(&self.issuer)
    }

    /// Whether the issuer is one that STS takes: OpenID Connect has no other scheme, and
    /// Google's may come without one.
    pub(super) fn has_https_issuer(&self) -> bool {
        let issuer = self.issuer.as_str();
        issuer.starts_with("https://") || provider::BUILT_IN.contains(&issuer)
    }

    /// A condition key, without regard to case.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
    #[must_use]
    pub fn key(&self, key: &str) -> Known {
        let key = key.to_ascii_lowercase();
        if let Some(values) = self.context.get(&key) {
            return Known::Values(values.clone());
        }
        if key.starts_with("saml:") {
            return Known::Absent;
        }
        match provider::split_key(&key) {
            Some((name, claim)) if name == self.provider_name().to_ascii_lowercase() => {
                self.claim(claim)
            }
            // Another provider's token is not in this request.
            Some(_) => Known::Absent,
            None => Known::Unknown(format!("{key} is not in the token; only AWS knows it")),
        }
    }

    /// STS takes these claims over and drops all others.
    fn claim(&self, claim: &str) -> Known {
        let values = |values: &[String]| {
            if values.is_empty() { Known::Absent } else { Known::Values(values.to_vec()) }
        };
        match (claim, &self.authorized_party) {
            ("sub", _) if self.subject.is_empty() => Known::Absent,
            ("sub", _) => Known::Values(vec![self.subject.clone()]),
            // With azp, :aud tests azp and :oaud tests aud.
            ("aud", Some(party)) => Known::Values(vec![party.clone()]),
            ("aud" | "oaud", _) if self.audiences.len() > 1 => Known::Unknown(format!(
                "the token has {} audiences and no azp; IAM does not document what the key holds then",
                self.audiences.len()
            )),
            ("aud", None) | ("oaud", Some(_)) => values(&self.audiences),
            ("amr", _) => values(&self.methods),
            ("oaud" | "azp" | "email", _) => {
                Known::Unknown(format!("IAM documents :{claim} only for Google's provider"))
            }
            _ => Known::Absent,
        }
    }
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
        ] {
            assert_eq!(request().key(absent), Known::Absent, "{absent}");
        }
        for unknown in ["aws:SourceIp", "sts:RoleSessionName", "aws:RequestTag/a.b"] {
            assert!(matches!(request().key(unknown), Known::Unknown(_)), "{unknown}");
        }
        let told = request().with_context("aws:SourceIp", "192.0.2.1");
        assert_eq!(told.key("AWS:sourceip"), values(&["192.0.2.1"]));
    }

    #[test]
    fn does_not_guess_which_of_several_audiences_counts() {
        let mut request = request();
        request.audiences.push("other".to_owned());
        assert!(matches!(request.key("oidc.example.com/id/X:aud"), Known::Unknown(_)));
        request.authorized_party = Some("party".to_owned());
        assert_eq!(request.key("oidc.example.com/id/X:aud"), values(&["party"]));
    }
}
