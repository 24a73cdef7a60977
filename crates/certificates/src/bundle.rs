//! A caBundle: the set of authorities that the API server trusts for us.

use std::fmt;

use jiff::Timestamp;

use super::{Certificate, Crypto};

/// The certificates of a caBundle, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    certificates: Vec<Certificate>,
    /// Nothing in the text it was read from had to be left out.
    clean: bool,
}

impl Bundle {
    /// As much of a caBundle as can be read.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match Certificate::from_pem(text) {
            Ok(certificates) => Self { clean: true, ..certificates.into_iter().collect() },
            // One bad block hides the others: it is written anew anyway.
            Err(_) => Self::default(),
        }
    }

    /// The certificates as PEM, one block after the other.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificates.iter().map(Certificate::pem).collect()
    }

    /// The certificates in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter()
    }

    /// Whether this very certificate, byte by byte, is in the bundle.
    #[must_use]
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.certificates.contains(certificate)
    }

    /// Whether nothing in the text had to be left out.
    #[must_use]
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Whether the API server, with this bundle, takes `leaf` for `name`.
    #[must_use]
    pub fn verifies(&self, leaf: &Certificate, name: &str, now: Timestamp, crypto: Crypto) -> bool {
        self.iter().any(|authority| leaf.is_verified_by(authority, name, now, crypto))
    }
}

impl FromIterator<Certificate> for Bundle {
    fn from_iter<I: IntoIterator<Item = Certificate>>(all: I) -> Self {
        let mut certificates = Vec::new();
        for certificate in all {
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
        Self { certificates, clean: true }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}
