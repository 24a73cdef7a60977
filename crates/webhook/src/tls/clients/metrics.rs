//! What is counted of client certificates.

use std::sync::Arc;

use crate::telemetry::metrics::{Counters, MetricsError, Registry};
use crate::watched_file::Reloads;

/// Why the TLS handshake of a client was not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    NoCertificate,
    UnknownAuthority,
    /// Or not valid yet.
    Expired,
    WrongPurpose,
    WrongName,
    Other,
}

impl Rejection {
    pub(super) const ALL: [Self; 6] = [
        Self::NoCertificate,
        Self::UnknownAuthority,
        Self::Expired,
        Self::WrongPurpose,
        Self::WrongName,
        Self::Other,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownAuthority => "unknown-authority",
            Self::Expired => "expired",
            Self::WrongPurpose => "wrong-purpose",
            Self::WrongName => "wrong-name",
            Self::Other => "other",
        }
    }
}

/// All at zero where no client needs a certificate.
#[derive(Debug)]
pub struct ClientMetrics {
    pub(super) reloads: Arc<Reloads>,
    pub(super) rejections: Counters<Rejection>,
}

impl ClientMetrics {
    /// Registers them all, at zero.
    pub fn register(registry: &Registry) -> Result<Self, MetricsError> {
        let reloads = Arc::<Reloads>::default();
        reloads.register(
            registry,
            "pod_identity_client_ca_reloads_total",
            "Times that --client-ca-file was read with new content, the first time included, by \
             result. After a failure the previous CA certificates stay in use.",
        )?;
        let rejections = Counters::register(
            registry,
            (
                "pod_identity_client_rejections_total",
                "TLS handshakes that failed because of the client's certificate, by reason.",
            ),
            ["reason"],
            Rejection::ALL,
            |reason| [reason.as_str()],
            |reason| reason as usize,
        )?;
        Ok(Self { reloads, rejections })
    }
}

#[cfg(test)]
impl ClientMetrics {
    /// In a registry that nobody asks.
    pub(super) fn unseen() -> Self {
        let registry = Registry::new().expect("a registry");
        Self::register(&registry).expect("names and labels are in order")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_reason_is_its_place() {
        for (place, reason) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?}");
        }
    }
}
