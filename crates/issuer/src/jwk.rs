//! One key of a JWKS (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::Parameters;
use super::{Algorithm, Curve, PublicKey};

/// What a private key has besides its public one (RFC 7518, 6). `k` is a shared secret.
pub const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key of a JWK set (RFC 7517, 4) as it was published, usable or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Jwk {
    /// `kid`, the key's identifier. A token names its key by it.
    pub kid: Option<String>,
    /// `alg`, the algorithm that the key is for; it may be one that is not supported here.
    pub algorithm: Option<String>,
    /// `use`, what the key is for: `sig` for signatures.
    pub usage: Option<String>,
    /// The key itself, if it can be used.
    pub key: JwkKey,
    private: bool,
}

/// The key inside a [`Jwk`].
#[derive(Clone, Debug, PartialEq)]
pub enum JwkKey {
    /// A key that signatures can be verified with.
    Usable(PublicKey),
    /// A key that is broken, or of a kind that is not supported here.
    Unusable {
        /// Why the key can't be used, for people.
        why: String,
        /// The JSON object as it was read, written back unchanged.
        raw: Value,
    },
}

/// In the order in which the API server writes the members.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<&'a str>,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Read {
    kty: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    /// The public key, if signatures can be verified with it.
    #[must_use]
    pub fn key(&self) -> Option<&PublicKey> {
        match &self.key {
            JwkKey::Usable(key) => Some(key),
            JwkKey::Unusable { .. } => None,
        }
    }

    /// Whether the published key contains a part of its private half, or a shared secret.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    pub(super) fn of(key: &PublicKey) -> Self {
        Self {
            kid: Some(key.kid().to_owned()),
            algorithm: Some(key.algorithm().name().to_owned()),
            usage: Some("sig".to_owned()),
            key: JwkKey::Usable(key.clone()),
            private: false,
        }
    }

    /// The key's name in messages: its `kid`, `(no kid)` or `(empty kid)`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.kid.as_deref() {
            None => "(no kid)",
            Some("") => "(empty kid)",
            Some(kid) => kid,
        }
    }

    /// Why no token can be verified with the key, if that is so: it is broken, or is for
    /// something else than it can be used for.
    #[must_use]
    pub fn flaw(&self) -> Option<String> {
        let key = match &self.key {
            JwkKey::Usable(key) => key,
            JwkKey::Unusable { why, .. } => return Some(why.clone()),
        };
        if let Some(usage) = self.usage.as_deref().filter(|usage| *usage != "sig") {
            return Some(format!("its use is {usage:?}; keys of tokens have \"sig\""));
        }
        let name = self.algorithm.as_deref()?;
        let own = key.algorithm();
        match Algorithm::parse(name) {
            None => Some(format!("its alg {name:?} is not an algorithm of public keys")),
            Some(named) if named == own || (named.is_rsa() && own.is_rsa()) => None,
            Some(_) if own.is_rsa() => Some(format!("its alg is {name}, but it is an RSA key")),
            Some(_) => Some(format!("its alg is {name}, but its curve is for {own}")),
        }
    }

    /// Never an error: a key that can't be used gives one when it is used.
    pub(super) fn read(raw: Value) -> Self {
        let private = PRIVATE_MEMBERS.iter().any(|member| raw.get(*member).is_some());
        match Read::deserialize(&raw) {
            Ok(read) => {
                let key = match public_key(&read) {
                    Ok(key) => JwkKey::Usable(key),
                    Err(why) => JwkKey::Unusable { why, raw },
                };
                Self { kid: read.kid, algorithm: read.alg, usage: read.usage, key, private }
            }
            Err(error) => Self {
                kid: raw.get("kid").and_then(Value::as_str).map(str::to_owned),
                algorithm: None,
                usage: None,
                key: JwkKey::Unusable {
                    why: format!("not a JWK: {}", without_value(&error.to_string())),
                    raw,
                },
                private,
            },
        }
    }
}

impl Serialize for Jwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = match &self.key {
            JwkKey::Usable(key) => key,
            JwkKey::Unusable { raw, .. } => return raw.serialize(serializer),
        };
        let (usage, kid, alg) =
            (self.usage.as_deref(), self.kid.as_deref(), self.algorithm.as_deref());
        let bare =
            Written { usage, kty: "RSA", kid, crv: None, alg, x: None, y: None, n: None, e: None };
        match key.parameters() {
            Parameters::Rsa { n, e } => Written { n: Some(n), e: Some(e), ..bare },
            Parameters::Ec { crv, x, y } => {
                Written { kty: "EC", crv: Some(crv), x: Some(x), y: Some(y), ..bare }
            }
        }
        .serialize(serializer)
    }
}

fn public_key(read: &Read) -> Result<PublicKey, String> {
    let kty = read.kty.as_deref().ok_or("it has no kty")?;
    let key = match kty {
        "RSA" => PublicKey::rsa(&bytes("n", read.n.as_ref())?, &bytes("e", read.e.as_ref())?),
        "EC" => {
            let name = read.crv.as_deref().ok_or("it has no crv")?;
            let curve =
                Curve::parse(name).ok_or_else(|| format!("its curve {name:?} is not supported"))?;
            let (x, y) = (bytes("x", read.x.as_ref())?, bytes("y", read.y.as_ref())?);
            let length = curve.coordinate_length();
            if x.len() != length || y.len() != length {
                return Err(format!("x and y must have {length} bytes for {name}"));
            }
            PublicKey::ec(curve, &[&[4], x.as_slice(), &y].concat())
        }
        other => return Err(format!("its kty {other:?} is neither RSA nor EC")),
    };
    key.map_err(|flaw| flaw.to_string())
}

fn bytes(name: &str, text: Option<&String>) -> Result<Vec<u8>, String> {
    let text = text.ok_or_else(|| format!("it has no {name}"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        let bare = text.trim_end_matches('=');
        if bare.len() < text.len() && URL_SAFE_NO_PAD.decode(bare).is_ok() {
            format!("{name} is padded with =, which base64url in a JWK is not")
        } else if text.contains(['+', '/']) {
            format!("{name} is base64 with + and /, not base64url with - and _")
        } else {
            format!("{name} is not base64url: {error}")
        }
    })
}

/// serde's message without the value that it quotes: what is saved of a document has another.
fn without_value(message: &str) -> String {
    let Some((found, wanted)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let found = found.split(['`', '"']).next().unwrap_or_default().trim_end();
    format!("{found}, expected {wanted}")
}
