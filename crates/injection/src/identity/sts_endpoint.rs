//! The address of an STS that pods send their tokens to, and whose choice it is.
//!
//! The SDK sends the pod's token there, so that whoever chooses the address gets
//! it. Clients disagree about odd URLs; none that could be read in two ways is
//! taken.

use std::collections::HashSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::MAX_VALUE_BYTES;

/// An `https://` or `http://` URL: the value of `AWS_ENDPOINT_URL_STS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsEndpoint {
    text: Box<str>,
    origin: Origin,
    has_path: bool,
}

/// Scheme, host and port of a URL, in which a browser would say that two are the
/// same. <https://www.rfc-editor.org/rfc/rfc6454#section-4>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin {
    https: bool,
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    /// In lower case. A dot at its end makes it another name: a resolver then
    /// looks in no search domain.
    Name(Box<str>),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// The origins that the annotation `PREFIX/sts-endpoint-url` may choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedStsEndpoints(HashSet<Origin>);

/// Why a text is not the address of an STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StsEndpointError {
    /// It has more than 2,048 bytes.
    #[error("it has more than 2048 bytes")]
    TooLong,
    /// It does not begin with `https://` or `http://`.
    #[error("begin it with https://")]
    Scheme,
    /// Its host is neither a DNS name nor an address; a user's name, a backslash,
    /// an escape or a letter beyond ASCII stands in it.
    #[error("its host must be a DNS name or IP address")]
    Host,
    /// Its port is not a number from 1 to 65535.
    #[error("write a port from 1 to 65535")]
    Port,
    /// Its path has more than plain names: a query, an escape, a `..`.
    #[error("write plain names alone behind the host")]
    Path,
    /// It has a path where an origin is asked for.
    #[error("leave out the path: an entry allows the whole origin")]
    NotAnOrigin,
}

impl StsEndpoint {
    /// Reads an address. Spaces around it are left out.
    ///
    /// # Errors
    /// [`StsEndpointError`] for all that some client might read otherwise.
    pub fn read(text: &str) -> Result<Self, StsEndpointError> {
        let text = text.trim();
        if text.len() > MAX_VALUE_BYTES {
            return Err(StsEndpointError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(StsEndpointError::Scheme)?;
        let https = match () {
            () if scheme.eq_ignore_ascii_case("https") => true,
            () if scheme.eq_ignore_ascii_case("http") => false,
            () => return Err(StsEndpointError::Scheme),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(port) => read_port(port)?,
        };
        let names = path.strip_prefix('/').unwrap_or(path);
        if !names.is_empty() && !names.trim_end_matches('/').split('/').all(is_plain) {
            return Err(StsEndpointError::Path);
        }
        let origin = Origin { https, host: Host::read(host)?, port };
        Ok(Self { text: text.into(), origin, has_path: !names.is_empty() })
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is an `https://` URL: over any other, whoever is on the way
    /// reads the token.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.https
    }
}

impl fmt::Display for StsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AllowedStsEndpoints {
    /// Allows the origin of this address.
    pub fn allow(&mut self, endpoint: &StsEndpoint) {
        self.0.insert(endpoint.origin.clone());
    }

    /// Allows an origin, such as `https://sts.example.com`.
    ///
    /// # Errors
    /// [`StsEndpointError::NotAnOrigin`] for an address with a path: its origin
    /// would be allowed as a whole.
    pub fn allow_origin(&mut self, endpoint: &StsEndpoint) -> Result<(), StsEndpointError> {
        if endpoint.has_path {
            return Err(StsEndpointError::NotAnOrigin);
        }
        self.allow(endpoint);
        Ok(())
    }

    /// Whether the address has one of the origins.
    #[must_use]
    pub fn contains(&self, endpoint: &StsEndpoint) -> bool {
        self.0.contains(&endpoint.origin)
    }
}

impl Host {
    fn read(text: &str) -> Result<Self, StsEndpointError> {
        if let Some(address) = text.strip_prefix('[') {
            let address = address.strip_suffix(']').and_then(|it| it.parse().ok());
            return address.map(Self::V6).ok_or(StsEndpointError::Host);
        }
        let name = text.to_ascii_lowercase();
        let mut labels = name.strip_suffix('.').unwrap_or(&name).split('.');
        let is_label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !labels.clone().all(is_label) {
            return Err(StsEndpointError::Host);
        }
        // Clients take 127.1, 0x7f000001 and 2130706433 for addresses too.
        if labels.next_back().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit())) {
            return text.parse().map(Self::V4).map_err(|_| StsEndpointError::Host);
        }
        Ok(Self::Name(name.into()))
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), StsEndpointError> {
    let end = match authority.find(']') {
        Some(end) if authority.starts_with('[') => end + 1,
        _ => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(StsEndpointError::Host),
    }
}

fn read_port(text: &str) -> Result<u16, StsEndpointError> {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or(StsEndpointError::Port)
}

/// A name of a path that means itself to every client.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !name.is_empty() && name != "." && name != ".." && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> StsEndpoint {
        StsEndpoint::read(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn takes_addresses_that_every_client_reads_alike() {
        for text in [
            "https://sts.eu-west-1.amazonaws.com",
            "https://vpce-0a1b-x.sts.eu-west-1.vpce.amazonaws.com/",
            "http://minio.minio.svc:9000",
            "https://10.0.0.1:8443/sts/v1",
            "https://[fd00::1]:9000",
            "HTTPS://Sts.Example.Com.",
            "https://xn--bcher-kva.example",
            " https://sts.example.com ",
            "https://sts.example.com\t",
        ] {
            assert_eq!(read(text).as_str(), text.trim());
        }
    }

    #[test]
    fn takes_no_address_that_could_be_read_in_two_ways() {
        for text in [
            "",
            "sts.example.com",
            "//sts.example.com",
            "ftp://sts.example.com",
            "javascript://sts.example.com",
            "https:/sts.example.com",
            "https:\\\\sts.example.com",
            "https://",
            "https:///sts",
            "https://sts.example.com@evil.example",
            "https://sts.example.com:443@evil.example",
            "https://user:password@sts.example.com",
            "https://sts.example.com\\@evil.example",
            "https://sts.example.com\\.evil.example",
            "https://evil.example\\sts.example.com",
            "https://sts.example.com%2eevil.example",
            "https://sts.example.com%00.evil.example",
            "https://sts.example.com?@evil.example",
            "https://sts.example.com#@evil.example",
            "https://sts.example.com/?x=1",
            "https://sts.example.com/#x",
            "https://sts.example.com/../x",
            "https://sts.example.com/a/./x",
            "https://sts.example.com//evil.example",
            "https://sts.example.com/%2e%2e/x",
            "https://sts.example.com/a;b",
            "https://sts.example.com/a\\b",
            "https://sts.example.com/a b",
            "https://sts.example.com evil.example",
            "https://sts.example.com\n.evil.example",
            "https://sts.example.com/\u{0}",
            "https://ſts.example.com",
            "https://sts。example.com",
            "https://sts\u{200b}.example.com",
            "https://bücher.example",
            "https://sts..example.com",
            "https://.example.com",
            "https://sts.example.com..",
            "https://-sts.example.com",
            "https://*.example.com",
            "https://sts_x.example.com",
            "https://127.1",
            "https://2130706433",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://1.2.3.4.",
            "https://[::1",
            "https://::1",
            "https://[::1%25eth0]",
            "https://[sts.example.com]",
            "https://[::1]x",
            "https://sts.example.com:",
            "https://sts.example.com:0",
            "https://sts.example.com:65536",
            "https://sts.example.com:+443",
            "https://sts.example.com:443:443",
            "https://sts.example.com: 443",
            &format!("https://sts.example.com/{}", "a".repeat(2_048)),
            &format!("https://{}.com", "a".repeat(64)),
            &format!("https://{}com", "a.".repeat(127)),
        ] {
            assert!(StsEndpoint::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn compares_scheme_host_and_port_and_nothing_else() {
        let mut allowed = AllowedStsEndpoints::default();
        for origin in ["https://sts.example.com", "http://minio:9000", "https://[::1]:8443"] {
            allowed.allow_origin(&read(origin)).expect(origin);
        }
        for (text, wanted) in [
            ("https://sts.example.com", true),
            ("https://STS.example.com:443/path", true),
            ("https://sts.example.com:0443", true),
            ("http://minio:9000/", true),
            ("https://[0:0::1]:8443", true),
            ("http://sts.example.com", false),
            ("http://sts.example.com:443", false),
            ("https://sts.example.com:8443", false),
            ("https://sts.example.com.", false),
            ("https://x.sts.example.com", false),
            ("https://sts.example.com.evil.example", false),
            ("https://evil-sts.example.com", false),
            ("https://minio:9000", false),
            ("http://minio", false),
        ] {
            assert_eq!(allowed.contains(&read(text)), wanted, "{text}");
        }
        assert!(!AllowedStsEndpoints::default().contains(&read("https://sts.amazonaws.com")));
        let with_path = allowed.allow_origin(&read("https://sts.example.com/a"));
        assert_eq!(with_path, Err(StsEndpointError::NotAnOrigin));
    }
}
