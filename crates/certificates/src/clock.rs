//! How far this machine's clock is from those of the API servers, measured by
//! the `Date` headers of their answers.
//!
//! A `Date` has whole seconds and is written at some time between request and
//! answer, so each answer gives a range of offsets. The median of several is
//! taken; an offset of zero that they all allow is zero.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::ServerTime;
use super::params::later;

/// A moment by both clocks of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The clock that people set, and that may be off.
    pub wall: Timestamp,
    /// The monotonic clock, from any beginning: it measures how much time passed.
    pub uptime: Duration,
}

/// The last answers of the API servers.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Oldest first.
    samples: VecDeque<Sample>,
}

/// The API servers' clocks less this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The median over the API servers; positive if they are ahead of this machine.
    pub median: SignedDuration,
    /// That of the API server furthest behind.
    pub lowest: SignedDuration,
    /// That of the API server furthest ahead.
    pub highest: SignedDuration,
}

/// The range of offsets that one answer allows.
#[derive(Clone, Copy, Debug)]
struct Sample {
    lowest: SignedDuration,
    highest: SignedDuration,
    taken: Moment,
}

impl Clock {
    /// Fewer answers than this say nothing.
    pub const NEEDED: usize = 3;

    /// How many responses are kept.
    pub const KEPT: usize = 15;

    /// An answer counts for so long.
    pub(crate) const LONGEST_AGE: Duration = Duration::from_mins(15);

    /// An answer that took longer tells the time too vaguely.
    pub const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);

    /// Answers that say what is known already are kept this seldom, so that a
    /// busy API server does not drive out what another one said.
    pub(crate) const SPACING: Duration = Duration::from_secs(20);

    /// Both clocks of this machine count the same time, but for what was slept
    /// and set.
    const STEP: SignedDuration = SignedDuration::from_secs(2);

    /// Records a response with this `Date`. Returns whether it could be used.
    pub fn observe(&mut self, date: &str, sent: Moment, received: Moment) -> bool {
        let Some(sample) = Sample::read(date, sent, received) else { return false };
        self.samples.retain(|held| held.counts_at(received));
        let known = self.read(received);
        let is_news = known.is_none_or(|offset| {
            let near = Offset::LARGE;
            sample.highest < offset.lowest.saturating_sub(near)
                || sample.lowest > offset.highest.saturating_add(near)
        });
        let is_time = self
            .samples
            .back()
            .is_none_or(|last| received.uptime.saturating_sub(last.taken.uptime) >= Self::SPACING);
        if is_news || is_time {
            if self.samples.len() >= Self::KEPT {
                self.samples.pop_front();
            }
            self.samples.push_back(sample);
        }
        true
    }

    /// The offset by the responses that still count; `None` if there are too few.
    #[must_use]
    pub fn read(&self, now: Moment) -> Option<Offset> {
        let counting = || self.samples.iter().filter(|sample| sample.counts_at(now));
        let mut lowest: Vec<_> = counting().map(|sample| sample.lowest).collect();
        let mut highest: Vec<_> = counting().map(|sample| sample.highest).collect();
        if lowest.len() < Self::NEEDED {
            return None;
        }
        lowest.sort_unstable();
        highest.sort_unstable();
        let middle = lowest.len() / 2;
        // Each lowest has its highest, so the medians are in order too.
        let median = SignedDuration::ZERO.clamp(lowest[middle], highest[middle]);
        let (first, last) = (lowest[0], highest[highest.len() - 1]);
        // How far apart the answers are whatever the round trips hide.
        let apart = lowest[lowest.len() - 1].saturating_sub(highest[0]);
        if apart <= Offset::LARGE {
            return Some(Offset { median, lowest: median, highest: median });
        }
        Some(Offset { median, lowest: first, highest: last })
    }

    /// How long ago the last answer that counts was kept.
    #[must_use]
    pub fn age(&self, now: Moment) -> Option<Duration> {
        let last = self.samples.iter().rfind(|sample| sample.counts_at(now))?;
        Some(now.uptime.saturating_sub(last.taken.uptime))
    }

    /// How many answers are kept: never more than [`KEPT`](Self::KEPT).
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether no answer is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

impl Offset {
    /// An offset beyond this, and API servers further apart than this, are
    /// reported.
    pub const LARGE: SignedDuration = SignedDuration::from_secs(60);

    /// Whether the API servers' clocks agree with each other.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        self.lowest == self.highest
    }

    /// Whether this machine's clock is off, or the API servers don't agree.
    #[must_use]
    pub fn is_large(&self) -> bool {
        !self.is_agreed() || self.median.unsigned_abs() > Self::LARGE.unsigned_abs()
    }

    /// The API servers' time when this machine's clock shows `wall`.
    #[must_use]
    pub fn time(&self, wall: Timestamp) -> ServerTime {
        ServerTime::between(later(wall, self.lowest), later(wall, self.highest))
    }
}

impl Sample {
    /// `None` for a header that is no date, or tells nothing.
    fn read(date: &str, sent: Moment, received: Moment) -> Option<Self> {
        let date = parse(date)?;
        let round_trip = received.uptime.checked_sub(sent.uptime)?;
        // A clock that was set meanwhile makes nonsense of the range.
        if round_trip > Clock::LONGEST_ROUND_TRIP || is_stepped(sent, received) {
            return None;
        }
        let ends = later(date, SignedDuration::from_secs(1));
        Some(Self {
            lowest: date.duration_since(received.wall),
            highest: ends.duration_since(sent.wall.min(received.wall)),
            taken: received,
        })
    }

    fn counts_at(&self, now: Moment) -> bool {
        now.uptime.saturating_sub(self.taken.uptime) <= Clock::LONGEST_AGE
            && !is_stepped(self.taken, now)
    }
}

/// Whether the wall clock was set, or the machine slept, in between.
fn is_stepped(before: Moment, after: Moment) -> bool {
    let by_wall = after.wall.duration_since(before.wall);
    let (from, to) = (signed(before.uptime), signed(after.uptime));
    by_wall.saturating_sub(to.saturating_sub(from)).unsigned_abs() > Clock::STEP.unsigned_abs()
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// As RFC 9110 has it, `Sun, 06 Nov 1994 08:49:37 GMT`, within a century or two
/// of this program's making: a clock without a battery begins in 1970.
fn parse(date: &str) -> Option<Timestamp> {
    const YEARS: std::ops::RangeInclusive<i16> = 2020..=2199;
    let is_one = date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len() && date.ends_with(" GMT");
    let time = is_one.then(|| DateTimeParser::new().parse_timestamp(date).ok())??;
    YEARS.contains(&time.to_zoned(jiff::tz::TimeZone::UTC).year()).then_some(time)
}

#[cfg(test)]
mod tests {
    use jiff::fmt::rfc2822::DateTimePrinter;
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_800_000_000_000;
    const NOW: i64 = 10_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(START + millis).expect("a time")
    }

    /// A machine that is ahead by `skew`, both in milliseconds.
    fn moment(millis: i64, skew: i64) -> Moment {
        let uptime = Duration::from_millis(millis.try_into().expect("after the start"));
        Moment { wall: at(millis + skew), uptime }
    }

    fn date(millis: i64) -> String {
        DateTimePrinter::new().timestamp_to_rfc9110_string(&at(millis)).expect("a date")
    }

    /// Answers at once, `apart` milliseconds from each other, of a server that is ahead by `ahead`.
    fn ask(clock: &mut Clock, skew: i64, answers: &[(i64, i64)]) {
        for (millis, ahead) in answers {
            let now = moment(*millis, skew);
            assert!(clock.observe(&date(millis + ahead), now, now));
        }
    }

    fn seconds(clock: &Clock, millis: i64, skew: i64) -> Option<(i64, i64, i64)> {
        let offset = clock.read(moment(millis, skew))?;
        Some((offset.median.as_secs(), offset.lowest.as_secs(), offset.highest.as_secs()))
    }

    #[test]
    fn knows_the_offset_from_the_third_answer_on() {
        let mut clock = Clock::default();
        for _ in 0..2 {
            ask(&mut clock, 0, &[(NOW, 3_600_000)]);
            assert_eq!(seconds(&clock, NOW, 0), None);
        }
        ask(&mut clock, 0, &[(NOW, 3_600_000)]);
        assert_eq!(seconds(&clock, NOW, 0), Some((3600, 3600, 3600)));
    }

    #[test]
    fn takes_the_median_and_is_not_moved_by_one_that_is_off() {
        let mut clock = Clock::default();
        ask(&mut clock, 0, &[(NOW, 0), (NOW, 40_000), (NOW, 0), (NOW, 0), (NOW, 0)]);
        assert_eq!(seconds(&clock, NOW, 0), Some((0, 0, 0)));
    }

    #[test]
    fn gives_a_range_where_the_api_servers_are_far_apart() {
        let mut clock = Clock::default();
        ask(&mut clock, 0, &[(NOW, 0), (NOW, 0), (NOW, 0), (NOW, 3_600_000)]);
        let offset = clock.read(moment(NOW, 0)).expect("known");
        assert!(!offset.is_agreed() && offset.is_large());
        assert_eq!(seconds(&clock, NOW, 0), Some((0, 0, 3601)));
        let time = offset.time(at(NOW));
        assert_eq!((time.earliest(), time.latest()), (at(NOW), at(NOW + 3_601_000)));
        // The busy one does not drive out the other.
        for second in 1..200 {
            ask(&mut clock, 0, &[(NOW + second * 1000, 0)]);
        }
        assert!(!clock.read(moment(NOW + 200_000, 0)).expect("known").is_agreed());
        assert!(clock.len() <= Clock::KEPT);
    }

    #[test]
    fn forgets_answers_with_time_and_when_a_clock_is_set_or_the_machine_slept() {
        let mut clock = Clock::default();
        ask(&mut clock, 0, &[(NOW, 0); 3]);
        let minute = 60_000;
        assert!(clock.read(moment(NOW + 15 * minute, 0)).is_some());
        assert_eq!(clock.read(moment(NOW + 15 * minute + 1, 0)), None);
        for set in [3000, -3000, 3_600_000] {
            assert_eq!(clock.read(moment(NOW + minute, set)), None, "{set}");
        }
        ask(&mut clock, 3_600_000, &[(NOW + minute, 0); 3]);
        assert_eq!(seconds(&clock, NOW + minute, 3_600_000), Some((-3599, -3599, -3599)));
    }

    #[test]
    fn rejects_nonsense() {
        let mut clock = Clock::default();
        let now = moment(NOW, 0);
        let long = "x".repeat(1 << 20);
        for bad in [
            "",
            "now",
            "0",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Wed, 25 Nov 2026 20:12:45 UTC",
            "Wed, 25 Nov 2026 20:12:45 +0000",
            "Wed, 32 Nov 2026 20:12:45 GMT",
            "\u{7f}ed, 25 Nov 2026 20:12:45 GMT",
            long.as_str(),
        ] {
            assert!(!clock.observe(bad, now, now), "{bad:.40}");
        }
        // An answer that took too long, from before its request, or over a clock that was set.
        for (sent, received) in [
            (moment(NOW, 0), moment(NOW + 10_001, 0)),
            (moment(NOW, 0), moment(NOW - 1, 0)),
            (moment(NOW, 0), moment(NOW, 5000)),
        ] {
            assert!(!clock.observe(&date(NOW), sent, received), "{sent:?} {received:?}");
        }
        assert!(clock.is_empty());
        assert!(clock.observe("Wed, 25 Nov 2026 20:12:45 GMT", now, now));
    }

    proptest! {
        /// Whatever the round trips and the parts of seconds: the offset is within what they hide,
        /// and never more answers are kept.
        #[test]
        fn is_right_within_the_round_trip(
            ahead in -4_000_000_000_i64..4_000_000_000,
            trips in prop::collection::vec((0..2_000_i64, 0..100_u8, 0..30_000_i64), 3..60),
        ) {
            let (mut clock, mut now, mut longest) = (Clock::default(), NOW, 0);
            for (trip, part, pause) in trips {
                let written = now + trip * i64::from(part) / 100;
                let (sent, received) = (moment(now, 0), moment(now + trip, 0));
                prop_assert!(clock.observe(&date(written + ahead), sent, received));
                now += trip + pause;
                longest = longest.max(trip);
            }
            if let Some(offset) = clock.read(moment(now, 0)) {
                prop_assert!(offset.is_agreed());
                let wrong = offset.median.as_millis() - i128::from(ahead);
                prop_assert!(wrong.abs() <= i128::from(longest) + 1000, "{wrong} ms");
                prop_assert!(offset.time(at(now)).known().is_some());
            }
            prop_assert!(clock.len() <= Clock::KEPT);
        }
    }
}
