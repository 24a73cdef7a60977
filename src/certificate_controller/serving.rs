//! From a leaf to what rustls serves.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;

use certificates::Leaf;

/// Why rustls can't serve a leaf. One made here it can.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServingError {
    #[error("failed to read the private key in the Secret: {0}; issue the certificate again")]
    ReadKey(#[from] pem::Error),
    #[error(
        "failed to use the private key in the Secret: {0}; \
         use an ECDSA P-256, RSA (2048 bits or more) or Ed25519 key"
    )]
    UseKey(#[from] rustls::Error),
}

/// The chain and the key, ready for handshakes.
pub(crate) fn certified_key(leaf: &Leaf) -> Result<Arc<CertifiedKey>, ServingError> {
    let chain = leaf.chain().iter().map(|link| CertificateDer::from(link.der().to_vec()));
    let key = PrivateKeyDer::from_pem_slice(leaf.key().pem().as_bytes())?;
    Ok(Arc::new(CertifiedKey::new(chain.collect(), any_supported_type(&key)?)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{issue_authority, issue_leaf};
    use super::*;
    use certificates::Lifetimes;

    #[test]
    fn serves_what_is_made_here() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let lifetimes = Lifetimes::default();
        let authority = issue_authority(now, &lifetimes).expect("an authority");
        let leaf = issue_leaf(now, &authority, &["a".to_owned()], &lifetimes).expect("a leaf");
        let pair = certified_key(&leaf).expect("a pair");
        assert!(pair.keys_match().is_ok());
        assert_eq!(pair.cert.len(), 1);
    }
}
