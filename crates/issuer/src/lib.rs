//! The issuer of service-account tokens as AWS sees it: its keys, its two
//! documents, its tokens, and what STS would say of them.
//!
//! Pure: the bytes of files, answers and tokens come in, and so do the time and
//! the [`Crypto`] that verifies signatures.
//!
//! - [`PublicKey::read_pem`]: the keys of a PEM text, each with the line it
//!   begins on; `kid()` and `algorithm()` as Kubernetes has them.
//! - [`Jwks`]: `from_keys`, `parse`, `to_json`, and `verify(&Token, ..)`.
//! - [`Discovery`]: `of(issuer, jwks_uri, &jwks)`, `parse`, `to_json`.
//! - [`Token::parse`]: a compact JWS, not verified; header and claims as values.
//! - [`IssuerUrl::parse`]: the rules of IAM for the URL, as errors, and what works
//!   but is better changed, as `remarks()`.

#![warn(missing_docs)]

mod algorithm;
mod check;
mod crypto;
mod discovery;
mod fetched;
#[cfg(test)]
mod golden;
pub mod hosting;
mod jwk;
mod jwks;
mod key;
mod pem_keys;
pub mod rollout;
#[cfg(test)]
mod test_keys;
mod thumbprint;
mod token;
mod url;
pub mod verify;

pub use algorithm::Algorithm;
pub use check::{IssuerCheck, Outcome};
pub use crypto::{Crypto, Verify};
pub use discovery::{Discovery, DiscoveryError};
pub use fetched::{Answer, FetchFailure, Fetched, PublishedDocuments};
pub use jwk::{Jwk, JwkKey, PRIVATE_MEMBERS};
pub use jwks::{Jwks, JwksError, VerifyError};
pub use key::{Curve, PublicKey};
pub use pem_keys::{KeyFlaw, KeyForm, PemError, PemKey};
pub use thumbprint::{Thumbprint, Tls12, need as thumbprint_need};
pub use token::{Token, TokenError};
use url::difference;
pub use url::{IssuerUrl, UrlError};

/// The path of the discovery document below the issuer's URL (OpenID Connect
/// Discovery 1.0, 4).
pub const DISCOVERY_PATH: &str = ".well-known/openid-configuration";

/// The usual path of the JWK set below the issuer's URL. The API server serves its
/// keys at this path too.
pub const JWKS_PATH: &str = "openid/v1/jwks";

#[cfg(test)]
mod tests;
