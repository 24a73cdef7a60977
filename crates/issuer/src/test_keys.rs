//! Keys of the tests, in all forms, and tokens signed by them. OpenSSL wrote
//! the keys; what they are as a JWKS was computed by another implementation.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Algorithm, PublicKey, Token};

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
    PublicKey::read_pem(pem.as_bytes()).expect("a key")[0].key.clone()
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
    public(match algorithm {
        Algorithm::Es256 => P256_FORMS[0],
        Algorithm::Es384 => P384_FORMS[0],
        Algorithm::Es512 => P521_FORMS[0],
        _ => RSA,
    })
}

fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let ec = |key: &str, kind| {
        let der = pem::parse(key).expect("PEM").into_contents();
        let pair = EcdsaKeyPair::from_pkcs8(kind, &der).expect("a key");
        pair.sign(&random, message).expect("a signature").as_ref().to_owned()
    };
    let encoding = match algorithm {
        Algorithm::Es256 => return ec(P256_FORMS[2], &ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => return ec(P384_FORMS[2], &ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => return ec(P521_FORMS[2], &ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
    };
    let der = pem::parse(RSA_FORMS[3]).expect("PEM").into_contents();
    let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &random, message, &mut signature).expect("a signature");
    signature
}
