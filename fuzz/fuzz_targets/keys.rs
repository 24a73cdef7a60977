//! PEM, JWKS, discovery documents and tokens: what is read is written as it was read.
#![no_main]

use certificates::{Bundle, Certificate, PrivateKey};
use issuer::{Discovery, IssuerUrl, Jwks, PublicKey, Token};
use libfuzzer_sys::fuzz_target;

/// Any bytes between the lines of a private key are its public one, so that
/// what the crates do with a public key is reached.
const CERTIFICATES: certificates::Crypto =
    certificates::Crypto { algorithms: &[], public_key: |key| Ok(key.secret_der().to_vec()) };
const ISSUER: issuer::Crypto =
    issuer::Crypto { verify: |_, _, _, _| false, public_key: |key| Ok(key.secret_der().to_vec()) };

fuzz_target!(|data: &[u8]| {
    if let Ok(keys) = PublicKey::read_pem(data, ISSUER) {
        for key in &keys {
            let keys = Jwks::from_keys([&key.key]);
            let again = Jwks::parse(keys.to_json().as_bytes()).expect("our own JWKS");
            assert_eq!(keys, again);
        }
    }
    if let Ok(keys) = Jwks::parse(data) {
        let again = Jwks::parse(keys.to_json().as_bytes()).expect("our own JWKS");
        assert_eq!(keys, again);
    }
    if let Ok(read) = Certificate::from_pem(data) {
        let text: String = read.iter().map(Certificate::pem).collect();
        assert_eq!(read, Certificate::from_pem(text.as_bytes()).expect("our own PEM"));
    }
    let bundle = Bundle::parse(data);
    assert!(bundle.iter().count() <= data.len());
    let _ = PrivateKey::from_pem(data, CERTIFICATES);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Token::parse(text);
        let _ = Discovery::parse(data);
        if let Ok(url) = IssuerUrl::parse(text.trim()) {
            assert!(url.discovery_url().starts_with("https://"));
        }
    }
});
