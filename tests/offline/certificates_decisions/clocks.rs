//! Clocks that are off: of replicas, of API servers, of all of them.

use certificates::{Bundle, Cause, Certificate, SecretView, ServerTime};
use proptest::prelude::*;

use super::fixtures::{DAY, HOUR, MINUTE, at, params};
use super::model::World;

const REPLICAS: usize = 3;
const YEAR: i64 = 370 * DAY;

/// Settled, all clocks right.
fn world() -> World {
    let mut world = World::new(params(), REPLICAS, 2);
    rest(&mut world);
    // The overlap of the first authority.
    world.now += 6 * MINUTE;
    rest(&mut world);
    world
}

/// Each replica sees and acts until nothing is left to do, for half a minute at most.
fn rest(world: &mut World) {
    let mut quiet = 0;
    for _ in 0..30 {
        world.now += 1;
        quiet += 1;
        for replica in 0..world.replicas.len() {
            world.see_all(replica);
            let decision = world.tick(replica);
            if decision.secret.is_some() || !decision.bundles.is_empty() {
                quiet = 0;
            }
        }
        if quiet == 3 {
            return;
        }
    }
    panic!("the replicas don't come to rest");
}

/// All replicas serve, ready, what this API server takes.
fn assert_well(world: &World, server: usize) {
    for replica in 0..world.replicas.len() {
        let decision = world.decision(replica);
        assert!(decision.ready, "replica {replica}: {:?}", decision.problems);
        assert!(world.served(replica).is_some(), "replica {replica}");
        assert!(world.is_verified_by(server, replica, 0), "replica {replica}, server {server}");
    }
}

/// The caBundles and the Secret, which must not change.
fn stored(world: &World) -> (usize, Vec<usize>) {
    (world.secrets.len(), world.bundles.iter().map(Vec::len).collect())
}

fn bundle(world: &World) -> Vec<Certificate> {
    Bundle::parse(world.bundles[0].last().unwrap()).iter().cloned().collect()
}

#[test]
fn a_replica_whose_clock_is_off_changes_nothing_and_is_well() {
    for skew in [YEAR, -YEAR, 4 * YEAR, 25 * HOUR, -25 * HOUR, 61] {
        let mut world = world();
        let before = stored(&world);
        world.replicas[2].skew = skew;
        rest(&mut world);
        assert_eq!(stored(&world), before, "{skew}");
        assert_well(&world, 0);
        // Nor when it starts so, alone.
        world.restart(2);
        world.tick(2);
        rest(&mut world);
        assert_eq!(stored(&world), before, "{skew}");
        assert_well(&world, 0);
    }
}

#[test]
fn replicas_that_are_all_off_alike_issue_what_the_api_server_takes() {
    for skew in [YEAR, -YEAR, 2 * HOUR] {
        let mut world = World::new(params(), REPLICAS, 2);
        for replica in &mut world.replicas {
            replica.skew = skew;
        }
        rest(&mut world);
        assert_well(&world, 0);
        // And renew it in time.
        world.now += 20 * DAY;
        rest(&mut world);
        assert_well(&world, 0);
        let SecretView::Ours(state) = world.secret() else { panic!("no Secret of ours") };
        assert!(state.leaf.certificate().not_after() > at(49 * DAY));
    }
}

#[test]
fn an_api_server_that_is_wrong_is_followed_there_and_back() {
    for wrong in [YEAR, -YEAR] {
        let mut world = world();
        let before = stored(&world);
        for clock in [wrong, 0] {
            world.servers[0] = clock;
            // The answers of before still count for a quarter of an hour.
            rest(&mut world);
            if clock == wrong {
                assert_eq!(stored(&world), before);
            }
            world.now += HOUR;
            rest(&mut world);
            assert_well(&world, 0);
        }
        // What it had made of the future is not kept for ever.
        assert!(bundle(&world).len() <= 3, "{:?}", bundle(&world));
    }
}

#[test]
fn two_api_servers_an_hour_apart_are_both_served_and_nothing_is_dropped_early() {
    let mut world = world();
    world.servers = vec![0, HOUR];
    for replica in &mut world.replicas {
        replica.answered_by = vec![0, 1];
    }
    let (before, old) = (stored(&world), bundle(&world));
    rest(&mut world);
    assert_eq!(stored(&world), before);
    let time = world.time(0);
    assert!(time.latest().duration_since(time.earliest()).as_secs() >= HOUR, "{time:?}");
    // A leaf is renewed where it is due by both.
    world.now += 20 * DAY - HOUR / 2 - 7 * MINUTE;
    rest(&mut world);
    assert_eq!(stored(&world), before, "due by one alone");
    world.now += HOUR;
    rest(&mut world);
    assert_eq!(stored(&world).0, before.0 + 1);
    for server in [0, 1] {
        assert_well(&world, server);
    }
    // The old authority stays until it has ended for both.
    world.now = 365 * DAY - HOUR / 2;
    rest(&mut world);
    assert!(bundle(&world).contains(&old[0]), "{:?}", bundle(&world));
    for server in [0, 1] {
        assert_well(&world, server);
    }
}

#[test]
fn two_api_servers_a_year_apart_make_no_replica_drop_what_one_of_them_takes() {
    for wrong in [YEAR, -YEAR] {
        let mut world = world();
        let before = stored(&world);
        world.servers = vec![0, wrong];
        world.replicas[1].answered_by = vec![0, 1];
        world.replicas[2].answered_by = vec![1, 0];
        rest(&mut world);
        assert_eq!(stored(&world), before, "{wrong}");
        assert_well(&world, 0);
    }
}

#[test]
fn a_time_that_was_lost_changes_nothing_until_it_is_known_again() {
    let mut world = world();
    let before = stored(&world);
    for replica in &mut world.replicas {
        replica.answered_by = Vec::new();
    }
    for wait in [MINUTE, HOUR, 25 * DAY, YEAR] {
        world.now += wait;
        for replica in 0..REPLICAS {
            world.see_all(replica);
            world.tick(replica);
            // Answers count for a quarter of an hour.
            if wait >= HOUR {
                assert_eq!(world.time(replica), ServerTime::UNKNOWN);
                assert!(world.served(replica).is_some(), "nothing takes its place");
            }
        }
        assert_eq!(stored(&world), before);
    }
    // A clock that is set, or a machine that slept: what was known no longer counts.
    for replica in &mut world.replicas {
        replica.answered_by = vec![0];
    }
    rest(&mut world);
    assert_well(&world, 0);
    world.replicas[0].skew = YEAR;
    assert_eq!(world.time(0), ServerTime::UNKNOWN);
}

/// What a replica does that takes its own clock for the time, as those before 0.2 did.
fn mislead(world: &mut World, replica: usize, skew: i64) {
    for _ in 0..5 {
        world.now += 1;
        world.see_all(replica);
        let own = ServerTime::between(at(world.now + skew), at(world.now + skew));
        world.tick_at(replica, own);
    }
}

#[test]
fn what_a_misled_replica_did_is_repaired_while_it_is_there_and_after() {
    for skew in [YEAR, 300 * DAY, 40 * DAY, -YEAR] {
        let mut world = world();
        mislead(&mut world, 2, skew);
        // The others see what it did: they go on with what they have.
        for replica in 0..2 {
            world.see_all(replica);
            let decision = world.tick(replica);
            assert!(decision.ready, "{skew}: {:?}", decision.problems);
        }
        // It is gone, or corrected.
        rest(&mut world);
        assert_well(&world, 0);
        // No replica remembers anything good, and somebody deletes the Secret.
        mislead(&mut world, 2, skew);
        for replica in 0..REPLICAS {
            world.restart(replica);
        }
        world.store_secret(None);
        rest(&mut world);
        world.now += 6 * MINUTE;
        rest(&mut world);
        assert_well(&world, 0);
        // Once more, without the deletion.
        mislead(&mut world, 2, skew);
        for replica in 0..REPLICAS {
            world.restart(replica);
        }
        rest(&mut world);
        world.now += 6 * MINUTE;
        rest(&mut world);
        assert_well(&world, 0);
    }
}

#[test]
fn a_deleted_secret_comes_back_valid_though_a_replica_remembers_one_of_the_future() {
    let mut world = world();
    mislead(&mut world, 2, YEAR);
    // Nobody has a good one: all of them begin with that of the future.
    for replica in 0..REPLICAS {
        world.restart(replica);
        world.see_all(replica);
    }
    world.store_secret(None);
    world.see_all(0);
    let step = world.tick(0).secret.unwrap();
    assert_eq!(step.cause, Cause::Absent);
    rest(&mut world);
    let SecretView::Ours(state) = world.secret() else { panic!("no Secret of ours") };
    assert!(state.certificates().all(|certificate| certificate.not_before() <= world.now()));
}

/// Until whatever can be there is taken: a certificate begins an hour before it is issued, so one that has
/// begun was issued an hour from now at the latest, and waits for the overlap from then on.
fn settle(world: &mut World) {
    for wait in [6 * MINUTE, 6 * MINUTE, HOUR, 6 * MINUTE] {
        world.now += wait;
        rest(world);
    }
}

#[test]
fn all_come_to_what_a_replica_has_made_that_was_an_hour_ahead() {
    for ahead in [HOUR - 1, HOUR + 13 * MINUTE + 12, 2 * HOUR] {
        let mut world = world();
        world.store_secret(None);
        mislead(&mut world, 1, ahead);
        world.now += HOUR;
        settle(&mut world);
        assert_well(&world, 0);
        let SecretView::Ours(state) = world.secret() else { panic!("no Secret of ours") };
        for replica in 0..REPLICAS {
            assert_eq!(world.served(replica).unwrap(), &state.leaf, "{ahead}, replica {replica}");
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    SeeAndTick(usize),
    Restart(usize),
    SetClock(usize, i64),
    Lose(usize),
    Find(usize),
    Mislead(usize, i64),
    DeleteSecret,
}

fn event() -> impl Strategy<Value = Event> {
    let replica = || 0..REPLICAS;
    let skew = || prop_oneof![-2 * YEAR..2 * YEAR, -2 * HOUR..2 * HOUR];
    prop_oneof![
        6 => prop::sample::select(&[1, MINUTE, HOUR, DAY, 21 * DAY, 130 * DAY][..])
            .prop_map(Event::Wait),
        10 => replica().prop_map(Event::SeeAndTick),
        1 => replica().prop_map(Event::Restart),
        2 => (replica(), skew()).prop_map(|(replica, skew)| Event::SetClock(replica, skew)),
        1 => replica().prop_map(Event::Lose),
        1 => replica().prop_map(Event::Find),
        1 => (replica(), skew()).prop_map(|(replica, skew)| Event::Mislead(replica, skew)),
        1 => Just(Event::DeleteSecret),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the clocks were: once they are known, all replicas come to rest, ready, with one
    /// leaf that the API server takes.
    #[test]
    fn all_is_well_once_the_time_is_known(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new(params(), REPLICAS, 2);
        for event in events {
            match event {
                Event::Wait(seconds) => world.now += seconds,
                Event::SeeAndTick(replica) => {
                    world.see_all(replica);
                    world.tick(replica);
                }
                Event::Restart(replica) => world.restart(replica),
                Event::SetClock(replica, skew) => world.replicas[replica].skew = skew,
                Event::Lose(replica) => world.replicas[replica].answered_by.clear(),
                Event::Find(replica) => world.replicas[replica].answered_by = vec![0],
                Event::Mislead(replica, skew) => mislead(&mut world, replica, skew),
                Event::DeleteSecret => world.store_secret(None),
            }
        }
        for replica in &mut world.replicas {
            replica.answered_by = vec![0];
        }
        settle(&mut world);
        assert_well(&world, 0);
        let SecretView::Ours(state) = world.secret() else { panic!("no Secret of ours") };
        for replica in 0..REPLICAS {
            prop_assert_eq!(world.served(replica).unwrap(), &state.leaf);
        }
        prop_assert!(bundle(&world).len() <= 30);
    }
}
