//! Which leaf is served, and what is said about it.

use certificates::{Configuration, Memory, Published, SecretView, State};

use super::fixtures::{
    DAY, Data, HOUR, MINUTE, all_of, at, authority, data, decision, leaf, one, published, read,
    remembering, state,
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
    let two = |second| Published(vec![ready.0[0].clone(), ("b".to_owned(), second)]);
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
    let serves_new = |now, new: &State, memory: &Memory, published: &Published| {
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
fn keeps_serving_when_the_clock_jumped_back_and_says_so() {
    let held = state(at(0));
    let view = SecretView::Ours(held.clone());
    let decision = decision(-100 * DAY, &view, &all_of(&held), &Memory::default());
    assert!(decision.ready && decision.serve.is_some());
    assert!(decision.secret.is_none() && decision.bundles.is_empty());
    let said = decision.problems[0].to_string();
    assert!(said.contains("clock"), "{said}");
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
