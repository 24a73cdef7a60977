//! The document with the issuer's keys.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Algorithm, Jwk, JwkKey, PublicKey, Token, Verify};

/// A JWK set (RFC 7517, 5): the public keys of an issuer, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

/// Why bytes are not a JWK set.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The bytes are not JSON.
    #[error("not JSON: {0}")]
    ParseJson(#[from] serde_json::Error),
    /// The JSON has no member `keys`.
    #[error("not a JWK set: it has no list \"keys\"")]
    FindKeys,
}

/// Why a JWK set does not verify a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token's header has no `kid`.
    #[error("the token has no kid, so STS can't find the key that signed it")]
    NoKeyId,
    /// The set has no key with the token's `kid`.
    #[error("the token is signed by the key {wanted}, which is not among the published keys: {}", list(.present))]
    UnknownKey {
        /// The `kid` of the token.
        wanted: String,
        /// The `kid`s of the set.
        present: Vec<String>,
    },
    /// The token's `alg` is not an [`Algorithm`]: a shared secret, `none`, or
    /// an unknown name. The value is that name.
    #[error("the token is signed with {0:?}, which is not an algorithm of public keys")]
    UnknownAlgorithm(String),
    /// The set has the key, but no signature can be verified with it.
    #[error("the key {kid} can't be used: {why}")]
    UnusableKey {
        /// The `kid` of the key.
        kid: String,
        /// Why, as [`Jwk::flaw`] says.
        why: String,
    },
    /// The token is signed with another algorithm than its key is for.
    #[error("the token is signed with {used}, but the key {kid} is for {meant}")]
    WrongAlgorithm {
        /// The `kid` of the key.
        kid: String,
        /// The algorithm of the token.
        used: String,
        /// The algorithm of the key.
        meant: String,
    },
    /// The signature does not verify with the key.
    #[error("the key {kid} is published, but did not sign this token")]
    WrongSignature {
        /// The `kid` of the key.
        kid: String,
    },
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Read {
    keys: Option<Vec<Value>>,
}

impl Jwks {
    /// A set of these keys in the order given, as the API server publishes them. A key
    /// that is given twice is in the set once.
    #[must_use]
    pub fn from_keys<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Self {
        let mut set = Self::default();
        for key in keys {
            if !set.contains(key.kid()) {
                set.keys.push(key.to_jwk());
            }
        }
        set
    }

    /// These keys, then those of `other` that are not among them.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for key in &other.keys {
            if key.kid.as_deref().is_none_or(|kid| !self.contains(kid)) {
                self.keys.push(key.clone());
            }
        }
        self
    }

    /// Reads a JWK set. Keys that can't be used stay in it: see [`Jwks::unusable`].
    ///
    /// # Errors
    /// [`JwksError`] if the text is not a JSON object with a list `keys`.
    pub fn parse(text: &[u8]) -> Result<Self, JwksError> {
        let read: Read = serde_json::from_slice(text)?;
        let keys = read.keys.ok_or(JwksError::FindKeys)?;
        Ok(Self { keys: keys.into_iter().map(Jwk::read).collect() })
    }

    /// The JSON, byte for byte as the API server writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and lists alone: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All keys of the set, in its order, unusable ones too.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The first key with this `kid`.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether the set has a key with this `kid`.
    #[must_use]
    pub fn contains(&self, kid: &str) -> bool {
        self.get(kid).is_some()
    }

    /// The `kid` of each key that has one, in the order of the set.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.keys.iter().filter_map(|key| key.kid.clone()).collect()
    }

    /// The `kid`s of the keys of `self` that `other` lacks.
    #[must_use]
    pub fn missing_in(&self, other: &Self) -> Vec<String> {
        self.kids().into_iter().filter(|kid| !other.contains(kid)).collect()
    }

    /// The keys that nothing can be verified with, and why: see [`Jwk::flaw`].
    pub fn unusable(&self) -> impl Iterator<Item = (&Jwk, String)> {
        self.keys.iter().filter_map(|key| Some((key, key.flaw()?)))
    }

    /// The JWS names of the algorithms of the keys that sign, sorted, each once. Those of keys
    /// for something else, such as encryption, say nothing of tokens.
    #[must_use]
    pub fn algorithms(&self) -> Vec<String> {
        let signs = |key: &&Jwk| key.usage.as_deref().is_none_or(|usage| usage == "sig");
        let listed = self.keys.iter().filter(signs).filter_map(|key| {
            key.algorithm.clone().or_else(|| Some(key.key()?.algorithm().name().to_owned()))
        });
        let mut names: Vec<String> = listed.collect();
        names.sort();
        names.dedup();
        names
    }

    /// Verifies the token's signature with the key of the set that it names. Its claims
    /// are not looked at, so an expired token verifies.
    ///
    /// # Errors
    /// [`VerifyError`] if no key is found, the key can't be used, or the signature is wrong.
    pub fn verify(&self, token: &Token, verify: Verify) -> Result<(), VerifyError> {
        let kid = token.kid.as_deref().filter(|kid| !kid.is_empty());
        let kid = kid.ok_or(VerifyError::NoKeyId)?;
        let algorithm = Algorithm::parse(&token.algorithm)
            .ok_or_else(|| VerifyError::UnknownAlgorithm(token.algorithm.clone()))?;
        let jwk = self.get(kid).ok_or_else(|| VerifyError::UnknownKey {
            wanted: kid.to_owned(),
            present: self.kids(),
        })?;
        let kid = kid.to_owned();
        let key = match (&jwk.key, jwk.flaw()) {
            (JwkKey::Usable(key), None) => key,
            (_, why) => {
                return Err(VerifyError::UnusableKey { kid, why: why.unwrap_or_default() });
            }
        };
        // Without `alg` the kind of the key decides.
        let meant = jwk.algorithm.as_deref().unwrap_or(algorithm.name());
        let verified = key.verifies(algorithm, token.signed(), token.signature(), verify);
        let (true, Some(verified)) = (meant == algorithm.name(), verified) else {
            let meant = jwk.algorithm.clone();
            let meant = meant.unwrap_or_else(|| key.algorithm().name().to_owned());
            return Err(VerifyError::WrongAlgorithm { kid, used: algorithm.to_string(), meant });
        };
        if verified { Ok(()) } else { Err(VerifyError::WrongSignature { kid }) }
    }
}

fn list(kids: &[String]) -> String {
    if kids.is_empty() { "(none)".to_owned() } else { kids.join(", ") }
}
