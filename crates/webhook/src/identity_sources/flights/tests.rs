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
        self.flights.is_empty() && self.flights.slots.taken() == 0 && self.asked.try_recv().is_err()
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
    let greedy: Vec<_> = (0..100).map(|it| come(66, "shop", format!("invented-{it}"))).collect();
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
