//! What holds whatever happens, and in whatever order.

use certificates::{AUTHORITY_PREFIX, SecretView};
use proptest::prelude::*;

use super::fixtures::{DAY, HOUR, MINUTE, lifetimes, params, params_with};
use super::model::World;

const REPLICAS: usize = 3;
const CONFIGURATIONS: usize = 2;

const WAITS: [i64; 9] =
    [1, MINUTE, 6 * MINUTE, HOUR, DAY, 21 * DAY, 31 * DAY, 125 * DAY, 400 * DAY];

#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    Tick(usize),
    /// A replica sees everything, then ticks.
    SeeAndTick(usize),
    /// One watch brings one event: 0 is the Secret.
    SeeNext(usize, usize),
    Restart(usize),
    DeleteSecret,
    /// A member of the data is lost, or cut.
    DamageSecret(usize, bool),
    /// A former Secret comes back, from a backup say.
    RestoreSecret(usize),
    OverwriteBundle(usize, Overwrite),
}

#[derive(Clone, Debug)]
enum Overwrite {
    Empty,
    Garbage,
    Former(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let replica = || 0..REPLICAS;
    prop_oneof![
        6 => prop::sample::select(&WAITS[..]).prop_map(Event::Wait),
        10 => replica().prop_map(Event::Tick),
        10 => replica().prop_map(Event::SeeAndTick),
        8 => (replica(), 0..=CONFIGURATIONS).prop_map(|(r, object)| Event::SeeNext(r, object)),
        2 => replica().prop_map(Event::Restart),
        1 => Just(Event::DeleteSecret),
        1 => (0..9_usize, any::<bool>()).prop_map(|(key, cut)| Event::DamageSecret(key, cut)),
        1 => (0..20_usize).prop_map(Event::RestoreSecret),
        1 => (0..CONFIGURATIONS, prop_oneof![
            Just(Overwrite::Empty),
            Just(Overwrite::Garbage),
            (0..20_usize).prop_map(Overwrite::Former),
        ])
        .prop_map(|(index, with)| Event::OverwriteBundle(index, with)),
    ]
}

fn apply(world: &mut World, event: &Event) {
    match event {
        Event::Wait(seconds) => world.now += seconds,
        Event::Tick(replica) => drop(world.tick(*replica)),
        Event::SeeAndTick(replica) => {
            world.see_all(*replica);
            world.tick(*replica);
        }
        Event::SeeNext(replica, object) => world.see_next(*replica, *object),
        Event::Restart(replica) => world.restart(*replica),
        Event::DeleteSecret => world.store_secret(None),
        Event::DamageSecret(key, cut) => {
            let mut damaged = world.secrets.last().unwrap().clone();
            let key =
                damaged.as_ref().and_then(|data| data.keys().copied().nth(key % data.len().max(1)));
            if let (Some(key), Some(data)) = (key, &mut damaged) {
                let value = data.remove(key).unwrap_or_default();
                if *cut {
                    data.insert(key, value[..value.len().min(100)].to_vec());
                }
            }
            world.store_secret(damaged);
        }
        Event::RestoreSecret(version) => {
            let former = world.secrets[version % world.secrets.len()].clone();
            world.store_secret(former);
        }
        Event::OverwriteBundle(index, with) => {
            let versions = &mut world.bundles[*index];
            let text = match with {
                Overwrite::Empty => Vec::new(),
                Overwrite::Garbage => {
                    b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----".to_vec()
                }
                Overwrite::Former(version) => versions[version % versions.len()].clone(),
            };
            versions.push(text);
        }
    }
}

/// Each replica sees and acts until nothing is left to do.
fn settle(world: &mut World) {
    for _ in 0..40 {
        world.now += 1;
        let mut quiet = true;
        for replica in 0..REPLICAS {
            world.see_all(replica);
            let decision = world.tick(replica);
            quiet &= decision.secret.is_none() && decision.bundles.is_empty();
        }
        if quiet {
            return;
        }
    }
    panic!("the replicas don't come to rest");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Safety: a leaf that is served and has not ended is verified by every
    /// caBundle as stored, from whatever view the writers wrote. Where somebody
    /// else overwrote one, again once it is mended and every replica has seen it.
    /// Liveness: they come to rest, all with the same leaf, ready.
    #[test]
    fn whatever_happens(
        events in prop::collection::vec(event(), 1..120),
        skews in prop::collection::vec(-30..=30_i64, REPLICAS),
    ) {
        let mut world = World::new(params(), REPLICAS, CONFIGURATIONS);
        for (replica, skew) in world.replicas.iter_mut().zip(skews) {
            replica.skew = skew;
        }
        // The version that somebody else wrote last, of each configuration.
        let mut overwritten: [Option<usize>; CONFIGURATIONS] = [None; CONFIGURATIONS];
        for (step, event) in events.iter().enumerate() {
            apply(&mut world, event);
            if let Event::OverwriteBundle(index, _) = event {
                overwritten[*index] = Some(world.bundles[*index].len() - 1);
            }
            let verified = (0..REPLICAS).all(|replica| world.is_verified(replica, 0));
            prop_assert!(verified || overwritten != [None, None], "after step {step}, {event:?}");
            let mended = overwritten.iter().enumerate().all(|(index, version)| {
                world.replicas.iter().all(|replica| Some(replica.bundles[index]) > *version)
            });
            if verified && mended {
                overwritten = [None, None];
            }
        }
        settle(&mut world);
        let SecretView::Ours(state) = world.secret().clone() else { panic!("no Secret of ours") };
        for replica in 0..REPLICAS {
            let decision = world.decision(replica);
            prop_assert!(decision.ready, "{:?}", decision.problems);
            prop_assert!(world.is_verified(replica, 0));
            let served = world.served(replica).unwrap();
            prop_assert!(!served.certificate().expired(world.now()));
        }
        // The overlap of a new authority is over: all serve the Secret's leaf.
        world.now += 6 * MINUTE;
        settle(&mut world);
        settle(&mut world);
        let SecretView::Ours(last) = world.secret() else { panic!("no Secret of ours") };
        prop_assert!(state.authorities.current.certificate.common_name().starts_with(AUTHORITY_PREFIX));
        for replica in 0..REPLICAS {
            prop_assert_eq!(world.served(replica).unwrap(), &last.leaf);
        }
    }
}

/// A day of rotation, minute by minute, with an API server that learns of a
/// caBundle four minutes late: no replica is ever without a leaf, or with one
/// that this API server refuses.
#[test]
fn rotation_is_never_noticed() {
    let params = params_with(lifetimes(12 * HOUR, 3 * HOUR, 5 * MINUTE));
    let mut world = World::new(params, REPLICAS, CONFIGURATIONS);
    settle(&mut world);
    let (mut authorities, mut leaves) = (Vec::new(), Vec::new());
    // An API server's view: the caBundles as they were four minutes ago.
    let mut behind = std::collections::VecDeque::from(vec![world.bundles.clone(); 4]);
    for minute in 0..DAY / MINUTE {
        world.now += MINUTE;
        for replica in 0..REPLICAS {
            // One that starts now has nothing to hold on to.
            if minute % 3 == i64::try_from(replica).unwrap() {
                world.restart(replica);
            }
            world.see_all(replica);
            world.tick(replica);
        }
        behind.push_back(world.bundles.clone());
        let stored = std::mem::replace(&mut world.bundles, behind.pop_front().unwrap());
        for replica in 0..REPLICAS {
            let served = world.served(replica).expect("a leaf").certificate().clone();
            assert!(!served.expired(world.now()), "{served:?}");
            assert!(world.is_verified(replica, 0), "{served:?} at {}", world.now());
            if !leaves.contains(&served) {
                leaves.push(served);
            }
        }
        world.bundles = stored;
        let SecretView::Ours(state) = world.secret() else { panic!("no Secret of ours") };
        let current = state.authorities.current.certificate.clone();
        if !authorities.contains(&current) {
            authorities.push(current);
        }
        assert!(state.authorities.old.len() <= 1, "{:?}", state.authorities.old);
    }
    // Every 8 and every 2 hours.
    assert!((3..=4).contains(&authorities.len()), "{}", authorities.len());
    assert!((11..=17).contains(&leaves.len()), "{}", leaves.len());
}
