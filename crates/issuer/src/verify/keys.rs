//! The check of the published keys.

use std::collections::BTreeMap;

use super::ids;
use crate::{IssuerCheck, Jwk, Jwks};

/// How many flaws are named where no key is without one.
const MOST_FLAWS: usize = 3;

/// The most keys of one kind that IAM takes from a JWK set.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>
const MOST_KEYS: usize = 100;

const NEXT: &str = "write the documents again, from the API server's keys: issuer documents";

pub(super) fn keys_check(jwks: &Jwks) -> IssuerCheck {
    if let Some(key) = jwks.keys().iter().find(|key| key.is_private()) {
        let found = format!("the key {} is published with its private part", key.name());
        let next = "replace the key now, since everyone who read it can sign tokens: issuer rotate";
        return IssuerCheck::fail(ids::JWKS, found, next);
    }
    let keys = by_kid(jwks);
    if let Some((kid, _)) =
        keys.iter().find(|(_, keys)| keys.iter().any(|key| differ(keys[0], key)))
    {
        return IssuerCheck::fail(ids::JWKS, format!("two keys have the kid {kid}"), NEXT);
    }
    if let Some(found) = too_many(jwks) {
        return IssuerCheck::fail(ids::JWKS, found, NEXT);
    }
    let usable: Vec<&str> = usable(jwks);
    let flaws: Vec<String> = flaws(jwks).collect();
    if usable.is_empty() {
        let named = flaws.iter().take(MOST_FLAWS).map(String::as_str);
        let found = std::iter::once("the document has no usable key with a kid").chain(named);
        return IssuerCheck::fail(ids::JWKS, found.collect::<Vec<_>>().join("; "), NEXT);
    }
    let twice = keys.iter().filter(|(_, keys)| keys.len() > 1);
    let twice = twice.map(|(kid, _)| format!("the key {kid} is listed twice; remove one"));
    IssuerCheck::pass(ids::JWKS, format!("keys: {}", usable.join(", ")))
        .remarking(flaws)
        .remarking(twice)
        .remarking(bare(jwks))
}

fn by_kid(jwks: &Jwks) -> BTreeMap<&str, Vec<&Jwk>> {
    let mut keys: BTreeMap<&str, Vec<&Jwk>> = BTreeMap::new();
    for key in jwks.keys() {
        if let Some(kid) = key.kid.as_deref().filter(|kid| !kid.is_empty()) {
            keys.entry(kid).or_default().push(key);
        }
    }
    keys
}

/// Whether a token that names both could be signed by another key than is found.
fn differ(one: &Jwk, other: &Jwk) -> bool {
    one.key() != other.key() || (one.key().is_none() && one != other)
}

fn too_many(jwks: &Jwks) -> Option<String> {
    let keys = jwks.keys().iter().filter_map(Jwk::key);
    let (rsa, ec): (Vec<_>, Vec<_>) = keys.partition(|key| key.algorithm().is_rsa());
    let kinds = [("RSA", rsa.len()), ("EC", ec.len())];
    let (kind, count) = kinds.into_iter().find(|(_, count)| *count > MOST_KEYS)?;
    Some(format!("the document has {count} {kind} keys; IAM takes at most {MOST_KEYS}"))
}

/// The `kid`s of the keys that a token can be verified with.
fn usable(jwks: &Jwks) -> Vec<&str> {
    let mut kids = Vec::new();
    for key in jwks.keys().iter().filter(|key| key.flaw().is_none()) {
        if let Some(kid) = key.kid.as_deref().filter(|kid| !kid.is_empty())
            && kids.last() != Some(&kid)
        {
            kids.push(kid);
        }
    }
    kids
}

/// What is wrong with each key that no token can be verified with.
fn flaws(jwks: &Jwks) -> impl Iterator<Item = String> {
    jwks.keys().iter().filter_map(|key| match (key.flaw(), key.kid.as_deref()) {
        (Some(why), _) => Some(format!("the key {}: {why}", key.name())),
        (None, Some("")) => {
            // Guides for Kubernetes before 1.16, whose tokens had no kid, list each key so again.
            Some("a key has an empty kid, so no token of today names it; remove it".to_owned())
        }
        (None, None) => Some("a key has no kid, so no token can name it".to_owned()),
        (None, Some(_)) => None,
    })
}

/// Usable keys that don't say what they are for.
fn bare(jwks: &Jwks) -> Option<String> {
    let lacks =
        |key: &&Jwk| key.flaw().is_none() && (key.usage.is_none() || key.algorithm.is_none());
    let key = jwks.keys().iter().find(lacks)?;
    let member = if key.usage.is_none() { "use" } else { "alg" };
    Some(format!("the key {} has no {member}; the API server writes one", key.name()))
}
