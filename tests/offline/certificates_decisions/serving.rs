//! Which leaf is served, and what is said about it.

use certificates::{
    Cause, Certificate, Change, Configuration, Memory, PublishedBundles, SecretView, ServerTime,
    State,
};

use super::fixtures::{
    DAY, Data, HOUR, MINUTE, all_of, at, authority, data, decision, decision_at, leaf, one,
    published, read, remembering, state,
};

#[test]
fn serves_a_foreign_secret_while_it_is_valid_and_changes_nothing() {
    let foreign = state(at(0));
    let all = data(&foreign);
    let view = read(None, &all);
    let missing = one(Configuration::Missing);
    for published in [published([]), missing] {
        let decision = decision(1, &view, &published, &Memory::default());
        assert!(decision.ready, "{:?}", decision.problems);
        assert_eq!(decision.serve.as_ref(), Some(&foreign.leaf));
        assert!(decision.secret.is_none() && decision.bundles.is_empty());
        assert_eq!(decision.problems, []);
    }
    let unreadable = read(Some("someone"), &Data::new());
    for (now, view) in [(30 * DAY, &view), (1, &unreadable)] {
        let decision = decision(now, view, &published([]), &Memory::default());
        assert!(!decision.ready && decision.serve.is_none());
        assert!(decision.secret.is_none() && decision.bundles.is_empty());
        let said = decision.problems[0].to_string();
        assert!(said.contains("delete it") && said.contains("--tls-secret"), "{said}");
        assert!(said.contains("eks/pod-identity-webhook"), "{said}");
    }
}

#[test]
fn keeps_a_leaf_that_works_where_a_foreign_secret_comes_that_no_bundle_verifies() {
    let held = state(at(0));
    let foreign = state(at(DAY));
    let all = data(&foreign);
    let view = read(None, &all);
    let memory = remembering(&held);
    let before = decision(DAY + 1, &view, &all_of(&held), &memory);
    assert_eq!(before.serve.as_ref(), Some(&held.leaf), "the bundles have ours alone");
    let after = decision(DAY + 1, &view, &all_of(&foreign), &memory);
    assert_eq!(after.serve.as_ref(), Some(&foreign.leaf), "somebody published it");
}

#[test]
fn keeps_the_leaf_it_serves_until_that_of_a_clock_ahead_has_begun() {
    let held = state(at(0));
    // A leaf begins an hour before it is made: this one an hour after now.
    let ahead = leaf(&held.authorities.current, at(DAY + 2 * HOUR));
    let renewed = SecretView::Ours(State { leaf: ahead.clone(), ..held.clone() });
    let (published, memory) = (all_of(&held), remembering(&held));
    let serves = |now| decision(now, &renewed, &published, &memory).serve;
    assert_eq!(serves(DAY).as_ref(), Some(&held.leaf));
    assert_eq!(serves(DAY + HOUR).as_ref(), Some(&ahead));
}

#[test]
fn serves_only_what_every_bundle_verifies() {
    let held = state(at(0));
    let secret = SecretView::Ours(held.clone());
    let other = authority(at(0)).certificate;
    let ready = all_of(&held);
    let new = Memory::default();
    let (good, bad) = (ready.0[0].1.clone(), published([&other]).0.remove(0).1);
    let two = |second| PublishedBundles(vec![ready.0[0].clone(), ("b".to_owned(), second)]);
    for (case, published, memory, serves) in [
        ("published", ready.clone(), &new, true),
        ("published twice", two(good), &new, true),
        ("not in the second", two(bad.clone()), &new, false),
        ("second missing at the start", two(Configuration::Missing), &new, false),
        ("second unknown", two(Configuration::Unknown), &new, false),
        ("second missing later", two(Configuration::Missing), &remembering(&held), true),
        ("second unknown later", two(Configuration::Unknown), &remembering(&held), true),
        ("overwritten later", one(bad), &remembering(&held), true),
    ] {
        let decision = decision(1, &secret, &published, memory);
        assert_eq!(decision.serve.is_some(), serves, "{case}");
        assert_eq!(decision.ready, serves, "{case}");
    }
    let expired = decision(30 * DAY, &secret, &ready, &remembering(&held));
    assert!(expired.serve.is_none() && !expired.ready);
}

#[test]
fn keeps_the_leaf_it_serves_until_the_api_server_surely_knows_another_authority() {
    let held = state(at(0));
    let mut new = state(at(DAY));
    let both =
        published([&held.authorities.current.certificate, &new.authorities.current.certificate]);
    let serves_new = |now, new: &State, memory: &Memory, published: &PublishedBundles| {
        let view = SecretView::Ours(new.clone());
        decision(now, &view, published, memory).serve.as_ref() == Some(&new.leaf)
    };
    let memory = remembering(&held);
    assert!(!serves_new(DAY + 1, &new, &memory, &both), "the overlap runs");
    assert!(serves_new(DAY + 5 * MINUTE, &new, &memory, &both), "the overlap is over");
    assert!(serves_new(DAY, &new, &memory, &all_of(&new)), "the old one is of no use");
    assert!(serves_new(DAY, &new, &Memory::default(), &both), "nothing is served yet");
    new.authorities.current.published = None;
    assert!(!serves_new(DAY + HOUR, &new, &memory, &both), "not recorded yet");
    assert!(serves_new(30 * DAY, &new, &memory, &both), "the old one has ended");
    // Another leaf of the same authority: at once.
    let renewed = State { leaf: leaf(&held.authorities.current, at(DAY)), ..held.clone() };
    assert!(serves_new(DAY, &renewed, &memory, &all_of(&held)));
}

#[test]
fn a_certificate_of_the_future_is_not_taken_and_whoever_has_it_is_not_ready() {
    let ahead = state(at(370 * DAY));
    let view = SecretView::Ours(ahead.clone());
    let fresh = decision(0, &view, &all_of(&ahead), &Memory::default());
    assert!(!fresh.ready && fresh.serve.is_none());
    let said = fresh.problems[0].to_string();
    assert!(said.contains("not valid before") && said.contains("delete the Secret"), "{said}");
    // Served, from a time when that was right: there is nothing else yet.
    let serving = decision(0, &view, &all_of(&ahead), &remembering(&ahead));
    assert!(!serving.ready && serving.serve.is_some());
    // One that works stays, and is put back.
    let held = state(at(0));
    let both =
        published([&held.authorities.current.certificate, &ahead.authorities.current.certificate]);
    let healthy = decision(DAY, &view, &both, &remembering(&held));
    assert!(healthy.ready);
    assert_eq!(healthy.serve.as_ref(), Some(&held.leaf));
    assert_eq!(healthy.secret.map(|step| step.change), Some(Change::Put(held)));
    // Somebody else's is not replaced, and said to be of no use.
    let foreign = decision(0, &read(None, &data(&ahead)), &published([]), &Memory::default());
    assert!(!foreign.ready && foreign.secret.is_none());
    let said = foreign.problems[0].to_string();
    assert!(said.contains("delete it") && said.contains("--tls-secret"), "{said}");
}

#[test]
fn the_cure_that_is_named_works_while_replicas_run() {
    let (held, ahead) = (state(at(0)), state(at(370 * DAY)));
    let change = |memory: &Memory| {
        let step = decision(DAY, &SecretView::Absent, &all_of(&ahead), memory).secret.unwrap();
        (step.cause, step.change)
    };
    assert_eq!(change(&remembering(&ahead)), (Cause::Absent, Change::Establish));
    assert_eq!(change(&remembering(&held)), (Cause::Absent, Change::Put(held)));
}

#[test]
fn while_the_time_is_not_known_nothing_is_dropped_replaced_or_made() {
    let held = state(at(0));
    let old = authority(at(-5000 * DAY)).certificate;
    let foreign = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert;
    let foreign = Certificate::from_der(foreign.der()).unwrap();
    let (current, memory) = (&held.authorities.current.certificate, remembering(&held));
    let ours = SecretView::Ours(held.clone());
    let ended = SecretView::Ours(state(at(-5000 * DAY)));
    let ahead = SecretView::Ours(state(at(5000 * DAY)));
    let unknown = |secret: &SecretView, published: &PublishedBundles, memory: &Memory| {
        decision_at(ServerTime::UNKNOWN, secret, published, memory)
    };
    for (case, secret) in [("valid", &ours), ("ended", &ended), ("of the future", &ahead)] {
        for bundle in [vec![current, &old], vec![current, &foreign], vec![&foreign]] {
            let decision = unknown(secret, &published(bundle.clone()), &memory);
            assert_eq!(decision.secret, None, "{case}");
            for repair in &decision.bundles {
                assert!(bundle.iter().all(|kept| repair.bundle.contains(kept)), "{case}");
            }
            assert_eq!(decision.serve.as_ref(), Some(&held.leaf), "{case}: the one that is served");
            assert!(decision.ready, "{case}");
            let said = decision.problems[0].to_string();
            assert!(said.contains("Date header"), "{said}");
        }
    }
    // What is missing is added, and what is lost is put back: neither needs the time.
    assert_eq!(unknown(&ours, &published([]), &memory).bundles.len(), 1);
    let put_back = unknown(&SecretView::Absent, &published([]), &memory).secret.unwrap();
    assert_eq!(put_back.change, Change::Put(held));
    assert_eq!(unknown(&SecretView::Absent, &published([]), &Memory::default()).secret, None);
}

#[test]
fn where_the_clocks_differ_only_what_is_right_by_all_of_them_is_done() {
    let held = state(at(0));
    let view = SecretView::Ours(held.clone());
    let decided = |from, to| {
        let time = ServerTime::between(at(from), at(to));
        decision_at(time, &view, &all_of(&held), &remembering(&held))
    };
    let cause = |from, to| decided(from, to).secret.map(|step| step.cause);
    // One of them is a year ahead, or behind, or an hour off.
    for (from, to) in [(DAY, 370 * DAY), (-370 * DAY, DAY), (DAY, DAY + HOUR)] {
        assert_eq!(cause(from, to), None);
        assert!(decided(from, to).ready && decided(from, to).bundles.is_empty());
    }
    // Renewed by the clock that is behind.
    assert_eq!(cause(20 * DAY - MINUTE, 20 * DAY + HOUR), None);
    assert_eq!(cause(20 * DAY, 20 * DAY + HOUR), Some(Cause::LeafDue));
    assert_eq!(cause(366 * DAY, 370 * DAY), Some(Cause::AuthorityExpired));
    assert_eq!(cause(-370 * DAY, -DAY), Some(Cause::AuthorityAhead));
}

#[test]
fn says_what_is_missing_and_what_to_do() {
    let held = state(at(0));
    let view = SecretView::Ours(held.clone());
    for (configuration, said) in [
        (Configuration::Missing, "--webhook-config-name"),
        (Configuration::WithoutUs, "--service-name"),
        (Configuration::Injected("cert-manager.io/inject-ca-from"), "--in-cluster=false"),
        (published([]).0.remove(0).1, "webhook pods"),
    ] {
        let decision = decision(1, &view, &one(configuration), &Memory::default());
        assert!(!decision.ready);
        let problem = decision.problems[0].to_string();
        assert!(problem.contains(said) && !problem.contains('\n'), "{problem}");
    }
    // Even for one who serves already.
    let injected = one(Configuration::Injected("cert-manager.io/inject-ca-from"));
    assert!(!decision(1, &view, &injected, &remembering(&held)).ready);
}
