//! Who gets the next slot: a queue that is fair between callers, and between
//! the namespaces of each caller.
//!
//! Callers take turns; within a caller, namespaces take turns; within a
//! namespace, the first to come goes first. A share that is proportional to
//! what is left free keeps slots and places for newcomers: a namespace alone
//! takes half of them at most, a caller alone three quarters, and whoever has
//! none gets one as long as one is free.
//!
//! No clock, no task, no lock: those are in [`slots`](super::slots).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Who asks the webhook, as far as that is known: by the address of the
/// connection. IPv6 hosts have a /64 to themselves, so that much of an address
/// is one caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller(Option<IpAddr>);

impl Caller {
    #[must_use]
    pub(crate) fn new(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64))),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

/// How many at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Slots that can be taken.
    pub slots: usize,
    /// Those who wait for one.
    pub waiting: usize,
}

/// A namespace takes this many times what is left free, at most.
const NAMESPACE_SHARE: usize = 1;
/// A caller, with all of its namespaces.
const CALLER_SHARE: usize = 3;

/// Waiting `T`s. A line is a caller and a namespace.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    capacity: Capacity,
    /// Rises with each arrival and each turn: whoever has the lower number is
    /// next.
    next: u64,
    running: usize,
    waiting: usize,
    callers: HashMap<Caller, CallerLines<T>>,
    /// Callers that wait, by their turn.
    turns: BTreeMap<u64, Caller>,
}

#[derive(Debug)]
struct CallerLines<T> {
    turn: u64,
    running: usize,
    waiting: usize,
    lines: HashMap<Arc<str>, Line<T>>,
    /// Namespaces that wait, by their turn.
    turns: BTreeMap<u64, Arc<str>>,
}

#[derive(Debug)]
struct Line<T> {
    turn: u64,
    running: usize,
    waiting: BTreeMap<u64, T>,
}

/// Where someone waits: he leaves with it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    number: u64,
    pub(super) caller: Caller,
    pub(super) namespace: Arc<str>,
}

impl<T> FairQueue<T> {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            next: 0,
            running: 0,
            waiting: 0,
            callers: HashMap::new(),
            turns: BTreeMap::new(),
        }
    }

    /// Lines up at the end of the line. Gives `None` where the line, its
    /// caller or the whole queue has no place left.
    pub(super) fn push(&mut self, caller: Caller, namespace: &str, item: T) -> Option<Place> {
        let free = self.capacity.waiting.saturating_sub(self.waiting);
        let (by_caller, by_namespace) = self.callers.get(&caller).map_or((0, 0), |lines| {
            let line = lines.lines.get(namespace);
            (lines.waiting, line.map_or(0, |line| line.waiting.len()))
        });
        if by_caller >= CALLER_SHARE * free || by_namespace >= NAMESPACE_SHARE * free {
            return None;
        }
        self.next += 1;
        let number = self.next;
        let lines = self.callers.entry(caller).or_insert_with(CallerLines::new);
        let namespace = match lines.lines.get_key_value(namespace) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(namespace),
        };
        let line = lines.lines.entry(Arc::clone(&namespace)).or_insert_with(Line::new);
        if line.waiting.is_empty() {
            line.turn = number;
            lines.turns.insert(number, Arc::clone(&namespace));
        }
        line.waiting.insert(number, item);
        if lines.waiting == 0 {
            lines.turn = number;
            self.turns.insert(number, caller);
        }
        lines.waiting += 1;
        self.waiting += 1;
        Some(Place { number, caller, namespace })
    }

    /// Takes a slot for the next in turn, if there is one for him.
    pub(super) fn pop(&mut self) -> Option<(Place, T)> {
        let free = self.capacity.slots.saturating_sub(self.running);
        if free == 0 {
            return None;
        }
        // Those that are passed over have slots, so they are as few as these.
        let (caller, namespace) = self.turns.values().find_map(|caller| {
            let lines = self.callers.get(caller)?;
            let within = |running, share| running < share * free;
            let namespace = lines.turns.values().find(|namespace| {
                let running = lines.lines.get(*namespace).map_or(0, |line| line.running);
                within(running, NAMESPACE_SHARE)
            })?;
            within(lines.running, CALLER_SHARE).then(|| (*caller, Arc::clone(namespace)))
        })?;
        let lines = self.callers.get_mut(&caller)?;
        let line = lines.lines.get_mut(&namespace)?;
        let (number, item) = line.waiting.pop_first()?;
        line.running += 1;
        lines.running += 1;
        self.running += 1;
        // To the end of both rounds.
        self.next += 1;
        lines.turns.remove(&line.turn);
        if !line.waiting.is_empty() {
            line.turn = self.next;
            lines.turns.insert(self.next, Arc::clone(&namespace));
        }
        lines.waiting -= 1;
        self.turns.remove(&lines.turn);
        if lines.waiting > 0 {
            lines.turn = self.next;
            self.turns.insert(self.next, caller);
        }
        self.waiting -= 1;
        Some((Place { number, caller, namespace }, item))
    }

    /// Gives back the slot that was taken for this place.
    pub(super) fn release(&mut self, place: &Place) {
        let Some(lines) = self.callers.get_mut(&place.caller) else { return };
        let Some(line) = lines.lines.get_mut(&place.namespace) else { return };
        line.running -= 1;
        lines.running -= 1;
        self.running -= 1;
        self.tidy(place);
    }

    /// Leaves without a slot. Nothing happens where he waits no more.
    pub(super) fn leave(&mut self, place: &Place) {
        let Some(lines) = self.callers.get_mut(&place.caller) else { return };
        let Some(line) = lines.lines.get_mut(&place.namespace) else { return };
        if line.waiting.remove(&place.number).is_none() {
            return;
        }
        if line.waiting.is_empty() {
            lines.turns.remove(&line.turn);
        }
        lines.waiting -= 1;
        if lines.waiting == 0 {
            self.turns.remove(&lines.turn);
        }
        self.waiting -= 1;
        self.tidy(place);
    }

    /// How many have a slot.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Nothing is kept of a line that neither waits nor runs.
    fn tidy(&mut self, Place { caller, namespace, .. }: &Place) {
        let Some(lines) = self.callers.get_mut(caller) else { return };
        if lines.lines.get(namespace).is_some_and(|it| it.running == 0 && it.waiting.is_empty()) {
            lines.lines.remove(namespace);
        }
        if lines.lines.is_empty() {
            self.callers.remove(caller);
        }
    }
}

impl<T> CallerLines<T> {
    fn new() -> Self {
        Self { turn: 0, running: 0, waiting: 0, lines: HashMap::new(), turns: BTreeMap::new() }
    }
}

impl<T> Line<T> {
    fn new() -> Self {
        Self { turn: 0, running: 0, waiting: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn queue(slots: usize, waiting: usize) -> FairQueue<String> {
        FairQueue::new(Capacity { slots, waiting })
    }

    fn caller(last: u8) -> Caller {
        Caller::new(IpAddr::from([10, 0, 0, last]))
    }

    /// Everything that waits, in the order in which single slots go out.
    fn order(queue: &mut FairQueue<String>) -> Vec<String> {
        let mut order = Vec::new();
        while let Some((place, item)) = queue.pop() {
            queue.release(&place);
            order.push(item);
        }
        order
    }

    #[test]
    fn takes_turns_between_callers_then_namespaces_then_by_arrival() {
        let mut queue = queue(1, 100);
        for (by, namespace, items) in
            [(1, "a", &["1a1", "1a2", "1a3"][..]), (1, "b", &["1b1"]), (2, "a", &["2a1", "2a2"])]
        {
            for item in items {
                queue.push(caller(by), namespace, (*item).to_owned()).expect("a place");
            }
        }
        assert_eq!(order(&mut queue), ["1a1", "2a1", "1b1", "2a2", "1a2", "1a3"]);
        assert!(queue.callers.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn serves_who_comes_to_a_long_line_of_invented_namespaces_in_the_next_round() {
        let mut queue = queue(1, 10_000);
        for number in 0..5_000 {
            let namespace = format!("a{number:05}");
            queue.push(caller(66), &namespace, "invented".to_owned()).expect("a place");
        }
        queue.push(caller(1), "shop", "honest".to_owned()).expect("a place");
        let (place, first) = queue.pop().expect("a slot");
        queue.release(&place);
        assert_eq!(
            (first.as_str(), queue.pop().expect("a slot").1.as_str()),
            ("invented", "honest")
        );
    }

    #[test]
    fn leaves_slots_for_newcomers() {
        let mut queue = queue(32, 10_000);
        let take_all = |queue: &mut FairQueue<String>, by: Caller, namespace: &str| {
            for _ in 0..100 {
                queue.push(by, namespace, String::new()).expect("a place");
            }
            std::iter::from_fn(|| queue.pop()).filter(|(place, _)| place.caller == by).count()
        };
        assert_eq!(take_all(&mut queue, caller(1), "greedy"), 16, "a namespace takes half");
        assert_eq!(take_all(&mut queue, caller(1), "second"), 8, "a caller three quarters");
        assert_eq!(take_all(&mut queue, caller(1), "third"), 0);
        assert_eq!(take_all(&mut queue, caller(2), "shop"), 4, "another one finds some");
        assert_eq!(take_all(&mut queue, caller(3), "shop"), 2);
        assert_eq!(take_all(&mut queue, caller(4), "shop"), 1);
        assert_eq!(take_all(&mut queue, caller(5), "shop"), 1);
        assert_eq!(queue.running(), 32);
        assert_eq!(take_all(&mut queue, caller(6), "shop"), 0);
    }

    #[test]
    fn leaves_places_for_newcomers_and_is_never_longer_than_allowed() {
        let mut queue = queue(0, 1000);
        let fill = |queue: &mut FairQueue<String>, by: Caller, namespace: &str| {
            (0..2000).filter(|_| queue.push(by, namespace, String::new()).is_some()).count()
        };
        assert_eq!(fill(&mut queue, caller(1), "greedy"), 500);
        let mut invented = 0;
        for number in 0..2000 {
            let namespace = format!("invented-{number}");
            invented += usize::from(queue.push(caller(1), &namespace, String::new()).is_some());
        }
        assert_eq!(500 + invented, 750);
        assert!(fill(&mut queue, caller(2), "shop") >= 100);
        for last in 3..=255 {
            fill(&mut queue, caller(last), "shop");
        }
        assert_eq!(queue.waiting(), 1000);
    }

    #[test]
    fn tells_callers_apart_by_what_a_host_can_not_choose() {
        let of = |address: &str| Caller::new(address.parse().expect("an address"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), Caller::default());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8, u8),
        Pop,
        Release(usize),
        Leave(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..4_u8, 0..4_u8).prop_map(|(by, namespace)| Step::Push(by, namespace)),
            3 => Just(Step::Pop),
            3 => any::<usize>().prop_map(Step::Release),
            1 => any::<usize>().prop_map(Step::Leave),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn keeps_every_promise_whatever_happens(steps in steps()) {
            let mut queue = queue(7, 20);
            let (mut waiting, mut running) = (Vec::<(Place, String)>::new(), VecDeque::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(by, namespace) => {
                        let is_new = waiting.iter().all(|(place, _)| place.caller != caller(by));
                        let item = number.to_string();
                        let pushed = queue.push(caller(by), &namespace.to_string(), item.clone());
                        prop_assert!(pushed.is_some() || !is_new || waiting.len() == 20);
                        waiting.extend(pushed.map(|place| (place, item)));
                    }
                    Step::Pop => if let Some((place, item)) = queue.pop() {
                        let at = waiting.iter().position(|(_, it)| *it == item);
                        let (was, _) = waiting.remove(at.expect("it waited"));
                        prop_assert_eq!(was.number, place.number);
                        let in_line = |(it, _): &(Place, String)| {
                            (it.caller, &it.namespace) == (place.caller, &place.namespace)
                        };
                        let is_first = waiting.iter().filter(|it| in_line(it))
                            .all(|(it, _)| it.number > place.number);
                        prop_assert!(is_first);
                        running.push_back(place);
                    } else if running.len() < 7 {
                        // Whoever has no slot gets one.
                        let has = |caller| running.iter().any(|it: &Place| it.caller == caller);
                        prop_assert!(waiting.iter().all(|(place, _)| has(place.caller)));
                    },
                    Step::Release(at) => if !running.is_empty() {
                        let place = running.remove(at % running.len()).expect("one of them");
                        queue.release(&place);
                    },
                    Step::Leave(at) => if !waiting.is_empty() {
                        let (place, _) = waiting.remove(at % waiting.len());
                        queue.leave(&place);
                        queue.leave(&place);
                    },
                }
                prop_assert_eq!((queue.waiting(), queue.running()), (waiting.len(), running.len()));
                prop_assert!(queue.running() <= 7 && queue.waiting() <= 20);
            }
            for place in running {
                queue.release(&place);
            }
            let left = order(&mut queue).len();
            prop_assert_eq!(left, waiting.len());
            prop_assert!(queue.callers.is_empty() && queue.turns.is_empty());
        }
    }
}
