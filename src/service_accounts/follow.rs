//! Follows one kind of object for ever: list, watch, and again after failures.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt;
use kube::core::Status;
use kube::runtime::watcher::{self, Event, InitialListStrategy, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::failure;

/// A list that brings nothing for this long is begun anew: the API server
/// itself gives up on a request after a minute.
const STALLED: Duration = Duration::from_mins(1);
/// A watch that was silent for this long after a failure is connected: kube
/// gives up on connecting after 30 seconds, and does not tell of success.
const QUIET: Duration = Duration::from_secs(35);

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

/// Never returns. `plural` names the objects in the log.
pub(super) async fn follow<K>(
    plural: &str,
    api: Api<K>,
    mut config: watcher::Config,
    state: &WatchState,
    mut tell: impl FnMut(News<'_, K>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut delays = delays();
    loop {
        let mut events = pin!(watcher(api.clone(), config.clone()));
        let mut listing = false;
        loop {
            let limit = if listing { STALLED } else { QUIET };
            // Cancel-safe: what is under way stays in the stream.
            let error = match tokio::time::timeout(limit, events.next()).await {
                Ok(Some(Ok(event))) => {
                    match &event {
                        Event::Init => {
                            listing = true;
                            state.listing();
                        }
                        Event::InitApply(_) => {}
                        Event::InitDone | Event::Apply(_) | Event::Delete(_) => {
                            listing = false;
                            delays = self::delays();
                            state.connected(plural);
                        }
                    }
                    tell(News::Event(event));
                    continue;
                }
                Ok(Some(Err(error))) => error,
                Ok(None) => break,
                Err(_) if listing => {
                    state.failed(plural, "the list brings nothing any more");
                    // Perhaps something on the way holds the stream back.
                    config.initial_list_strategy = InitialListStrategy::ListWatch;
                    break;
                }
                Err(_) => {
                    state.connected(plural);
                    continue;
                }
            };
            if config.initial_list_strategy == InitialListStrategy::StreamingList
                && refuses_streaming(&error)
            {
                tracing::info!(
                    "the API server has no streaming lists: {plural} are listed by pages"
                );
                config.initial_list_strategy = InitialListStrategy::ListWatch;
                break;
            }
            state.failed(plural, &why(&error));
            tell(News::Failed(&error));
            tokio::time::sleep(delays.next().unwrap_or(QUIET)).await;
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

    fn failed(&self, plural: &str, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let was_connected = self.connected.swap(false, Ordering::Relaxed);
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        // One line for an API server that is away, not one for each attempt.
        if was_connected || last.as_deref() != Some(why) {
            tracing::warn!("failed to watch {plural}: {why}; what is known is served meanwhile");
        } else {
            tracing::debug!("failed to watch {plural} again: {why}");
        }
        *last = Some(why.into());
    }
}
