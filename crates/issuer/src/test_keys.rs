//! Keys of the tests, in all forms, and tokens signed by them. OpenSSL wrote
//! the keys; what they are as a JWKS was computed by another implementation.
//!
//! The cryptography is a stand-in: a signature is a digest of what it binds
//! together. The program's own is tested where it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::{Algorithm, Crypto, PublicKey, Token};

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../tests/keys/", $name))
    };
}

pub(super) const RSA: &str = key!("rsa.spki.pem");
pub(super) const RSA_FORMS: [&str; 5] = [
    RSA,
    key!("rsa.pkcs1.pub.pem"),
    key!("rsa.pkcs1.pem"),
    key!("rsa.pkcs8.pem"),
    key!("rsa.certificate.pem"),
];
pub(super) const P256: &str = key!("p256.spki.pem");
pub(super) const P256_FORMS: [&str; 3] = [P256, key!("p256.sec1.pem"), key!("p256.pkcs8.pem")];
pub(super) const P384_FORMS: [&str; 3] =
    [key!("p384.spki.pem"), key!("p384.sec1.pem"), key!("p384.pkcs8.pem")];
pub(super) const P521_FORMS: [&str; 3] =
    [key!("p521.spki.pem"), key!("p521.sec1.pem"), key!("p521.pkcs8.pem")];
pub(super) const EXPECTED_JWKS: &str = key!("expected.jwks.json");
pub(super) const RSA_1024: &str = key!("rsa1024.spki.pem");
pub(super) const ED25519: &str = key!("ed25519.spki.pem");
pub(super) const SECP256K1: &str = key!("secp256k1.spki.pem");
pub(super) const COMPRESSED: &str = key!("p256.compressed.pem");
pub(super) const ENCRYPTED: &str = key!("p256.encrypted.pem");

/// The first key of a PEM text.
pub(super) fn public(pem: &str) -> PublicKey {
    PublicKey::read_pem(pem.as_bytes(), CRYPTO).expect("a key")[0].key.clone()
}

/// RSA, P-256, P-384 and P-521.
pub(super) fn all() -> Vec<PublicKey> {
    [RSA_FORMS[0], P256_FORMS[0], P384_FORMS[0], P521_FORMS[0]].map(public).to_vec()
}

/// A token of these claims, signed by the key that the tests have for the
/// algorithm.
pub(super) fn token(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let mut header = json!({ "alg": algorithm.name() });
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(algorithm, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A token that is right in all, as long as the keys of the tests are those of
/// the issuer.
pub(super) fn good_token(issuer: &str, algorithm: Algorithm) -> Token {
    let kid = signer(algorithm).kid().to_owned();
    let claims = json!({
        "iss": issuer, "aud": ["sts.amazonaws.com"], "sub": "system:serviceaccount:one:two",
        "iat": 1_000, "nbf": 1_000, "exp": 2_000,
    });
    Token::parse(&token(algorithm, Some(&kid), &claims)).expect("a token")
}

pub(super) fn signer(algorithm: Algorithm) -> PublicKey {
    public(signer_pem(algorithm))
}

fn signer_pem(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es256 => P256_FORMS[0],
        Algorithm::Es384 => P384_FORMS[0],
        Algorithm::Es512 => P521_FORMS[0],
        _ => RSA,
    }
}

fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    digest(algorithm, &subject_public_key(signer_pem(algorithm)), message)
}

pub(super) const CRYPTO: Crypto = Crypto {
    verify: |algorithm, key, message, signature| digest(algorithm, key, message) == signature,
    public_key,
};

fn digest(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    Sha256::digest([algorithm.name().as_bytes(), key, message].concat()).to_vec()
}

/// That of one of the private keys here; others are refused.
fn public_key(private: &PrivateKeyDer<'_>) -> Result<Vec<u8>, String> {
    let families: [&[&str]; 4] = [&RSA_FORMS, &P256_FORMS, &P384_FORMS, &P521_FORMS];
    let is_it = |block: &pem::Pem| {
        block.tag().ends_with("PRIVATE KEY") && block.contents() == private.secret_der()
    };
    let found = families.into_iter().find(|forms| {
        forms.iter().any(|form| pem::parse_many(form).expect("PEM").iter().any(is_it))
    });
    found.map(|forms| spki(forms[0])).ok_or_else(|| "not a key of the tests".to_owned())
}

fn spki(pem: &str) -> Vec<u8> {
    pem::parse(pem).expect("PEM").into_contents()
}

fn subject_public_key(pem: &str) -> Vec<u8> {
    let der = spki(pem);
    let info = SubjectPublicKeyInfoRef::from_der(&der).expect("an SPKI");
    info.subject_public_key.raw_bytes().to_owned()
}
