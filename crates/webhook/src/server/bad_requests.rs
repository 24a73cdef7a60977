//! Requests without a readable review: each is counted, some are logged.

use std::fmt::{self, Display, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::{Metrics, RecentWarnings};
use injection::admission::{Endpoint, Outcome};
use status_page::Subject;

/// Lines that may follow each other at once.
const BURST: u32 = 10;

/// How long it takes until another line may be written.
const REFILL: Duration = Duration::from_secs(1);

/// Bytes of a reason: it may quote what the client sent.
const REASON_BYTES: usize = 1_000;

/// Says why a request could not be read, ten times at once and then once in a
/// second, so that no client can fill a disk. The next line says how many there
/// were in between. Both endpoints share the lines.
#[derive(Debug, Default)]
pub(super) struct BadRequests(Mutex<Option<Sampler>>);

impl BadRequests {
    pub(super) fn record(
        &self,
        metrics: &Metrics,
        recent: &RecentWarnings,
        endpoint: Endpoint,
        reason: &dyn Display,
    ) {
        metrics.bad_request(endpoint);
        let now = Instant::now();
        let mut sampler = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unlogged = sampler.get_or_insert_with(|| Sampler::new(now)).take(now);
        drop(sampler);
        let Some(unlogged) = unlogged else {
            metrics.unlogged();
            return;
        };
        let reason = Bounded::of(reason);
        let kind = Outcome::BadRequest.as_str();
        recent.take(&Subject::default(), [(kind, &*reason.0)].into_iter());
        warn!(
            outcome = Outcome::BadRequest.as_str(),
            endpoint = endpoint.as_str(),
            %reason,
            unlogged = (unlogged > 0).then_some(unlogged),
            "admission"
        );
    }
}

/// Decides which of many lines are written, given the time.
#[derive(Debug)]
struct Sampler {
    lines: u32,
    /// Up to when lines were refilled.
    since: Instant,
    unlogged: u64,
}

impl Sampler {
    fn new(now: Instant) -> Self {
        Self { lines: BURST, since: now, unlogged: 0 }
    }

    /// How many went unlogged since the last line, or nothing where this one
    /// goes unlogged too.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let seconds = now.saturating_duration_since(self.since).as_nanos() / REFILL.as_nanos();
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.lines = self.lines.saturating_add(seconds).min(BURST);
        self.since = if self.lines == BURST { now } else { self.since + REFILL * seconds };
        if self.lines == 0 {
            self.unlogged += 1;
            return None;
        }
        self.lines -= 1;
        Some(std::mem::take(&mut self.unlogged))
    }
}

/// The beginning of a text that has no limit.
pub(super) struct Bounded(String);

impl Bounded {
    pub(super) fn of(text: &dyn Display) -> Self {
        let mut bounded = Self(String::new());
        // It gives up where the limit is reached.
        if write!(bounded, "{text}").is_err() {
            bounded.0.push_str(" ...");
        }
        bounded
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = REASON_BYTES.saturating_sub(self.0.len());
        let fits = more.floor_char_boundary(room);
        self.0.push_str(more.get(..fits).unwrap_or_default());
        if fits < more.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Display for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn logs_a_bounded_number_and_loses_no_count(
            gaps in prop::collection::vec(0_u64..3_000, 1..300),
        ) {
            let start = Instant::now();
            let mut sampler = Sampler::new(start);
            let (mut now, mut lines, mut reported) = (start, 0_u64, 0_u64);
            for gap in &gaps {
                now += Duration::from_millis(*gap);
                if let Some(unlogged) = sampler.take(now) {
                    lines += 1;
                    reported += unlogged;
                }
            }
            prop_assert_eq!(lines + reported + sampler.unlogged, gaps.len() as u64);
            prop_assert!(lines <= u64::from(BURST) + (now - start).as_secs());
            // What comes slower than the refill is all logged.
            if gaps.iter().all(|gap| *gap >= 1_000) {
                prop_assert_eq!(lines, gaps.len() as u64);
            }
        }

        #[test]
        fn bounds_a_reason(text in "\\PC{0,400}") {
            let bounded = Bounded::of(&text).to_string();
            prop_assert!(bounded.len() <= REASON_BYTES + 4);
            if text.len() <= REASON_BYTES {
                prop_assert_eq!(bounded, text);
            }
        }
    }

    #[test]
    fn says_how_many_were_unlogged_in_the_next_line() {
        let start = Instant::now();
        let mut sampler = Sampler::new(start);
        for _ in 0..BURST {
            assert_eq!(sampler.take(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(sampler.take(start), None);
        }
        assert_eq!(sampler.take(start + REFILL), Some(7));
        assert_eq!(sampler.take(start + REFILL), None);
    }
}
