//! The decisions, case by case.

use std::sync::Arc;

use pod_identity_webhook::certificates::{
    Authority, Bundle, Cause, Change, Configuration, Decision, Entry, Flaw, Memory, Params,
    Published, SecretView, State, Webhook, decide,
};

use super::fixtures::{
    DAY, Data, HOUR, MINUTE, SERVER, all_of, at, authority, bundle_of, carried_out, data, leaf,
    one, params, published, read, read_ours, state, with_next,
};

fn decision(now: i64, secret: &SecretView, published: &Published, memory: &Memory) -> Decision {
    decide(at(now), secret, published, memory, &params())
}

fn remembering(state: &State) -> Memory {
    Memory { state: Some(state.clone()), served: Some(Arc::clone(&state.leaf)) }
}

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
        ("clock jumped back", -1000 * DAY, &fresh, None),
        ("clock jumped back in the overlap", 0, &next(Some(at(made))), None),
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
        Published(vec![("a".to_owned(), first), ("b".to_owned(), second)])
    };
    let entries = |state: &State| all_of(state).0.remove(0).1;
    let old = || published(&old).0.remove(0).1;
    let step = |state: &State, published: &Published| {
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
    assert!(certificate.is_verified_by(&successor.certificate, SERVER, at(250 * DAY + HOUR)));
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
        names: pod_identity_webhook::certificates::Names {
            service: "other".to_owned(),
            namespace: "eks".to_owned(),
        },
        ..params()
    };
    let change = |now, view: &SecretView, memory: &Memory, params: &Params| {
        decide(at(now), view, &all_of(&held), memory, params).secret.unwrap().change
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

#[test]
fn reads_back_what_it_writes() {
    let plain = state(at(0));
    let mut full = with_next(plain.clone(), at(DAY), Some(at(2 * DAY)));
    full.authorities.old =
        vec![authority(at(-DAY)).certificate, authority(at(-2 * DAY)).certificate];
    let unpublished = with_next(plain.clone(), at(DAY), None);
    for state in [plain, full, unpublished] {
        assert_eq!(read_ours(&data(&state)), SecretView::Ours(state));
    }
}

#[test]
fn names_what_is_wrong_with_a_secret_of_ours() {
    let good = data(&with_next(state(at(0)), at(0), None));
    let other = data(&with_next(state(at(0)), at(0), None));
    let edited = |edit: &dyn Fn(&mut Data)| {
        let mut data = good.clone();
        edit(&mut data);
        read_ours(&data)
    };
    let take = |key: &'static str| {
        let value = other[key].clone();
        move |data: &mut Data| drop(data.insert(key, value.clone()))
    };
    let foreign_ca = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    // The leaf alone: the authority signs another.
    for (edit, said) in [
        (
            &(|data: &mut Data| drop(data.remove("tls.crt"))) as &dyn Fn(&mut Data),
            "tls.crt is missing",
        ),
        (&|data| drop(data.insert("tls.crt", b"junk".to_vec())), "tls.crt has no certificate"),
        (&|data| data.get_mut("tls.crt").unwrap().truncate(90), "tls.crt has no certificate"),
        (&|data| drop(data.insert("tls.key", b"junk".to_vec())), "tls.key: it is not PEM"),
        (&take("tls.key"), "tls.key is not the key of tls.crt"),
        (
            &|data| {
                take("tls.key")(data);
                take("tls.crt")(data);
            },
            "tls.crt was not signed by ca.crt",
        ),
    ] {
        match edited(edit) {
            SecretView::OursWithoutLeaf { flaw, .. } => {
                assert!(flaw.to_string().starts_with(said), "{flaw}");
            }
            view => panic!("{said}: {view:?}"),
        }
    }
    // The authority: nothing can be signed.
    for (edit, said) in [
        (
            &(|data: &mut Data| drop(data.remove("ca.key"))) as &dyn Fn(&mut Data),
            "ca.key is missing",
        ),
        (&take("ca.key"), "ca.key is not the key of ca.crt"),
        (
            &|data| {
                data.insert("ca.crt", foreign_ca.cert.pem().into_bytes());
                data.insert("ca.key", foreign_ca.signing_key.serialize_pem().into_bytes());
            },
            "ca.crt was not made by",
        ),
    ] {
        match edited(edit) {
            SecretView::OursBroken(flaw) => assert!(flaw.to_string().starts_with(said), "{flaw}"),
            view => panic!("{said}: {view:?}"),
        }
    }
    // What comes next can be made anew.
    match edited(&take("next-ca.key")) {
        SecretView::Ours(state) => assert_eq!(state.authorities.next, None),
        view => panic!("{view:?}"),
    }
    let elsewhere = pod_identity_webhook::certificates::Names {
        service: "elsewhere".to_owned(),
        namespace: "eks".to_owned(),
    };
    let view = SecretView::read(Some("pod-identity-webhook"), &elsewhere, |key| {
        good.get(key).map(Vec::as_slice)
    });
    assert!(matches!(view, SecretView::OursWithoutLeaf { flaw: Flaw::Name(_), .. }), "{view:?}");
}

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
fn repairs_a_bundle_and_keeps_what_may_still_be_in_use() {
    let held = with_next(state(at(0)), at(0), None);
    let view = SecretView::Ours(held.clone());
    let [unknown, elder, ended] =
        [0, -300 * DAY, -366 * DAY].map(|made| authority(at(made)).certificate);
    let foreign = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert;
    let foreign = pod_identity_webhook::certificates::Certificate::from_der(foreign.der()).unwrap();
    let Authority { certificate: current, .. } = &held.authorities.current;
    let next = &held.authorities.next.as_ref().unwrap().certificate;
    let bundle = |published: &Published| {
        let decision = decision(1, &view, published, &Memory::default());
        decision.bundles.into_iter().next().map(|repair| repair.bundle)
    };
    let own = bundle_of(&held);
    let with = |more: &[&pod_identity_webhook::certificates::Certificate]| -> Option<Bundle> {
        Some(own.iter().chain(more.iter().copied()).cloned().collect())
    };
    for (case, entry, expected) in [
        ("as it should be", vec![current, next], None),
        ("in another order", vec![next, current], None),
        ("empty", vec![], with(&[])),
        ("one is missing", vec![current], with(&[])),
        ("a foreign one besides", vec![current, next, &foreign], with(&[])),
        ("one that ended long ago", vec![current, next, &ended], with(&[])),
        ("one of ours that is unknown, alone", vec![&unknown], with(&[&unknown])),
        ("two unknown, oldest first", vec![&unknown, &elder], with(&[&elder, &unknown])),
        ("unknown besides", vec![current, next, &elder], None),
    ] {
        assert_eq!(bundle(&published(entry)), expected, "{case}");
    }
    let garbage = Configuration::Entries(vec![Entry {
        index: 3,
        name: "x".to_owned(),
        bundle: Bundle::parse(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"),
    }]);
    let decision = decision(1, &view, &one(garbage), &Memory::default());
    assert_eq!(decision.bundles[0].webhooks, [(3, "x".to_owned())]);
}

#[test]
fn knows_its_own_webhooks() {
    let names = params().names;
    let webhook = |name, service| Webhook { name, service, ca_bundle: None };
    let ours = webhook("ours", Some(("eks", "pod-identity-webhook")));
    let others = [
        webhook("by url", None),
        webhook("elsewhere", Some(("default", "pod-identity-webhook"))),
        webhook("another", Some(("eks", "another"))),
    ];
    let none = Configuration::read(&names, |_| false, others);
    assert_eq!(none, Configuration::WithoutUs);
    let found = Configuration::read(&names, |_| false, others.into_iter().chain([ours]));
    assert_eq!((found.entries()[0].index, found.entries()[0].name.as_str()), (3, "ours"));
    for annotation in ["inject-ca-from", "inject-ca-from-secret", "inject-apiserver-ca"] {
        let annotation = format!("cert-manager.io/{annotation}");
        let found = Configuration::read(&names, |key| key == annotation, [ours]);
        assert!(matches!(found, Configuration::Injected(_)), "{annotation}");
    }
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
