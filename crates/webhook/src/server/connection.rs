//! One connection, from its accept to its end.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header::CONNECTION};
use axum::response::Response as AxumResponse;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::activity::{Activity, Phase};
use super::admissions::{Admissions, Sender};
use super::answer::Paced;
use super::limits::{ANSWER_BYTES, DrainLimits, Limits};
use super::memory::Memory;
use super::metered_io::{Input, MeteredIo};
use super::metrics::{Metrics, Path, Verb};
use super::stats::Ending;
use super::watched_io::WatchedIo;
use crate::identity_sources::Caller;
use crate::tls::clients::Rejections;

/// What all connections of a listener have in common.
pub(super) struct Shared {
    /// Takes reviews, which the router then never sees: it allocates for each, and moves the handler's future into a
    /// box.
    pub(super) admissions: Option<Arc<Admissions>>,
    pub(super) router: Router,
    /// Where requests are counted, as the Go webhook's dashboards know them.
    pub(super) counted: Option<Arc<Metrics>>,
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) fresh: Duration,
    pub(super) stage: Stage,
    /// For what is read.
    pub(super) memory: Arc<Memory>,
    /// For answers on their way.
    pub(super) answers: Arc<Memory>,
}

/// How a handshake goes.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// Where clients need a certificate.
    pub(super) rejections: Option<Arc<Rejections>>,
}

/// How far the server's end has come.
#[derive(Default)]
pub(super) struct Stage {
    leaving: AtomicBool,
    closing: AtomicBool,
    closed: Notify,
}

impl Stage {
    /// From now on each answer asks its client to take another connection.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// From now on connections end when they are not in use.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.closed.notify_waiters();
    }
}

impl Shared {
    /// In plain HTTP, and uncounted.
    pub(super) fn new(router: Router, limits: Limits, drain: &DrainLimits) -> Self {
        let stage = Stage::default();
        let (memory, answers) = (limits.request_memory(), limits.answer_memory());
        let fresh = drain.fresh;
        let (admissions, counted, tls) = (None, None, None);
        Self { admissions, router, counted, tls, limits, fresh, stage, memory, answers }
    }

    /// Serves until either side ends the connection, or a limit does.
    pub(super) async fn serve(&self, stream: TcpStream, activity: Arc<Activity>) -> Ending {
        // Answers are written whole: to hold one back for more gains nothing.
        let _ = stream.set_nodelay(true);
        let caller = stream.peer_addr().map(|peer| Caller::new(peer.ip())).unwrap_or_default();
        let input = Input::new(self.memory.open());
        let stream = MeteredIo::new(stream, Arc::clone(&activity), Arc::clone(&input));
        let Some(tls) = &self.tls else {
            return self.serve_http(stream, caller, activity, input).await;
        };
        let limit =
            |session: &mut rustls::ServerConnection| session.set_buffer_limit(Some(TLS_BYTES));
        let handshake = tls.acceptor.accept_with(stream, limit).into_fallible();
        match self.supervise(pin!(handshake), &activity, &input).await {
            Ok(Ok(stream)) => {
                activity.advance(&[Phase::Handshake], Phase::FirstRequest);
                self.serve_http(stream, caller, activity, input).await
            }
            Ok(Err((error, stream))) => {
                tracing::debug!(%error, "TLS handshake failed");
                if let Some(rejections) = &tls.rejections {
                    self.let_go(&error, rejections, stream, activity, &input).await;
                }
                Ending::Handshake
            }
            Err(Phase::Evicted) => Ending::Evicted,
            Err(_) => Ending::TimedOut,
        }
    }

    /// Ends a connection whose client was rejected. In TLS 1.3 it learns of
    /// that when it has sent its request: to drop the socket with those bytes
    /// unread resets it, and with that the client may lose the alert that says
    /// why.
    async fn let_go(
        &self,
        error: &io::Error,
        rejections: &Rejections,
        stream: MeteredIo,
        activity: Arc<Activity>,
        input: &Input,
    ) {
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(rustls::Error::NoCertificatesPresented) => {
                rejections.no_certificate(stream.peer_addr());
            }
            // The verifier has counted and logged it.
            Some(rustls::Error::InvalidCertificate(_)) => {}
            _ => return,
        }
        if activity.enter(Phase::Closing) {
            let mut io = WatchedIo::new(stream, Arc::clone(&activity));
            let _ = self.supervise(pin!(io.shutdown()), &activity, input).await;
        }
    }

    async fn serve_http<I>(
        &self,
        io: I,
        caller: Caller,
        activity: Arc<Activity>,
        input: Arc<Input>,
    ) -> Ending
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let service = service_fn(|request| self.answer(request, caller, &activity, &input));
        let io = TokioIo::new(WatchedIo::new(io, Arc::clone(&activity)));
        let connection = http1::Builder::new()
            // Its own also closes idle connections, and knows no other phase.
            .header_read_timeout(None)
            .max_buf_size(self.limits.header_bytes.max(MIN_HEADER_BYTES))
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = match self.supervise(connection.as_mut(), &activity, &input).await {
            Err(phase @ (Phase::Idle | Phase::FirstRequest)) => {
                connection.as_mut().graceful_shutdown();
                activity.enter(Phase::Closing);
                let _ = self.supervise(connection, &activity, &input).await;
                return if phase == Phase::Idle { Ending::Closed } else { Ending::TimedOut };
            }
            Err(Phase::Closing) => return Ending::Closed,
            Err(Phase::Evicted) => return Ending::Evicted,
            Err(phase) => {
                tracing::debug!(?phase, "connection timed out");
                return Ending::TimedOut;
            }
            Ok(ended) => ended,
        };
        match ended {
            Ok(()) => Ending::Closed,
            Err(error) => {
                tracing::debug!(%error, "connection failed");
                Ending::Failed
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        activity: &Arc<Activity>,
        input: &Input,
    ) -> Result<Response<Noted<Paced>>, Evicted> {
        if !activity.enter(Phase::Body) {
            return Err(Evicted);
        }
        let note = |phase| Note { activity: Arc::clone(activity), phase };
        activity.set_unread(!request.body().is_end_stream());
        let request = request.map(|body| Noted::new(body, note(Phase::Working)));
        let (verb, path) = (Verb::of(request.method().as_str()), Path::of(request.uri().path()));
        let sender = Sender { account: Arc::clone(&input.account), caller };
        let (mut response, permit) = match (&self.admissions, path.endpoint()) {
            (Some(admissions), Some(endpoint)) if verb == Verb::Post => {
                admissions.serve(endpoint, request, sender).await
            }
            _ => (self.route(request, sender).await, None),
        };
        // Not as a layer of the router, which would not see reviews.
        if let Some(metrics) = &self.counted {
            metrics.request(verb, path, response.status().as_u16());
        }
        // hyper closes a connection whose request was not read to its end: the client is told.
        if activity.has_unread() || self.stage.leaving.load(Ordering::Acquire) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let (parts, body) = response.into_parts();
        let body = Paced::of(body, &self.answers, ANSWER_BYTES, activity).await;
        // Whoever made the answer may have another made, now that this one is counted.
        drop(permit);
        if input.holds() {
            // What came behind the request waits for the client to take the answer.
            input.account.waits_for_client(true);
        }
        Ok(Response::from_parts(parts, Noted::new(body, note(Phase::Writing))))
    }

    /// Whatever is no review.
    async fn route(&self, mut request: Request<Noted<Incoming>>, sender: Sender) -> AxumResponse {
        // For handlers of tests.
        request.extensions_mut().insert(sender.account);
        let answered = self.router.clone().call(request).await;
        answered.unwrap_or_else(|never| match never {})
    }

    /// Polls `work` until it ends or the deadline of the phase that the
    /// connection is in has come; says which phase that was.
    async fn supervise<W: Future>(
        &self,
        mut work: Pin<&mut W>,
        activity: &Activity,
        input: &Input,
    ) -> Result<W::Output, Phase> {
        let mut closed = pin!(self.stage.closed.notified());
        let deadline = || {
            let look = activity.look();
            let closing = self.stage.closing.load(Ordering::Acquire);
            (look.deadline(&self.limits, closing.then_some(self.fresh)), look.phase)
        };
        let mut sleep = pin!(tokio::time::sleep_until(deadline().0));
        std::future::poll_fn(|cx| {
            activity.look_at_clock();
            // First, so that what has already come in counts.
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if has_made_room(activity, input, cx) {
                return Poll::Ready(Err(Phase::Evicted));
            }
            // For its waking alone: the deadlines are others now.
            let _ = closed.as_mut().poll(cx);
            loop {
                let (deadline, phase) = deadline();
                // A later deadline is looked at when the earlier one has come:
                // on a busy connection the timer is hardly ever touched.
                if deadline < sleep.deadline() {
                    sleep.as_mut().reset(deadline);
                }
                ready!(sleep.as_mut().poll(cx));
                if deadline <= sleep.deadline() {
                    return Poll::Ready(Err(phase));
                }
                sleep.as_mut().reset(deadline);
            }
        })
        .await
    }
}

/// Whether its memory is needed by others, and its client does not move. A body
/// that has to make room is answered; and nothing else is evicted while it is
/// being served.
fn has_made_room(activity: &Activity, input: &Input, cx: &Context<'_>) -> bool {
    if input.holds() {
        match activity.look().phase {
            Phase::Body => {}
            Phase::Working => input.account.waits_for_client(false),
            _ if input.account.watch(cx).is_err() => return true,
            _ => {}
        }
    }
    activity.answer().is_some_and(|answer| answer.watch(cx).is_err())
}

/// What TLS holds at most of an answer that its client does not take: a record.
const TLS_BYTES: usize = 16 << 10;

/// hyper panics below it.
/// <https://docs.rs/hyper/1/hyper/server/conn/http1/struct.Builder.html#method.max_buf_size>
const MIN_HEADER_BYTES: usize = 8 << 10;

/// The connection made room for another between its request's last byte and
/// the handler.
#[derive(Debug, thiserror::Error)]
#[error("failed to serve the request: its connection was closed to make room for another")]
struct Evicted;

/// A body that notes its end, whether it was used up or dropped.
struct Noted<B> {
    body: B,
    note: Note,
}

struct Note {
    activity: Arc<Activity>,
    phase: Phase,
}

impl Note {
    fn take(&self) {
        match self.phase {
            // The request's body may outlive the answer's.
            Phase::Working => self.activity.advance(&[Phase::Body], Phase::Working),
            phase => self.activity.advance(&[Phase::Body, Phase::Working], phase),
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.take();
    }
}

impl<B: Body> Noted<B> {
    fn new(body: B, note: Note) -> Self {
        if note.phase == Phase::Working && body.is_end_stream() {
            note.take();
        }
        Self { body, note }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Noted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if self.note.phase == Phase::Writing {
            // From its first piece on it is the client that is waited for.
            self.note.take();
        }
        if self.note.phase == Phase::Working && (frame.is_none() || self.body.is_end_stream()) {
            self.note.activity.set_unread(false);
            self.note.take();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
