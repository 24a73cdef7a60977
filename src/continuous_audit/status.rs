//! What the audit has found so far, for whoever shows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use diagnosis::PodState;

use super::election::Step;

/// How the continuous audit stands. Cheap to make: nothing is asked for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    /// From the beginning of one round to that of the next.
    pub(crate) interval: Duration,
    /// This replica holds the Lease: it is the one that audits.
    pub(crate) holds_lease: bool,
    /// The last round that could look at everything: of this replica, since it has held the Lease.
    pub(crate) last_complete: Option<CompleteRound>,
    /// What went wrong last: a round that failed or was incomplete, or the Lease. Nothing once it
    /// goes well again.
    pub(crate) last_failure: Option<AuditFailure>,
}

/// A round that could look at everything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CompleteRound {
    /// By the API server's clock, where that is known.
    pub(crate) ended: Timestamp,
    pub(crate) took: Duration,
    /// Pods that were looked at.
    pub(crate) pods: usize,
    /// How many of them are in each state. Those that need no identity and have none are in none.
    pub(crate) states: BTreeMap<PodState, usize>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AuditFailure {
    pub(crate) at: Timestamp,
    /// One line, with the next step.
    pub(crate) why: Arc<str>,
}

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundResult {
    Complete,
    Incomplete,
    Failed,
}

impl RoundResult {
    pub(crate) const ALL: [Self; 3] = [Self::Complete, Self::Incomplete, Self::Failed];

    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// What the tasks of the audit share with those who show it.
#[derive(Debug)]
pub(super) struct Shared {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held_until: Option<Instant>,
    /// Counts the times that the Lease was taken.
    term: u64,
    last_complete: Option<CompleteRound>,
    round_failure: Option<AuditFailure>,
    lease_failure: Option<AuditFailure>,
    /// The step that the API server forbids.
    forbidden: Option<Step>,
    rounds: [u64; RoundResult::ALL.len()],
}

impl State {
    fn holds(&self) -> bool {
        self.held_until.is_some_and(|until| Instant::now() < until)
    }
}

impl Shared {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::default() }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state();
        // The tasks may be late to say that the Lease is lost: the time is not.
        let holds_lease = state.holds();
        let last_complete = state.last_complete.clone().filter(|_| holds_lease);
        let last_failure = state.lease_failure.as_ref().or(state.round_failure.as_ref());
        let last_failure = last_failure.cloned();
        Status { interval: self.interval, holds_lease, last_complete, last_failure }
    }

    pub(super) fn rounds(&self, result: RoundResult) -> u64 {
        self.state().rounds[result as usize]
    }

    /// This replica is the holder until then. Says whether that is news; what was found before is
    /// forgotten with it.
    pub(super) fn hold(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        let is_new = state.held_until.is_some() != until.is_some();
        state.held_until = until;
        if is_new {
            state.term += 1;
            state.last_complete = None;
            state.round_failure = None;
        }
        is_new
    }

    /// The current term of this replica, if it holds the Lease.
    pub(super) fn term(&self) -> Option<u64> {
        let state = self.state();
        state.holds().then_some(state.term)
    }

    /// Takes what a round found that began in this term. Nothing of one that has outlived it.
    pub(super) fn completed(&self, term: u64, round: CompleteRound) {
        self.ended(term, RoundResult::Complete, |state| {
            state.last_complete = Some(round);
            state.round_failure = None;
        });
    }

    /// The last complete round stays what is shown.
    pub(super) fn not_completed(&self, term: u64, result: RoundResult, why: Arc<str>) {
        let failure = AuditFailure { at: Timestamp::now(), why };
        self.ended(term, result, |state| state.round_failure = Some(failure));
    }

    fn ended(&self, term: u64, result: RoundResult, then: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.rounds[result as usize] += 1;
        if state.holds() && state.term == term {
            then(&mut state);
        }
    }

    pub(super) fn lease_works(&self) {
        let mut state = self.state();
        state.lease_failure = None;
        state.forbidden = None;
    }

    /// A failure may be over: to read for sure, and to write where it was no matter of rights, or where another replica
    /// is seen to renew the Lease, so that this one has nothing to write. Says whether a step is not forbidden any more.
    pub(super) fn lease_is_read(&self, is_renewed: bool) -> bool {
        let mut state = self.state();
        let is_reading = matches!(state.forbidden, Some(Step::Look | Step::Wait(_)));
        if state.forbidden.is_some() && !is_reading && !is_renewed {
            return false;
        }
        state.lease_failure = None;
        state.forbidden.take().is_some()
    }

    pub(super) fn lease_fails(&self, why: Arc<str>, forbidden: Option<Step>) {
        let mut state = self.state();
        state.lease_failure = Some(AuditFailure { at: Timestamp::now(), why });
        state.forbidden = forbidden;
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.state().forbidden.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    fn round(pods: usize) -> CompleteRound {
        let ended = Timestamp::UNIX_EPOCH;
        CompleteRound { ended, took: INTERVAL, pods, states: BTreeMap::new() }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test(start_paused = true)]
    async fn shows_what_was_found_as_long_as_the_lease_lasts_whoever_notices() {
        let shared = Shared::new(INTERVAL);
        assert_eq!(shared.term(), None);
        assert!(shared.hold(Some(soon())) && !shared.hold(Some(soon())));
        let term = shared.term().unwrap();
        shared.completed(term, round(3));
        assert_eq!(shared.status().last_complete, Some(round(3)));
        tokio::time::advance(Duration::from_secs(20)).await;
        let status = shared.status();
        assert_eq!((status.holds_lease, status.last_complete), (false, None));
        assert_eq!(shared.term(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_last_complete_round_where_the_next_one_is_not() {
        let shared = Shared::new(INTERVAL);
        shared.hold(Some(soon()));
        let term = shared.term().unwrap();
        shared.completed(term, round(3));
        shared.not_completed(term, RoundResult::Failed, "no".into());
        let status = shared.status();
        assert_eq!(status.last_complete, Some(round(3)));
        assert_eq!(status.last_failure.map(|it| it.why), Some("no".into()));
        shared.completed(term, round(4));
        assert_eq!(shared.status().last_failure, None);
        let counts = RoundResult::ALL.map(|result| shared.rounds(result));
        assert_eq!(counts, [2, 0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn takes_nothing_of_a_round_that_began_before_the_lease_was_lost() {
        let shared = Shared::new(INTERVAL);
        shared.hold(Some(soon()));
        let before = shared.term().unwrap();
        shared.completed(before, round(3));
        assert!(shared.hold(None) && shared.hold(Some(soon())));
        assert_eq!(shared.status().last_complete, None);
        shared.completed(before, round(3));
        shared.not_completed(before, RoundResult::Failed, "no".into());
        assert_eq!(shared.status().last_complete, None);
        assert_eq!(shared.status().last_failure, None);
        assert_ne!(shared.term(), Some(before));
    }

    #[test]
    fn tells_of_the_lease_before_it_tells_of_a_round() {
        let shared = Shared::new(INTERVAL);
        shared.lease_fails("forbidden".into(), Some(Step::Claim));
        assert!(!shared.lease_is_read(false) && shared.is_forbidden());
        assert_eq!(shared.status().last_failure.map(|it| it.why), Some("forbidden".into()));
        shared.lease_works();
        assert_eq!(shared.status().last_failure, None);
        shared.lease_fails("late".into(), None);
        assert!(!shared.lease_is_read(false), "nothing was forbidden");
        assert_eq!(shared.status().last_failure, None);
    }

    #[test]
    fn forgets_what_was_forbidden_when_a_lease_is_read_that_shows_it_is_over() {
        for (step, is_renewed) in [(Step::Look, false), (Step::Create, true), (Step::Claim, true)] {
            let shared = Shared::new(INTERVAL);
            shared.lease_fails("forbidden".into(), Some(step));
            assert!(shared.lease_is_read(is_renewed) && !shared.is_forbidden(), "{step:?}");
            assert_eq!(shared.status().last_failure, None);
        }
    }
}
