//! The real signatures and keys; what the crates do with them is tested there.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certificates::{Certificate, KeyError, PrivateKey};
use issuer::{Jwks, PublicKey, Token, VerifyError};
use rcgen::{CertificateParams, KeyPair as CertificateKey, SignatureAlgorithm};

use super::*;

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../issuer/tests/keys/", $name))
    };
}

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
];

fn public(pem: &str) -> PublicKey {
    PublicKey::read_pem(pem.as_bytes(), ISSUER).expect("a key")[0].key.clone()
}

fn flaw(pem: &str) -> String {
    PublicKey::read_pem(pem.as_bytes(), ISSUER).expect_err("no key").to_string()
}

#[test]
fn computes_the_public_half_of_each_form_of_a_private_key() {
    let families: [&[&str]; 4] = [
        &[key!("rsa.spki.pem"), key!("rsa.pkcs1.pem"), key!("rsa.pkcs8.pem")],
        &[key!("p256.spki.pem"), key!("p256.sec1.pem"), key!("p256.pkcs8.pem")],
        &[key!("p384.spki.pem"), key!("p384.sec1.pem"), key!("p384.pkcs8.pem")],
        &[key!("p521.spki.pem"), key!("p521.sec1.pem"), key!("p521.pkcs8.pem")],
    ];
    for forms in families {
        for form in forms {
            assert_eq!(public(form), public(forms[0]), "{form}");
        }
    }
}

#[test]
fn names_what_is_wrong_with_a_private_key() {
    let rsa = key!("rsa.spki.pem").replace("PUBLIC KEY", "RSA PRIVATE KEY");
    assert!(flaw(&rsa).contains("line 1: the RSA key is invalid"), "{}", flaw(&rsa));
    let ec = key!("p256.spki.pem").replace("PUBLIC KEY", "EC PRIVATE KEY");
    assert!(flaw(&ec).contains("line 1: the key's curve is not"), "{}", flaw(&ec));
    let refused = PrivateKey::from_pem(ec.as_bytes(), CERTIFICATES);
    assert_eq!(refused, Err(KeyError::ParseKey));
}

#[test]
fn verifies_what_each_algorithm_signed_and_nothing_else() {
    for algorithm in ALGORITHMS {
        let (signed, signature) = signed(algorithm, r#"{"iss":"a","sub":"x"}"#);
        // Keys are bound to the algorithm that they are published for.
        let published = Jwks::from_keys([&signer(algorithm)]).to_json();
        let published = published.replace("\"alg\":\"RS256\"", &format!("\"alg\":\"{algorithm}\""));
        let keys = Jwks::parse(published.as_bytes()).expect("a JWK set");
        let good = Token::parse(&format!("{signed}.{signature}")).expect("a token");
        assert_eq!(keys.verify(&good, ISSUER.verify), Ok(()), "{algorithm}");

        let (_, other) = self::signed(algorithm, r#"{"iss":"b","sub":"x"}"#);
        let forged = Token::parse(&format!("{signed}.{other}")).expect("a token");
        let kid = signer(algorithm).kid().to_owned();
        let told = keys.verify(&forged, ISSUER.verify);
        assert_eq!(told, Err(VerifyError::WrongSignature { kid }), "{algorithm}");
    }
}

#[test]
fn tells_whether_a_key_is_that_of_a_certificate() {
    let kinds: [&'static SignatureAlgorithm; 4] = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    for kind in kinds {
        let generate = || match kind {
            kind if *kind == rcgen::PKCS_RSA_SHA256 => {
                CertificateKey::from_pem(key!("rsa.pkcs8.pem")).expect("a key")
            }
            kind => CertificateKey::generate_for(kind).expect("a key"),
        };
        let (own, other) = (generate(), CertificateKey::generate().expect("a key"));
        let made = CertificateParams::default().self_signed(&own).expect("a certificate");
        let made = Certificate::from_der(made.der()).expect("a certificate");
        let read = |key: &CertificateKey| {
            PrivateKey::from_pem(key.serialize_pem().as_bytes(), CERTIFICATES).expect("a key")
        };
        assert!(read(&own).is_of(&made), "{kind:?}");
        assert!(!read(&other).is_of(&made), "{kind:?}");
    }
}

fn signer(algorithm: Algorithm) -> PublicKey {
    public(match algorithm {
        Algorithm::Es256 => key!("p256.spki.pem"),
        Algorithm::Es384 => key!("p384.spki.pem"),
        Algorithm::Es512 => key!("p521.spki.pem"),
        _ => key!("rsa.spki.pem"),
    })
}

/// The first two parts of a token, and the third.
fn signed(algorithm: Algorithm, claims: &str) -> (String, String) {
    let header = format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, signer(algorithm).kid());
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(algorithm, signed.as_bytes()));
    (signed, signature)
}

fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let ec = |key: &str, kind: &'static EcdsaSigningAlgorithm| {
        let der = pem::parse(key).expect("PEM").into_contents();
        let pair = EcdsaKeyPair::from_pkcs8(kind, &der).expect("a key");
        pair.sign(&random, message).expect("a signature").as_ref().to_owned()
    };
    let encoding: &'static dyn RsaEncoding = match algorithm {
        Algorithm::Es256 => return ec(key!("p256.pkcs8.pem"), &ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => return ec(key!("p384.pkcs8.pem"), &ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => return ec(key!("p521.pkcs8.pem"), &ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
    };
    let der = pem::parse(key!("rsa.pkcs8.pem")).expect("PEM").into_contents();
    let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &random, message, &mut signature).expect("a signature");
    signature
}
