//! The decisions, case by case.

use certificates::{
    Cause, Change, Configuration, Flaw, Memory, Names, Params, PublishedBundles, SecretView,
    ServerTime, State, decide,
};
use pod_identity_webhook::crypto;

use super::fixtures::{
    DAY, HOUR, MINUTE, SERVER, all_of, at, carried_out, data, decision, leaf, params, published,
    remembering, state, with_next,
};

/// What is to be done with a whole Secret whose authorities are published.
fn cause(now: i64, state: &State) -> Option<Cause> {
    let secret = SecretView::Ours(state.clone());
    let step = decision(now, &secret, &all_of(state), &Memory::default()).secret;
    step.map(|step| step.cause)
}

#[test]
fn rotates_by_the_clock() {
    let fresh = state(at(0));
    let long_leaf =
        State { leaf: leaf(&fresh.authorities.current, at(340 * DAY)), ..fresh.clone() };
    let made = 250 * DAY;
    let next = |published| {
        let mut state = with_next(fresh.clone(), at(made), published);
        state.leaf = leaf(&state.authorities.current, at(made));
        state
    };
    let late_next = with_next(long_leaf.clone(), at(364 * DAY), Some(at(365 * DAY - 2 * MINUTE)));
    let next_ahead = with_next(fresh.clone(), at(made), None);
    let recorded = |since| {
        let mut state = fresh.clone();
        state.authorities.current.published = Some(at(since));
        state
    };
    let (published_ahead, published_soon) = (recorded(370 * DAY), recorded(MINUTE));
    let next_published = next(Some(at(made + DAY)));
    for (case, now, state, expected) in [
        ("fresh", 0, &fresh, None),
        ("not due", 20 * DAY - 1, &fresh, None),
        ("leaf due", 20 * DAY, &fresh, Some(Cause::LeafDue)),
        ("leaf overdue", 30 * DAY - 1, &fresh, Some(Cause::LeafDue)),
        ("leaf expired while asleep", 30 * DAY, &fresh, Some(Cause::LeafExpired)),
        ("CA due, but the leaf is dead", 300 * DAY, &fresh, Some(Cause::LeafExpired)),
        ("CA due", 345 * DAY, &long_leaf, Some(Cause::AuthorityDue)),
        ("CA expired while asleep", 365 * DAY, &fresh, Some(Cause::AuthorityExpired)),
        ("next is published", made, &next(None), Some(Cause::AuthorityPublished)),
        ("overlap runs", made + 5 * MINUTE - 1, &next(Some(at(made))), None),
        ("overlap is over", made + 5 * MINUTE, &next(Some(at(made))), Some(Cause::OverlapPassed)),
        ("CA ends within the overlap", 365 * DAY - MINUTE, &late_next, Some(Cause::OverlapPassed)),
        ("a clock a little behind the maker's", -HOUR, &fresh, None),
        ("CA of the future", -HOUR - 1, &fresh, Some(Cause::AuthorityAhead)),
        ("leaf of the future", 0, &next(Some(at(made))), Some(Cause::LeafAhead)),
        ("next CA of the future", 0, &next_ahead, Some(Cause::AuthorityAhead)),
        ("published in the future", 1, &published_ahead, Some(Cause::AuthorityPublished)),
        ("published a moment ahead", 1, &published_soon, None),
        ("next published in the future", made, &next_published, Some(Cause::AuthorityPublished)),
    ] {
        assert_eq!(cause(now, state), expected, "{case}");
    }
}

#[test]
fn asks_for_nothing_that_would_end_earlier() {
    // The CA's own end bounds the leaf: a new one would be no better.
    let mut bounded = state(at(0));
    let current = bounded.authorities.current.clone();
    bounded.leaf = leaf(&current, at(360 * DAY));
    let next = with_next(bounded, at(360 * DAY), None);
    let secret = SecretView::Ours(next.clone());
    let published = published([&current.certificate]);
    let step = decision(364 * DAY, &secret, &published, &Memory::default()).secret;
    assert_eq!(step, None);
}

#[test]
fn takes_over_only_where_every_bundle_has_the_next() {
    let waiting = with_next(state(at(0)), at(0), None);
    let recorded = with_next(state(at(0)), at(0), Some(at(0)));
    let old = [waiting.authorities.current.certificate.clone()];
    let two = |first: Configuration, second: Configuration| {
        PublishedBundles(vec![("a".to_owned(), first), ("b".to_owned(), second)])
    };
    let entries = |state: &State| all_of(state).0.remove(0).1;
    let old = || published(&old).0.remove(0).1;
    let step = |state: &State, published: &PublishedBundles| {
        let secret = SecretView::Ours(state.clone());
        let step = decision(DAY, &secret, published, &Memory::default()).secret;
        step.map(|step| step.cause)
    };
    let missing = Configuration::Missing;
    for (case, state, published, expected) in [
        ("nowhere", &waiting, two(old(), old()), None),
        ("in one of two", &waiting, two(entries(&waiting), old()), None),
        ("one unknown", &waiting, two(entries(&waiting), Configuration::Unknown), None),
        ("one missing", &waiting, two(entries(&waiting), missing), Some(Cause::AuthorityPublished)),
        (
            "overwritten meanwhile",
            &recorded,
            two(entries(&recorded), old()),
            Some(Cause::AuthorityNotPublished),
        ),
        ("unknown meanwhile", &recorded, two(entries(&recorded), Configuration::Unknown), None),
    ] {
        assert_eq!(step(state, &published), expected, "{case}");
    }
}

#[test]
fn walks_through_a_rotation() {
    let params = params();
    let first = state(at(0));
    let due = State { leaf: leaf(&first.authorities.current, at(250 * DAY)), ..first.clone() };
    let next = |now: i64, state: &State| {
        let secret = SecretView::Ours(state.clone());
        let step = decision(now, &secret, &all_of(state), &Memory::default()).secret.unwrap();
        carried_out(step.change, at(now), &params)
    };
    let added = next(250 * DAY, &due);
    let successor = added.authorities.next.clone().unwrap();
    assert_eq!(added.leaf, due.leaf);
    let recorded = next(250 * DAY + 1, &added);
    assert_eq!(recorded.authorities.next.clone().unwrap().published, Some(at(250 * DAY + 1)));
    let taken = next(250 * DAY + HOUR, &recorded);
    assert_eq!(taken.authorities.current.certificate, successor.certificate);
    assert_eq!(taken.authorities.old, std::slice::from_ref(&first.authorities.current.certificate));
    assert_eq!(taken.authorities.next, None);
    let certificate = taken.leaf.certificate();
    assert!(certificate.is_verified_by(
        &successor.certificate,
        SERVER,
        at(250 * DAY + HOUR),
        crypto::CERTIFICATES
    ));
    // The former one's key is gone from what is written.
    let former_key = first.authorities.current.key.pem().as_bytes();
    assert!(data(&taken).values().all(|value| value != former_key));
    // It leaves the bundle when it has ended, with the next write.
    let secret = SecretView::Ours(State { leaf: leaf(&successor, at(364 * DAY)), ..taken });
    let nothing = published([]);
    let bundle = |now| {
        let decision = decision(now, &secret, &nothing, &Memory::default());
        decision.bundles[0].bundle.iter().count()
    };
    assert_eq!((bundle(365 * DAY - 1), bundle(365 * DAY + HOUR)), (2, 1));
}

#[test]
fn puts_back_what_it_remembers_and_else_makes_new() {
    let held = state(at(0));
    let put = Change::Put(held.clone());
    let mut other_names = Memory { state: Some(held.clone()), served: None };
    let renamed = Params {
        names: Names { service: "other".to_owned(), namespace: "eks".to_owned() },
        ..params()
    };
    let change = |now, view: &SecretView, memory: &Memory, params: &Params| {
        decide(
            ServerTime::between(at(now), at(now)),
            view,
            &all_of(&held),
            memory,
            params,
            crypto::CERTIFICATES,
        )
        .secret
        .unwrap()
        .change
    };
    let broken = SecretView::OursBroken(Flaw::NotOurs);
    let (params, memory) = (params(), remembering(&held));
    assert_eq!(change(1, &SecretView::Absent, &memory, &params), put);
    assert_eq!(change(1, &broken, &memory, &params), put);
    assert_eq!(change(1, &SecretView::Absent, &Memory::default(), &params), Change::Establish);
    assert_eq!(change(1, &broken, &Memory::default(), &params), Change::Establish);
    assert_eq!(change(31 * DAY, &SecretView::Absent, &memory, &params), Change::Establish);
    other_names.served = None;
    assert_eq!(change(1, &SecretView::Absent, &other_names, &renamed), Change::Establish);
}
