//! The discovery document, `.well-known/openid-configuration`.

use serde::{Deserialize, Serialize};

use super::Jwks;

/// The members of a discovery document (OpenID Connect Discovery 1.0, 3) that the
/// API server writes, in its order. Other members are ignored when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// The issuer's URL. It must equal the `iss` claim of tokens byte by byte.
    pub issuer: String,
    /// The URL of the JWK set with the issuer's public keys.
    pub jwks_uri: String,
    /// The OAuth 2.0 response types; Kubernetes writes `id_token`.
    pub response_types_supported: Vec<String>,
    /// The kinds of subject identifiers; Kubernetes writes `public`.
    pub subject_types_supported: Vec<String>,
    /// The algorithms that tokens are signed with, by their JWS names
    /// (`RS256`).
    pub id_token_signing_alg_values_supported: Vec<String>,
}

/// Why bytes are not a discovery document.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The bytes are not JSON, or a member has a value of the wrong type.
    #[error("not JSON: {0}")]
    ParseJson(#[from] serde_json::Error),
    /// A required member is absent; the value is its name.
    #[error("not a discovery document: it has no {0:?}")]
    FindMember(&'static str),
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Read {
    issuer: Option<String>,
    jwks_uri: Option<String>,
    #[serde(default)]
    response_types_supported: Vec<String>,
    #[serde(default)]
    subject_types_supported: Vec<String>,
    #[serde(default)]
    id_token_signing_alg_values_supported: Vec<String>,
}

impl Discovery {
    /// The document that the API server would write for this issuer and these keys.
    #[must_use]
    pub fn of(issuer: &str, jwks_uri: &str, keys: &Jwks) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: jwks_uri.to_owned(),
            response_types_supported: vec!["id_token".to_owned()],
            subject_types_supported: vec!["public".to_owned()],
            id_token_signing_alg_values_supported: keys.algorithms(),
        }
    }

    /// Reads a discovery document, whoever wrote it. The three lists may be
    /// absent and are then empty.
    ///
    /// # Errors
    /// [`DiscoveryError`] if the text is not JSON, or `issuer` or `jwks_uri` is
    /// missing.
    pub fn parse(text: &[u8]) -> Result<Self, DiscoveryError> {
        let read: Read = serde_json::from_slice(text)?;
        Ok(Self {
            issuer: read.issuer.ok_or(DiscoveryError::FindMember("issuer"))?,
            jwks_uri: read.jwks_uri.ok_or(DiscoveryError::FindMember("jwks_uri"))?,
            response_types_supported: read.response_types_supported,
            subject_types_supported: read.subject_types_supported,
            id_token_signing_alg_values_supported: read.id_token_signing_alg_values_supported,
        })
    }

    /// The JSON, byte for byte as the API server writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and lists alone: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
