//! The metrics of watches and of the API servers' clock.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{self, ServerClock};
use super::watch::WatchState;
use crate::telemetry::metrics::{MetricsError, Registry};

/// Registers how the watches of one `resource` fare: of all of them together,
/// where there are several. Without any, the counters stay at zero.
pub fn register_watches(
    registry: &Registry,
    resource: &'static str,
    states: impl Into<Arc<[Arc<WatchState>]>>,
) -> Result<(), MetricsError> {
    let states = states.into();
    let sum = |read: fn(&WatchState) -> u64| {
        let states = Arc::clone(&states);
        move |()| states.iter().map(|state| read(state)).sum()
    };
    let label = || [(resource, ())];
    registry.read_counters(
        "pod_identity_watch_relists_total",
        "Lists after the first that a watch needed to begin again, by resource.",
        "resource",
        label(),
        sum(WatchState::relists),
    )?;
    registry.read_counters(
        "pod_identity_watch_errors_total",
        "Lists and watches that failed, by resource.",
        "resource",
        label(),
        sum(WatchState::failures),
    )?;
    registry.read_counters(
        "pod_identity_watch_silences_total",
        "Watches that were restarted after 150 seconds without an event or a bookmark, by \
         resource.",
        "resource",
        label(),
        sum(WatchState::silences),
    )?;
    // Of the one that was silent longest.
    let age = move || states.iter().filter_map(|state| state.last_event_age()).max();
    registry.read_gauge_where_known(
        "pod_identity_watch_last_event_age_seconds",
        "Seconds since the API server last sent an event or a bookmark, or answered a new watch, \
         by resource. Rises above 150 when the API server can't be reached. Absent for what is \
         not watched.",
        Some(("resource", resource)),
        move || age().as_ref().map(Duration::as_secs),
    )
}

/// Registers the clock's offset. Without a cluster it is never known.
pub fn register_clock(registry: &Registry, clock: Option<ServerClock>) -> Result<(), MetricsError> {
    registry.read_gauge(
        "pod_identity_clock_offset_seconds",
        "The API server's clock minus this machine's, in seconds. Negative when this machine's \
         clock is ahead, NaN while the API server's is not known.",
        move || clock::seconds(clock.as_ref().and_then(ServerClock::offset)),
    )
}
