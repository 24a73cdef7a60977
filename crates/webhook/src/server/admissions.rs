//! The way of a request: from the bytes of a review to the bytes of its
//! answer. Only the body, a permit to work on it and the lookup are waited for.

use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::bad_requests::{BadRequests, Bounded};
use super::deadline::{self, Deadline};
use super::memory::Account;
use super::record::{self, Record};
use super::work::{Permit, Work};
use super::{
    BodyError, BodyReader, Limits, Metrics, RecentWarnings, RequestBody, UnsupportedContentType,
    require_json,
};
use text::Line;

use crate::identity_sources::{Asker, Caller, ServiceAccounts};
use crate::telemetry::traces::{ServerSpan, Traces};
use injection::admission::{
    self, Admission, AdmissionSettings, DecodeError, Endpoint, Outcome, Review, Triage,
};
use injection::identity::Key;
use injection::mutation::{Jitter, PatchTooLarge};

/// All that answering a review takes.
#[derive(Debug)]
pub struct Admissions {
    service_accounts: ServiceAccounts,
    policy: AdmissionSettings,
    metrics: Arc<Metrics>,
    recent: Arc<RecentWarnings>,
    bodies: BodyReader,
    bad_requests: BadRequests,
    work: Work,
    /// Of a client that does not say how long it waits.
    patience: Duration,
    traces: Option<Traces>,
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
    #[error("failed to answer in time: busy with other reviews; send it again")]
    Busy,
    #[error(
        "failed to mutate the pod: {0}; use fewer containers, or leave some out with \
         skip-containers"
    )]
    PatchTooLarge(PatchTooLarge),
}

/// Who sends a review.
#[derive(Debug)]
pub(super) struct Sender {
    /// What its connection holds of the common memory.
    pub(super) account: Arc<Account>,
    pub(super) caller: Caller,
}

/// An answer, and the leave to work on it, which is kept until the answer is counted by itself.
pub(super) type Answer = (Response, Option<Permit>);

impl Admissions {
    /// What `limits` allows, all requests share.
    #[must_use]
    pub fn new(
        service_accounts: ServiceAccounts,
        policy: AdmissionSettings,
        metrics: Arc<Metrics>,
        recent: Arc<RecentWarnings>,
        bodies: BodyReader,
        limits: &Limits,
        traces: Option<Traces>,
    ) -> Self {
        let (bad_requests, work) = (BadRequests::default(), Work::new(limits));
        let patience = limits.answer;
        Self {
            service_accounts,
            policy,
            metrics,
            recent,
            bodies,
            bad_requests,
            work,
            patience,
            traces,
        }
    }

    pub(super) async fn serve<B>(
        &self,
        endpoint: Endpoint,
        request: Request<B>,
        sender: Sender,
    ) -> Answer
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let deadline = Deadline::of(request.uri(), self.patience);
        let traces = self.traces.as_ref();
        let span = traces.and_then(|it| it.request(path(endpoint), request.headers()));
        let answer = self.read_and_answer(endpoint, request, sender, deadline, span.as_ref()).await;
        let (answer, permit) = match answer {
            Ok((answer, permit)) => (answer, Some(permit)),
            Err(error) => {
                // A failed lookup has its own record, which names the pod.
                if error.outcome() == Outcome::BadRequest {
                    self.bad_requests.record(&self.metrics, &self.recent, endpoint, &error);
                    if let Some(span) = &span {
                        record::describe_bad_request(span, error.kind());
                    }
                }
                (error.into_response(), None)
            }
        };
        if let Some(span) = span {
            span.answer(answer.status());
        }
        (answer, permit)
    }

    async fn read_and_answer<B>(
        &self,
        endpoint: Endpoint,
        request: Request<B>,
        sender: Sender,
        deadline: Deadline,
        span: Option<&ServerSpan>,
    ) -> Result<(Response, Permit), Unanswered>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        require_json(request.headers())?;
        let Sender { account, caller } = sender;
        let body = self.bodies.read(request.into_body(), account, deadline).await?;
        self.answer(endpoint, caller, body, deadline.at, span).await
    }

    /// One admission. While it waits for its lookup it holds the review's bytes
    /// alone: it is read again then, unless all is known from the start.
    async fn answer(
        &self,
        endpoint: Endpoint,
        caller: Caller,
        body: RequestBody,
        deadline: Instant,
        span: Option<&ServerSpan>,
    ) -> Result<(Response, Permit), Unanswered> {
        let record = Record::begin(&self.metrics, &self.recent, endpoint, span);
        let permit = self.work.permit(body.len(), deadline).await.ok_or(Unanswered::Busy)?;
        let body = body.contiguous();
        let review = admission::decode(&body)?;
        let candidate = match review.triage() {
            Triage::Settled(outcome) => {
                return end(&record, &review, &Admission::of(outcome), permit);
            }
            Triage::Lookup(candidate) => candidate,
        };
        if let Some(lookup) = self.service_accounts.known(candidate.key, record.begun()) {
            let admission = candidate.admit(&lookup, &self.policy, endpoint, jitter());
            return end(&record, &review, &admission, permit);
        }
        let (namespace, name) = (candidate.key.namespace.to_owned(), candidate.key.name.to_owned());
        let key = Key { namespace: &namespace, name: &name };
        let trace = span.map(ServerSpan::parent).unwrap_or_default();
        let lookup = self.service_accounts.resolve(key, Asker { caller, trace });
        let waiting = record.waits_for(&review);
        let wait = span.map(|span| span.waits_for("wait for ServiceAccount"));
        drop(review);
        drop(permit);
        let late = || format!("not answered within {:?}", deadline::rounded(record.elapsed()));
        let Ok(lookup) = timeout_at(deadline, lookup).await else {
            waiting.fail(late());
            return Err(Unanswered::Lookup { key: key.to_string(), reason: late() });
        };
        drop(wait);
        let Some(permit) = self.work.permit(body.len(), deadline).await else {
            waiting.fail(late());
            return Err(Unanswered::Busy);
        };
        waiting.end();
        let review = admission::decode(&body)?;
        let admission = match review.triage() {
            Triage::Settled(outcome) => Admission::of(outcome),
            Triage::Lookup(candidate) => candidate.admit(&lookup, &self.policy, endpoint, jitter()),
        };
        end(&record, &review, &admission, permit)
    }
}

fn path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Mutate => "/mutate",
        Endpoint::Required => "/mutate/required",
    }
}

fn jitter() -> Jitter {
    Jitter(fastrand::i64(0..=Jitter::MAX))
}

fn end(
    record: &Record<'_>,
    review: &Review<'_>,
    admission: &Admission,
    permit: Permit,
) -> Result<(Response, Permit), Unanswered> {
    record.end(review, admission);
    if admission.outcome == Outcome::LookupFailed && admission.refusal.is_none() {
        return Err(Unanswered::lookup(review, admission.reason.clone()));
    }
    if admission.outcome == Outcome::PatchTooLarge {
        return Err(Unanswered::PatchTooLarge(PatchTooLarge));
    }
    let mut answer = admission::respond(review, admission);
    answer.shrink_to_fit();
    Ok((json(answer), permit))
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

    /// In a span, which has nothing that the request says.
    fn kind(&self) -> &'static str {
        match self {
            Self::ContentType(_) => "content-type",
            Self::Body(_) => "body",
            Self::Review(_) => "review",
            Self::Busy => "busy",
            Self::Lookup { .. } => "lookup",
            Self::PatchTooLarge(_) => "patch",
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Lookup { .. } => Outcome::LookupFailed,
            Self::PatchTooLarge(_) => Outcome::PatchTooLarge,
            Self::ContentType(_) | Self::Body(_) | Self::Review(_) | Self::Busy => {
                Outcome::BadRequest
            }
        }
    }
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let status = match self {
            Self::ContentType(error) => return error.into_response(),
            Self::Body(error) => return error.into_response(),
            Self::Review(_) => StatusCode::BAD_REQUEST,
            Self::Lookup { .. } | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            // The same review gets the same answer: it is of no use to retry.
            Self::PatchTooLarge(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let text = match self {
            // Its names and what the API server says are bounded each, and the next step ends it.
            Self::Lookup { .. } => Line(&self).to_string(),
            _ => Line(Bounded::of(&self)).to_string(),
        };
        (status, text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ends_a_failed_lookup_with_the_next_step_however_long_it_is() {
        let name = "n".repeat(253);
        let reason = format!("failed to get it: {}; grant the webhook get", "no ".repeat(400));
        let answer = Unanswered::Lookup { key: format!("{name}/{name}"), reason }.into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = axum::body::to_bytes(answer.into_body(), 10_000).await.expect("a short text");
        assert!(text.ends_with(b"; grant the webhook get\n"), "{text:?}");
    }
}
