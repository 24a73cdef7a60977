//! All messages of `issuer verify`: see `tests/messages/verify.txt`.

use std::fmt::Write as _;

use super::*;
use crate::golden::{golden, written};
use crate::test_keys::P256;

/// What a case starts from, and changes.
struct Scene {
    url: String,
    published: PublishedDocuments,
    token: Option<Token>,
    live: Option<Jwks>,
}

type Case = (&'static str, &'static str, fn(&mut Scene));

fn scene() -> Scene {
    Scene {
        url: ISSUER.to_owned(),
        published: good(),
        token: Some(good_token(ISSUER, Algorithm::Rs256)),
        live: Some(Jwks::from_keys(&[public(RSA)])),
    }
}

fn discovery(scene: &mut Scene) -> &mut Answer {
    scene.published.discovery.as_mut().expect("an answer")
}

fn body(scene: &mut Scene, text: &str) {
    text.as_bytes().clone_into(&mut discovery(scene).body);
}

fn status(scene: &mut Scene, status: u16) {
    discovery(scene).status = status;
}

fn fails(scene: &mut Scene, failure: FetchFailure) {
    (scene.published.discovery, scene.published.jwks) = (Err(failure), None);
}

fn claims(scene: &mut Scene, claims: &serde_json::Value) {
    let kid = public(RSA).kid().to_owned();
    let signed = token(Algorithm::Rs256, Some(&kid), claims);
    scene.token = Some(Token::parse(&signed).expect("a token"));
}

fn headed(scene: &mut Scene, algorithm: &str, kid: Option<&str>) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut header = json!({"alg": algorithm});
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let parts = [header, json!({"iss": ISSUER, "sub": "s", "exp": 2_000})];
    let [header, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    scene.token = Some(Token::parse(&format!("{header}.{claims}.c2ln")).expect("a token"));
}

/// The published keys, of which there is one, changed.
fn changed_keys(scene: &mut Scene, change: impl FnOnce(&mut Vec<serde_json::Value>)) {
    let key = serde_json::to_value(public(RSA).to_jwk()).expect("JSON");
    let mut keys = vec![key];
    change(&mut keys);
    scene.published = with_jwks(&json!({"keys": keys}).to_string());
}

fn reason() -> (String, String) {
    ("issuer.example".to_owned(), "REASON".to_owned())
}

const RSA_KID: &str = "KID";

#[rustfmt::skip]
const CASES: &[Case] = &[
    (ids::URL, "a good one", |_| {}),
    (ids::URL, "a slash at the end", |s| s.url.push('/')),
    (ids::URL, "a port", |s| s.url = "https://issuer.example:8443".to_owned()),
    (ids::URL, "upper case", |s| s.url = "https://Issuer.example".to_owned()),
    (ids::URL, "inside the cluster", |s| s.url = "https://kubernetes.default.svc".to_owned()),
    (ids::URL, "http", |s| s.url = "http://issuer.example".to_owned()),
    (ids::URL, "a query", |s| s.url = "https://issuer.example?a".to_owned()),
    (ids::URL, "a fragment", |s| s.url = "https://issuer.example#a".to_owned()),
    (ids::URL, "a user", |s| s.url = "https://a@issuer.example".to_owned()),
    (ids::URL, "no host", |s| s.url = "https://".to_owned()),
    (ids::URL, "an odd port", |s| s.url = "https://issuer.example:x".to_owned()),
    (ids::URL, "white space", |s| s.url = "https://issuer.example ".to_owned()),
    (ids::URL, "too long", |s| s.url = format!("https://issuer.example/{}", "x".repeat(300))),

    (ids::DISCOVERY_FETCH, "an answer", |_| {}),
    (ids::DISCOVERY_FETCH, "an answer of a private address", |s| discovery(s).address = "10.0.0.5".parse().ok()),
    (ids::DISCOVERY_FETCH, "an answer of a public address", |s| discovery(s).address = "192.0.2.1".parse().ok()),
    (ids::DISCOVERY_FETCH, "a redirect", |s| {
        status(s, 301);
        discovery(s).location = Some("https://www.issuer.example/".to_owned());
    }),
    (ids::DISCOVERY_FETCH, "not public", |s| status(s, 403)),
    (ids::DISCOVERY_FETCH, "not found", |s| status(s, 404)),
    (ids::DISCOVERY_FETCH, "another status", |s| status(s, 500)),
    (ids::DISCOVERY_FETCH, "not a URL", |s| fails(s, FetchFailure::ReadUrl("x".to_owned()))),
    (ids::DISCOVERY_FETCH, "no name", |s| { let (host, reason) = reason(); fails(s, FetchFailure::Resolve { host, reason }); }),
    (ids::DISCOVERY_FETCH, "no connection", |s| { let (authority, reason) = reason(); fails(s, FetchFailure::Connect { authority, reason }); }),
    (ids::DISCOVERY_FETCH, "another CA", |s| { let (host, reason) = reason(); fails(s, FetchFailure::UnknownAuthority { host, reason }); }),
    (ids::DISCOVERY_FETCH, "a bad certificate", |s| { let (host, reason) = reason(); fails(s, FetchFailure::Certificate { host, reason }); }),
    (ids::DISCOVERY_FETCH, "no TLS", |s| { let (authority, reason) = reason(); fails(s, FetchFailure::Handshake { authority, reason }); }),
    (ids::DISCOVERY_FETCH, "no HTTP", |s| { let (_, reason) = reason(); fails(s, FetchFailure::Http { url: ISSUER.to_owned(), reason }); }),
    (ids::DISCOVERY_FETCH, "too slow", |s| fails(s, FetchFailure::Timeout { url: ISSUER.to_owned(), seconds: 5 })),
    (ids::DISCOVERY_FETCH, "too long", |s| fails(s, FetchFailure::TooLong { url: ISSUER.to_owned(), limit: 1_048_576 })),

    (ids::DISCOVERY, "a document", |_| {}),
    (ids::DISCOVERY, "an odd content type", |s| discovery(s).content_type = Some("binary/octet-stream".to_owned())),
    (ids::DISCOVERY, "not JSON", |s| body(s, "<!DOCTYPE html>")),
    (ids::DISCOVERY, "a member is missing", |s| body(s, "{\"issuer\": \"x\"}")),
    (ids::DISCOVERY, "no document", |s| status(s, 404)),

    (ids::ISSUER, "the same", |_| {}),
    (ids::ISSUER, "another slash", |s| s.published = with_discovery(|document| document.issuer.push('/'))),
    (ids::ISSUER, "white space", |s| s.published = with_discovery(|document| document.issuer.push(' '))),
    (ids::ISSUER, "upper case", |s| s.published = with_discovery(|document| document.issuer.make_ascii_uppercase())),
    (ids::ISSUER, "another scheme", |s| s.published = with_discovery(|document| document.issuer = ISSUER.replace("https", "http"))),
    (ids::ISSUER, "another", |s| s.published = with_discovery(|document| document.issuer = "https://other.example".to_owned())),
    (ids::ISSUER, "no document", |s| status(s, 404)),

    (ids::JWKS_URI, "on the same host", |_| {}),
    (ids::JWKS_URI, "on another host", |s| s.published = with_discovery(|document| document.jwks_uri = "https://keys.example/x".to_owned())),
    (ids::JWKS_URI, "a private address", |s| s.published = with_discovery(|document| document.jwks_uri = "https://10.0.0.5:6443/openid/v1/jwks".to_owned())),
    (ids::JWKS_URI, "a private name", |s| s.published = with_discovery(|document| document.jwks_uri = "https://kubernetes.default.svc/openid/v1/jwks".to_owned())),
    (ids::JWKS_URI, "private, as the issuer", |s| {
        s.url = "https://10.0.0.5:6443".to_owned();
        s.published = with_discovery(|document| document.jwks_uri = "https://10.0.0.5:6443/openid/v1/jwks".to_owned());
    }),
    (ids::JWKS_URI, "http", |s| s.published = with_discovery(|document| document.jwks_uri = "http://issuer.example/x".to_owned())),
    (ids::JWKS_URI, "no document", |s| status(s, 404)),

    (ids::JWKS_FETCH, "an answer", |_| {}),
    (ids::JWKS_FETCH, "not found", |s| if let Some(Ok(answer)) = &mut s.published.jwks { answer.status = 404; }),
    (ids::JWKS_FETCH, "no name", |s| { let (host, reason) = reason(); s.published.jwks = Some(Err(FetchFailure::Resolve { host, reason })); }),
    (ids::JWKS_FETCH, "no connection", |s| { let (authority, reason) = reason(); s.published.jwks = Some(Err(FetchFailure::Connect { authority, reason })); }),
    (ids::JWKS_FETCH, "no address", |s| s.published.jwks = None),

    (ids::JWKS, "keys", |_| {}),
    (ids::JWKS, "not JSON", |s| s.published = with_jwks("<!DOCTYPE html>")),
    (ids::JWKS, "no list", |s| s.published = with_jwks("{}")),
    (ids::JWKS, "no key", |s| s.published = with_jwks("{\"keys\": []}")),
    (ids::JWKS, "a private key", |s| s.published = with_jwks("{\"keys\": [{\"kty\": \"RSA\", \"kid\": \"one\", \"d\": \"AQAB\"}]}")),
    (ids::JWKS, "a kid twice", |s| s.published = with_jwks("{\"keys\": [{\"kid\": \"one\"}, {\"kid\": \"one\"}]}")),
    (ids::JWKS, "keys that can't be used", |s| {
        let good = Jwks::from_keys(&[public(RSA)]).to_json();
        let odd = [
            "1", "{\"kid\": \"a\"}", "{\"kid\": \"b\", \"kty\": \"OKP\"}", "{\"kid\": \"c\", \"kty\": \"EC\"}",
            "{\"kid\": \"d\", \"kty\": \"EC\", \"crv\": \"P-1\"}", "{\"kid\": \"e\", \"kty\": \"RSA\", \"n\": \"?\"}",
            "{\"kid\": \"f\", \"kty\": \"RSA\"}", "{\"kid\": \"g\", \"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AA\", \"y\": \"AA\"}",
        ];
        s.published = with_jwks(&good.replace("[{", &format!("[{},{{", odd.join(","))));
    }),
    (ids::JWKS, "a key twice", |s| changed_keys(s, |keys| keys.push(keys[0].clone()))),
    (ids::JWKS, "a key again, with an empty kid", |s| changed_keys(s, |keys| {
        keys.push(keys[0].clone());
        keys[1]["kid"] = "".into();
    })),
    (ids::JWKS, "an empty kid", |s| changed_keys(s, |keys| keys[0]["kid"] = "".into())),
    (ids::JWKS, "no kid", |s| changed_keys(s, |keys| { keys[0].as_object_mut().expect("a key").remove("kid"); })),
    (ids::JWKS, "another key with its kid", |s| changed_keys(s, |keys| {
        let other = serde_json::to_value(public(P256).to_jwk()).expect("JSON");
        keys.push(other);
        keys[1]["kid"] = keys[0]["kid"].clone();
    })),
    (ids::JWKS, "padded", |s| changed_keys(s, |keys| keys[0]["n"] = format!("{}==", keys[0]["n"].as_str().expect("text")).into())),
    (ids::JWKS, "base64, not base64url", |s| changed_keys(s, |keys| keys[0]["n"] = "ab+/".into())),
    (ids::JWKS, "the alg of another kind of key", |s| changed_keys(s, |keys| keys[0]["alg"] = "ES256".into())),
    (ids::JWKS, "the alg of another curve", |s| changed_keys(s, |keys| {
        keys[0] = serde_json::to_value(public(P256).to_jwk()).expect("JSON");
        keys[0]["alg"] = "ES384".into();
    })),
    (ids::JWKS, "the alg of a shared secret", |s| changed_keys(s, |keys| keys[0]["alg"] = "HS256".into())),
    (ids::JWKS, "for encryption", |s| changed_keys(s, |keys| keys[0]["use"] = "enc".into())),
    (ids::JWKS, "no use", |s| changed_keys(s, |keys| { keys[0].as_object_mut().expect("a key").remove("use"); })),
    (ids::JWKS, "no alg", |s| changed_keys(s, |keys| { keys[0].as_object_mut().expect("a key").remove("alg"); })),
    (ids::JWKS, "a prime of a private key", |s| changed_keys(s, |keys| keys[0]["p"] = "AQAB".into())),
    (ids::JWKS, "too many", |s| changed_keys(s, |keys| {
        for number in 0..100 {
            let mut key = keys[0].clone();
            key["kid"] = format!("key-{number}").into();
            keys.push(key);
        }
    })),
    (ids::JWKS, "no document", |s| s.published.jwks = None),

    (ids::ALGORITHMS, "all listed", |_| {}),
    (ids::ALGORITHMS, "none listed", |s| s.published = with_discovery(|document| document.id_token_signing_alg_values_supported.clear())),
    (ids::ALGORITHMS, "others listed", |s| s.published = with_discovery(|document| document.id_token_signing_alg_values_supported = vec!["RS256".to_owned()])),
    (ids::ALGORITHMS, "one that STS rejects", |s| {
        let keys = Jwks::from_keys(&[public(RSA)]).to_json().replace("RS256", "PS256");
        let published = with_discovery(|document| document.id_token_signing_alg_values_supported = vec!["PS256".to_owned()]);
        s.published = PublishedDocuments { discovery: published.discovery, ..with_jwks(&keys) };
    }),
    (ids::ALGORITHMS, "a key for encryption beside", |s| changed_keys(s, |keys| {
        let mut other = keys[0].clone();
        other["kid"] = "other".into();
        (other["use"], other["alg"]) = ("enc".into(), "RSA-OAEP".into());
        keys.push(other);
    })),
    (ids::ALGORITHMS, "no document", |s| status(s, 404)),

    (ids::LIVE_KEYS, "all published", |s| s.published = with_jwks(&Jwks::from_keys(&[public(RSA)]).to_json())),
    (ids::LIVE_KEYS, "more published", |s| s.published = with_jwks(&Jwks::from_keys(&[public(RSA), public(P256)]).to_json())),
    (ids::LIVE_KEYS, "not published", |s| s.published = with_jwks(&Jwks::from_keys(&[public(P256)]).to_json())),
    (ids::LIVE_KEYS, "published, but broken", |s| changed_keys(s, |keys| {
        let mut broken = keys[0].clone();
        broken["n"] = "ab+/".into();
        let other = serde_json::to_value(public(P256).to_jwk()).expect("JSON");
        *keys = vec![broken, other];
    })),
    (ids::LIVE_KEYS, "no keys are published", |s| s.published.jwks = None),
    (ids::LIVE_KEYS, "not asked", |s| s.live = None),
    (ids::LIVE_KEYS, "not asked, and no keys are published", |s| (s.live, s.published.jwks) = (None, None)),

    (ids::TOKEN_ISSUER, "the same", |_| {}),
    (ids::TOKEN_ISSUER, "another", |s| claims(s, &json!({"iss": "https://other.example", "sub": "s", "exp": 2_000}))),
    (ids::TOKEN_ISSUER, "no token", |s| s.token = None),

    (ids::TOKEN_AUDIENCE, "the same", |_| {}),
    (ids::TOKEN_AUDIENCE, "another", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": 2_000, "aud": ["https://kubernetes.default.svc", "k3s"]}))),
    (ids::TOKEN_AUDIENCE, "none", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": 2_000}))),
    (ids::TOKEN_AUDIENCE, "no token", |s| s.token = None),

    (ids::TOKEN_KEY, "published", |_| {}),
    (ids::TOKEN_KEY, "not published", |s| s.published = with_jwks(&Jwks::from_keys(&[public(P256)]).to_json())),
    (ids::TOKEN_KEY, "no kid", |s| headed(s, "RS256", None)),
    (ids::TOKEN_KEY, "it can't be used", |s| {
        let keys = Jwks::from_keys(&[public(P256)]).to_json();
        s.published = with_jwks(&keys.replace("[{", "[{\"kid\": \"odd\", \"kty\": \"OKP\"},{"));
        headed(s, "RS256", Some("odd"));
    }),
    (ids::TOKEN_KEY, "an empty kid", |s| headed(s, "RS256", Some(""))),
    (ids::TOKEN_KEY, "another algorithm", |s| headed(s, "HS256", Some("one"))),
    (ids::TOKEN_KEY, "no keys", |s| s.published.jwks = None),

    (ids::TOKEN_SIGNATURE, "it verifies", |_| {}),
    (ids::TOKEN_SIGNATURE, "it does not", |s| headed(s, "RS256", Some(RSA_KID))),
    (ids::TOKEN_SIGNATURE, "the key is for another algorithm", |s| headed(s, "ES256", Some(RSA_KID))),
    (ids::TOKEN_SIGNATURE, "not an algorithm of public keys", |s| headed(s, "HS256", Some("one"))),
    (ids::TOKEN_SIGNATURE, "no key", |s| headed(s, "RS256", Some("other"))),

    (ids::TOKEN_TIME, "valid", |_| {}),
    (ids::TOKEN_TIME, "expired", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": 1_400}))),
    (ids::TOKEN_TIME, "not valid yet", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": 9_000, "nbf": 2_500}))),
    (ids::TOKEN_TIME, "expired before all time", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": i64::MIN}))),
    (ids::TOKEN_TIME, "not valid until the end of time", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": i64::MAX, "nbf": i64::MAX}))),
    (ids::TOKEN_TIME, "valid since before all time", |s| claims(s, &json!({"iss": ISSUER, "sub": "s", "exp": i64::MAX, "nbf": i64::MIN}))),
    (ids::TOKEN_TIME, "without an end", |s| claims(s, &json!({"iss": ISSUER, "sub": "s"}))),
];

#[test]
fn verify_says_what_stands_in_the_file() {
    let ran = |scene: &Scene| {
        let Scene { url, published, token, live } = scene;
        let against = Against {
            token: token.as_ref(),
            audience: Some("sts.amazonaws.com"),
            live: live.as_ref(),
            now: now(),
        };
        check(url, published, &against, CRYPTO.verify)
    };
    let kid = public(RSA).kid().to_owned();
    let mut all = String::new();
    for IssuerCheck { id, .. } in ran(&scene()) {
        writeln!(all, "# {id}\n").expect("to write");
        let mut outcomes = Vec::new();
        for (_, what, change) in CASES.iter().filter(|(of, ..)| *of == id) {
            let mut scene = scene();
            change(&mut scene);
            if let Some(token) = &mut scene.token
                && token.kid.as_deref() == Some(RSA_KID)
            {
                token.kid = Some(kid.clone());
            }
            let checks = ran(&scene);
            let check = checks.iter().find(|check| check.id == id).expect("the check");
            outcomes.push(check.outcome);
            writeln!(all, "{}", written(what, check)).expect("to write");
        }
        for outcome in [Outcome::Pass, Outcome::Fail] {
            assert!(outcomes.contains(&outcome), "{id}: no case ends with {outcome:?}; add one");
        }
    }
    golden("verify.txt", &all);
}
