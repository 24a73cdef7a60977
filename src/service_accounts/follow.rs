//! Follows one kind of object for ever: list, watch, and again after failures.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt;
use hyper::Request;
use kube::client::Body;
use kube::core::Status;
use kube::runtime::watcher::{self, Event, InitialListStrategy, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use super::failure::{self, Asked, is_forbidden};

/// The API server itself gives up on a request after a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// A list that brings nothing for this long is begun anew.
const STALLED: Duration = Duration::from_mins(1);

/// After this long without a failure, the next one counts as the first.
const CALM: Duration = Duration::from_mins(2);

/// How a watch fares, for metrics and for those who debug.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    connected: AtomicBool,
    lists: AtomicU64,
    failures: AtomicU64,
    last_failure: Mutex<Option<Arc<str>>>,
}

#[derive(Debug)]
pub(super) enum News<'a, K> {
    Event(Event<K>),
    Failed(&'a watcher::Error),
}

/// A client for the watch of `plural`. kube's watcher waits for ever for an
/// answer to begin, and does not tell when one did: this does both.
pub(super) fn observed(client: Client, plural: &'static str, state: Arc<WatchState>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, state) = (client.clone(), Arc::clone(&state));
        async move {
            let answer = timeout(ANSWER_TIMEOUT, client.send(request)).await??;
            if answer.status().is_success() {
                state.connected(plural);
            }
            Ok::<_, tower::BoxError>(answer)
        }
    });
    Client::new(service, namespace)
}

/// Never returns. The client of `api` is an [`observed`] one.
pub(super) async fn follow<K>(
    asked: Asked<'_>,
    api: Api<K>,
    mut config: watcher::Config,
    state: &WatchState,
    mut tell: impl FnMut(News<'_, K>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut delays = delays();
    let mut last_failure = Instant::now();
    loop {
        let mut events = pin!(watcher(api.clone(), config.clone()));
        let mut listing = false;
        loop {
            // Cancel-safe: what is under way stays in the stream.
            let next = if listing {
                timeout(STALLED, events.next()).await
            } else {
                Ok(events.next().await)
            };
            let error = match next {
                Ok(Some(Ok(event))) => {
                    match &event {
                        Event::Init => {
                            listing = true;
                            state.listing();
                        }
                        Event::InitApply(_) => {}
                        Event::InitDone | Event::Apply(_) | Event::Delete(_) => {
                            listing = false;
                        }
                    }
                    tell(News::Event(event));
                    continue;
                }
                Ok(Some(Err(error))) => error,
                Ok(None) => break,
                Err(_) => {
                    state.failed(asked.what, "the list brings nothing any more", "");
                    // Perhaps something on the way holds the stream back.
                    config.initial_list_strategy = InitialListStrategy::ListWatch;
                    break;
                }
            };
            if config.initial_list_strategy == InitialListStrategy::StreamingList
                && refuses_streaming(&error)
            {
                tracing::info!(
                    "the API server has no streaming lists: {} are listed by pages",
                    asked.what
                );
                config.initial_list_strategy = InitialListStrategy::ListWatch;
                break;
            }
            state.failed(asked.what, &why(&error), &next_step(asked, &error));
            tell(News::Failed(&error));
            if last_failure.elapsed() > CALM {
                delays = self::delays();
            }
            last_failure = Instant::now();
            tokio::time::sleep(delays.next().unwrap_or_default()).await;
            if matches!(status(&error), Some(Status { code: 410, .. })) {
                // kube would go on with the version that has expired, where the
                // API server says so before the stream begins.
                break;
            }
        }
    }
}

/// From a quarter of a second to ten, with as much again by chance: replicas
/// that lost the API server together come back one by one.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(10))
        .without_max_times()
        .with_jitter()
        .build()
}

/// As 1.30 and 1.31 do, where the feature gate `WatchList` is off: 422, and
/// `sendInitialEvents` "is forbidden for watch unless …".
fn refuses_streaming(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status))
        if matches!(status.code, 400 | 422))
}

/// What the API server said, where it said something.
pub(super) fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

fn why(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => failure::why(error),
        watcher::Error::WatchError(status) => failure::why_status(status),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

/// What to do about it, where that is not to wait.
fn next_step(asked: Asked<'_>, error: &watcher::Error) -> String {
    match status(error) {
        Some(status) if is_forbidden(status) => format!("grant the webhook {}; ", asked.right),
        Some(Status { code: 401, .. }) => {
            "check the credentials that the webhook uses; ".to_owned()
        }
        _ => String::new(),
    }
}

impl WatchState {
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Lists after the first.
    pub(super) fn relists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed).saturating_sub(1)
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(super) fn last_failure(&self) -> Option<Arc<str>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn listing(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    fn connected(&self, plural: &str) {
        if !self.connected.swap(true, Ordering::Relaxed) {
            tracing::info!("watching {plural}");
        }
    }

    fn failed(&self, plural: &str, why: &str, next_step: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let was_connected = self.connected.swap(false, Ordering::Relaxed);
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        // One line for an API server that is away, not one for each attempt.
        if was_connected || last.as_deref() != Some(why) {
            tracing::warn!(
                "failed to watch {plural}: {why}; {next_step}what is known is served meanwhile"
            );
        } else {
            tracing::debug!("failed to watch {plural} again: {why}");
        }
        *last = Some(why.into());
    }
}
