use rustls_pki_types::PrivateKeyDer;

use super::Algorithm;

/// The public-key cryptography that this crate takes from its caller, so that
/// it depends on no library for it.
#[derive(Clone, Copy, Debug)]
pub struct Crypto {
    /// Verifies the signature of a token.
    pub verify: Verify,
    /// Computes the public key of a private one, as the DER of its
    /// `SubjectPublicKeyInfo` (RFC 5280, 4.1). The error says why the bytes are
    /// not a usable private key, and nothing about the bytes themselves.
    pub public_key: fn(&PrivateKeyDer<'_>) -> Result<Vec<u8>, String>,
}

/// Whether a signature is right: called with the algorithm, the public key, the
/// signed bytes and the signature.
///
/// The public key is the contents of a `subjectPublicKey`: the DER of an
/// `RSAPublicKey` (RFC 8017, A.1.1) of 2048 to 8192 bits, or an uncompressed
/// point on the algorithm's curve (RFC 5480, 2.2). The signature is written as
/// JWS has it (RFC 7518, 3.3 to 3.5): for ECDSA the two numbers in full length.
pub type Verify = fn(Algorithm, &[u8], &[u8], &[u8]) -> bool;
