use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn named(version: &str, identity: &str) -> Seen {
    let (version, identity) = (version.to_owned(), identity.to_owned());
    Seen::Lease(Record { version, holder: Holder::Named { identity, duration: DURATION } })
}

fn of(version: &str, holder: Holder) -> Seen {
    Seen::Lease(Record { version: version.to_owned(), holder })
}

fn a() -> Election {
    Election::new("a".to_owned())
}

/// One that has held the Lease since `seconds(0)`.
fn holding() -> Election {
    let mut a = a();
    a.read(of("1", Holder::Released), seconds(0), 0.5);
    assert_eq!(a.next(seconds(0)), Step::Claim);
    a.wrote(Step::Claim, "2".to_owned(), seconds(0), seconds(1));
    a
}

#[test]
fn takes_what_was_given_back_at_once_and_all_else_when_it_has_not_changed_for_long() {
    for (seen, wait) in [
        (of("1", Holder::Released), 0),
        (of("1", Holder::Nobody), 30),
        (named("1", "b"), 30),
        (named("1", "a"), 30),
        (of("1", Holder::Named { identity: "b".to_owned(), duration: seconds(3600) }), 120),
        (of("1", Holder::Named { identity: "b".to_owned(), duration: seconds(1) }), 30),
    ] {
        let mut a = a();
        assert_eq!(a.next(seconds(0)), Step::Look);
        let mut now = seconds(100);
        a.read(seen.clone(), now, 0.5);
        while a.next(now) != Step::Claim {
            match a.next(now) {
                Step::Wait(pause) => now += pause,
                Step::Look => _ = a.read(seen.clone(), now, 0.5),
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(now, seconds(100 + wait), "{seen:?}");
        assert_eq!(a.held_until(now), None, "a claim has to succeed first");
    }
}

#[test]
fn counts_anew_from_each_change() {
    let mut a = a();
    assert!(!a.read(named("1", "b"), seconds(0), 0.5), "it may be an old one");
    assert!(a.read(named("2", "b"), seconds(29), 0.5), "it is renewed");
    assert!(!a.read(named("2", "b"), seconds(29), 0.5));
    assert_eq!(a.next(seconds(31)), Step::Wait(seconds(3)));
    a.read(named("2", "b"), seconds(58), 0.5);
    assert_eq!(a.next(seconds(58)), Step::Wait(seconds(1)));
    assert_eq!(a.next(seconds(59)), Step::Claim);
}

#[test]
fn creates_for_nobody_and_then_waits_like_all_others() {
    let mut a = a();
    a.read(Seen::Absent, seconds(0), 0.5);
    assert_eq!(a.next(seconds(0)), Step::Create);
    a.wrote(Step::Create, "1".to_owned(), seconds(0), seconds(1));
    assert_eq!(a.held_until(seconds(1)), None);
    a.read(of("1", Holder::Nobody), seconds(30), 0.5);
    assert_ne!(a.next(seconds(30)), Step::Claim);
    assert_eq!(a.next(seconds(31)), Step::Claim);
}

#[test]
fn renews_and_gives_up_where_it_cannot() {
    let mut a = holding();
    assert_eq!(a.held_until(seconds(19)), Some(seconds(20)), "from when the request was sent");
    assert_eq!(a.next(seconds(1)), Step::Wait(seconds(6)));
    assert_eq!(a.next(seconds(7)), Step::Claim);
    a.failed(Step::Claim, seconds(12), 0.5);
    assert_eq!(a.next(seconds(12)), Step::Wait(seconds(2)));
    assert_eq!(a.next(seconds(14)), Step::Look);
    a.failed(Step::Look, seconds(19), 0.5);
    assert_eq!(a.held_until(seconds(20)), None);
    // Nobody has taken it meanwhile.
    a.read(named("2", "a"), seconds(25), 0.5);
    assert_eq!(a.next(seconds(25)), Step::Claim);
    a.wrote(Step::Claim, "3".to_owned(), seconds(25), seconds(25));
    assert_eq!(a.held_until(seconds(26)), Some(seconds(45)));
}

#[test]
fn asks_less_often_for_what_is_forbidden_unless_it_holds_the_lease() {
    let mut a = a();
    a.forbidden(Step::Look, seconds(100), 0.5);
    assert_eq!(a.next(seconds(100)), Step::Wait(seconds(15)));
    let mut a = holding();
    a.forbidden(Step::Claim, seconds(7), 0.5);
    assert_eq!(a.next(seconds(7)), Step::Wait(seconds(2)));
}

#[test]
fn takes_its_own_write_for_its_own_though_it_never_heard_of_it() {
    let mut a = holding();
    a.failed(Step::Claim, seconds(12), 0.5);
    a.read(named("3", "a"), seconds(14), 0.5);
    assert_eq!(a.held_until(seconds(15)), Some(seconds(20)), "not renewed by reading");
    assert_eq!(a.next(seconds(14)), Step::Claim);
}

#[test]
fn stops_at_once_when_somebody_else_has_written() {
    for seen in [named("3", "b"), of("3", Holder::Nobody), named("3", "a")] {
        let mut a = holding();
        if seen == named("3", "a") {
            // Written by hand: this replica has nothing under way.
            a.failed(Step::Look, seconds(2), 0.5);
        } else {
            a.conflicted(Step::Claim, seconds(7));
        }
        a.read(seen.clone(), seconds(8), 0.5);
        assert_eq!(a.held_until(seconds(8)), None, "{seen:?}");
        assert!(matches!(a.next(seconds(8)), Step::Wait(_)), "{seen:?}");
    }
}

#[test]
fn puts_a_deleted_lease_back_while_it_holds_it() {
    let mut a = holding();
    a.conflicted(Step::Claim, seconds(7));
    a.read(Seen::Absent, seconds(8), 0.5);
    assert_eq!(a.held_until(seconds(8)), Some(seconds(20)));
    assert_eq!(a.next(seconds(8)), Step::Recreate);
    a.wrote(Step::Recreate, "9".to_owned(), seconds(8), seconds(9));
    assert_eq!(a.held_until(seconds(9)), Some(seconds(28)));
    let mut late = holding();
    late.conflicted(Step::Claim, seconds(19));
    late.read(Seen::Absent, seconds(20), 0.5);
    assert_eq!(late.next(seconds(20)), Step::Create);
}

#[test]
fn gives_back_what_it_holds_and_nothing_else() {
    let mut held = holding();
    assert!(held.give_back(seconds(3)));
    assert_eq!(held.held_until(seconds(3)), None);
    assert!(!holding().give_back(seconds(20)));
    assert!(!a().give_back(seconds(0)));
}

/// Replicas with clocks of their own before one API server, in steps of a tenth of a second.
#[derive(Debug)]
struct World {
    /// The Lease, if there is one: its version and holder.
    lease: Option<(u64, Holder)>,
    versions: u64,
    replicas: Vec<Replica>,
}

#[derive(Debug)]
struct Replica {
    election: Election,
    /// How fast its clock runs, in hundredths.
    rate: u32,
    now: Uptime,
    /// What is on its way: the step, the version that it is about, when it was sent, when it arrives at the API
    /// server, when its answer arrives, and what that says.
    call: Option<Call>,
    /// Requests of calls that it has given up on.
    lost: Vec<Call>,
    /// For so many ticks nothing that it sends arrives.
    cut_off: u32,
    born: u32,
}

#[derive(Clone, Debug)]
struct Call {
    step: Step,
    version: u64,
    identity: String,
    sent: Uptime,
    arrives: u32,
    answers: u32,
    /// What the API server said, once it has arrived.
    answer: Option<Result<u64, ()>>,
    seen: Option<Seen>,
    fails: bool,
}

/// What happens in a step of the world.
#[derive(Clone, Debug)]
enum Happening {
    Delete,
    WriteNobody,
    WriteName(usize),
    GiveBack(usize),
    Restart(usize),
    /// The network, for a minute.
    CutOff(usize),
}

const TICK: Duration = Duration::from_millis(100);

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        1 => Just(Happening::Delete),
        1 => Just(Happening::WriteNobody),
        1 => (0..4_usize).prop_map(Happening::WriteName),
        1 => (0..3_usize).prop_map(Happening::GiveBack),
        1 => (0..3_usize).prop_map(Happening::Restart),
        3 => (0..3_usize).prop_map(Happening::CutOff),
    ]
}

impl World {
    fn new(rates: &[u32]) -> Self {
        let replica = |(index, rate): (usize, &u32)| Replica {
            election: Election::new(format!("replica-{index}-0")),
            rate: *rate,
            now: Duration::from_secs(1_000 * index as u64),
            call: None,
            lost: Vec::new(),
            cut_off: 0,
            born: 0,
        };
        Self { lease: None, versions: 0, replicas: rates.iter().enumerate().map(replica).collect() }
    }

    fn put(&mut self, holder: Holder) -> u64 {
        self.versions += 1;
        self.lease = Some((self.versions, holder));
        self.versions
    }

    fn seen(&self) -> Seen {
        match &self.lease {
            None => Seen::Absent,
            Some((version, holder)) => {
                Seen::Lease(Record { version: version.to_string(), holder: holder.clone() })
            }
        }
    }

    /// Carries out what has arrived at the API server.
    fn serve(&mut self, call: &mut Call) {
        let named = || Holder::Named { identity: call.identity.clone(), duration: DURATION };
        let is_there = self.lease.as_ref().map(|(version, _)| *version);
        match call.step {
            Step::Look => call.seen = Some(self.seen()),
            Step::Create | Step::Recreate => {
                let holder = if call.step == Step::Create { Holder::Nobody } else { named() };
                let free = is_there.is_none();
                call.answer = Some(if free { Ok(self.put(holder)) } else { Err(()) });
            }
            Step::Claim => {
                let same = is_there == Some(call.version);
                call.answer = Some(if same { Ok(self.put(named())) } else { Err(()) });
            }
            Step::Wait(_) => {}
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Delete => self.lease = None,
            Happening::WriteNobody => _ = self.put(Holder::Nobody),
            Happening::WriteName(index) => {
                let identity = match self.replicas.get(*index) {
                    // What it can't tell from its own: nobody writes that by accident.
                    Some(replica) if replica.election.pending || replica.call.is_some() => return,
                    Some(replica) => replica.election.identity().to_owned(),
                    None => "somebody".to_owned(),
                };
                self.put(Holder::Named { identity, duration: DURATION });
            }
            Happening::GiveBack(index) => {
                let Some(replica) = self.replicas.get_mut(*index) else { return };
                // As the program does it: when no other request is under way.
                if replica.call.is_some() {
                    return;
                }
                let version = replica.version();
                if replica.election.give_back(replica.now)
                    && self.lease.as_ref().is_some_and(|(it, _)| *it == version)
                {
                    self.put(Holder::Released);
                }
                self.restart(*index);
            }
            Happening::Restart(index) => self.restart(*index),
            Happening::CutOff(index) => {
                if let Some(replica) = self.replicas.get_mut(*index) {
                    replica.cut_off = 600;
                }
            }
        }
    }

    fn restart(&mut self, index: usize) {
        let Some(replica) = self.replicas.get_mut(index) else { return };
        replica.born += 1;
        replica.election = Election::new(format!("replica-{index}-{}", replica.born));
        // What it sent may still arrive.
        replica.lost.extend(replica.call.take());
    }

    fn tick(&mut self, time: u32, luck: &mut impl FnMut() -> (u32, u32, bool)) {
        for index in 0..self.replicas.len() {
            let mut lost = std::mem::take(&mut self.replicas[index].lost);
            for call in &mut lost {
                if call.arrives == time {
                    self.serve(call);
                }
            }
            lost.retain(|call| call.arrives > time);
            let mut call = self.replicas[index].call.take();
            if let Some(call) = &mut call
                && call.arrives == time
            {
                self.serve(call);
            }
            let replica = &mut self.replicas[index];
            replica.lost = lost;
            replica.cut_off = replica.cut_off.saturating_sub(1);
            replica.now += TICK * replica.rate / 100;
            match call {
                Some(call) if call.answers <= time => replica.answered(call, time),
                Some(call) => replica.call = Some(call),
                None => replica.act(time, luck),
            }
        }
    }

    fn holders(&self) -> BTreeSet<&str> {
        let holding = self.replicas.iter().filter(|it| it.election.held_until(it.now).is_some());
        holding.map(|it| it.election.identity()).collect()
    }
}

impl Replica {
    fn version(&self) -> u64 {
        match &self.election.seen {
            Some((Seen::Lease(record), _)) => record.version.parse().unwrap(),
            _ => 0,
        }
    }

    fn answered(&mut self, call: Call, time: u32) {
        let (step, now) = (call.step, self.now);
        match (call.fails, &call.answer, &call.seen) {
            (false, _, Some(seen)) => _ = self.election.read(seen.clone(), now, 0.3),
            (false, Some(Ok(version)), _) => {
                self.election.wrote(step, version.to_string(), call.sent, now);
            }
            (false, Some(Err(())), _) => self.election.conflicted(step, now),
            _ => self.election.failed(step, now, 0.7),
        }
        if call.arrives > time {
            self.lost.push(call);
        }
    }

    fn act(&mut self, time: u32, luck: &mut impl FnMut() -> (u32, u32, bool)) {
        let step = self.election.next(self.now);
        if matches!(step, Step::Wait(_)) {
            return;
        }
        let (there, back, fails) = luck();
        let is_cut_off = self.cut_off > 0;
        let fails = fails || is_cut_off;
        // It waits for five seconds at most; the request may go on.
        let answers = time + 1 + if fails { 50 } else { (there + back).min(50) };
        self.call = Some(Call {
            step,
            version: self.version(),
            identity: self.election.identity().to_owned(),
            sent: self.now,
            arrives: if is_cut_off { u32::MAX } else { time + 1 + there },
            answers,
            answer: None,
            seen: None,
            fails: fails || there + back > 50,
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever becomes of requests, whoever stops, and whoever edits the Lease by hand: never two. And when calm has
    /// come, one.
    #[test]
    fn there_are_never_two_holders_and_soon_there_is_one(
        rates in prop::collection::vec(85_u32..=115, 2..=3),
        happenings in prop::collection::vec((0_u32..600, happening()), 1..25),
        delays in prop::collection::vec((0_u32..40, 0_u32..20, prop::bool::weighted(0.2)), 97),
    ) {
        let mut world = World::new(&rates);
        let mut next = delays.iter().cycle().copied();
        let mut luck = || next.next().unwrap_or_default();
        let mut time = 0;
        for (ticks, happening) in &happenings {
            for _ in 0..*ticks {
                world.tick(time, &mut luck);
                time += 1;
                let holders = world.holders();
                prop_assert!(holders.len() <= 1, "{holders:?} at {time}");
            }
            world.happen(happening);
        }
        let mut calm = || (1, 1, false);
        let mut held = 0;
        for _ in 0..3_000 {
            world.tick(time, &mut calm);
            time += 1;
            let holders = world.holders();
            prop_assert!(holders.len() <= 1, "{holders:?} at {time}");
            held += holders.len();
        }
        prop_assert!(held > 2_000, "held for {held} of 3000 ticks");
    }
}
