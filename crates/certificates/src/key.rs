//! Private keys: read, compared with certificates, never shown.

use std::fmt;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use zeroize::Zeroizing;

use super::Certificate;

/// A private key in PEM, wiped when dropped. Copies in Secrets and in rustls are not wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey {
    pem: Zeroizing<String>,
    public_key: Vec<u8>,
}

/// Why bytes are not a private key. Says nothing of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("it is not PEM with a private key")]
    ParsePem,
    #[error("it is not an unencrypted ECDSA, RSA or Ed25519 key")]
    ParseKey,
}

impl PrivateKey {
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(text).map_err(|_| KeyError::ParsePem)?;
        let blocks = pem::parse_many(text).map_err(|_| KeyError::ParsePem)?;
        // An EC key may have its curve in a block before it.
        let mut keys = blocks.into_iter().filter(|block| block.tag().ends_with("PRIVATE KEY"));
        let key = keys.next().ok_or(KeyError::ParsePem)?;
        let tag = key.tag().to_owned();
        let der = Zeroizing::new(key.into_contents());
        let public_key = public_key(&tag, &der).ok_or(KeyError::ParseKey)?;
        Ok(Self { pem: Zeroizing::new(text.to_owned()), public_key })
    }

    /// The secret itself.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

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

fn public_key(tag: &str, der: &[u8]) -> Option<Vec<u8>> {
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let ecdsa = || {
        let mut keys = curves.iter().map(|curve| match tag {
            "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(curve, der),
            _ => EcdsaKeyPair::from_pkcs8(curve, der),
        });
        Some(keys.find_map(Result::ok)?.public_key().as_ref().to_owned())
    };
    let rsa = || {
        let key = match tag {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der),
            _ => RsaKeyPair::from_pkcs8(der),
        };
        Some(key.ok()?.public_key().as_ref().to_owned())
    };
    let ed25519 = || {
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        Some(key.public_key().as_ref().to_owned())
    };
    match tag {
        "EC PRIVATE KEY" => ecdsa(),
        "RSA PRIVATE KEY" => rsa(),
        "PRIVATE KEY" => ecdsa().or_else(rsa).or_else(ed25519),
        _ => None,
    }
}
