//! One question at a time for each key, however many wait for its answer.
//!
//! Who comes while a question is out may share its answer only where that is
//! conclusive: anything else may have been true before he came and not be any
//! more. He waits for the next one, which begins after he came, together with
//! all who came meanwhile. So nobody waits for more than two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use injection::identity::Key;

#[derive(Clone, Debug)]
pub(super) struct Flights<T> {
    out: Arc<Mutex<HashMap<String, Flight<T>>>>,
    /// Whether an answer holds for those too who came after its question.
    conclusive: fn(&T) -> bool,
}

#[derive(Debug)]
struct Flight<T> {
    answers: watch::Sender<Option<Answer<T>>>,
    /// How many questions were sent.
    sent: u64,
    /// The number of the question that the last to come waits for.
    wanted: u64,
}

#[derive(Debug)]
struct Answer<T> {
    number: u64,
    value: T,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn new(conclusive: fn(&T) -> bool) -> Self {
        Self { out: Arc::default(), conclusive }
    }

    /// The answer of a question that was sent after this call, or a conclusive
    /// one that came after it. `ask` is called only where no one else's runs.
    /// Who is dropped while he waits takes nothing from the others.
    ///
    /// `None` where the task that asks panicked.
    pub(super) async fn get<F>(
        &self,
        key: Key<'_>,
        ask: impl Fn() -> F + Send + 'static,
    ) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (mut answers, wanted) = self.join(key.to_string(), ask);
        loop {
            // Fails where the sender is gone: its task panicked.
            answers.changed().await.ok()?;
            if let Some(answer) = &*answers.borrow_and_update()
                && (answer.number >= wanted || (self.conclusive)(&answer.value))
            {
                return Some(answer.value.clone());
            }
        }
    }

    fn join<F>(
        &self,
        key: String,
        ask: impl Fn() -> F + Send + 'static,
    ) -> (watch::Receiver<Option<Answer<T>>>, u64)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut out = self.lock();
        if let Some(flight) = out.get_mut(&key) {
            flight.wanted = flight.sent + 1;
            return (flight.answers.subscribe(), flight.wanted);
        }
        let (sender, receiver) = watch::channel(None);
        out.insert(key.clone(), Flight { answers: sender, sent: 0, wanted: 1 });
        drop(out);
        // A task of its own, so that nobody who waits can take it down.
        tokio::spawn(Pilot { flights: self.clone(), key, landed: false }.fly(ask));
        (receiver, 1)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for one key until nobody wants another answer.
struct Pilot<T: Clone + Send + Sync + 'static> {
    flights: Flights<T>,
    key: String,
    landed: bool,
}

impl<T: Clone + Send + Sync + 'static> Pilot<T> {
    async fn fly<F: Future<Output = T> + Send>(mut self, ask: impl Fn() -> F + Send) {
        while let Some(number) = self.send() {
            let value = ask().await;
            if !self.land(number, value) {
                break;
            }
        }
    }

    /// The number of the question that goes out now.
    fn send(&self) -> Option<u64> {
        let mut out = self.flights.lock();
        let flight = out.get_mut(&self.key)?;
        flight.sent += 1;
        Some(flight.sent)
    }

    /// Hands the answer out, and says whether someone wants another one.
    fn land(&mut self, number: u64, value: T) -> bool {
        let conclusive = (self.flights.conclusive)(&value);
        let mut out = self.flights.lock();
        let Some(flight) = out.get_mut(&self.key) else { return false };
        flight.answers.send_replace(Some(Answer { number, value }));
        let again = !conclusive && flight.wanted > number && !flight.answers.is_closed();
        if !again {
            // Under the same lock, so that the next to come begins anew.
            out.remove(&self.key);
            self.landed = true;
        }
        again
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Pilot<T> {
    fn drop(&mut self) {
        // A task that ends early, by a panic or with the runtime: without the
        // sender, those who wait learn of it. After landing, the key may be
        // another one's.
        if !self.landed {
            self.flights.lock().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::sync::{mpsc, oneshot};
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    const APP: Key<'static> = Key { namespace: "shop", name: "app" };

    /// Questions go out by `asked`, and the test answers them one by one.
    struct World {
        flights: Flights<i32>,
        ask: mpsc::UnboundedSender<oneshot::Sender<i32>>,
        asked: mpsc::UnboundedReceiver<oneshot::Sender<i32>>,
        waiting: VecDeque<JoinHandle<Option<i32>>>,
    }

    impl World {
        /// Positive answers are conclusive.
        fn new() -> Self {
            let (ask, asked) = mpsc::unbounded_channel();
            let flights = Flights::new(|answer: &i32| *answer > 0);
            Self { flights, ask, asked, waiting: VecDeque::new() }
        }

        /// Someone comes, and stands in the queue when this returns.
        async fn come(&mut self) {
            let (flights, ask) = (self.flights.clone(), self.ask.clone());
            self.waiting.push_back(tokio::spawn(async move {
                let ask = move || {
                    let (answer, answered) = oneshot::channel();
                    ask.send(answer).expect("the test listens");
                    async { answered.await.expect("the test answers") }
                };
                flights.get(APP, ask).await
            }));
            self.settle().await;
        }

        /// The next question, which has to be the only one.
        async fn question(&mut self) -> oneshot::Sender<i32> {
            let question = self.asked.recv().await.expect("a question");
            self.settle().await;
            assert!(self.asked.try_recv().is_err(), "two questions at a time");
            question
        }

        async fn answer(&mut self, answer: i32) {
            self.question().await.send(answer).expect("it is waited for");
            self.settle().await;
        }

        /// What the first to come got.
        async fn got(&mut self) -> Option<i32> {
            self.waiting.pop_front().expect("someone came").await.expect("no panic")
        }

        /// One thread runs all tasks, each a few steps from its next wait.
        async fn settle(&self) {
            for _ in 0..20 {
                yield_now().await;
            }
        }

        fn nothing_is_out(&mut self) -> bool {
            self.flights.lock().is_empty() && self.asked.try_recv().is_err()
        }
    }

    #[tokio::test]
    async fn shares_a_conclusive_answer_with_all_who_wait() {
        let mut world = World::new();
        for _ in 0..50 {
            world.come().await;
        }
        world.answer(7).await;
        for _ in 0..50 {
            assert_eq!(world.got().await, Some(7));
        }
        assert!(world.nothing_is_out());
    }

    #[tokio::test]
    async fn asks_once_more_for_all_who_came_after_the_question() {
        let mut world = World::new();
        world.come().await;
        let question = world.question().await;
        for _ in 0..50 {
            world.come().await;
        }
        question.send(-1).expect("it is waited for");
        assert_eq!(world.got().await, Some(-1));
        world.answer(-2).await;
        for _ in 0..50 {
            assert_eq!(world.got().await, Some(-2));
        }
        assert!(world.nothing_is_out());
    }

    #[tokio::test]
    async fn does_not_give_the_second_answer_to_who_came_after_the_second_question() {
        let mut world = World::new();
        world.come().await;
        let first = world.question().await;
        world.come().await;
        first.send(-1).expect("it is waited for");
        let second = world.question().await;
        world.come().await;
        second.send(-2).expect("it is waited for");
        world.answer(3).await;
        assert_eq!(
            (world.got().await, world.got().await, world.got().await),
            (Some(-1), Some(-2), Some(3))
        );
    }

    #[tokio::test]
    async fn goes_on_for_the_others_when_one_leaves() {
        let mut world = World::new();
        world.come().await;
        let question = world.question().await;
        world.come().await;
        world.waiting.pop_front().expect("the first").abort();
        world.settle().await;
        question.send(5).expect("the question is still out");
        assert_eq!(world.got().await, Some(5));
    }

    #[tokio::test]
    async fn asks_no_more_when_all_have_left() {
        let mut world = World::new();
        world.come().await;
        let question = world.question().await;
        world.come().await;
        for waiting in world.waiting.drain(..) {
            waiting.abort();
        }
        world.settle().await;
        question.send(-1).expect("the question is still out");
        world.settle().await;
        assert!(world.nothing_is_out());
    }

    #[tokio::test]
    async fn lets_nobody_wait_for_a_task_that_panicked() {
        let flights: Flights<i32> = Flights::new(|_| false);
        let panics = || async { panic!("as a bug would") };
        assert_eq!(flights.get(APP, panics).await, None);
        assert_eq!(flights.get(APP, || async { 1 }).await, Some(1), "and the key is free again");
    }
}
