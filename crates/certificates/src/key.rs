//! Private keys: read, compared with certificates, never shown.

use std::fmt;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::{Certificate, Crypto};

/// A private key in PEM, wiped when dropped. Copies in Secrets and in rustls are not wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey {
    pem: Zeroizing<String>,
    public_key: Vec<u8>,
}

/// Why bytes are not a private key. Says nothing of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has no PEM block that ends with `PRIVATE KEY`.
    #[error("not a PEM private key")]
    ParsePem,
    /// The block is encrypted, damaged, or of an unsupported algorithm.
    #[error("not an unencrypted ECDSA, RSA or Ed25519 key")]
    ParseKey,
}

impl PrivateKey {
    /// Reads the first private key of a PEM text; `crypto` computes its public
    /// half.
    pub fn from_pem(text: &[u8], crypto: Crypto) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(text).map_err(|_| KeyError::ParsePem)?;
        let blocks = pem::parse_many(text).map_err(|_| KeyError::ParsePem)?;
        // An EC key may have its curve in a block before it.
        let mut keys = blocks.into_iter().filter(|block| block.tag().ends_with("PRIVATE KEY"));
        let key = keys.next().ok_or(KeyError::ParsePem)?;
        let tag = key.tag().to_owned();
        let der = Zeroizing::new(key.into_contents());
        let private = match tag.as_str() {
            "EC PRIVATE KEY" => PrivateKeyDer::from(PrivateSec1KeyDer::from(der.as_slice())),
            "RSA PRIVATE KEY" => PrivateKeyDer::from(PrivatePkcs1KeyDer::from(der.as_slice())),
            "PRIVATE KEY" => PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.as_slice())),
            _ => return Err(KeyError::ParseKey),
        };
        let public = (crypto.public_key)(&private).map_err(|_| KeyError::ParseKey)?;
        let public = SubjectPublicKeyInfoRef::from_der(&public).map_err(|_| KeyError::ParseKey)?;
        let public_key = public.subject_public_key.raw_bytes().to_owned();
        Ok(Self { pem: Zeroizing::new(text.to_owned()), public_key })
    }

    /// The private key, in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether this is the private key of the certificate's subject.
    #[must_use]
    pub fn is_of(&self, certificate: &Certificate) -> bool {
        self.public_key == certificate.public_key()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
