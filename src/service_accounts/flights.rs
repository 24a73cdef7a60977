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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
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
    news: watch::Sender<News<T>>,
    /// Those who wait in [`Flights::get`] for this key.
    waiting: usize,
}

/// Questions are numbered. One is out where more were sent than ended.
#[derive(Debug)]
struct News<T> {
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
                waiter.news(deadline).await.map_err(|_| NoAnswer::Late)?;
                continue;
            }
            let turn = self.slots.line_up(caller, key.namespace);
            let turn = turn.map_err(|_| NoAnswer::QueueFull)?;
            // Both are cancel-safe: news that were not looked at stay new, and
            // a turn that is dropped is left.
            let slot = tokio::select! {
                biased;
                // Somebody else asks.
                news = waiter.news(deadline) => {
                    news.map_err(|_| {
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
            waiter.news(deadline).await.map_err(|_| NoAnswer::Late)?;
            if let Some(answer) = waiter.answer() {
                return answer;
            }
        }
    }

    fn join(&self, key: Key<'_>) -> Waiter<T> {
        let key: Arc<str> = key.to_string().into();
        let mut flights = self.lock();
        let flight = flights.entry(Arc::clone(&key)).or_insert_with(|| Flight {
            news: watch::Sender::new(News { sent: 0, ended: 0, answer: None }),
            waiting: 0,
        });
        flight.waiting += 1;
        let news = flight.news.subscribe();
        let (wanted, seen) = {
            let news = news.borrow();
            (news.sent + 1, news.ended)
        };
        Waiter { flights: self.clone(), key, news, wanted, seen }
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

/// One who waits for the answer of one key.
struct Waiter<T: Clone + Send + Sync + 'static> {
    flights: Flights<T>,
    key: Arc<str>,
    news: watch::Receiver<News<T>>,
    /// The first question that was sent after he came.
    wanted: u64,
    /// The last one that had ended when he came.
    seen: u64,
}

impl<T: Clone + Send + Sync + 'static> Waiter<T> {
    fn answer(&mut self) -> Option<Result<T, NoAnswer>> {
        let news = self.news.borrow_and_update();
        let is_his = news.ended >= self.wanted;
        match &news.answer {
            Some(Settled::ForAll(answer)) if news.ended > self.seen => Some(Ok(answer.clone())),
            Some(Settled::ForAll(answer) | Settled::ForEarlier(answer)) if is_his => {
                Some(Ok(answer.clone()))
            }
            None if is_his => Some(Err(NoAnswer::Panicked)),
            _ => None,
        }
    }

    fn is_out(&self) -> bool {
        let news = self.news.borrow();
        news.sent > news.ended
    }

    /// Waits until a question was sent or has ended.
    async fn news(&mut self, deadline: Instant) -> Result<(), Elapsed> {
        // It can't fail: a flight keeps its sender while somebody waits.
        timeout_at(deadline, self.news.changed()).await.map(drop)
    }

    /// Nothing where somebody else's is out.
    fn send(&self, slot: Slot) -> Option<Pilot<T>> {
        let flights = self.flights.lock();
        let flight = flights.get(&self.key)?;
        let mut number = None;
        flight.news.send_if_modified(|news| {
            let is_out = news.sent > news.ended;
            news.sent += u64::from(!is_out);
            number = (!is_out).then_some(news.sent);
            !is_out
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
        flight.news.send_modify(|news| {
            news.ended = self.number;
            news.answer = answer;
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
mod tests {
    use std::collections::VecDeque;

    use tokio::sync::{mpsc, oneshot};
    use tokio::task::{JoinHandle, yield_now};

    use super::super::fair_queue::Capacity;
    use super::*;

    const APP: Key<'static> = Key { namespace: "shop", name: "app" };
    const LIMIT: Duration = Duration::from_mins(1);

    /// Positive answers hold for all.
    fn settled(answer: i32) -> Settled<i32> {
        if answer > 0 { Settled::ForAll(answer) } else { Settled::ForEarlier(answer) }
    }

    /// Questions go out by `asked`, and the test answers them one by one.
    struct World {
        flights: Flights<i32>,
        ask: mpsc::UnboundedSender<oneshot::Sender<i32>>,
        asked: mpsc::UnboundedReceiver<oneshot::Sender<i32>>,
        waiting: VecDeque<JoinHandle<Option<i32>>>,
    }

    impl World {
        fn new() -> Self {
            let (ask, asked) = mpsc::unbounded_channel();
            let flights = Flights::new(Slots::default());
            Self { flights, ask, asked, waiting: VecDeque::new() }
        }

        /// Someone comes, and stands in the queue when this returns.
        async fn come(&mut self) {
            let (flights, ask) = (self.flights.clone(), self.ask.clone());
            self.waiting.push_back(tokio::spawn(async move {
                let ask = move || {
                    let (answer, answered) = oneshot::channel();
                    ask.send(answer).expect("the test listens");
                    async {
                        let answer = answered.await.expect("the test answers");
                        move || settled(answer)
                    }
                };
                flights.get(APP, Caller::default(), LIMIT, ask).await.ok()
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
            self.flights.is_empty()
                && self.flights.slots.taken() == 0
                && self.asked.try_recv().is_err()
        }
    }

    #[tokio::test]
    async fn shares_an_answer_that_holds_for_all_with_all_who_wait() {
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
        let flights: Flights<i32> = Flights::new(Slots::default());
        let get = async |panics: bool| {
            let ask = move || async move {
                assert!(!panics, "as a bug would");
                || Settled::ForAll(1)
            };
            flights.get(APP, Caller::default(), LIMIT, ask).await
        };
        assert_eq!(get(true).await, Err(NoAnswer::Panicked));
        assert_eq!(get(false).await, Ok(1), "and the key is free again");
        assert_eq!(flights.slots.taken(), 0);
    }

    /// Someone with a long line of his own asks for what others need next.
    #[tokio::test(start_paused = true)]
    async fn gives_nobody_the_place_of_another_one_who_asks_for_the_same() {
        let flights = Flights::new(Slots::new(Capacity { slots: 1, waiting: 10_000 }));
        let come = |by: u8, namespace: &'static str, name: String| {
            let (flights, caller) = (flights.clone(), Caller::new([10, 0, 0, by].into()));
            tokio::spawn(async move {
                let ask = || async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    || Settled::ForAll(1)
                };
                flights.get(Key { namespace, name: &name }, caller, LIMIT / 60, ask).await
            })
        };
        let greedy: Vec<_> =
            (0..100).map(|it| come(66, "shop", format!("invented-{it}"))).collect();
        let same = come(66, "shop", "app".to_owned());
        yield_now().await;
        let begun = Instant::now();
        assert_eq!(come(1, "shop", "app".to_owned()).await.expect("no panic"), Ok(1));
        // The one that is out, one turn of the other caller, and its own.
        assert!(begun.elapsed() <= Duration::from_millis(300), "{:?}", begun.elapsed());
        assert_eq!(same.await.expect("no panic"), Ok(1), "one question for both");
        let mut late = 0;
        for greedy in greedy {
            late += usize::from(greedy.await.expect("no panic") == Err(NoAnswer::NoSlot));
        }
        assert!(late >= 90, "{late}");
        assert!(flights.is_empty());
        assert_eq!((flights.slots.waiting(), flights.slots.taken()), (0, 0));
    }
}
