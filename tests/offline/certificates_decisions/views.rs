//! What is read, and what the caBundles have to be.

use certificates::{
    Authority, Bundle, Certificate, Configuration, Entry, Flaw, Memory, Names, PublishedBundles,
    SecretView, Webhook,
};
use pod_identity_webhook::crypto;

use super::fixtures::{
    DAY, Data, at, authority, bundle_of, data, decision, one, params, published, read_ours, state,
    with_next,
};

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
        (&|data| drop(data.insert("tls.key", b"junk".to_vec())), "tls.key: not a PEM"),
        (&take("tls.key"), "tls.key does not belong to tls.crt"),
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
        (&take("ca.key"), "ca.key does not belong to ca.crt"),
        (
            &|data| {
                data.insert("ca.crt", foreign_ca.cert.pem().into_bytes());
                data.insert("ca.key", foreign_ca.signing_key.serialize_pem().into_bytes());
            },
            "ca.crt was not created by",
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
    let elsewhere = Names { service: "elsewhere".to_owned(), namespace: "eks".to_owned() };
    let view =
        SecretView::read(Some("pod-identity-webhook"), &elsewhere, crypto::CERTIFICATES, |key| {
            good.get(key).map(Vec::as_slice)
        });
    assert!(matches!(view, SecretView::OursWithoutLeaf { flaw: Flaw::Name(_), .. }), "{view:?}");
}

#[test]
fn repairs_a_bundle_and_keeps_what_may_still_be_in_use() {
    let held = with_next(state(at(0)), at(0), None);
    let view = SecretView::Ours(held.clone());
    let [unknown, elder, ended] =
        [0, -300 * DAY, -366 * DAY].map(|made| authority(at(made)).certificate);
    let foreign = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert;
    let foreign = Certificate::from_der(foreign.der()).unwrap();
    let Authority { certificate: current, .. } = &held.authorities.current;
    let next = &held.authorities.next.as_ref().unwrap().certificate;
    let bundle = |published: &PublishedBundles| {
        let decision = decision(1, &view, published, &Memory::default());
        decision.bundles.into_iter().next().map(|repair| repair.bundle)
    };
    let own = bundle_of(&held);
    let with = |more: &[&Certificate]| -> Option<Bundle> {
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
