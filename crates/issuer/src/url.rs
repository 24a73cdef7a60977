//! The issuer's URL: a name first, which AWS compares byte by byte, and an
//! address second.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{DISCOVERY_PATH, JWKS_PATH};

/// IAM takes no more.
const LONGEST: usize = 255;

const SCHEME: &str = "https://";

/// A URL that IAM takes for a provider and STS can fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl(String);

/// Why a text can't be an issuer for AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text does not begin with `https://`.
    #[error("it is not an https URL; AWS accepts no other")]
    NotHttps,
    /// The URL has a query (`?`).
    #[error("it has a query (?), which an issuer can't have; remove it")]
    Query,
    /// The URL has a fragment (`#`).
    #[error("it has a fragment (#), which an issuer can't have; remove it")]
    Fragment,
    /// The URL has a user name (`@`).
    #[error("it has a user name (@); remove it")]
    User,
    /// Nothing follows `https://` that could be a host.
    #[error("it has no host")]
    NoHost,
    /// The port is not a number from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// The URL has a character that none may have: a space, a quote, or one
    /// outside ASCII. The value is the first such character.
    #[error("it contains {0:?}, which a URL can't have; check for copied white space and quotes")]
    Character(char),
    /// The URL is longer than IAM accepts. The value is its length in
    /// characters.
    #[error("it has {0} characters; IAM accepts at most {LONGEST}")]
    Length(usize),
}

impl IssuerUrl {
    /// Checks that a text can be an issuer's URL, and keeps it unchanged: AWS
    /// compares it byte by byte.
    ///
    /// The rules are those of OpenID Connect Discovery 1.0 and of IAM's
    /// `CreateOpenIDConnectProvider`.
    ///
    /// # Errors
    /// [`UrlError`], the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let odd = |c: &char| !c.is_ascii_graphic() || "\"'<>\\^`{|}".contains(*c);
        if let Some(odd) = text.chars().find(odd) {
            return Err(UrlError::Character(odd));
        }
        let rest = text.strip_prefix(SCHEME).ok_or(UrlError::NotHttps)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(UrlError::Query);
        }
        if text.len() > LONGEST {
            return Err(UrlError::Length(text.len()));
        }
        let url = Self(text.to_owned());
        if url.authority().contains('@') {
            return Err(UrlError::User);
        }
        if url.host().is_empty() {
            return Err(UrlError::NoHost);
        }
        let port = url.authority().strip_prefix(url.host()).unwrap_or_default();
        let number = port.strip_prefix(':').map(str::parse::<u16>);
        if !port.is_empty() && !matches!(number, Some(Ok(1..))) {
            return Err(UrlError::Port);
        }
        Ok(url)
    }

    /// The URL exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What IAM calls the provider, in its ARN and in the condition keys of trust
    /// policies.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.0.strip_prefix(SCHEME).unwrap_or(&self.0)
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        let provider = self.provider();
        provider.split_once('/').map_or(provider, |(authority, _)| authority)
    }

    /// The host without the port. An IPv6 address keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        if authority.starts_with('[') {
            return authority.find(']').map_or(authority, |end| &authority[..=end]);
        }
        authority.split_once(':').map_or(authority, |(host, _)| host)
    }

    /// Whether the URL ends with `/`. To AWS that is another issuer than the
    /// same URL without it.
    #[must_use]
    pub fn has_trailing_slash(&self) -> bool {
        self.0.ends_with('/')
    }

    /// Whether its host is a name or an address inside a network, which AWS can't
    /// reach. Decided by the name alone, without DNS.
    #[must_use]
    pub fn is_private(&self) -> bool {
        is_private(self.host())
    }

    /// Where clients fetch the discovery document: one slash between, whether or
    /// not the issuer ends with one.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        self.below(DISCOVERY_PATH)
    }

    /// Where the keys are published unless something else is asked for.
    #[must_use]
    pub(crate) fn jwks_url(&self) -> String {
        self.below(JWKS_PATH)
    }

    /// The URL of a path below the issuer, with exactly one slash between.
    #[must_use]
    pub fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.0.trim_end_matches('/'))
    }

    /// Things that are allowed but often cause trouble, one sentence each with what to do.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut say = |remark: &str| remarks.push(format!("{self} {remark}"));
        if self.has_trailing_slash() {
            say(
                "ends with a slash: tokens, document and provider must all have it; better remove it",
            );
        }
        if self.authority() != self.host() {
            say("has a port: IAM expects a URL without one; serve it on port 443");
        }
        if self.host().chars().any(|c| c.is_ascii_uppercase()) {
            say("has upper-case letters in its host: AWS compares byte by byte; use lower case");
        }
        match s3_bucket(self.host()) {
            Some(Bucket::Website) => {
                say(
                    "is a website endpoint of S3, which has no HTTPS; use https://BUCKET.s3.REGION.amazonaws.com",
                );
            }
            Some(Bucket::Named(name)) if name.contains('.') => {
                say("has a dot in the bucket's name, which S3's certificate does not cover; use \
                     https://s3.REGION.amazonaws.com/BUCKET, or a bucket without a dot");
            }
            Some(Bucket::Named(_)) | None => {}
        }
        if self.is_private() {
            say(
                "is a private name or address: AWS must reach it from the internet; publish it under a \
                 public name, and set that as the API server's first --service-account-issuer",
            );
        }
        remarks
    }
}

/// What a host of S3 has before the name of S3.
enum Bucket<'a> {
    /// A bucket, reached by HTTPS.
    Named(&'a str),
    /// A bucket as a website.
    Website,
}

/// `BUCKET.s3.REGION.amazonaws.com` and the older `BUCKET.s3-REGION...`, or the same as a website.
fn s3_bucket(host: &str) -> Option<Bucket<'_>> {
    if !host.ends_with(".amazonaws.com") && !host.ends_with(".amazonaws.com.cn") {
        return None;
    }
    if host.contains(".s3-website-") || host.contains(".s3-website.") {
        return Some(Bucket::Website);
    }
    let (name, _) = host.split_once(".s3.").or_else(|| host.split_once(".s3-"))?;
    Some(Bucket::Named(name))
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// In which way two URLs differ; nothing where they are equal.
#[must_use]
pub(crate) fn difference(wanted: &str, found: &str) -> Option<String> {
    if wanted == found {
        return None;
    }
    Some(if wanted.trim_end_matches('/') == found.trim_end_matches('/') {
        let which = if wanted.len() < found.len() { "second" } else { "first" };
        format!("only the {which} of them ends with a slash")
    } else if wanted.trim() == found.trim() {
        "they differ in white space around them".to_owned()
    } else if wanted.eq_ignore_ascii_case(found) {
        "they differ in upper and lower case".to_owned()
    } else if wanted.split_once("://").map(|(_, rest)| rest)
        == found.split_once("://").map(|(_, rest)| rest)
        && wanted.contains("://")
    {
        "they differ in the scheme".to_owned()
    } else {
        let same = wanted.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
        format!("they differ from byte {}", same + 1)
    })
}

/// Ends of names that no public DNS has.
const PRIVATE_ENDS: [&str; 11] = [
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "svc",
];

fn is_private(host: &str) -> bool {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return is_private_v4(address);
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse().is_ok_and(|address| is_private_address(IpAddr::V6(address)));
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let ends = |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    !host.contains('.') || PRIVATE_ENDS.iter().any(|end| ends(end))
}

/// Whether nobody outside of a network reaches the address.
pub(super) fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => {
            address.to_ipv4_mapped().map_or_else(|| is_private_v6(address), is_private_v4)
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10: shared by networks of carriers, and of clusters.
    let shared = matches!(address.octets(), [100, 64..=127, _, _]);
    shared
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_iam_takes() {
        for (text, provider, discovery) in [
            (
                "https://a.example",
                "a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/bucket/one",
                "s3.eu-west-1.amazonaws.com/bucket/one",
                "https://s3.eu-west-1.amazonaws.com/bucket/one/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
        ] {
            let url = IssuerUrl::parse(text).expect(text);
            assert_eq!(url.provider(), provider);
            assert_eq!(url.discovery_url(), discovery);
        }
    }

    #[test]
    fn refuses_what_no_issuer_may_be() {
        for (text, why) in [
            ("http://a.example", UrlError::NotHttps),
            ("HTTPS://a.example", UrlError::NotHttps),
            ("a.example", UrlError::NotHttps),
            ("", UrlError::NotHttps),
            ("https://a.example?x=1", UrlError::Query),
            ("https://a.example/b#c", UrlError::Fragment),
            ("https://me@a.example", UrlError::User),
            ("https://", UrlError::NoHost),
            ("https:///path", UrlError::NoHost),
            ("https://a.example:", UrlError::Port),
            ("https://a.example:0", UrlError::Port),
            ("https://a.example:https", UrlError::Port),
            ("https://[::1]x", UrlError::Port),
            ("https://a.example ", UrlError::Character(' ')),
            ("https://a.example\n", UrlError::Character('\n')),
            ("“https://a.example”", UrlError::Character('“')),
        ] {
            assert_eq!(IssuerUrl::parse(text), Err(why), "{text}");
        }
        let long = format!("https://a.example/{}", "x".repeat(LONGEST));
        assert_eq!(IssuerUrl::parse(&long), Err(UrlError::Length(long.len())));
    }

    #[test]
    fn remarks_on_what_makes_trouble_later() {
        for (text, said) in [
            ("https://a.example/", "slash"),
            ("https://a.example:8443", "port"),
            ("https://A.example", "upper-case"),
            ("https://keys.s3-website-eu-west-1.amazonaws.com", "no HTTPS"),
            ("https://keys.s3-website.eu-central-1.amazonaws.com/one", "no HTTPS"),
            ("https://my.keys.s3.eu-west-1.amazonaws.com", "certificate does not cover"),
            ("https://my.keys.s3-us-west-2.amazonaws.com/one", "certificate does not cover"),
            ("https://my.keys.s3.cn-north-1.amazonaws.com.cn", "certificate does not cover"),
            ("https://kubernetes.default.svc.cluster.local", "private"),
            ("https://kubernetes", "private"),
            ("https://10.1.2.3/x", "private"),
            ("https://172.31.2.3", "private"),
            ("https://100.64.0.1", "private"),
            ("https://[fd00::1]", "private"),
            ("https://[::ffff:10.0.0.1]", "private"),
            ("https://api.home.arpa", "private"),
            ("https://api.prod.internal.", "private"),
        ] {
            let remarks = IssuerUrl::parse(text).expect(text).remarks();
            assert!(remarks.len() == 1 && remarks[0].contains(said), "{text}: {remarks:?}");
        }
        for quiet in [
            "https://a.example/b",
            "https://keys.s3.eu-west-1.amazonaws.com/one",
            "https://keys.s3.dualstack.eu-west-1.amazonaws.com",
            "https://s3.eu-west-1.amazonaws.com/my.keys",
            "https://my.keys.s3.example",
            "https://172.32.0.1",
            "https://8.8.8.8",
            "https://[2600::1]",
            "https://internal.a.example",
            "https://myinternal.example",
        ] {
            assert!(IssuerUrl::parse(quiet).expect(quiet).remarks().is_empty(), "{quiet}");
        }
    }

    #[test]
    fn tells_how_urls_that_look_alike_differ() {
        for (found, how) in [
            ("https://a.example/b/", "only the second of them ends with a slash"),
            ("https://a.example/b ", "white space"),
            ("https://A.example/b", "upper and lower case"),
            ("http://a.example/b", "scheme"),
            ("https://a.example/c", "from byte 19"),
            ("https://a.example/bc", "from byte 20"),
        ] {
            let told = difference("https://a.example/b", found).unwrap_or_default();
            assert!(told.contains(how), "{found}: {told}");
        }
        assert_eq!(difference("https://a.example", "https://a.example"), None);
    }
}
