//! OpenID Connect providers as IAM names them: by the issuer without `https://`.

/// `arn:PARTITION:iam::ACCOUNT:oidc-provider/HOST/PATH`, taken apart as far as
/// it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderArn<'a> {
    /// Such as `aws` or `aws-cn`.
    pub partition: &'a str,
    /// The account ID: twelve digits.
    pub account: &'a str,
    /// The issuer without `https://`: what stands before `:sub` in a condition key.
    pub name: &'a str,
}

/// The identity providers that IAM knows by their name alone, without an ARN.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
pub(super) const BUILT_IN: [&str; 4] = [
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
];

/// Whether IAM knows a provider by this name alone, such as `accounts.google.com`.
#[must_use]
pub fn is_built_in_provider(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

impl<'a> ProviderArn<'a> {
    /// Nothing where it is no ARN of an OpenID Connect provider. Partition,
    /// account and name may be wrong: the linter names what is.
    #[must_use]
    pub fn read(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next();
        if next()? != "arn" {
            return None;
        }
        let partition = next()?;
        if next()? != "iam" || !next()?.is_empty() {
            return None;
        }
        let account = next()?;
        let name = next()?.strip_prefix("oidc-provider/")?;
        Some(Self { partition, account, name })
    }
}

/// The provider's name for an issuer: without `https://`, its path kept.
pub(super) fn name_of_issuer(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer)
}

/// The provider's name and the claim of a condition key such as
/// `oidc.example.com/id/X:sub`; nothing for `aws:SourceIp` and its like.
pub(super) fn split_key(key: &str) -> Option<(&str, &str)> {
    let (provider, claim) = key.rsplit_once(':')?;
    let service = provider.split(':').next().unwrap_or_default();
    let is_host = provider.contains('.') && !["aws", "sts", "iam", "saml"].contains(&service);
    is_host.then_some((provider, claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_arn_apart() {
        let arn = "arn:aws-cn:iam::111122223333:oidc-provider/oidc.example.com/id/A:B";
        let read = ProviderArn::read(arn).expect("a provider's ARN");
        assert_eq!((read.partition, read.account), ("aws-cn", "111122223333"));
        assert_eq!(read.name, "oidc.example.com/id/A:B");
        assert_eq!(ProviderArn::read("arn:aws:iam::111122223333:saml-provider/x"), None);
        assert_eq!(ProviderArn::read("oidc.example.com"), None);
    }

    #[test]
    fn splits_the_key_of_a_provider_alone() {
        assert_eq!(split_key("oidc.example.com/id/X:sub"), Some(("oidc.example.com/id/X", "sub")));
        assert_eq!(
            split_key("oidc.example.com:8443/x:aud"),
            Some(("oidc.example.com:8443/x", "aud"))
        );
        assert_eq!(
            split_key("https://oidc.example.com:sub"),
            Some(("https://oidc.example.com", "sub"))
        );
        for other in ["aws:SourceIp", "sts:RoleSessionName", "aws:RequestTag/a.b:c", "sub"] {
            assert_eq!(split_key(other), None, "{other}");
        }
    }
}
