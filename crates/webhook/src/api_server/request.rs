//! One request and its response: how long both may take, how large the response may be, and an error that says
//! what was asked of whom.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::{Method, Request, Response, Uri};
use kube::Client;
use kube::client::Body;

use super::Failure;
use crate::telemetry::traces::{ClientSpan, Parent};
use tokio::time::{Instant, Sleep, timeout_at};
use tower::{BoxError, Service};

/// The largest response that is read. etcd stores objects of 1.5 MiB at most, and a page has 500 of them:
/// [`pages`](super::pages) asks for smaller pages where one is larger than this.
pub(super) const MAX_RESPONSE: u64 = 64 << 20;

/// In the extensions of a request: whoever sent it has a deadline for it, and this is the only one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnDeadline;

/// In the extensions of a request: the most bytes of a response that whoever sent it has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Largest(pub(crate) u64);

/// In the extensions of a request: whoever sent it tries again when that is right, and nobody else does.
#[derive(Clone, Copy, Debug)]
pub struct OwnRetries;

/// In the extensions of a request: what it is traced beneath, and the path that all requests of its kind have.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) parent: Parent,
    pub(crate) template: &'static str,
}

/// In the extensions of a response: the server that it is from.
#[derive(Clone, Debug)]
struct AnsweredBy(Arc<str>);

/// Sends a request and reads the whole response.
///
/// # Errors
/// [`Failure`], with the server and the status that it answered, where it is no success.
pub async fn text(client: &Client, request: Request<Vec<u8>>) -> Result<String, Failure> {
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let answer = client.send(request.map(Body::from)).await;
    let answer = answer.map_err(|error| Failure::of(&error))?;
    let status = answer.status();
    let server = answer.extensions().get::<AnsweredBy>().map(|it| Arc::clone(&it.0));
    let body = answer.into_body().collect_bytes().await;
    let body = body.map_err(|error| Failure::of(&error))?;
    // Without a copy: it may be large.
    let text = String::from_utf8(body.into());
    if status.is_success() {
        return text.map_err(|_| Failure {
            server,
            ..Failure::unreadable(format!("the response to {method} {path} is not text"))
        });
    }
    let text = text.unwrap_or_default();
    Err(Failure::of_answer(status, &text).answered_by(server))
}

/// A request that got no response, or not all of it.
#[derive(Debug)]
pub(crate) struct RequestError {
    asked: Arc<Asked>,
    pub(super) problem: Problem,
}

/// What happened to it.
#[derive(Debug)]
pub(super) enum Problem {
    /// No response began; where the request was tried again, the last status that was answered.
    NoResponse {
        limit: Duration,
        last_status: Option<u16>,
    },
    /// The response began and did not end in time.
    Unfinished {
        limit: Duration,
        received: u64,
    },
    TooLarge {
        max: u64,
    },
    Broken(BoxError),
}

/// What was asked of which server.
#[derive(Debug)]
pub(super) struct Asked {
    server: Arc<str>,
    method: Method,
    /// Without the query, whose `continue` may be a page long.
    path: String,
}

/// Bounds all requests of the service beneath it.
#[derive(Clone, Debug)]
pub(super) struct Bounded<S> {
    pub(super) service: S,
    pub(super) server: Arc<str>,
    pub(super) limit: Option<Duration>,
    pub(super) max_response: u64,
}

/// The last status that the server answered, before its request was tried again.
#[derive(Clone, Debug, Default)]
pub(super) struct LastStatus(Arc<AtomicU16>);

impl<S, B> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<BoundedBody<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let watches = is_watch(request.uri());
        let exempt = watches || request.extensions().get::<OwnDeadline>().is_some();
        let limit = self.limit.filter(|_| !exempt);
        let own = request.extensions().get::<Largest>().map_or(u64::MAX, |largest| largest.0);
        let max = if watches { u64::MAX } else { self.max_response.min(own) };
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let asked = Arc::new(Asked::of(&self.server, &request));
        let last_status = LastStatus::default();
        request.extensions_mut().insert(last_status.clone());
        let span = traced(&mut request, &self.server);
        let answer = self.service.call(request);
        async move {
            // Dropped with this future where nobody waits any more.
            let span = span;
            let answer = match deadline {
                Some((at, limit)) => timeout_at(at, answer).await.unwrap_or_else(|_| {
                    let last_status = last_status.get();
                    Err(asked.failed(Problem::NoResponse { limit, last_status }).into())
                }),
                None => answer.await,
            };
            let broken = |error: BoxError| match error.downcast::<RequestError>() {
                Ok(error) => error,
                Err(error) => Box::new(asked.failed(Problem::Broken(error))),
            };
            let answer = answer.map_err(broken);
            match (span, &answer) {
                (Some(span), Ok(answer)) => span.answer(answer.status()),
                (Some(span), Err(error)) => span.fail(&error.to_string()),
                (None, _) => {}
            }
            let mut answer = answer?;
            let asked = Arc::clone(&asked);
            answer.extensions_mut().insert(AnsweredBy(Arc::clone(&asked.server)));
            Ok(answer.map(|body| BoundedBody {
                body,
                asked,
                timer: deadline.map(|(at, limit)| (Box::pin(tokio::time::sleep_until(at)), limit)),
                received: 0,
                max,
            }))
        }
        .boxed()
    }
}

/// The span of a request that is to be traced. The server learns of it.
fn traced(request: &mut Request<Body>, server: &str) -> Option<ClientSpan> {
    let Traced { parent, template } = request.extensions_mut().remove()?;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    parent.request(&method, (server, &path), template, request.headers_mut())
}

/// kube writes `watch=true`.
pub(super) fn is_watch(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|it| it == "watch=true" || it == "watch=1")
}

impl LastStatus {
    /// Notes it on the request that it answers.
    pub(super) fn set(&self, status: u16) {
        self.0.store(status, Ordering::Relaxed);
    }

    fn get(&self) -> Option<u16> {
        Some(self.0.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }
}

impl Asked {
    pub(super) fn of(server: &Arc<str>, request: &Request<Body>) -> Self {
        Self {
            server: Arc::clone(server),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
        }
    }

    pub(super) fn failed(self: &Arc<Self>, problem: Problem) -> RequestError {
        RequestError { asked: Arc::clone(self), problem }
    }
}

/// A response's body that ends in time and is not too large, or fails.
#[derive(Debug)]
pub(super) struct BoundedBody<B> {
    body: B,
    asked: Arc<Asked>,
    timer: Option<(Pin<Box<Sleep>>, Duration)>,
    received: u64,
    max: u64,
}

impl<B> HttpBody for BoundedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        // First: a body that always has another byte would never let it come.
        if let Some((timer, limit)) = &mut this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            let problem = Problem::Unfinished { limit: *limit, received: this.received };
            return Poll::Ready(Some(Err(this.asked.failed(problem).into())));
        }
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| this.asked.failed(Problem::Broken(error.into())))?;
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            this.received = this.received.saturating_add(bytes as u64);
            if this.received > this.max {
                return Err(this.asked.failed(Problem::TooLarge { max: this.max }).into());
            }
            Ok(frame)
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { server, method, path } = &*self.asked;
        match &self.problem {
            Problem::NoResponse { limit, last_status } => {
                write!(f, "no response from {server} to {method} {path} within {limit:?}")?;
                match last_status {
                    Some(status) => write!(f, ", after a response {status} and a retry"),
                    None => Ok(()),
                }
            }
            Problem::Unfinished { limit, received } => write!(
                f,
                "the response of {server} to {method} {path} did not end within {limit:?}; \
                 {received} bytes arrived"
            ),
            Problem::TooLarge { max } => write!(
                f,
                "the response of {server} to {method} {path} is larger than {} MiB",
                max >> 20
            ),
            Problem::Broken(_) => write!(f, "failed to send {method} {path} to {server}"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Broken(error) => Some(&**error),
            _ => None,
        }
    }
}
