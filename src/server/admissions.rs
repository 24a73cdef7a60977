//! The way of a request: from the bytes of a review to the bytes of its
//! answer. Only the body and the lookup are waited for.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::bad_requests::{BadRequests, Bounded};
use super::record::Record;
use super::{BodyError, BodyReader, UnsupportedContentType, require_json};
use text::Line;

use crate::service_accounts::{Caller, ServiceAccounts};
use crate::telemetry::metrics::Metrics;
use injection::admission::{self, Admission, DecodeError, Endpoint, Outcome, Policy, Review, Way};
use injection::mutation::{Jitter, PatchTooLarge};

/// All that answering a review takes.
#[derive(Debug)]
pub struct Admissions {
    service_accounts: ServiceAccounts,
    policy: Policy,
    metrics: Arc<Metrics>,
    bodies: BodyReader,
    bad_requests: BadRequests,
}

/// Why a review was not answered with a review.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    ContentType(#[from] UnsupportedContentType),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("failed to read the review: {0}")]
    Review(#[from] DecodeError),
    #[error("failed to look up ServiceAccount {key}: {reason}")]
    Lookup { key: String, reason: String },
    #[error(
        "failed to mutate the pod: {0}; give it fewer containers, or leave some out with \
         skip-containers"
    )]
    PatchTooLarge(PatchTooLarge),
}

/// `/mutate` and `/mutate/required`.
pub fn router(admissions: Arc<Admissions>) -> Router {
    let door = |endpoint: Endpoint| {
        post(async move |State(admissions): State<Arc<Admissions>>, request| {
            admissions.serve(endpoint, request).await
        })
    };
    Router::new()
        .route("/mutate", door(Endpoint::Mutate))
        .route("/mutate/required", door(Endpoint::Required))
        .with_state(admissions)
}

impl Admissions {
    #[must_use]
    pub fn new(
        service_accounts: ServiceAccounts,
        policy: Policy,
        metrics: Arc<Metrics>,
        bodies: BodyReader,
    ) -> Self {
        let bad_requests = BadRequests::default();
        Self { service_accounts, policy, metrics, bodies, bad_requests }
    }

    async fn serve(&self, endpoint: Endpoint, request: Request) -> Response {
        match self.read_and_answer(endpoint, request).await {
            Ok(answer) => json(answer),
            Err(error) => {
                // A failed lookup has its own record, which names the pod.
                if error.outcome() == Outcome::BadRequest {
                    self.bad_requests.record(&self.metrics, endpoint, &error);
                }
                error.into_response()
            }
        }
    }

    async fn read_and_answer(
        &self,
        endpoint: Endpoint,
        request: Request,
    ) -> Result<Vec<u8>, Unanswered> {
        require_json(request.headers())?;
        let caller = request.extensions().get().copied().unwrap_or_default();
        let body = self.bodies.read(request.into_body()).await?;
        self.answer(endpoint, caller, &body).await
    }

    /// One admission.
    async fn answer(
        &self,
        endpoint: Endpoint,
        caller: Caller,
        body: &[u8],
    ) -> Result<Vec<u8>, Unanswered> {
        let record = Record::begin(&self.metrics, endpoint);
        let review = admission::decode(body)?;
        let admission = match review.way() {
            Way::Settled(outcome) => Admission::of(outcome),
            Way::Lookup(candidate) => {
                let waiting = record.waits_for(&review);
                let lookup = self.service_accounts.resolve(candidate.key, caller).await;
                waiting.end();
                let jitter = Jitter(fastrand::i64(0..=Jitter::MAX));
                candidate.admit(&lookup, &self.policy, endpoint, jitter)
            }
        };
        record.end(&review, &admission);
        match admission {
            Admission { outcome: Outcome::LookupFailed, refusal: None, reason, .. } => {
                Err(Unanswered::lookup(&review, reason))
            }
            Admission { outcome: Outcome::PatchTooLarge, .. } => {
                Err(Unanswered::PatchTooLarge(PatchTooLarge))
            }
            admission => Ok(admission::respond(&review, &admission)),
        }
    }
}

fn json(answer: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(answer));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Unanswered {
    fn lookup(review: &Review<'_>, reason: Option<String>) -> Self {
        let key = review.key().map(|key| key.to_string()).unwrap_or_default();
        Self::Lookup { key, reason: reason.unwrap_or_default() }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Lookup { .. } => Outcome::LookupFailed,
            Self::PatchTooLarge(_) => Outcome::PatchTooLarge,
            Self::ContentType(_) | Self::Body(_) | Self::Review(_) => Outcome::BadRequest,
        }
    }
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let status = match self {
            Self::ContentType(error) => return error.into_response(),
            Self::Body(error) => return error.into_response(),
            Self::Review(_) => StatusCode::BAD_REQUEST,
            Self::Lookup { .. } => StatusCode::SERVICE_UNAVAILABLE,
            // The same review gets the same answer: it is of no use to retry.
            Self::PatchTooLarge(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Line(Bounded::of(&self)).to_string()).into_response()
    }
}
