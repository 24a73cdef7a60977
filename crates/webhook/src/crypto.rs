//! The cryptography that the pure crates take from the program:
//! aws-lc, which TLS has as well.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use issuer::Algorithm;
use rustls::pki_types::PrivateKeyDer;

/// Verifies and reads certificates and their keys.
pub const CERTIFICATES: certificates::Crypto =
    certificates::Crypto { algorithms: webpki::ALL_VERIFICATION_ALGS, public_key };

/// Verifies tokens, and reads the keys that sign them.
pub const ISSUER: issuer::Crypto = issuer::Crypto { verify, public_key };

fn verify(algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
    };
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// ECDSA on P-256, P-384 and P-521, RSA and Ed25519.
fn public_key(private: &PrivateKeyDer<'_>) -> Result<Vec<u8>, String> {
    match private {
        PrivateKeyDer::Sec1(der) => {
            ecdsa(|curve| EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der()).ok())
                .ok_or_else(|| "it is on no curve that is supported".to_owned())
        }
        PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            let ed25519 = || spki(&Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?);
            ecdsa(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok())
                .or_else(ed25519)
                .map_or_else(|| rsa(RsaKeyPair::from_pkcs8(der)), Ok)
        }
        _ => Err("it is in a form that is not supported".to_owned()),
    }
}

fn ecdsa(
    read: impl Fn(&'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>,
) -> Option<Vec<u8>> {
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    spki(&curves.into_iter().find_map(read)?)
}

fn rsa(pair: Result<RsaKeyPair, aws_lc_rs::error::KeyRejected>) -> Result<Vec<u8>, String> {
    let pair = pair.map_err(|rejected| rejected.to_string())?;
    spki(&pair).ok_or_else(|| "its public half can't be written".to_owned())
}

/// The public half as the DER of its SPKI.
fn spki<K>(pair: &K) -> Option<Vec<u8>>
where
    K: KeyPair,
    K::PublicKey: AsDer<PublicKeyX509Der<'static>>,
{
    Some(pair.public_key().as_der().ok()?.as_ref().to_owned())
}

#[cfg(test)]
mod tests;
