//! The last hour, from a sample of the counters once a minute: an admission costs nothing more.

use std::collections::VecDeque;
use std::time::Duration;

use injection::admission::Outcome;

/// How far it goes back.
const HOUR: Duration = Duration::from_hours(1);

/// Samples are at least so far apart, whoever takes them.
const APART: Duration = Duration::from_secs(30);

/// Samples at most: one is older than the hour, so that all of it is covered.
const SAMPLES: usize = 2 * 60 + 1;

/// Counters that only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admissions by [`Outcome`], in the order of its discriminants.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Pods that were refused.
    pub refused: u64,
    /// Warnings about pods.
    pub warnings: u64,
    /// Admissions that were timed, by the upper bounds of their time: each counts those before it
    /// as well, and the last counts all.
    pub within: Vec<u64>,
}

/// Samples of the last hour.
#[derive(Debug)]
pub struct Hour {
    bounds: &'static [f64],
    samples: VecDeque<(Duration, Counts)>,
}

/// What happened in the last hour.
#[derive(Clone, Debug, PartialEq)]
pub struct LastHour {
    /// It is shorter after a start.
    pub covered: Duration,
    /// What was counted in this time.
    pub counts: Counts,
    /// The bounds of [`Counts::within`] in seconds; the last one has none.
    pub bounds: &'static [f64],
    /// Sixty of them, the last of them now.
    pub minutes: Vec<Minute>,
}

/// Admissions of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// All of them.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
}

/// The outcomes that are somebody's failure, the webhook's or the client's.
pub(crate) const FAILURES: [Outcome; 3] =
    [Outcome::LookupFailed, Outcome::PatchTooLarge, Outcome::BadRequest];

impl Counts {
    /// How many admissions ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.outcomes.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many admissions failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        FAILURES.iter().fold(0, |sum, outcome| sum.saturating_add(self.of(*outcome)))
    }

    /// How many admissions ended so.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }

    /// What was counted since `before`.
    #[must_use]
    fn since(&self, before: &Self) -> Self {
        let mut outcomes = self.outcomes;
        for (now, then) in outcomes.iter_mut().zip(before.outcomes) {
            *now = now.saturating_sub(then);
        }
        let then = before.within.iter().copied().chain(std::iter::repeat(0));
        Self {
            outcomes,
            refused: self.refused.saturating_sub(before.refused),
            warnings: self.warnings.saturating_sub(before.warnings),
            within: self
                .within
                .iter()
                .zip(then)
                .map(|(now, then)| now.saturating_sub(then))
                .collect(),
        }
    }
}

impl Hour {
    /// Before the first sample. `bounds` are the upper bounds of times in seconds, from the
    /// shortest.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, samples: VecDeque::new() }
    }

    /// Takes a sample, once a minute: `at` is the time since the start. A sample that follows
    /// another at once is left out.
    pub fn sample(&mut self, at: Duration, counts: Counts) {
        let last = self.samples.back().map(|(last, _)| *last);
        if last.is_some_and(|last| at.saturating_sub(last) < APART) {
            return;
        }
        self.samples.push_back((at, counts));
        // Of those that are older than an hour the newest is the hour's beginning.
        while self.samples.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= HOUR)
            || self.samples.len() > SAMPLES
        {
            self.samples.pop_front();
        }
    }

    /// The hour that ends at `at`, when `counts` is what was counted.
    #[must_use]
    pub fn last(&self, at: Duration, counts: &Counts) -> LastHour {
        let age = |sampled: &Duration| at.saturating_sub(*sampled);
        // A page may be made long after the last sample.
        let begin = self.samples.iter().rposition(|(sampled, _)| age(sampled) >= HOUR);
        let samples = self.samples.iter().skip(begin.unwrap_or_default());
        let mut minutes = vec![Minute::default(); 60];
        let mut before: Option<&Counts> = None;
        let now = (at, counts);
        for (sampled, later) in samples.clone().map(|(at, counts)| (*at, counts)).chain([now]) {
            if let Some(earlier) = before {
                let (ended, failed) = (
                    later.ended().saturating_sub(earlier.ended()),
                    later.failed().saturating_sub(earlier.failed()),
                );
                // The minute before a sample is the one that it counts.
                let ago = usize::try_from(age(&sampled).as_secs() / 60).unwrap_or(usize::MAX);
                let place = 59_usize.saturating_sub(ago);
                if let Some(minute) = minutes.get_mut(place) {
                    minute.ended += ended;
                    minute.failed += failed;
                }
            }
            before = Some(later);
        }
        let first = samples.clone().next();
        let covered = first.map_or(Duration::ZERO, |(sampled, _)| age(sampled));
        let none = Counts::default();
        let counts = counts.since(first.map_or(&none, |(_, counts)| counts));
        LastHour { covered, counts, bounds: self.bounds, minutes }
    }
}

impl LastHour {
    /// The least bound that so many of a thousand admissions kept to; none without admissions.
    #[must_use]
    pub(crate) fn within(&self, per_mille: u64) -> Option<Within> {
        let all = self.counts.within.last().copied().filter(|all| *all > 0)?;
        let wanted = u128::from(all) * u128::from(per_mille);
        let enough = |count: &u64| u128::from(*count) * 1000 >= wanted;
        let place = self.counts.within.iter().position(enough)?;
        Some(self.bounds.get(place).map_or(Within::Longer, |bound| Within::Seconds(*bound)))
    }
}

/// How long something took at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Within {
    Seconds(f64),
    /// Longer than the last bound.
    Longer,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: &[f64] = &[0.001, 0.01];

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    fn counts(mutated: u64, failed: u64) -> Counts {
        let mut counts = Counts::default();
        counts.outcomes[Outcome::Mutated as usize] = mutated;
        counts.outcomes[Outcome::LookupFailed as usize] = failed;
        counts.within = vec![0, mutated, mutated + failed];
        counts
    }

    #[test]
    fn every_outcome_has_its_place() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place, "{outcome:?}");
        }
    }

    #[test]
    fn counts_from_the_start_while_that_is_less_than_an_hour_ago() {
        let mut hour = Hour::new(BOUNDS);
        hour.sample(minutes(0), Counts::default());
        hour.sample(minutes(1), counts(3, 0));
        let last = hour.last(Duration::from_secs(90), &counts(5, 1));
        assert_eq!(last.covered, Duration::from_secs(90));
        assert_eq!(last.counts, counts(5, 1));
        assert_eq!(last.minutes[59], Minute { ended: 6, failed: 1 });
    }

    #[test]
    fn forgets_what_is_older_than_an_hour() {
        let mut hour = Hour::new(BOUNDS);
        for minute in 0..=200 {
            hour.sample(minutes(minute), counts(10 * minute, 0));
        }
        let last = hour.last(minutes(200), &counts(2_000, 0));
        assert_eq!(last.covered, minutes(60));
        assert_eq!(last.counts.ended(), 600);
        assert_eq!(last.minutes.iter().map(|minute| minute.ended).sum::<u64>(), 600);
        assert!(hour.samples.len() <= 62, "{}", hour.samples.len());
    }

    #[test]
    fn tells_nothing_of_the_past_where_nobody_took_samples() {
        let mut hour = Hour::new(BOUNDS);
        hour.sample(minutes(0), Counts::default());
        hour.sample(minutes(1), counts(7, 0));
        let last = hour.last(minutes(500), &counts(9, 0));
        assert_eq!((last.counts.ended(), last.covered), (2, minutes(499)));
        let never = Hour::new(BOUNDS).last(minutes(5), &counts(9, 0));
        assert_eq!((never.counts.ended(), never.covered), (9, Duration::ZERO));
    }

    #[test]
    fn names_the_least_bound_that_holds() {
        let mut counts = counts(0, 0);
        let last = |within: [u64; 3]| {
            counts.within = within.to_vec();
            LastHour { covered: HOUR, counts: counts.clone(), bounds: BOUNDS, minutes: vec![] }
        };
        let mut last = last;
        assert_eq!(last([0, 0, 0]).within(500), None);
        assert_eq!(last([1, 1, 1]).within(990), Some(Within::Seconds(0.001)));
        assert_eq!(last([98, 99, 100]).within(990), Some(Within::Seconds(0.01)));
        assert_eq!(last([98, 98, 100]).within(990), Some(Within::Longer));
        assert_eq!(last([50, 98, 100]).within(500), Some(Within::Seconds(0.001)));
    }

    proptest! {
        /// Whenever samples are taken, no admission of the hour is lost or counted twice, and the
        /// memory is bounded.
        #[test]
        fn adds_up_whenever_samples_are_taken(
            steps in prop::collection::vec((1_u64..400, 0_u64..50, 0_u64..5), 1..400),
        ) {
            let mut hour = Hour::new(BOUNDS);
            let (mut at, mut mutated, mut failed) = (0, 0, 0);
            for (seconds, more, worse) in steps {
                at += seconds;
                mutated += more;
                failed += worse;
                hour.sample(Duration::from_secs(at), counts(mutated, failed));
                prop_assert!(hour.samples.len() <= SAMPLES);
                let last = hour.last(Duration::from_secs(at), &counts(mutated, failed));
                let ended: u64 = last.minutes.iter().map(|minute| minute.ended).sum();
                prop_assert_eq!(ended, last.counts.ended());
                prop_assert_eq!(last.minutes.len(), 60);
                // With samples at most 400 s apart, it covers an hour and one of them at most.
                prop_assert!(last.covered <= HOUR + Duration::from_secs(400 + 30));
            }
        }
    }
}
