//! One question at a time for each key, however many wait for its answer, and
//! no more at once for all keys than there are slots.
//!
//! Who comes while a question is out may share its answer only where that
//! holds for all: anything else may have been true before he came and not be
//! any more. He waits for the next one, which begins after he came, together
//! with all who came meanwhile. So nobody waits for more than two answers.
//!
//! Whoever needs a question lines up for a slot in the line of his own caller
//! and namespace, and the first to get one asks for all. So nobody waits in a
//! line that others made long.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::failure::AskError;
use super::fair_queue::Caller;
use super::slots::{Slot, Slots};
use injection::identity::Key;

#[derive(Clone, Debug)]
pub(super) struct Flights<T> {
    flights: Arc<Mutex<HashMap<Arc<str>, Flight<T>>>>,
    slots: Slots,
}

/// An answer, and whom it holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled<T> {
    /// Also for those who came after its question.
    ForAll(T),
    /// For those who came before its question.
    ForEarlier(T),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Too many wait for a slot.
    QueueFull,
    /// The time was over before there was a slot.
    NoSlot,
    /// The time was over before there was an answer.
    Late,
    /// The task that asked panicked.
    Panicked,
}

impl NoAnswer {
    /// In one line that ends with what to do about it.
    pub(super) fn explained(self, what: String, limit: Duration) -> Arc<str> {
        const NEXT: &str = "check how long the API server takes, and who calls the webhook";
        let ms = limit.as_millis();
        match self {
            Self::QueueFull => format!("failed to get {what}: too many lookups wait; {NEXT}"),
            Self::NoSlot => {
                format!("failed to get {what}: other lookups took more than {ms} ms; {NEXT}")
            }
            Self::Late => AskError::Timeout { what, limit }.to_string(),
            Self::Panicked => AskError::Panicked { what }.to_string(),
        }
        .into()
    }
}

#[derive(Debug)]
struct Flight<T> {
    board: Arc<Board<T>>,
    /// Those who wait in [`Flights::get`] for this key.
    waiting: usize,
}

/// Where those who wait read what there is.
#[derive(Debug)]
struct Board<T> {
    progress: Mutex<Progress<T>>,
    /// Wakes in the order of arrival, always: a run can be repeated.
    changed: Notify,
}

/// Questions are numbered. One is out where more were sent than ended.
#[derive(Debug)]
struct Progress<T> {
    sent: u64,
    ended: u64,
    /// Of the last question that ended; nothing where its task panicked.
    answer: Option<Settled<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn new(slots: Slots) -> Self {
        Self { flights: Arc::default(), slots }
    }

    /// The answer of a question that was sent after this call, or one that
    /// came after it and holds for all. `ask` is called only where no one
    /// else's question will do. What its future gives settles the answer, and
    /// runs while nobody can join: who comes after what it has seen does not
    /// get that answer.
    ///
    /// Who is dropped while he waits takes nothing from the others.
    pub(super) async fn get<F, S>(
        &self,
        key: Key<'_>,
        caller: Caller,
        limit: Duration,
        ask: impl FnOnce() -> F,
    ) -> Result<T, NoAnswer>
    where
        F: Future<Output = S> + Send + 'static,
        S: FnOnce() -> Settled<T> + Send + 'static,
    {
        let deadline = Instant::now() + limit;
        let mut waiter = self.join(key);
        loop {
            if let Some(answer) = waiter.answer() {
                return answer;
            }
            if waiter.is_out() {
                waiter.changed(deadline).await.map_err(|_| NoAnswer::Late)?;
                continue;
            }
            let turn = self.slots.line_up(caller, key.namespace);
            let turn = turn.map_err(|_| NoAnswer::QueueFull)?;
            // Both are cancel-safe: progress that was not looked at stays new, and
            // a turn that is dropped is left.
            let slot = tokio::select! {
                biased;
                // Somebody else asks.
                changed = waiter.changed(deadline) => {
                    changed.map_err(|_| {
                        self.slots.count_timeout();
                        NoAnswer::NoSlot
                    })?;
                    continue;
                }
                slot = turn => slot,
            };
            if let Some(pilot) = waiter.send(slot) {
                // A task of its own, so that nobody who waits can take it down.
                tokio::spawn(pilot.fly(ask()));
                break;
            }
        }
        // The question that is out is the one to wait for.
        loop {
            waiter.changed(deadline).await.map_err(|_| NoAnswer::Late)?;
            if let Some(answer) = waiter.answer() {
                return answer;
            }
        }
    }

    fn join(&self, key: Key<'_>) -> Waiter<T> {
        let key: Arc<str> = key.to_string().into();
        let mut flights = self.lock();
        let flight = flights.entry(Arc::clone(&key)).or_insert_with(|| Flight {
            board: Arc::new(Board {
                progress: Mutex::new(Progress { sent: 0, ended: 0, answer: None }),
                changed: Notify::new(),
            }),
            waiting: 0,
        });
        flight.waiting += 1;
        let board = Arc::clone(&flight.board);
        let (wanted, seen, read) = {
            let progress = board.progress();
            (progress.sent + 1, progress.ended, progress.revision())
        };
        Waiter { flights: self.clone(), key, board, wanted, seen, read }
    }

    /// Nobody waits, and nothing is out.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Flight<T>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Progress<T> {
    /// Rises with each change.
    fn revision(&self) -> u64 {
        self.sent + self.ended
    }
}

impl<T> Board<T> {
    fn progress(&self) -> MutexGuard<'_, Progress<T>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Progress<T>) -> R) -> R {
        let changed = change(&mut self.progress());
        self.changed.notify_waiters();
        changed
    }
}

/// One who waits for the answer of one key.
struct Waiter<T: Clone + Send + Sync + 'static> {
    flights: Flights<T>,
    key: Arc<str>,
    board: Arc<Board<T>>,
    /// The revision of the progress that it has read.
    read: u64,
    /// The first question that was sent after he came.
    wanted: u64,
    /// The last one that had ended when he came.
    seen: u64,
}

impl<T: Clone + Send + Sync + 'static> Waiter<T> {
    fn answer(&mut self) -> Option<Result<T, NoAnswer>> {
        let board = Arc::clone(&self.board);
        let progress = board.progress();
        self.read = progress.revision();
        let is_his = progress.ended >= self.wanted;
        match &progress.answer {
            Some(Settled::ForAll(answer)) if progress.ended > self.seen => Some(Ok(answer.clone())),
            Some(Settled::ForAll(answer) | Settled::ForEarlier(answer)) if is_his => {
                Some(Ok(answer.clone()))
            }
            None if is_his => Some(Err(NoAnswer::Panicked)),
            _ => None,
        }
    }

    fn is_out(&self) -> bool {
        let progress = self.board.progress();
        progress.sent > progress.ended
    }

    /// Waits until a question was sent or has ended that he has not read of.
    async fn changed(&self, deadline: Instant) -> Result<(), Elapsed> {
        loop {
            let mut changed = pin!(self.board.changed.notified());
            // Before the look, so that no change falls in between.
            changed.as_mut().enable();
            if self.board.progress().revision() != self.read {
                return Ok(());
            }
            timeout_at(deadline, changed).await?;
        }
    }

    /// Nothing where somebody else's is out.
    fn send(&self, slot: Slot) -> Option<Pilot<T>> {
        let flights = self.flights.lock();
        let flight = flights.get(&self.key)?;
        let number = flight.board.change(|progress| {
            let is_out = progress.sent > progress.ended;
            progress.sent += u64::from(!is_out);
            (!is_out).then_some(progress.sent)
        });
        let (flights, key) = (self.flights.clone(), Arc::clone(&self.key));
        number.map(|number| Pilot { flights, key, number, landed: false, _slot: slot })
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Waiter<T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get_mut(&self.key) {
            flight.waiting -= 1;
            if flight.waiting == 0 && !self.is_out() {
                flights.remove(&self.key);
            }
        }
    }
}

/// One question, and the slot that it takes.
struct Pilot<T: Clone + Send + Sync + 'static> {
    flights: Flights<T>,
    key: Arc<str>,
    number: u64,
    landed: bool,
    _slot: Slot,
}

impl<T: Clone + Send + Sync + 'static> Pilot<T> {
    async fn fly<S>(mut self, question: impl Future<Output = S> + Send)
    where
        S: FnOnce() -> Settled<T> + Send + 'static,
    {
        let settle = question.await;
        let flights = self.flights.clone();
        let mut flights = flights.lock();
        let answer = settle();
        self.land(&mut flights, Some(answer));
    }

    fn land(&mut self, flights: &mut HashMap<Arc<str>, Flight<T>>, answer: Option<Settled<T>>) {
        self.landed = true;
        let Some(flight) = flights.get(&self.key) else { return };
        flight.board.change(|progress| {
            progress.ended = self.number;
            progress.answer = answer;
        });
        if flight.waiting == 0 {
            flights.remove(&self.key);
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Pilot<T> {
    fn drop(&mut self) {
        // A task that ends early, by a panic or with the runtime: those who
        // wait learn of it.
        if !self.landed {
            let flights = self.flights.clone();
            self.land(&mut flights.lock(), None);
        }
    }
}

#[cfg(test)]
mod tests;
