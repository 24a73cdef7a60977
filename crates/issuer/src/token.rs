//! A service-account token: a compact JWS (RFC 7515) with JSON claims.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a token says of itself. Nothing of it is verified:
/// [`Jwks::verify`](super::Jwks::verify) does that.
#[derive(Clone, PartialEq)]
pub struct Token {
    /// `alg` of the header: the signature algorithm (RFC 7515, 4.1.1).
    pub algorithm: String,
    /// `kid` of the header: the key that signed the token (RFC 7515, 4.1.4).
    pub kid: Option<String>,
    /// `iss`: the URL of the issuer.
    pub issuer: String,
    /// `aud`: who the token is for. Empty if it names nobody.
    pub audiences: Vec<String>,
    /// `sub`: `system:serviceaccount:NAMESPACE:NAME` in tokens of Kubernetes.
    pub subject: String,
    /// `exp`: when the token expires. All times are in seconds since 1970-01-01 UTC.
    pub expires: Option<i64>,
    /// `iat`: when the token was issued.
    pub issued: Option<i64>,
    /// `nbf`: the token is not valid before.
    pub not_before: Option<i64>,
    /// All claims, as the token has them.
    pub claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

/// Why a text is not a token. The message contains none of the text: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The text does not have three parts with dots between. The value is how
    /// many it has.
    #[error("not a token: it has {0} parts separated by dots; a token has 3")]
    CountParts(usize),
    /// A part is not base64url.
    #[error("not a token: its {part} is not base64url")]
    Decode {
        /// Which part: header, claims or signature.
        part: &'static str,
    },
    /// A part is not JSON, lacks a required member, or has one of the wrong
    /// type.
    #[error("not a token: its {part} is not the expected JSON: {error}")]
    ParseJson {
        /// Which part: header or claims.
        part: &'static str,
        /// What the JSON parser reported.
        error: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Claims {
    iss: String,
    sub: String,
    #[serde(default)]
    aud: Audiences,
    exp: Option<Seconds>,
    iat: Option<Seconds>,
    nbf: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

/// JWT allows fractions; Kubernetes writes none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(i64),
    Fraction(f64),
}

impl Token {
    /// Reads a token without verifying it. White space around it is ignored, as files end
    /// with a line feed.
    ///
    /// # Errors
    /// [`TokenError`] if the text is not a compact JWS, or lacks `alg`, `iss` or `sub`.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let parts: Vec<&str> = text.split('.').collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return Err(TokenError::CountParts(parts.len()));
        };
        let signed = format!("{header}.{claims}");
        let header: Header = json("header", header)?;
        let all: Map<String, Value> = json("claims", claims)?;
        let claims: Claims = json("claims", claims)?;
        Ok(Self {
            algorithm: header.alg,
            kid: header.kid,
            issuer: claims.iss,
            audiences: match claims.aud {
                Audiences::One(audience) => vec![audience],
                Audiences::Many(audiences) => audiences,
            },
            subject: claims.sub,
            expires: claims.exp.map(Seconds::whole),
            issued: claims.iat.map(Seconds::whole),
            not_before: claims.nbf.map(Seconds::whole),
            claims: all,
            signed,
            signature: bytes("signature", signature)?,
        })
    }

    /// A token of which the claims are known and the signature is not: the caller knows
    /// whether it verifies. It names no times.
    #[must_use]
    pub fn of_claims(
        (algorithm, kid): (String, Option<String>),
        issuer: String,
        subject: String,
        audiences: Vec<String>,
    ) -> Self {
        Self {
            algorithm,
            kid,
            issuer,
            audiences,
            subject,
            expires: None,
            issued: None,
            not_before: None,
            claims: Map::new(),
            signed: String::new(),
            signature: Vec::new(),
        }
    }

    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Seconds {
    fn whole(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds,
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
            Self::Fraction(seconds) => seconds as i64,
        }
    }
}

/// Without what would let its reader use it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("subject", &self.subject)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn bytes(part: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Decode { part })
}

fn json<T: DeserializeOwned>(part: &'static str, text: &str) -> Result<T, TokenError> {
    serde_json::from_slice(&bytes(part, text)?)
        .map_err(|error| TokenError::ParseJson { part, error })
}
