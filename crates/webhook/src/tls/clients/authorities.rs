//! The authorities whose clients may call, from PEM.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::tls::validity;

/// Why a file has no authorities that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    #[error(
        "failed to read --client-ca-file {path:?}: {source}; \
         check that its ConfigMap or Secret is mounted there"
    )]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to read --client-ca-file {path:?} as PEM: {source}; write the file again")]
    ParsePem { path: PathBuf, source: pem::Error },
    #[error(
        "failed to load --client-ca-file {path:?}: the file has no PEM block \
         CERTIFICATE; write the certificate of the CA that signs the API server's client \
         certificate to it"
    )]
    FindCertificate { path: PathBuf },
    #[error(
        "failed to use certificate {number} in --client-ca-file {path:?}: {source}; \
         replace it with a CA certificate"
    )]
    UseCertificate { path: PathBuf, number: usize, source: rustls::Error },
}

/// Verifies that a client's certificate was signed by one of them, is valid
/// now and is meant for clients.
#[derive(Debug)]
pub(crate) struct Authorities {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    count: usize,
    validity: Option<RangeInclusive<u64>>,
}

impl Authorities {
    /// From the bytes of a file; the path is for the error.
    ///
    /// The provider is named, so that nothing depends on which one the process
    /// has installed.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        let mut validity: Option<RangeInclusive<u64>> = None;
        for (index, certificate) in CertificateDer::pem_slice_iter(bytes).enumerate() {
            let certificate = certificate
                .map_err(|source| AuthoritiesError::ParsePem { path: path.to_owned(), source })?;
            if let Some(found) = validity::of(&certificate)
                && validity.as_ref().is_none_or(|first| found.end() < first.end())
            {
                validity = Some(found);
            }
            roots.add(certificate).map_err(|source| AuthoritiesError::UseCertificate {
                path: path.to_owned(),
                number: index + 1,
                source,
            })?;
        }
        let count = roots.len();
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Without revocation lists it fails for want of a root alone.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| AuthoritiesError::FindCertificate { path: path.to_owned() })?;
        Ok(Self { verifier, count, validity })
    }

    /// From when to when the certificate is valid that ends first, in seconds since the Unix
    /// epoch; none if none can be read.
    #[must_use]
    pub(super) fn validity(&self) -> Option<RangeInclusive<u64>> {
        self.validity.clone()
    }

    /// How many certificates the file has.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::clients::test_authority::Authority;

    fn parse(text: &str) -> Result<Authorities, AuthoritiesError> {
        Authorities::parse("clients/ca.crt".as_ref(), text.as_bytes())
    }

    #[test]
    fn takes_every_certificate_of_the_file() {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let both = format!("# until May\n{}\n{}", old.pem(), new.pem());
        let both = parse(&both).expect("two");
        assert_eq!(both.count(), 2);
        assert!(both.validity().is_some_and(|validity| validity.start() < validity.end()));
    }

    #[test]
    fn names_the_flag_the_file_the_reason_and_the_next_step() {
        let authority = Authority::new("authority");
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let second_garbled = format!("{}{garbled}", authority.pem());
        for (text, said) in [
            ("", "the file has no PEM block CERTIFICATE; write"),
            (&authority.key_pem(), "the file has no PEM block CERTIFICATE; write"),
            (&authority.pem()[..80], "as PEM: missing"),
            (garbled, "to use certificate 1 in"),
            (&second_garbled, "to use certificate 2 in"),
        ] {
            let message = parse(text).expect_err(said).to_string();
            assert!(message.starts_with("failed to "), "{message}");
            for part in [said, "--client-ca-file \"clients/ca.crt\"", "; "] {
                assert!(message.contains(part), "{message}");
            }
        }
    }
}
