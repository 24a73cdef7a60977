use rustls_pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};

/// The public-key cryptography that this crate takes from its caller, so that
/// it depends on no library for it.
#[derive(Clone, Copy, Debug)]
pub struct Crypto {
    /// The signature algorithms that a certificate may be signed with. A
    /// signature of any other algorithm verifies nothing.
    pub algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    /// Computes the public key of a private one, as the DER of its
    /// `SubjectPublicKeyInfo` (RFC 5280, 4.1). The error says why the bytes are
    /// not a usable private key, and nothing about the bytes themselves.
    pub public_key: fn(&PrivateKeyDer<'_>) -> Result<Vec<u8>, String>,
}
