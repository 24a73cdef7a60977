//! The names in a client's certificate.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A subject is what a stranger wrote: so much of it is enough for a log line.
const SHOWN: usize = 256;

/// The names of which a client's certificate must have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedNames(BTreeSet<String>);

impl AllowedNames {
    /// From a comma-separated list; nothing where that is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// A common name must be the very same. In DNS names case is nothing
    /// (RFC 4343); one with a wildcard stands for itself alone.
    pub(super) fn allow(&self, names: &Names) -> bool {
        names.common.as_ref().is_some_and(|name| self.0.contains(name))
            || names.dns.iter().any(|dns| self.0.iter().any(|name| name.eq_ignore_ascii_case(dns)))
    }
}

/// Who a certificate says its holder is.
#[derive(Debug)]
pub(super) struct Names {
    subject: String,
    common: Option<String>,
    dns: Vec<String>,
}

impl Names {
    /// Nothing where the certificate can't be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let certificate = certificate.tbs_certificate();
        let subject = certificate.subject();
        let common = subject.common_name().ok().flatten();
        let alternative = certificate.get_extension::<SubjectAltName>().ok().flatten();
        let alternative = alternative.map(|(_, names)| names.0).unwrap_or_default();
        let dns = alternative.into_iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            _ => None,
        });
        Some(Self {
            subject: subject.to_string(),
            common: common.map(|name| name.value().into_owned()),
            dns: dns.collect(),
        })
    }

    /// For a log line: the subject as RFC 4514 writes it, then the DNS names.
    pub(super) fn shown(&self) -> String {
        let mut all = self.subject.clone();
        for name in &self.dns {
            let separator = if all.is_empty() { "" } else { "," };
            let _ = write!(all, "{separator}DNS:{name}");
        }
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let mut shown: String = all.chars().map(printable).take(SHOWN).collect();
        if all.chars().count() > SHOWN {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::clients::test_authority::Authority;

    fn names(common: &str, dns: &[&str]) -> Names {
        let client = Authority::new("authority").client(common, dns);
        Names::of(&client).expect("a certificate")
    }

    #[test]
    fn allows_a_common_name_or_a_dns_name_of_the_list() {
        let allowed = AllowedNames::parse(" kube-apiserver, api.example.com ,,").expect("names");
        for (common, dns, good) in [
            ("kube-apiserver", &[][..], true),
            ("kube-apiserver", &["other.example.com"], true),
            ("other", &["other.example.com", "API.example.com"], true),
            ("api.example.com", &[], true),
            ("Kube-apiserver", &[], false),
            ("kube-apiserver.evil", &[], false),
            ("kube-apiserver\0", &[], false),
            ("other", &["*.example.com"], false),
            ("", &[], false),
        ] {
            assert_eq!(allowed.allow(&names(common, dns)), good, "{common:?} {dns:?}");
        }
    }

    #[test]
    fn reads_a_list_of_no_names_as_none() {
        for text in ["", " ", ",", " , "] {
            assert_eq!(AllowedNames::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn shows_the_subject_and_the_dns_names_on_one_bounded_line() {
        assert_eq!(
            names("api", &["a.example", "b.example"]).shown(),
            "CN=api,DNS:a.example,DNS:b.example"
        );
        assert_eq!(names("", &["a.example"]).shown(), "DNS:a.example");
        let shown = names("two\nlines\u{1b}[31m\u{85}", &[]).shown();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        let shown = names(&"x".repeat(10_000), &[]).shown();
        assert_eq!(shown.chars().count(), SHOWN + 1);
    }

    #[test]
    fn finds_no_names_in_what_is_no_certificate() {
        assert!(Names::of(&CertificateDer::from(&b"\x30\x03\x02\x01\x01"[..])).is_none());
    }
}
