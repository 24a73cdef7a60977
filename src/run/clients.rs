//! Who may call: clients of certain authorities, or anyone.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::api_server::clock::ServerClock;
use crate::tls::clients::{
    AuthoritiesError, ClientCertificateSettings, ClientMetrics, ClientVerifier, Rejections,
    Reloader,
};
use crate::watched_file;

/// Nothing where anyone may.
pub(super) struct Clients(Option<Reloader>);

impl Clients {
    pub(super) async fn start(
        settings: Option<ClientCertificateSettings>,
        metrics: ClientMetrics,
        clock: Option<ServerClock>,
    ) -> Result<Self, AuthoritiesError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        Ok(Self(Some(Reloader::start(settings, metrics, clock).await?)))
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match &self.0 {
            Some(reloader) => reloader.verifier(),
            None => WebPkiClientVerifier::no_client_auth(),
        }
    }

    /// The verifier of clients' certificates, where they need one.
    pub(super) fn of_authorities(&self) -> Option<Arc<ClientVerifier>> {
        self.0.as_ref().map(Reloader::verifier)
    }

    pub(super) fn rejections(&self) -> Option<Arc<Rejections>> {
        self.0.as_ref().map(Reloader::rejections)
    }

    /// Follows the file with the authorities for as long as it is polled.
    pub(super) async fn follow(self) {
        match self.0 {
            Some(reloader) => reloader.run(watched_file::INTERVAL).await,
            None => std::future::pending().await,
        }
    }
}
