//! The discovery document, `.well-known/openid-configuration`.

use serde::{Deserialize, Serialize};

use super::Jwks;

/// What the API server writes into it, in its order; of others' documents the
/// rest is skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discovery {
    pub issuer: String,
    pub jwks_uri: String,
    pub response_types_supported: Vec<String>,
    pub subject_types_supported: Vec<String>,
    pub id_token_signing_alg_values_supported: Vec<String>,
}

/// Why bytes are not a discovery document.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("not JSON: {0}")]
    ParseJson(#[from] serde_json::Error),
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
    /// As the API server would write it for these keys.
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

    /// The bytes that the API server would write.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and lists alone: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
