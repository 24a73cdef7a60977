//! Who may call: only a client that proves, in the TLS handshake, to hold a
//! certificate of one of the operator's authorities.
//!
//! kube-apiserver shows one where its `AdmissionConfiguration` says so:
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers>

mod authorities;
mod metrics;
mod names;
mod rejections;
mod reload;
mod verifier;

use std::path::PathBuf;

pub(crate) use authorities::Authorities;
pub use authorities::AuthoritiesError;
pub use metrics::ClientMetrics;
pub use names::AllowedNames;
pub use rejections::Rejections;
pub use reload::Reloader;
pub use verifier::ClientVerifier;

/// What a client needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificateSettings {
    /// The certificates of the authorities, in PEM.
    pub ca_file: PathBuf,
    /// Any name will do where none are listed.
    pub allowed_names: Option<AllowedNames>,
}

#[cfg(test)]
mod test_authority;
