//! Who may call: clients of certain authorities, or anyone.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::api_server::clock::ServerClock;
use crate::telemetry::metrics::Metrics;
use crate::tls::clients::{AuthoritiesError, ClientCertificateSettings, Rejections, Reloader};
use crate::watched_file;

/// Nothing where anyone may.
pub(super) struct Clients(Option<(Reloader, Arc<Rejections>)>);

impl Clients {
    pub(super) async fn start(
        settings: Option<ClientCertificateSettings>,
        metrics: &Arc<Metrics>,
        clock: Option<ServerClock>,
    ) -> Result<Self, AuthoritiesError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let rejections = Arc::new(Rejections::new(Arc::clone(metrics)));
        let (told, metrics) = (Arc::clone(&rejections), Arc::clone(metrics));
        let reloader = Reloader::start(settings, told, metrics, clock).await?;
        Ok(Self(Some((reloader, rejections))))
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match &self.0 {
            Some((reloader, _)) => reloader.verifier(),
            None => WebPkiClientVerifier::no_client_auth(),
        }
    }

    pub(super) fn rejections(&self) -> Option<Arc<Rejections>> {
        self.0.as_ref().map(|(_, rejections)| Arc::clone(rejections))
    }

    /// Follows the file with the authorities for as long as it is polled.
    pub(super) async fn follow(self) {
        match self.0 {
            Some((reloader, _)) => reloader.run(watched_file::INTERVAL).await,
            None => std::future::pending().await,
        }
    }
}
