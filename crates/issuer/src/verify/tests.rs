//! Each broken link fails its own check, and what hangs on it is skipped.

use serde_json::json;

use super::*;
use crate::test_keys::{CRYPTO, EXPECTED_JWKS, RSA, good_token, public, token};
use crate::{Algorithm, FetchFailure, Outcome};

mod messages;

const ISSUER: &str = "https://issuer.example/cluster";

fn now() -> Timestamp {
    Timestamp::from_second(1_500).expect("a time")
}

fn answer(url: &str, body: &str) -> Answer {
    Answer {
        url: url.to_owned(),
        status: 200,
        content_type: Some("application/json".to_owned()),
        location: None,
        body: body.as_bytes().to_owned(),
        chain: Vec::new(),
        address: None,
    }
}

fn good() -> PublishedDocuments {
    let url = IssuerUrl::parse(ISSUER).expect("a URL");
    let keys = Jwks::parse(EXPECTED_JWKS.as_bytes()).expect("keys");
    let discovery = Discovery::of(ISSUER, &url.jwks_url(), &keys);
    PublishedDocuments {
        discovery: Ok(answer(&url.discovery_url(), &discovery.to_json())),
        jwks: Some(Ok(answer(&url.jwks_url(), &keys.to_json()))),
    }
}

fn with_discovery(change: impl Fn(&mut Discovery)) -> PublishedDocuments {
    let mut published = good();
    let answer = published.discovery.as_mut().expect("an answer");
    let mut discovery = Discovery::parse(&answer.body).expect("a document");
    change(&mut discovery);
    answer.body = discovery.to_json().into_bytes();
    published
}

fn with_jwks(body: &str) -> PublishedDocuments {
    PublishedDocuments { jwks: Some(Ok(answer("https://issuer.example/keys", body))), ..good() }
}

fn checked(published: &PublishedDocuments, token: &Token) -> Vec<IssuerCheck> {
    let against =
        Against { token: Some(token), audience: Some("sts.amazonaws.com"), live: None, now: now() };
    check(ISSUER, published, &against, CRYPTO.verify)
}

/// The ids of what failed.
fn failed(checks: &[IssuerCheck]) -> Vec<&'static str> {
    checks.iter().filter(|check| check.failed()).map(|check| check.id).collect()
}

/// The text of the one that failed, with its next step.
fn failure(checks: &[IssuerCheck], id: &str) -> String {
    assert_eq!(failed(checks), [id], "{checks:#?}");
    let check = checks.iter().find(|check| check.failed()).expect("a failure");
    format!("{}; {}", check.found, check.next.as_deref().expect("a next step"))
}

#[test]
fn passes_all_of_a_good_issuer() {
    let live = Jwks::from_keys(&[public(RSA)]);
    let token = good_token(ISSUER, Algorithm::Rs256);
    let against = Against {
        token: Some(&token),
        audience: Some("sts.amazonaws.com"),
        live: Some(&live),
        now: now(),
    };
    let checks = check(ISSUER, &good(), &against, CRYPTO.verify);
    assert!(checks.iter().all(|check| check.outcome == Outcome::Pass), "{checks:#?}");
    // Each check has a name of its own.
    let mut ids: Vec<_> = checks.iter().map(|check| check.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), checks.len());
}

#[test]
fn names_the_one_link_that_is_broken() {
    let token = good_token(ISSUER, Algorithm::Rs256);
    let mut redirect = good();
    if let Ok(answer) = &mut redirect.discovery {
        answer.status = 301;
        answer.location = Some("https://www.issuer.example/".to_owned());
    }
    let mut private = good();
    if let Ok(answer) = &mut private.discovery {
        answer.status = 403;
    }
    let mut gone = good();
    if let Some(Ok(answer)) = &mut gone.jwks {
        answer.status = 404;
    }
    let unknown = FetchFailure::UnknownAuthority {
        host: "issuer.example".to_owned(),
        reason: "UnknownIssuer".to_owned(),
    };
    let unknown = PublishedDocuments { discovery: Err(unknown), jwks: None };
    let page = "<!DOCTYPE html><title>Not here</title>";
    let rsa = Jwks::from_keys(&[public(RSA)]).to_json();
    let twice = rsa.replace(
        "[{",
        "[{\"kty\":\"EC\",\"kid\":\"l0z9E6mFE24CpC5h0TBpicSB1T9oxHWsLF2WeRQxFnI\"},{",
    );
    let secret = rsa.replace("\"use\"", "\"d\":\"AQAB\",\"use\"");
    for (published, id, said) in [
        (redirect, ids::DISCOVERY_FETCH, "redirect (301 to https://www.issuer.example/)"),
        (private, ids::DISCOVERY_FETCH, "403: it is not public"),
        (gone, ids::JWKS_FETCH, "404"),
        (unknown, ids::DISCOVERY_FETCH, "authority that is not trusted"),
        (
            PublishedDocuments { discovery: Ok(answer("https://issuer.example", page)), ..good() },
            ids::DISCOVERY,
            "begins with \"<!DOCTYPE html>",
        ),
        (with_jwks(page), ids::JWKS, "line 1 column 1"),
        (with_jwks("{\"keys\":[]}"), ids::JWKS, "no usable key with a kid"),
        (with_jwks(&twice), ids::JWKS, "two keys have the kid l0z9"),
        (with_jwks(&secret), ids::JWKS, "private part"),
        (
            with_discovery(|document| document.issuer.push('/')),
            ids::ISSUER,
            "only the second of them ends with a slash",
        ),
        (
            with_discovery(|document| document.issuer = "https://other.example".to_owned()),
            ids::ISSUER,
            "from byte 9",
        ),
        (
            with_discovery(|document| document.jwks_uri = "http://issuer.example/keys".to_owned()),
            ids::JWKS_URI,
            "not an https URL",
        ),
        (
            with_discovery(|document| document.id_token_signing_alg_values_supported.clear()),
            ids::ALGORITHMS,
            "lists no algorithm",
        ),
    ] {
        let checks = checked(&published, &token);
        let told = failure(&checks, id);
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn a_token_is_held_against_issuer_keys_and_time() {
    let es = good_token(ISSUER, Algorithm::Es256);
    let stale = with_jwks(&Jwks::from_keys(&[public(RSA)]).to_json());
    let told = failure(&checked(&stale, &es), ids::TOKEN_KEY);
    assert!(told.contains("not among the published keys: l0z9E6"), "{told}");

    let other = good_token("https://issuer.example/cluster/", Algorithm::Rs256);
    let told = failure(&checked(&good(), &other), ids::TOKEN_ISSUER);
    assert!(told.contains("ends with a slash"), "{told}");

    let kid = public(RSA).kid().to_owned();
    let made =
        |claims| Token::parse(&token(Algorithm::Rs256, Some(&kid), &claims)).expect("a token");
    for (claims, said) in [
        (
            json!({ "iss": ISSUER, "sub": "s", "aud": "sts.amazonaws.com", "exp": 1_400 }),
            "expired 100 s ago",
        ),
        (
            json!({ "iss": ISSUER, "sub": "s", "aud": "sts.amazonaws.com", "exp": 9_000, "nbf": 2_500 }),
            "it will be in 1000 s",
        ),
        (json!({ "iss": ISSUER, "sub": "s", "aud": "sts.amazonaws.com" }), "never expires"),
    ] {
        let told = failure(&checked(&good(), &made(claims)), ids::TOKEN_TIME);
        assert!(told.contains(said), "{told}");
    }

    let genuine = token(
        Algorithm::Rs256,
        Some(&kid),
        &json!({ "iss": ISSUER, "sub": "s", "aud": "sts.amazonaws.com", "exp": 2_000 }),
    );
    let mut forged = genuine.into_bytes();
    let last = forged.len() - 10;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = Token::parse(&String::from_utf8(forged).expect("text")).expect("a token");
    failure(&checked(&good(), &forged), ids::TOKEN_SIGNATURE);
}

#[test]
fn keys_of_the_api_server_that_are_not_published_are_named() {
    let live = Jwks::parse(EXPECTED_JWKS.as_bytes()).expect("keys");
    let published = with_jwks(&Jwks::from_keys(&[public(RSA)]).to_json());
    let checks = check(
        ISSUER,
        &published,
        &Against { live: Some(&live), ..Against::default() },
        CRYPTO.verify,
    );
    let told = failure(&checks, ids::LIVE_KEYS);
    assert_eq!(told.matches(", ").count() - 1, 2, "three keys: {told}");
}

#[test]
fn without_documents_the_rest_is_skipped() {
    let nowhere = FetchFailure::Resolve { host: "a".to_owned(), reason: "b".to_owned() };
    let published = PublishedDocuments { discovery: Err(nowhere), jwks: None };
    let checks = check(ISSUER, &published, &Against::default(), CRYPTO.verify);
    assert_eq!(failed(&checks), [ids::DISCOVERY_FETCH]);
    let skipped = checks.iter().filter(|check| check.outcome == Outcome::Skip).count();
    assert_eq!(skipped, checks.len() - 2);
}

#[test]
fn remarks_on_an_odd_content_type() {
    let mut published = good();
    if let Ok(answer) = &mut published.discovery {
        answer.content_type = Some("binary/octet-stream".to_owned());
    }
    let checks = checked(&published, &good_token(ISSUER, Algorithm::Rs256));
    assert_eq!(failed(&checks), [""; 0]);
    let remarks: Vec<_> = checks.iter().flat_map(|check| &check.remarks).collect();
    assert!(remarks.len() == 1 && remarks[0].contains("binary/octet-stream"), "{remarks:?}");
}

#[test]
fn says_where_a_redirect_leads_that_has_no_host() {
    for (location, to) in [
        ("/login", "https://issuer.example/login"),
        ("//www.issuer.example/", "https://www.issuer.example/"),
        ("https://other.example/", "https://other.example/"),
        ("login", "login"),
    ] {
        let mut redirect = good();
        let Ok(answer) = &mut redirect.discovery else { panic!("no answer") };
        answer.status = 302;
        answer.location = Some(location.to_owned());
        let checks = check(ISSUER, &redirect, &Against::default(), CRYPTO.verify);
        let found = checks.iter().find(|check| check.id == ids::DISCOVERY_FETCH).expect("a check");
        assert!(found.found.contains(&format!("redirect (302 to {to})")), "{}", found.found);
    }
}
