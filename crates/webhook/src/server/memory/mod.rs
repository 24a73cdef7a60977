//! The memory that all requests share, and who may have how much of it.

pub(super) mod ledger;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use ledger::{Id, Ledger, Sizes};
use nohash_hasher::IntMap;

/// How often the first in line looks whether another has been still for too
/// long.
const LOOK: Duration = Duration::from_millis(50);

/// Its holder stood still while others needed the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client made no progress while others waited for memory")]
pub(super) struct MadeRoom;

/// A [`Ledger`] that tells those who wait.
#[derive(Debug)]
pub(super) struct Memory {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    wakers: IntMap<Id, Waker>,
}

impl State {
    fn wake(&mut self, ids: impl IntoIterator<Item = Id>) {
        for id in ids {
            if let Some(waker) = self.wakers.remove(&id) {
                waker.wake();
            }
        }
    }
}

impl Memory {
    pub(super) fn new(sizes: Sizes) -> Arc<Self> {
        let state = State { ledger: Ledger::new(sizes), wakers: IntMap::default() };
        Arc::new(Self { start: Instant::now(), state: Mutex::new(state) })
    }

    pub(super) fn open(self: &Arc<Self>) -> Account {
        let id = self.state().ledger.open();
        Account { memory: Arc::clone(self), id, look: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each step of the ledger is whole, whatever panics elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// What one client holds; all of it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Account {
    memory: Arc<Memory>,
    id: Id,
    look: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Account {
    /// Waits for `bytes` in turn. Polled again until it is ready: there is one
    /// piece at a time that an account waits for.
    pub(super) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        bytes: usize,
        waiting: &mut bool,
    ) -> Poll<Result<(), MadeRoom>> {
        loop {
            let now = self.memory.now();
            let mut state = self.memory.state();
            let State { ledger, .. } = &mut *state;
            if ledger.is_evicted(self.id) {
                return Poll::Ready(Err(MadeRoom));
            }
            if *waiting {
                if !ledger.waits(self.id) {
                    *waiting = false;
                    drop(state);
                    *self.look() = None;
                    return Poll::Ready(Ok(()));
                }
            } else if ledger.take(self.id, bytes, now) {
                return Poll::Ready(Ok(()));
            } else {
                *waiting = true;
                let granted = ledger.serve_line(now);
                state.wake(granted);
                continue;
            }
            if ledger.is_first(self.id)
                && let Some(suspect) = ledger.suspect(now)
            {
                state.wake([suspect]);
            }
            state.wakers.insert(self.id, cx.waker().clone());
            drop(state);
            let mut look = self.look();
            let sleep = look.get_or_insert_with(|| Box::pin(sleep(LOOK)));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *look = None;
        }
    }

    pub(super) async fn take(&self, bytes: usize) -> Result<(), MadeRoom> {
        let mut taking = Taking { account: self, waiting: false };
        poll_fn(|cx| self.poll_take(cx, bytes, &mut taking.waiting)).await
    }

    /// No longer waits for what it stood in line for.
    pub(super) fn leave_line(&self) {
        let now = self.memory.now();
        let mut state = self.memory.state();
        let granted = state.ledger.leave_line(self.id, now);
        state.wake(granted);
        drop(state);
        *self.look() = None;
    }

    pub(super) fn give(&self, bytes: usize) {
        let now = self.memory.now();
        let mut state = self.memory.state();
        let granted = state.ledger.give(self.id, bytes, now);
        state.wake(granted);
    }

    /// The client has moved so many bytes.
    pub(super) fn moved(&self, bytes: usize) {
        let now = self.memory.now();
        self.memory.state().ledger.moved(self.id, bytes, now);
    }

    /// Whether it is the client that is waited for, from now on.
    pub(super) fn waits_for_client(&self, waits: bool) {
        let now = self.memory.now();
        self.memory.state().ledger.waits_for_client(self.id, waits, now);
    }

    /// To be called when the client has sent, or taken, nothing more for now:
    /// whether it has to make room. Has the task of `cx` polled when that is to
    /// be asked again.
    pub(super) fn watch(&self, cx: &Context<'_>) -> Result<(), MadeRoom> {
        let mut state = self.memory.state();
        if state.ledger.confirm(self.id) {
            return Err(MadeRoom);
        }
        state.wakers.insert(self.id, cx.waker().clone());
        Ok(())
    }

    fn look(&self) -> MutexGuard<'_, Option<Pin<Box<Sleep>>>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let now = self.memory.now();
        let mut state = self.memory.state();
        let granted = state.ledger.close(self.id, now);
        state.wakers.remove(&self.id);
        state.wake(granted);
    }
}

/// Leaves the line when it is dropped.
struct Taking<'a> {
    account: &'a Account,
    waiting: bool,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if self.waiting {
            self.account.leave_line();
        }
    }
}
