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
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => port,
            named => port_number(named.strip_prefix(':')?)?,
        };
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
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authority: authority.to_string(),
            name,
        })
    }
}

/// Another port than the one that is written would be another server.
fn port_number(digits: &str) -> Option<u16> {
    let port = digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())??;
    (port != 0).then_some(port)
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

    #[test]
    fn asks_no_other_port_than_the_one_that_is_written() {
        for host in ["a.example", "192.0.2.1", "[fd00::1]"] {
            for bad in [":99999", ":65536", ":0", ":00", ":x", ":", ":+443", ":-1", ":443x", ":4 3"]
            {
                let url = format!("https://{host}{bad}/a");
                assert!(Url::parse(&url, Scheme::Https).is_none(), "{url}");
            }
            for (good, port) in [("", 443), (":1", 1), (":65535", 65535), (":0443", 443)] {
                let url = Url::parse(&format!("https://{host}{good}/a"), Scheme::Https);
                assert_eq!(url.map(|url| url.port), Some(port), "{host}{good}");
            }
        }
    }
}
