//! The slots of live GETs: so many at once and no more, in fair turns.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt as _;
use tokio::sync::oneshot;

use super::fair_queue::{Caller, Capacity, FairQueue, Place};

/// As many connections to the API server, which speaks HTTP/1.1 with us. At
/// 5 ms for a GET this is 6,400 in a second.
const SLOTS: usize = 32;
/// A namespace takes half of them at most: as many as there are connections
/// to the webhook, each with one request at a time.
const WAITING: usize = 8192;

/// A handle; its copies share the slots.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<FairQueue<oneshot::Sender<Slot>>>,
    waited: AtomicU64,
    rejected: AtomicU64,
    timeouts: AtomicU64,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    place: Place,
}

/// A place in the queue. Dropped, it is left.
#[derive(Debug)]
pub(super) struct Turn {
    slots: Slots,
    place: Place,
    slot: oneshot::Receiver<Slot>,
}

/// The queue has no place left for this caller and namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl Default for Slots {
    fn default() -> Self {
        Self::new(Capacity { slots: SLOTS, waiting: WAITING })
    }
}

impl Slots {
    pub(super) fn new(capacity: Capacity) -> Self {
        let queue = Mutex::new(FairQueue::new(capacity));
        let zero = AtomicU64::default;
        let shared = Shared { queue, waited: zero(), rejected: zero(), timeouts: zero() };
        Self { shared: Arc::new(shared) }
    }

    /// Lines up. The slot may be there at once.
    pub(super) fn line_up(&self, caller: Caller, namespace: &str) -> Result<Turn, QueueFull> {
        let (sender, slot) = oneshot::channel();
        let pushed = self.queue().push(caller, namespace, sender);
        let Some(place) = pushed else {
            self.shared.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(QueueFull);
        };
        self.hand_out();
        // Whether it waits, not for how long: the value stays in the channel.
        if slot.is_empty() {
            self.shared.waited.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Turn { slots: self.clone(), place, slot })
    }

    /// How many wait for a slot now.
    pub(super) fn waiting(&self) -> usize {
        self.queue().waiting()
    }

    /// How many slots are taken now.
    pub(super) fn taken(&self) -> usize {
        self.queue().running()
    }

    /// How many had to wait for their slot.
    pub(super) fn waited(&self) -> u64 {
        self.shared.waited.load(Ordering::Relaxed)
    }

    /// How many found the queue full.
    pub(super) fn rejected(&self) -> u64 {
        self.shared.rejected.load(Ordering::Relaxed)
    }

    /// How many gave up waiting, as their time was over.
    pub(super) fn timeouts(&self) -> u64 {
        self.shared.timeouts.load(Ordering::Relaxed)
    }

    pub(super) fn count_timeout(&self) {
        self.shared.timeouts.fetch_add(1, Ordering::Relaxed);
    }

    fn hand_out(&self) {
        loop {
            // The lock is not held while a slot is sent: the receiver may be
            // gone, and a slot that is dropped takes the lock.
            let popped = self.queue().pop();
            let Some((place, sender)) = popped else { return };
            let _ = sender.send(Slot { slots: self.clone(), place });
        }
    }

    fn queue(&self) -> MutexGuard<'_, FairQueue<oneshot::Sender<Slot>>> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Turn {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Slot> {
        match self.slot.poll_unpin(cx) {
            Poll::Ready(Ok(slot)) => Poll::Ready(slot),
            // The sender is in the queue until it has sent: this does not
            // happen, and a wait that has no end is bounded by its caller.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A slot that came and was not taken is dropped with the channel.
        self.slots.queue().leave(&self.place);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.queue().release(&self.place);
        self.slots.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(slots: usize) -> Slots {
        Slots::new(Capacity { slots, waiting: 100 })
    }

    fn turn(slots: &Slots, namespace: &str) -> Turn {
        slots.line_up(Caller::default(), namespace).expect("a place")
    }

    #[tokio::test]
    async fn gives_a_slot_at_once_and_the_next_when_it_is_back() {
        let slots = slots(1);
        let first = turn(&slots, "a").await;
        let mut second = turn(&slots, "a");
        assert_eq!((slots.taken(), slots.waiting(), slots.waited()), (1, 1, 1));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.await;
        assert_eq!((slots.taken(), slots.waiting()), (1, 0));
        drop(second);
        assert_eq!((slots.taken(), slots.waited()), (0, 1));
    }

    #[tokio::test]
    async fn gives_nothing_to_those_who_left() {
        let slots = slots(1);
        let held = turn(&slots, "a").await;
        let (left, stays) = (turn(&slots, "a"), turn(&slots, "a"));
        let granted_and_left = turn(&slots, "b");
        drop(left);
        drop(held);
        assert_eq!(slots.taken(), 1);
        drop(granted_and_left);
        drop(stays);
        assert_eq!((slots.taken(), slots.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn rejects_and_counts_who_finds_it_full() {
        let slots = slots(0);
        let waiting: Vec<_> = (0..200).map(|_| slots.line_up(Caller::default(), "a")).collect();
        assert_eq!(waiting.iter().filter(|turn| turn.is_err()).count(), 150);
        assert_eq!((slots.rejected(), slots.waiting()), (150, 50));
        drop(waiting);
        assert_eq!(slots.waiting(), 0);
    }
}
