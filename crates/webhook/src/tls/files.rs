//! A certificate chain and its key, from PEM.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

/// Where a certificate chain and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPaths {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why two files are not a certificate chain and its key.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error(
        "failed to load TLS certificate {path:?}: {source}; \
         check that its Secret is mounted there, or set --tls-cert"
    )]
    ReadCertificate { path: PathBuf, source: io::Error },
    #[error(
        "failed to load TLS key {path:?}: {source}; \
         check that its Secret is mounted there, or set --tls-key"
    )]
    ReadKey { path: PathBuf, source: io::Error },
    #[error(
        "failed to load TLS certificate {path:?}: the file has no PEM block CERTIFICATE; \
         write the certificate to it, followed by its intermediate CAs"
    )]
    FindCertificate { path: PathBuf },
    #[error(
        "failed to load TLS key {path:?}: the file has no PEM block PRIVATE KEY, \
         RSA PRIVATE KEY or EC PRIVATE KEY; write the unencrypted key to it"
    )]
    FindKey { path: PathBuf },
    #[error("failed to read {path:?} as PEM: {source}; write the file again")]
    ParsePem { path: PathBuf, source: pem::Error },
    #[error("failed to use TLS certificate {path:?}: {source}; issue a new one")]
    ParseCertificate { path: PathBuf, source: Error },
    #[error(
        "failed to use TLS key {path:?}: {source}; \
         use an ECDSA P-256, RSA (2048 bits or more) or Ed25519 key"
    )]
    ParseKey { path: PathBuf, source: Error },
    #[error(
        "failed to use TLS key {key:?} with certificate {certificate:?}: the key does not belong to \
         the first certificate in the file; write both files from the same issuance"
    )]
    MatchKey { certificate: PathBuf, key: PathBuf },
}

/// From the bytes of both files; the paths are for the error.
pub(crate) fn parse(
    paths: &PairPaths,
    certificate: &[u8],
    key: &[u8],
) -> Result<Arc<CertifiedKey>, FilesError> {
    let chain = parse_chain(&paths.certificate, certificate)?;
    let key = parse_key(&paths.key, key)?;
    let signer = any_supported_type(&key)
        .map_err(|source| FilesError::ParseKey { path: paths.key.clone(), source })?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) => Ok(Arc::new(pair)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(FilesError::MatchKey {
            certificate: paths.certificate.clone(),
            key: paths.key.clone(),
        }),
        Err(source) => {
            Err(FilesError::ParseCertificate { path: paths.certificate.clone(), source })
        }
    }
}

fn parse_chain(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, FilesError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = chain.map_err(|source| FilesError::ParsePem { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(FilesError::FindCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn parse_key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, FilesError> {
    let path = path.to_owned();
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(FilesError::FindKey { path }),
        Err(source) => Err(FilesError::ParsePem { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::test_pairs::{Pair, paths};

    #[test]
    fn loads_a_chain_and_its_key() {
        let pair = Pair::new();
        let loaded =
            parse(&paths("certs".as_ref()), pair.certificate.as_bytes(), pair.key.as_bytes());
        let loaded = loaded.expect("a pair");
        assert_eq!(loaded.cert.len(), 1);
    }

    #[test]
    fn keeps_the_whole_chain_in_its_order() {
        let (leaf, other) = (Pair::new(), Pair::new());
        let chain =
            format!("{}\n# the one that signed it\n{}", leaf.certificate, other.certificate);
        let paths = paths(Path::new("certs"));
        let loaded = parse(&paths, chain.as_bytes(), leaf.key.as_bytes()).expect("a pair");
        assert_eq!(loaded.cert.len(), 2);
    }

    #[test]
    fn names_the_file_the_reason_and_the_next_step() {
        let (pair, other) = (Pair::new(), Pair::new());
        let paths = paths(Path::new("certs"));
        let cases = [
            (
                "",
                pair.key.as_str(),
                "certs/tls.crt\": the file has no PEM block CERTIFICATE; write",
            ),
            (
                pair.certificate.as_str(),
                "",
                "certs/tls.key\": the file has no PEM block PRIVATE KEY",
            ),
            (pair.certificate.as_str(), other.key.as_str(), "the key does not belong to the first"),
            (&pair.certificate[..80], pair.key.as_str(), "certs/tls.crt\" as PEM: missing"),
        ];
        for (certificate, key, said) in cases {
            let error = parse(&paths, certificate.as_bytes(), key.as_bytes()).expect_err(said);
            let message = error.to_string();
            assert!(message.starts_with("failed to "), "{message}");
            assert!(message.contains(said), "{message}");
        }
    }
}
