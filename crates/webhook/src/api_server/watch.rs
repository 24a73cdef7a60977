//! Follows one kind of object for ever: list, watch, and again after failures.
//!
//! kube's watcher does the protocol. What it does not do is done around it: it waits for ever for an answer to
//! begin, swallows the bookmarks by which the API server shows about once a minute that a watch is alive, and
//! holds on to a version that the API server refuses.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use kube::core::Status;
use kube::runtime::watcher::{self, Event, InitialListStrategy, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep, timeout};
use tower::BoxError;

use super::pages::{LIST_TIMEOUT, MAX_OBJECTS};
use super::request::{MAX_RESPONSE, is_watch};
use super::{Failure, FailureKind};

/// The API server itself gives up on a request after a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// A list that brings nothing for this long is begun anew.
const STALLED: Duration = Duration::from_mins(1);
/// A watch that brings no event and no bookmark for this long is made anew: the API server sends a bookmark
/// about once a minute.
pub const SILENCE: Duration = Duration::from_secs(150);

/// After this long without a failure, the next one counts as the first.
const CALM: Duration = Duration::from_mins(2);

/// What is watched, and the right that this takes.
#[derive(Clone, Copy, Debug)]
pub struct WatchedKind {
    /// In the log: the plural of a kind, or one object.
    pub name: &'static str,
    /// Such as "get, list and watch on serviceaccounts". Without one, whoever follows tells of failures.
    pub right: Option<&'static str>,
}

/// How a watch fares, for metrics and for those who debug.
#[derive(Debug)]
pub struct WatchState {
    silence: Duration,
    /// When it was first followed.
    begun: OnceLock<Instant>,
    connected: AtomicBool,
    lists: AtomicU64,
    failures: AtomicU64,
    silences: AtomicU64,
    /// Milliseconds after `begun`.
    last_event: AtomicU64,
    last_failure: Mutex<Option<Arc<str>>>,
}

/// Lists and watches for ever: each failure is an item, and the next one comes after a pause that grows.
pub(crate) fn follow<K, F>(
    client: Client,
    api: F,
    config: watcher::Config,
    watched: WatchedKind,
    state: Arc<WatchState>,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + use<K, F>
where
    F: FnOnce(Client) -> Api<K>,
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    state.begun.get_or_init(Instant::now);
    let api = api(observed(client, watched, Arc::clone(&state)));
    let follower = Follower {
        api,
        config,
        watched,
        state,
        events: None,
        listing: None,
        pause: None,
        delays: delays(),
        last_failure: Instant::now(),
    };
    stream::unfold(follower, |mut follower| async {
        let item = follower.next().await;
        Some((item, follower))
    })
}

/// Follows the one object of this name: `None` while it is not there.
pub fn follow_object<K, F>(
    client: Client,
    api: F,
    name: &str,
    watched: WatchedKind,
    state: Arc<WatchState>,
) -> impl Stream<Item = watcher::Result<Option<K>>> + Send + use<K, F>
where
    F: FnOnce(Client) -> Api<K>,
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    // With this selector, a right that names the one object is enough.
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let events = follow(client, api, config, watched, state);
    let mut listed = false;
    events.filter_map(move |event| {
        let object = match event {
            Ok(Event::Init) => {
                listed = false;
                None
            }
            Ok(Event::InitApply(object)) => {
                listed = true;
                Some(Ok(Some(object)))
            }
            Ok(Event::InitDone) => (!listed).then_some(Ok(None)),
            Ok(Event::Apply(object)) => Some(Ok(Some(object))),
            Ok(Event::Delete(_)) => Some(Ok(None)),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(object)
    })
}

/// A client whose watches end when they fall silent, and whose answers begin in time; `state` learns of both.
fn observed(client: Client, watched: WatchedKind, state: Arc<WatchState>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, state) = (client.clone(), Arc::clone(&state));
        let streams = is_watch(request.uri());
        async move {
            let answer = timeout(ANSWER_TIMEOUT, client.send(request)).await??;
            let succeeded = answer.status().is_success();
            if succeeded {
                state.connected(watched.name);
            }
            Ok::<_, BoxError>(answer.map(|body| {
                let heartbeat = (streams && succeeded).then(|| Heartbeat {
                    timer: Box::pin(tokio::time::sleep(state.silence)),
                    what: watched.name,
                    state,
                    line: 0,
                });
                Observed { body, heartbeat }
            }))
        }
    });
    Client::new(service, namespace)
}

/// The body of a response, and of a watch that is alive.
struct Observed {
    body: Body,
    heartbeat: Option<Heartbeat>,
}

struct Heartbeat {
    timer: Pin<Box<Sleep>>,
    state: Arc<WatchState>,
    what: &'static str,
    /// The bytes since the last end of a line.
    line: u64,
}

/// kube holds all of a line in memory.
#[derive(Debug, thiserror::Error)]
#[error("a watch event is larger than {} MiB", MAX_RESPONSE >> 20)]
struct EndlessEvent;

impl Heartbeat {
    /// An event, or a bookmark, is a line.
    fn beat(&mut self, bytes: &[u8]) -> Result<(), EndlessEvent> {
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => {
                self.state.heard();
                self.timer.as_mut().reset(Instant::now() + self.state.silence);
                self.line = (bytes.len() - end) as u64;
            }
            None => self.line = self.line.saturating_add(bytes.len() as u64),
        }
        if self.line > MAX_RESPONSE { Err(EndlessEvent) } else { Ok(()) }
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, heartbeat } = &mut *self;
        let frame = Pin::new(body).poll_frame(cx).map_err(BoxError::from);
        let Some(heartbeat) = heartbeat else { return frame };
        match frame {
            Poll::Ready(Some(Ok(frame))) => {
                let beat = heartbeat.beat(frame.data_ref().map_or(&[][..], |data| data));
                Poll::Ready(Some(beat.map(|()| frame).map_err(BoxError::from)))
            }
            Poll::Pending if heartbeat.timer.as_mut().poll(cx).is_ready() => {
                // No failure yet: an API server that has seen no change since it began sends no bookmarks. The
                // watch ends as if the API server had ended it, and goes on from the last version.
                heartbeat.state.silent(heartbeat.what);
                Poll::Ready(None)
            }
            other => other,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

struct Follower<K> {
    api: Api<K>,
    config: watcher::Config,
    watched: WatchedKind,
    state: Arc<WatchState>,
    events: Option<BoxStream<'static, watcher::Result<Event<K>>>>,
    listing: Option<Listing>,
    pause: Option<Duration>,
    delays: ExponentialBackoff,
    last_failure: Instant,
}

#[derive(Clone, Copy)]
struct Listing {
    begun: Instant,
    objects: usize,
}

impl<K> Follower<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn next(&mut self) -> watcher::Result<Event<K>> {
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        loop {
            let (api, config) = (&self.api, &self.config);
            let events =
                self.events.get_or_insert_with(|| watcher(api.clone(), config.clone()).boxed());
            let next = match self.listing {
                Some(listing) if listing.is_endless() => {
                    self.begin_anew("the list does not end");
                    continue;
                }
                Some(_) => timeout(STALLED, events.next()).await,
                None => Ok(events.next().await),
            };
            match next {
                Ok(Some(Ok(event))) => {
                    self.note(&event);
                    return Ok(event);
                }
                Ok(Some(Err(error))) if self.is_refused_streaming(&error) => {
                    let watch = self.watched.name;
                    tracing::info!(watch, "streaming lists not supported, listing by pages");
                    self.config.initial_list_strategy = InitialListStrategy::ListWatch;
                    self.events = None;
                }
                Ok(Some(Err(error))) => {
                    self.fail(&error);
                    return Err(error);
                }
                Ok(None) => self.events = None,
                Err(_) => self.begin_anew("the list brings nothing any more"),
            }
        }
    }

    fn note(&mut self, event: &Event<K>) {
        match event {
            Event::Init => {
                self.listing = Some(Listing { begun: Instant::now(), objects: 0 });
                self.state.listing();
            }
            Event::InitApply(_) => {
                if let Some(listing) = &mut self.listing {
                    listing.objects += 1;
                }
            }
            Event::InitDone | Event::Apply(_) | Event::Delete(_) => self.listing = None,
        }
    }

    fn begin_anew(&mut self, why: &str) {
        self.state.failed(self.watched.name, why, None);
        // Perhaps something on the way holds the stream back.
        self.config.initial_list_strategy = InitialListStrategy::ListWatch;
        self.listing = None;
        self.events = None;
    }

    fn is_refused_streaming(&self, error: &watcher::Error) -> bool {
        self.config.initial_list_strategy == InitialListStrategy::StreamingList
            && refuses_streaming(error)
    }

    fn fail(&mut self, error: &watcher::Error) {
        let failure = Failure::of_watch(error);
        match self.watched.right {
            Some(right) => {
                let advice = match failure.kind {
                    FailureKind::Forbidden => Some(format!("grant the webhook {right}")),
                    FailureKind::Unauthorized => {
                        Some("check the credentials that the webhook uses".to_owned())
                    }
                    _ => None,
                };
                self.state.failed(self.watched.name, &failure.message, advice.as_deref());
            }
            None => self.state.count_failure(&failure.message),
        }
        if self.last_failure.elapsed() > CALM {
            self.delays = delays();
        }
        self.last_failure = Instant::now();
        self.pause = Some(self.delays.next().unwrap_or_default());
        if failure.kind == FailureKind::Gone {
            // kube would go on with the version that has expired, where the API server says so before the
            // stream begins.
            self.events = None;
            self.listing = None;
        }
    }
}

impl Listing {
    fn is_endless(self) -> bool {
        self.objects > MAX_OBJECTS || self.begun.elapsed() > LIST_TIMEOUT
    }
}

/// From a quarter of a second to ten, with as much again by chance: replicas that lost the API server together
/// come back one by one.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .with_jitter()
        .build()
}

/// As 1.30 and 1.31 do, where the feature gate `WatchList` is off: 422, and `sendInitialEvents` "is forbidden
/// for watch unless …".
fn refuses_streaming(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status))
        if matches!(**status, Status { code: 400 | 422, .. }))
}

impl Default for WatchState {
    fn default() -> Self {
        Self::new(SILENCE)
    }
}

impl WatchState {
    /// Of a watch that is made anew after so long a silence.
    #[must_use]
    pub(crate) fn new(silence: Duration) -> Self {
        Self {
            silence,
            begun: OnceLock::new(),
            connected: AtomicBool::default(),
            lists: AtomicU64::default(),
            failures: AtomicU64::default(),
            silences: AtomicU64::default(),
            last_event: AtomicU64::default(),
            last_failure: Mutex::default(),
        }
    }

    /// Whether a watch is running.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Lists after the first.
    #[must_use]
    pub fn relists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// How often it failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How often it was made anew since nothing came.
    #[must_use]
    pub fn silences(&self) -> u64 {
        self.silences.load(Ordering::Relaxed)
    }

    /// Since the last event or bookmark, or the answer that began the watch; since the start where there was
    /// none. There is no age where nobody watches.
    #[must_use]
    pub fn last_event_age(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.last_event.load(Ordering::Relaxed));
        Some(self.begun.get()?.elapsed().saturating_sub(last))
    }

    /// Why it failed last.
    #[must_use]
    pub fn last_failure(&self) -> Option<Arc<str>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn listing(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    fn heard(&self) {
        let begun = self.begun.get_or_init(Instant::now);
        let now = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_event.store(now, Ordering::Relaxed);
    }

    fn connected(&self, what: &str) {
        self.heard();
        if !self.connected.swap(true, Ordering::Relaxed) {
            tracing::info!(watch = what, "watch started");
        }
    }

    fn silent(&self, what: &str) {
        let before = self.silences.fetch_add(1, Ordering::Relaxed);
        let silence = self.silence;
        // On an API server that sends no bookmarks it is nothing new.
        if before == 0 {
            tracing::info!(watch = what, ?silence, "watch restarted after silence");
        } else {
            tracing::debug!(watch = what, ?silence, "watch restarted after silence");
        }
    }

    fn count_failure(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.connected.store(false, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.into());
    }

    fn failed(&self, what: &str, why: &str, advice: Option<&str>) {
        let was_connected = self.is_connected();
        let last = self.last_failure();
        self.count_failure(why);
        // One line for an API server that is away, not one for each attempt.
        if was_connected || last.as_deref() != Some(why) {
            tracing::warn!(
                watch = what,
                error = why,
                advice,
                "watch failed, serving what is known"
            );
        } else {
            tracing::debug!(watch = what, error = why, "watch failed again");
        }
    }
}
