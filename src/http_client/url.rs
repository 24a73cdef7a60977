//! Where a request goes.

use hyper::Uri;
use rustls_pki_types::ServerName;

/// A URL with a host, and without a user.
#[derive(Clone, Debug)]
pub(super) struct Url {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// The path and the query.
    pub(super) path: String,
    /// Host and port, as in the URL.
    pub(super) authority: String,
    /// The name that the server's certificate has to have; none for `http`.
    pub(super) name: Option<ServerName<'static>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Url {
    /// Nothing for a URL that is not valid or has another scheme.
    pub(super) fn parse(url: &str, scheme: Scheme) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (word, port) = match scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if uri.scheme_str() != Some(word) || host.is_empty() {
            return None;
        }
        let name = match scheme {
            Scheme::Http => None,
            Scheme::Https => Some(ServerName::try_from(host.to_owned()).ok()?),
        };
        Some(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authority: authority.to_string(),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_of_its_scheme_that_have_a_host_and_no_user() {
        let url = Url::parse("https://[fd00::1]/a?b=c", Scheme::Https).expect("a URL");
        assert_eq!((&*url.host, url.port, &*url.path), ("fd00::1", 443, "/a?b=c"));
        let url = Url::parse("http://a.example:8080", Scheme::Http).expect("a URL");
        let parts = (&*url.host, url.port, &*url.path, &*url.authority);
        assert_eq!(parts, ("a.example", 8080, "/", "a.example:8080"));
        for bad in ["http://a.example", "https://", "a.example", "https://me@a.example", "", "/a"] {
            assert!(Url::parse(bad, Scheme::Https).is_none(), "{bad}");
        }
        assert!(Url::parse("https://a.example", Scheme::Http).is_none());
    }
}
