//! A model of clients: in every order in which they may act, each that sends its
//! request is served, and each that does not holds nothing that others need.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_millis(100);
const PIECE: usize = 16 << 10;

/// What a client does.
#[derive(Clone, Debug)]
struct Plan {
    pieces: usize,
    /// After so many pieces it sends nothing more.
    stalls_after: Option<usize>,
    /// Rounds for which it holds all of it, when it has sent all.
    works: usize,
    arrives: usize,
    /// Rounds that it takes to give its memory back when it was evicted.
    slow_to_leave: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away,
    Sending,
    Waiting,
    Stalled,
    Working(usize),
    Leaving(usize),
    Served,
    Evicted,
}

struct Client {
    plan: Plan,
    id: Option<Id>,
    sent: usize,
    state: State,
}

struct World {
    ledger: Ledger,
    clients: Vec<Client>,
    /// Those that were granted what they waited for.
    granted: HashSet<Id>,
    round: usize,
}

impl World {
    fn now(&self) -> Duration {
        ROUND * u32::try_from(self.round).expect("few rounds")
    }

    fn act(&mut self, index: usize) {
        let now = self.now();
        let (ledger, client) = (&mut self.ledger, &mut self.clients[index]);
        match (client.state, client.id) {
            (State::Away, _) if client.plan.arrives <= self.round => {
                client.id = Some(ledger.open());
                client.state = State::Sending;
            }
            (State::Sending, Some(id)) => {
                if client.plan.stalls_after == Some(client.sent) {
                    client.state = State::Stalled;
                } else if client.sent == client.plan.pieces {
                    ledger.waits_for_client(id, false, now);
                    client.state = State::Working(client.plan.works);
                } else {
                    client.sent += 1;
                    if ledger.take(id, PIECE, now) {
                        ledger.moved(id, PIECE, now);
                    } else {
                        self.granted.extend(ledger.serve_line(now));
                        client.state = State::Waiting;
                    }
                }
            }
            (State::Waiting, Some(id)) if self.granted.remove(&id) => {
                assert!(!ledger.waits(id));
                ledger.moved(id, PIECE, now);
                client.state = State::Sending;
            }
            (State::Stalled, Some(id)) if ledger.confirm(id) => {
                client.state = State::Leaving(client.plan.slow_to_leave);
            }
            (State::Working(0), Some(id)) => {
                self.granted.extend(ledger.close(id, now));
                client.state = State::Served;
            }
            (State::Working(left), _) => client.state = State::Working(left - 1),
            (State::Leaving(0), Some(id)) => {
                self.granted.extend(ledger.close(id, now));
                client.state = State::Evicted;
            }
            (State::Leaving(left), _) => client.state = State::Leaving(left - 1),
            _ => {}
        }
    }

    fn suspect(&mut self) {
        while self.ledger.suspect(self.now()).is_some() {}
    }

    fn check(&self) {
        let held: usize =
            self.clients.iter().filter_map(|it| it.id).map(|id| self.ledger.held(id)).sum();
        let Sizes { common, reserve, .. } = self.ledger.sizes;
        assert_eq!(self.ledger.used(), held, "all of it is accounted for");
        assert!(held <= common + reserve, "{held}");
        assert!(self.ledger.taken <= common);
    }

    fn is_over(&self) -> bool {
        self.clients.iter().all(|client| match client.plan.stalls_after {
            None => matches!(client.state, State::Served),
            // It may stay as long as nobody else needs anything.
            Some(_) => matches!(client.state, State::Stalled | State::Evicted),
        })
    }
}

fn plan(most: usize) -> impl Strategy<Value = Plan> {
    let stalls = prop_oneof![2 => Just(None), 1 => (0..most).prop_map(Some)];
    (1..=most, stalls, 0_usize..4, 0_usize..10, 0_usize..3).prop_map(
        |(pieces, stalls, works, arrives, slow_to_leave)| Plan {
            pieces,
            stalls_after: stalls.map(|stalls| stalls.min(pieces - 1)),
            works,
            arrives,
            slow_to_leave,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn serves_each_that_sends_and_lets_none_that_does_not_stand_in_its_way(
        plans in prop::collection::vec(plan(12), 1..32),
        common in 1_usize..30,
        seed in any::<u64>(),
    ) {
        let sizes = Sizes { common: common * PIECE, reserve: 12 * PIECE, patience: PATIENCE };
        let clients = plans.into_iter().map(|plan| Client { plan, id: None, sent: 0, state: State::Away });
        let mut world = World { ledger: Ledger::new(sizes), clients: clients.collect(), granted: HashSet::new(), round: 0 };
        let mut random = fastrand::Rng::with_seed(seed);
        // One after the other, each with its patience: nothing is slower than that.
        let pieces: usize = world.clients.iter().map(|it| it.plan.pieces + it.plan.works + 12).sum();
        let most = 100 + 4 * pieces;
        while !world.is_over() {
            let mut order: Vec<usize> = (0..world.clients.len()).collect();
            random.shuffle(&mut order);
            for index in order {
                // The program itself may be too slow to look, for longer than anyone's patience.
                if random.u8(..4) > 0 {
                    world.act(index);
                }
            }
            world.check();
            world.suspect();
            world.round += 1;
            let states: Vec<_> = world.clients.iter().map(|it| it.state).collect();
            prop_assert!(world.round < most, "after {most} rounds: {states:?}");
        }
        // None that sends was evicted, however short the memory was: `is_over` wants each served.
        for client in world.clients.iter().filter(|it| it.state == State::Stalled) {
            prop_assert!(!client.id.is_some_and(|id| world.ledger.is_evicted(id)));
        }
        prop_assert!(world.ledger.line.is_empty());
    }
}

fn ledger(common: usize, reserve: usize) -> Ledger {
    Ledger::new(Sizes { common, reserve, patience: PATIENCE })
}

const START: Duration = Duration::ZERO;

#[test]
fn goes_by_the_age_of_requests() {
    let mut ledger = ledger(10, 10);
    let [first, second, third] = [(); 3].map(|()| ledger.open());
    assert!(ledger.take(first, 5, START) && ledger.take(second, 5, START));
    assert!(!ledger.take(third, 1, START), "nothing is left");
    assert!(!ledger.take(second, 1, START));
    // The first in line goes on from the reserve; the younger one waits.
    assert_eq!(ledger.serve_line(START), [second]);
    assert!(ledger.waits(third));
    assert!(ledger.take(second, 9, START), "the whole reserve is its own");
    assert_eq!(ledger.used(), 20);
    // Younger requests do not overtake.
    let fourth = ledger.open();
    assert!(!ledger.take(fourth, 1, START));
    assert_eq!(ledger.give(first, 5, START), [third, fourth]);
}

#[test]
fn evicts_the_one_that_was_still_for_longest_and_only_while_somebody_waits() {
    let mut ledger = ledger(10, 10);
    let [still, moving, working, late] = [(); 4].map(|()| ledger.open());
    assert!(ledger.take(still, 4, START));
    assert!(ledger.take(moving, 3, START));
    assert!(ledger.take(working, 3, START));
    ledger.waits_for_client(working, false, START);
    let later = PATIENCE;
    ledger.moved(moving, STEP, later);
    assert_eq!(ledger.suspect(later), None, "nobody waits");
    assert!(!ledger.take(late, 3, later));
    assert_eq!(ledger.suspect(later), Some(still));
    assert_eq!(ledger.suspect(later * 2), None, "it will give back enough");
    assert!(!ledger.confirm(moving) && ledger.confirm(still));
    assert_eq!(ledger.close(still, later), [late]);
}

#[test]
fn takes_drops_for_standing_still() {
    let mut ledger = ledger(10, 10);
    let [dribbling, other] = [(); 2].map(|()| ledger.open());
    assert!(ledger.take(dribbling, 10, START));
    for tenth in 1..=5 {
        ledger.moved(dribbling, 100, PATIENCE / 5 * tenth);
    }
    assert!(!ledger.take(other, 1, PATIENCE));
    assert_eq!(ledger.suspect(PATIENCE), Some(dribbling));
    assert!(ledger.confirm(dribbling));
}

#[test]
fn evicts_none_that_had_more_to_read_when_it_looked() {
    let mut ledger = ledger(10, 10);
    let [starved, other] = [(); 2].map(|()| ledger.open());
    assert!(ledger.take(starved, 10, START));
    assert!(!ledger.take(other, 1, PATIENCE));
    assert_eq!(ledger.suspect(PATIENCE), Some(starved));
    ledger.moved(starved, STEP, PATIENCE);
    assert!(!ledger.confirm(starved));
}

#[test]
fn is_whole_again_when_all_have_left() {
    let mut ledger = ledger(10, 10);
    let [a, b, c] = [(); 3].map(|()| ledger.open());
    assert!(ledger.take(a, 10, START));
    assert!(!ledger.take(b, 10, START) && ledger.serve_line(START) == [b]);
    assert!(!ledger.take(c, 10, START));
    ledger.leave_line(c, START);
    for id in [b, a, c] {
        ledger.close(id, START);
    }
    assert_eq!((ledger.used(), ledger.favoured, ledger.somebody_waits()), (0, None, false));
    let next = ledger.open();
    assert!(ledger.take(next, 10, START));
}
