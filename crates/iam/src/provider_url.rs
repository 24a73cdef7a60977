//! The URL of a provider, which is the issuer of its tokens to the letter. The linter tells what
//! is wrong with it, and `iam role` makes no role for an issuer that has such an error.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>

use super::finding::Code;
use super::partition;
use super::provider::name_of_issuer;

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// The URL that was meant, where that is known.
    pub(crate) mended: Option<String>,
}

/// The mistakes in a provider's URL, all of which is known. `https://` may be missing, as in what
/// `aws iam get-open-id-connect-provider` prints.
pub(crate) fn mistakes(url: &str) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut tell = |code, message: &str, mended: Option<String>| {
        found.push(Mistake { code, message: message.to_owned(), mended });
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    if scheme != "https" {
        let message = "a provider's URL begins with https://: IAM rejects the provider";
        tell(Code::ProviderUrl, message, Some(format!("https://{rest}")));
    }
    if rest.contains(['?', '#', '@', '*']) {
        let message = "a provider's URL is a host and a path, without query, user or wildcard: IAM rejects the provider, or no token has this issuer";
        tell(Code::ProviderUrl, message, None);
    }
    let host = rest.split('/').next().unwrap_or_default();
    if host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|it| it.is_ascii_digit())) {
        let message =
            "a provider's URL has no port: IAM rejects the provider; the issuer needs another URL";
        tell(Code::ProviderUrl, message, None);
    }
    if let Some(wanted) = partition::mended_eks_issuer(rest) {
        let message = "the issuers of EKS end with amazonaws.com.cn in China's regions, and there alone: no such issuer exists";
        tell(Code::Partition, message, Some(format!("https://{wanted}")));
    }
    if let Some(bare) = url.strip_suffix('/')
        && !has_slash(rest)
    {
        let message =
            "the URL ends with a slash: correct only if the issuer in the tokens ends with one too";
        tell(Code::TrailingSlash, message, Some(bare.to_owned()));
    }
    found
}

/// Whether the issuers of this service end with a slash: Auth0's, Entra ID's of version 1, those
/// of AKS, and authentik's.
pub(crate) fn has_slash(url: &str) -> bool {
    let (host, path) = name_of_issuer(url).split_once('/').unwrap_or_default();
    host.ends_with(".auth0.com")
        || host == "sts.windows.net"
        || host.ends_with(".oic.prod-aks.azure.com")
        || path.starts_with("application/o/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_iam_rejects_and_slashes_that_issuers_rarely_have() {
        let eks = "oidc.eks.cn-north-1.amazonaws.com";
        for (url, wanted) in [
            ("https://oidc.example.com/id/X".to_owned(), vec![]),
            ("oidc.example.com/id/X".to_owned(), vec![]),
            ("https://oidc.example.com/id/a:1".to_owned(), vec![]),
            ("https://tenant.eu.auth0.com/".to_owned(), vec![]),
            ("tenant.auth0.com/".to_owned(), vec![]),
            ("https://sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/".to_owned(), vec![]),
            ("https://eastus.oic.prod-aks.azure.com/a/b/".to_owned(), vec![]),
            ("https://sso.example.com/application/o/aws/".to_owned(), vec![]),
            (format!("https://{eks}.cn/id/A"), vec![]),
            (format!("https://{eks}/id/A"), vec![Code::Partition]),
            ("http://oidc.example.com/id/X".to_owned(), vec![Code::ProviderUrl]),
            ("https://oidc.example.com:6443/id/X".to_owned(), vec![Code::ProviderUrl]),
            ("https://oidc.example.com/id/X?a=b".to_owned(), vec![Code::ProviderUrl]),
            ("https://*.example.com".to_owned(), vec![Code::ProviderUrl]),
            ("https://oidc.example.com/id/X/".to_owned(), vec![Code::TrailingSlash]),
            (
                "http://10.0.0.1:6443/".to_owned(),
                vec![Code::ProviderUrl, Code::ProviderUrl, Code::TrailingSlash],
            ),
        ] {
            let found: Vec<_> = mistakes(&url).into_iter().map(|it| it.code).collect();
            assert_eq!(found, wanted, "{url}");
        }
    }
}
