//! What a connection is doing, since when, and until when it may.
//!
//! One atomic word, since two sides use it: the connection's own task, and the
//! accept loop, which looks for the one to evict. An eviction is a
//! compare-and-swap, so that a request that has just begun is never cut.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use super::memory::Account;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Handshake,
    /// Nothing of a first request has come.
    FirstRequest,
    /// A part of a request's head has come.
    Head,
    /// A head has come, its body not to the end.
    Body,
    /// The request is here and the answer is not: the one phase in which the
    /// server waits for itself and not for the client.
    Working,
    /// An answer is on its way.
    Writing,
    /// Between two requests.
    Idle,
    /// Closed from here, not yet by the client.
    Closing,
    Evicted,
}

impl Phase {
    const ALL: [Self; 9] = [
        Self::Handshake,
        Self::FirstRequest,
        Self::Head,
        Self::Body,
        Self::Working,
        Self::Writing,
        Self::Idle,
        Self::Closing,
        Self::Evicted,
    ];
}

/// Bits 0 to 3 are the phase, bit 4 says whether a request was answered, the
/// rest are the microseconds from the accept to the phase's beginning.
#[derive(Debug)]
pub(super) struct Activity {
    word: AtomicU64,
    accepted: Instant,
    /// The microseconds from the accept to when the clock was looked at last.
    now: AtomicU64,
    /// A part of the request's body was not read.
    unread: AtomicBool,
    /// A part of the answer was not handed over yet.
    more: AtomicBool,
    holds_answer: AtomicBool,
    /// What a large answer holds of the common memory, until it was written.
    answer: Mutex<Option<Arc<Account>>>,
}

const PHASE: u64 = 0b1111;
const ANSWERED: u64 = 0b1_0000;
const SINCE_SHIFT: u32 = 5;

impl Activity {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            word: AtomicU64::new(phase as u64),
            accepted: Instant::now(),
            now: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            more: AtomicBool::new(false),
            holds_answer: AtomicBool::new(false),
            answer: Mutex::new(None),
        }
    }

    /// Looks at the clock: phases that begin from now on begin at this time. Once for each time that the connection is
    /// polled, since a request has five phases and a look takes 25 ns.
    pub(super) fn look_at_clock(&self) {
        let now = u64::try_from(self.accepted.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.now.store(now, Ordering::Relaxed);
    }

    pub(super) fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    /// What is unread stands before the next request, if there ever is one.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    pub(super) fn set_more(&self, more: bool) {
        self.more.store(more, Ordering::Relaxed);
    }

    /// Holds the memory of a large answer until it was written.
    pub(super) fn hold_answer(&self, account: Arc<Account>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(account);
        self.holds_answer.store(true, Ordering::Relaxed);
    }

    /// Of an answer on its way, if it is a large one.
    pub(super) fn answer(&self) -> Option<Arc<Account>> {
        let holds = self.holds_answer.load(Ordering::Relaxed);
        let answer = holds.then(|| self.answer.lock().unwrap_or_else(PoisonError::into_inner));
        answer.and_then(|answer| answer.clone())
    }

    /// All that was handed over has been written: the answer, unless there is
    /// more of it.
    pub(super) fn written(&self) {
        if self.more.load(Ordering::Relaxed) {
            return;
        }
        self.advance(&[Phase::Writing], Phase::Idle);
        if self.holds_answer.load(Ordering::Relaxed) && self.look().phase == Phase::Idle {
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.holds_answer.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn look(&self) -> Look {
        self.read(self.word.load(Ordering::Acquire))
    }

    /// False where the connection was evicted: nothing may begin on it.
    pub(super) fn enter(&self, phase: Phase) -> bool {
        self.change(|now| now != Phase::Evicted, phase)
    }

    /// Enters a phase from certain others, and otherwise stays.
    pub(super) fn advance(&self, from: &[Phase], to: Phase) {
        self.change(|now| from.contains(&now), to);
    }

    /// Unless something has happened since the look.
    pub(super) fn evict(&self, look: &Look) -> bool {
        let word = self.word_of(Phase::Evicted, look.word);
        self.word.compare_exchange(look.word, word, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn change(&self, allowed: impl Fn(Phase) -> bool, to: Phase) -> bool {
        let next = |word: u64| allowed(phase_of(word)).then(|| self.word_of(to, word));
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    fn word_of(&self, phase: Phase, before: u64) -> u64 {
        // Later than the one before, so that no two phases have the same word.
        let since = self.now.load(Ordering::Relaxed).max((before >> SINCE_SHIFT) + 1);
        let answered = if phase == Phase::Idle { ANSWERED } else { before & ANSWERED };
        since << SINCE_SHIFT | answered | phase as u64
    }

    fn read(&self, word: u64) -> Look {
        Look {
            word,
            phase: phase_of(word),
            answered: word & ANSWERED != 0,
            accepted: self.accepted,
            since: self.accepted + Duration::from_micros(word >> SINCE_SHIFT),
        }
    }
}

fn phase_of(word: u64) -> Phase {
    let number = usize::try_from(word & PHASE).unwrap_or_default();
    Phase::ALL.get(number).copied().unwrap_or(Phase::Evicted)
}

/// An [`Activity`] at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    word: u64,
    pub(super) phase: Phase,
    answered: bool,
    accepted: Instant,
    since: Instant,
}

impl Look {
    /// Another one for each phase that begins.
    pub(super) fn word(&self) -> u64 {
        self.word
    }

    /// Every phase has one, so that no connection stays for ever. `fresh` is
    /// given when the server is closing: how old a connection may become before
    /// its first request.
    pub(super) fn deadline(&self, limits: &Limits, fresh: Option<Duration>) -> Instant {
        let first = self.accepted + limits.first_request;
        let unless_first = |deadline: Instant| {
            if self.answered { deadline } else { deadline.min(first) }
        };
        let unless_closing =
            |deadline: Instant| fresh.map_or(deadline, |fresh| deadline.min(self.accepted + fresh));
        match self.phase {
            Phase::Handshake => unless_closing(first.min(self.accepted + limits.handshake)),
            Phase::FirstRequest => unless_closing(first),
            Phase::Head => unless_first(self.since + limits.header),
            Phase::Body | Phase::Working => self.since + limits.request,
            Phase::Writing => self.since + limits.write,
            Phase::Idle if fresh.is_some() => self.since,
            Phase::Idle => self.since + limits.idle,
            Phase::Closing => self.since + limits.linger,
            Phase::Evicted => self.since,
        }
    }

    /// Since when the server has waited for the client, if it does. A client
    /// that never came to a request counts from its accept: drops of a head or
    /// a body make it no younger.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        match self.phase {
            Phase::Working | Phase::Evicted => None,
            _ if self.answered => Some(self.since),
            _ => Some(self.accepted),
        }
    }

    pub(super) fn in_flight(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Body | Phase::Working | Phase::Writing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    async fn pass(activity: &Activity, time: Duration) {
        tokio::time::advance(time).await;
        activity.look_at_clock();
    }

    #[tokio::test(start_paused = true)]
    async fn gives_every_phase_a_deadline() {
        let (accepted, limits) = (Instant::now(), Limits::default());
        for (phase, seconds) in [
            (Phase::Handshake, 10),
            (Phase::FirstRequest, 30),
            (Phase::Head, 11),
            (Phase::Body, 61),
            (Phase::Working, 61),
            (Phase::Writing, 11),
            (Phase::Idle, 121),
            (Phase::Closing, 2),
        ] {
            let activity = Activity { accepted, ..Activity::new(phase) };
            let since = 1_000_000 << SINCE_SHIFT;
            activity.word.store(since | phase as u64, Ordering::Release);
            let deadline = activity.look().deadline(&limits, None);
            assert_eq!(deadline - accepted, seconds * second(), "{phase:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn holds_the_first_request_to_one_limit_whatever_comes_in_drops() {
        let limits = Limits::default();
        let activity = Activity::new(Phase::FirstRequest);
        pass(&activity, 25 * second()).await;
        activity.advance(&[Phase::FirstRequest], Phase::Head);
        let left = activity.look().deadline(&limits, None) - Instant::now();
        assert_eq!(left, 5 * second());
        assert!(activity.enter(Phase::Idle));
        pass(&activity, second()).await;
        activity.advance(&[Phase::Idle], Phase::Head);
        let left = activity.look().deadline(&limits, None) - Instant::now();
        assert_eq!(left, limits.header, "later requests have the usual time");
    }

    #[tokio::test(start_paused = true)]
    async fn closes_idle_connections_at_once_when_the_server_closes() {
        let limits = Limits::default();
        let activity = Activity::new(Phase::FirstRequest);
        let fresh = activity.look().deadline(&limits, Some(second()));
        assert_eq!(fresh - Instant::now(), second());
        pass(&activity, second()).await;
        assert!(activity.enter(Phase::Idle));
        assert!(activity.look().deadline(&limits, Some(second())) <= Instant::now());
        pass(&activity, second()).await;
        assert!(activity.enter(Phase::Working));
        assert!(activity.look().deadline(&limits, Some(second())) > Instant::now() + second());
    }

    #[tokio::test(start_paused = true)]
    async fn evicts_nothing_that_has_moved_since_the_look() {
        let activity = Activity::new(Phase::FirstRequest);
        assert!(activity.enter(Phase::Idle));
        let look = activity.look();
        pass(&activity, second()).await;
        assert!(activity.enter(Phase::Working));
        assert!(!activity.evict(&look));
        assert_eq!(activity.look().waiting_since(), None);
    }

    #[test]
    fn begins_each_phase_later_than_the_one_before_though_the_clock_was_not_looked_at() {
        let activity = Activity::new(Phase::Idle);
        let idle = activity.look();
        assert!(activity.enter(Phase::Head) && activity.enter(Phase::Idle));
        assert!(!activity.evict(&idle), "a request came and went");
    }

    #[tokio::test(start_paused = true)]
    async fn begins_nothing_on_an_evicted_connection() {
        let activity = Activity::new(Phase::FirstRequest);
        assert!(activity.evict(&activity.look()));
        assert!(!activity.enter(Phase::Working));
        assert_eq!(activity.look().phase, Phase::Evicted);
    }
}
