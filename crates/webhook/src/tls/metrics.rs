//! What is counted of the certificate that the HTTPS port shows.

use std::sync::Arc;

use super::resolver::CertificateResolver;
use crate::telemetry::metrics::{MetricsError, Registry};
use crate::watched_file::Reloads;

/// `reloads` stay at zero where the certificate does not come from files.
pub fn register(
    registry: &Registry,
    resolver: Arc<CertificateResolver>,
    reloads: &Arc<Reloads>,
) -> Result<(), MetricsError> {
    let served = Arc::clone(&resolver);
    registry.read_gauge(
        "pod_identity_certificate_not_after_timestamp_seconds",
        "Unix time in seconds when the served certificate expires; 0 while none is served.",
        move || served.validity().map_or(0, |validity| *validity.end()),
    )?;
    registry.read_gauge(
        "pod_identity_certificate_not_before_timestamp_seconds",
        "Unix time in seconds when the served certificate became valid; 0 while none is served.",
        move || resolver.validity().map_or(0, |validity| *validity.start()),
    )?;
    reloads.register(
        registry,
        "pod_identity_certificate_reloads_total",
        "Times that the files of --tls-cert and --tls-key were read with new content, the first \
         time included, by result. After a failure the previous certificate stays in use.",
    )
}
