//! Keys, documents and tokens against what another implementation says of them.

use serde_json::{Value, json};

use super::test_keys::{
    COMPRESSED, CRYPTO, ED25519, ENCRYPTED, EXPECTED_JWKS, P256_FORMS, P384_FORMS, P521_FORMS, RSA,
    RSA_1024, RSA_FORMS, SECP256K1, all, good_token, public, signer, token,
};
use super::*;

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

fn flaw(text: &str) -> String {
    PublicKey::read_pem(text.as_bytes(), CRYPTO).expect_err("no key").to_string()
}

#[test]
fn reads_the_same_key_from_each_of_its_forms() {
    let families: [&[&str]; 4] = [&RSA_FORMS, &P256_FORMS, &P384_FORMS, &P521_FORMS];
    for forms in families {
        for form in forms {
            assert_eq!(public(form), public(forms[0]), "{form}");
        }
    }
}

#[test]
fn computes_the_jwks_that_another_implementation_computes() {
    assert_eq!(Jwks::from_keys(&all()).to_json(), EXPECTED_JWKS);
    let read = Jwks::parse(EXPECTED_JWKS.as_bytes()).expect("a JWK set");
    assert_eq!(read, Jwks::from_keys(&all()));
    assert_eq!(read.algorithms(), ["ES256", "ES384", "ES512", "RS256"]);
}

#[test]
fn tells_the_line_of_each_key_and_skips_what_is_none() {
    let text = format!("a note\n{}\n{}", P256_FORMS[1], RSA);
    let keys = PublicKey::read_pem(text.as_bytes(), CRYPTO).expect("keys");
    let found: Vec<_> = keys.iter().map(|key| (key.line, key.form)).collect();
    // The block before the first is EC PARAMETERS.
    assert_eq!(found, [(5, KeyForm::Private), (11, KeyForm::Public)]);
}

#[test]
fn remarks_on_forms_that_the_api_server_does_not_read() {
    let remark = |text: &str| {
        PublicKey::read_pem(text.as_bytes(), CRYPTO)
            .expect("a key")
            .first()
            .and_then(PemKey::remark)
    };
    assert!(remark(RSA_FORMS[1]).is_some_and(|told| told.contains("-RSAPublicKey_in")));
    assert!(remark(P384_FORMS[2]).is_some_and(|told| told.contains("-pubout")));
    let read = [&RSA_FORMS[2..], &[RSA], &P256_FORMS[..2], &P521_FORMS[..2]].concat();
    assert_eq!(read.into_iter().find_map(remark), None);
}

#[test]
fn a_key_given_twice_is_published_once() {
    let keys = [public(RSA), public(P256_FORMS[0]), public(RSA_FORMS[3])];
    assert_eq!(Jwks::from_keys(&keys).keys().len(), 2);
}

#[test]
fn names_what_is_wrong_with_a_key_and_its_line() {
    let cut = RSA.replace("-----END PUBLIC KEY-----", "");
    let wrong_end = RSA.replace("END PUBLIC KEY", "END RSA PUBLIC KEY");
    let typed = RSA.replace("MIIB", "MI*B");
    let other = RSA.replace("PUBLIC KEY", "RSA PRIVATE KEY");
    let params = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIw==\n-----END EC PARAMETERS-----\n";
    for (text, said) in [
        (String::new(), "no PEM block"),
        ("ssh-rsa AAAA".to_owned(), "no PEM block"),
        (params.to_owned(), "only EC PARAMETERS"),
        (cut, "line 1: the block has no matching -----END"),
        (wrong_end, "line 1: the block has no matching -----END"),
        (typed, "line 1: the text between"),
        (other, "line 1: the RSA key is invalid"),
        (format!("\n{RSA_1024}"), "line 2: the RSA key has 1024 bits"),
        (ED25519.to_owned(), "neither RSA nor ECDSA (algorithm 1.3.101.112)"),
        (SECP256K1.to_owned(), "curve"),
        (COMPRESSED.to_owned(), "compressed"),
        (ENCRYPTED.to_owned(), "encrypted"),
        (format!("{RSA}{RSA_1024}"), "line 10: "),
    ] {
        let told = flaw(&text);
        assert!(told.contains(said), "{text}\n{told}");
    }
}

#[test]
fn verifies_what_each_algorithm_signed_and_nothing_else() {
    for algorithm in ALGORITHMS {
        let good = good_token("https://a.example", algorithm);
        // Keys are bound to the algorithm that they are published for.
        let mut published = Jwks::from_keys(&all()).to_json();
        published = published.replace("\"alg\":\"RS256\"", &format!("\"alg\":\"{algorithm}\""));
        let keys = Jwks::parse(published.as_bytes()).expect("a JWK set");
        assert_eq!(keys.verify(&good, CRYPTO.verify), Ok(()), "{algorithm}");

        let kid = signer(algorithm).kid().to_owned();
        let claims = json!({ "iss": "https://b.example", "sub": "x" });
        let text = token(algorithm, Some(&kid), &claims);
        let (_, signature) = text.rsplit_once('.').expect("three parts");
        let original = token(algorithm, Some(&kid), &json!({ "iss": "i", "sub": "x" }));
        let (signed, _) = original.rsplit_once('.').expect("three parts");
        let forged = Token::parse(&format!("{signed}.{signature}")).expect("a token");
        assert_eq!(
            keys.verify(&forged, CRYPTO.verify),
            Err(VerifyError::WrongSignature { kid }),
            "{algorithm}"
        );
    }
}

#[test]
fn a_key_verifies_only_what_is_signed_with_its_own_algorithm() {
    let keys = Jwks::from_keys(&all());
    let kid = signer(Algorithm::Rs512).kid().to_owned();
    let wrong = VerifyError::WrongAlgorithm {
        kid: kid.clone(),
        used: "RS512".to_owned(),
        meant: "RS256".to_owned(),
    };
    assert_eq!(keys.verify(&good_token("i", Algorithm::Rs512), CRYPTO.verify), Err(wrong));
    // Nor is a key ever taken for one of another kind.
    let claims = json!({ "iss": "i", "sub": "s" });
    let es = Token::parse(&token(Algorithm::Es256, Some(&kid), &claims)).expect("a token");
    assert!(matches!(keys.verify(&es, CRYPTO.verify), Err(VerifyError::WrongAlgorithm { .. })));
    let without = Jwks::parse(keys.to_json().replace("\"alg\":\"RS256\",", "").as_bytes());
    let without = without.expect("a JWK set");
    assert!(matches!(without.verify(&es, CRYPTO.verify), Err(VerifyError::WrongAlgorithm { .. })));
    assert_eq!(without.verify(&good_token("i", Algorithm::Rs512), CRYPTO.verify), Ok(()));
}

#[test]
fn an_unknown_key_is_told_with_those_that_are_there() {
    let present = [public(RSA)];
    let told = Jwks::from_keys(&present).verify(&good_token("i", Algorithm::Es256), CRYPTO.verify);
    let told = told.expect_err("another key").to_string();
    assert!(told.contains(signer(Algorithm::Es256).kid()), "{told}");
    assert!(told.contains(present[0].kid()), "{told}");
    let claims = json!({ "iss": "i", "sub": "s" });
    let anonymous = Token::parse(&token(Algorithm::Rs256, None, &claims)).expect("a token");
    assert_eq!(Jwks::default().verify(&anonymous, CRYPTO.verify), Err(VerifyError::NoKeyId));
}

#[test]
fn refuses_algorithms_that_are_none() {
    let text = token(Algorithm::Rs256, Some("k"), &json!({ "iss": "i", "sub": "s" }));
    let (_, rest) = text.split_once('.').expect("three parts");
    // {"alg":"none","kid":"k"}
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiayJ9.{rest}");
    let none = Token::parse(&none).expect("a token");
    let told = Jwks::from_keys(&all()).verify(&none, CRYPTO.verify);
    assert_eq!(told, Err(VerifyError::UnknownAlgorithm("none".to_owned())));
}

#[test]
fn keys_that_are_not_known_here_are_tolerated_told_and_kept() {
    let odd = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AAAA", "future": [1] },
        { "kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "kid": "k1", "crv": "secp256k1", "x": "", "y": "" },
        { "kty": "RSA", "kid": "text", "n": "no base64url!", "e": "AQAB" },
        { "kty": 7, "kid": "typed" },
        "a string",
    ] });
    let read = Jwks::parse(odd.to_string().as_bytes()).expect("a JWK set");
    let told: Vec<_> = read.unusable().map(|(key, why)| format!("{}: {why}", key.name())).collect();
    assert_eq!(told.len(), 6);
    for (told, said) in told.iter().zip([
        "ed: its kty \"OKP\" is neither",
        "short: the RSA key has 17 bits",
        "k1: its curve \"secp256k1\"",
        "text: n is not base64url",
        "typed: not a JWK",
        "(no kid): not a JWK",
    ]) {
        assert!(told.starts_with(said), "{told}");
    }
    let written: Value = serde_json::from_str(&read.to_json()).expect("JSON");
    assert_eq!(written, odd);
}

#[test]
fn what_is_no_jwk_set_is_said_with_its_place() {
    let told = |text: &str| Jwks::parse(text.as_bytes()).expect_err("none").to_string();
    assert!(told("<!DOCTYPE html>").contains("line 1 column 1"));
    assert!(told("{\"issuer\":\"x\"}").contains("\"keys\""));
}

#[test]
fn writes_discovery_as_the_api_server_does_and_reads_it_back() {
    let keys = Jwks::from_keys(&[public(RSA)]);
    let url = IssuerUrl::parse("https://a.example/b").expect("a URL");
    let written = Discovery::of(url.as_str(), &url.jwks_url(), &keys);
    assert_eq!(
        written.to_json(),
        "{\"issuer\":\"https://a.example/b\",\"jwks_uri\":\"https://a.example/b/openid/v1/jwks\",\
         \"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],\
         \"id_token_signing_alg_values_supported\":[\"RS256\"]}"
    );
    assert_eq!(Discovery::parse(written.to_json().as_bytes()).expect("it"), written);
    let told = Discovery::parse(b"{\"issuer\":\"x\"}").expect_err("no keys").to_string();
    assert!(told.contains("jwks_uri"), "{told}");
}

#[test]
fn reads_tokens_as_kubernetes_and_others_write_them() {
    let claims = json!({ "iss": "i", "sub": "s", "aud": "one", "exp": 12.75, "kubernetes.io": {} });
    let text = token(Algorithm::Rs256, Some("k"), &claims);
    let read = Token::parse(&format!("{text}\n")).expect("a token");
    assert_eq!(read.audiences, ["one"]);
    assert_eq!((read.expires, read.issued), (Some(12), None));
    assert!(!format!("{read:?}").contains(&text[..20]));
    let bare = token(Algorithm::Rs256, None, &json!({ "iss": "i", "sub": "s" }));
    assert!(Token::parse(&bare).expect("a token").audiences.is_empty());
}

#[test]
fn says_what_is_no_token_without_repeating_it() {
    for (text, said) in [
        ("", "1 parts"),
        ("secret", "1 parts"),
        ("a.b", "2 parts"),
        ("!.e30.x", "header is not base64url"),
        ("e30.e30.x", "header is not the expected JSON"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.x", "claims is not the expected JSON: missing field `iss`"),
    ] {
        let told = Token::parse(text).expect_err("no token").to_string();
        assert!(told.contains(said), "{text}: {told}");
        assert!(!told.contains("secret"), "{told}");
    }
}
