//! The port that the API server calls.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::accept::Acceptor;
use super::admissions::Admissions;
use super::connection::{Shared, Tls};
use super::fallbacks::{alive, only, with_fallbacks};
use super::{BodyReader, ConnectionStats, DrainLimits, Drained, Limits, Metrics, Readiness};
use crate::tls::clients::Rejections;

/// A listener and all it needs to serve.
#[derive(Debug)]
pub struct Https {
    pub listener: TcpListener,
    /// What answers reviews.
    pub admissions: Option<Arc<Admissions>>,
    /// What answers all else.
    pub router: Router,
    /// Where requests are counted.
    pub counted: Option<Arc<Metrics>>,
    pub tls: Arc<ServerConfig>,
    /// Where `tls` asks clients for a certificate.
    pub rejections: Option<Arc<Rejections>>,
    pub limits: Limits,
    pub drain: DrainLimits,
    pub readiness: Arc<Readiness>,
    pub stats: Arc<ConnectionStats>,
    /// Reads the bodies that `router` takes, from the memory that all
    /// connections share.
    pub bodies: BodyReader,
}

impl Https {
    /// Serves until `shutdown` ends. Then it is unready at once; for the drain's
    /// delay it serves on, each answer with `Connection: close`; then it stops
    /// listening, closes idle connections and gives requests in flight the
    /// drain's timeout. To drop the future cuts everything.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self {
            listener,
            admissions,
            router,
            counted,
            tls,
            rejections,
            limits,
            drain,
            readiness,
            stats,
            bodies,
        } = self;
        let tls = Some(Tls { acceptor: TlsAcceptor::from(tls), rejections });
        let memory = bodies.memory();
        let shared =
            Shared { admissions, counted, tls, memory, ..Shared::new(router, limits, &drain) };
        let acceptor = Acceptor::new(listener, shared, stats);
        acceptor.run(drain, Some(&readiness), shutdown).await
    }
}

/// What it serves, for those who ask for something else.
pub(super) const PATHS: &str = "/mutate, /mutate/required and /healthz";

/// `/healthz`, and reasons for all else that is no review.
pub fn router() -> Router {
    let no_review = || any(async || only("POST"));
    let router = Router::new()
        .route("/mutate", no_review())
        .route("/mutate/required", no_review())
        .route("/healthz", get(alive));
    with_fallbacks(router, PATHS)
}
