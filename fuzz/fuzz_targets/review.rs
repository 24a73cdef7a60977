//! A review: our reader and serde_json read the same, and the pod becomes what
//! the plain reference makes of it; then nothing more is missing.
#![no_main]

use fuzz::{admitted, by_reference, lookup};
use injection::admission::{Outcome, decode, respond};
use injection::identity::WarningKind;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let (container_credentials, body) = match data.split_first() {
        Some((first, rest)) => (*first == b'c', rest),
        None => return,
    };
    let lookup = lookup(container_credentials);
    let Ok(review) = decode(body) else { return };
    let Some(admission) = admitted(&review, &lookup) else { return };
    let answer = respond(&review, &admission);
    serde_json::from_slice::<Value>(&answer).expect("the answer is JSON");

    // A number or a nesting that a Value has no room for is no pod that could be compared.
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return };
    let text = serde_json::to_vec(&value).expect("a value");
    let Ok(again) = decode(&text) else { panic!("read once, and not when written anew") };
    let admission_again = admitted(&again, &lookup).expect("a candidate still");
    assert_eq!(admission.outcome, admission_again.outcome);
    if admission.outcome != Outcome::Mutated && admission.outcome != Outcome::AlreadyComplete {
        return;
    }
    let (wanted, seen) = by_reference(&value, &lookup);
    let of_containers = [
        WarningKind::HalfPair,
        WarningKind::EmptyValue,
        WarningKind::TokenFileNotMounted,
        WarningKind::MountPathTaken,
        WarningKind::OwnCredentials,
        WarningKind::ObstructedMount,
    ];
    for kind in of_containers {
        let reported = admission.warnings.counts().filter(|(it, _)| *it == kind);
        let reported: u64 = reported.map(|(_, count)| count).sum();
        let kinds = seen.iter().flat_map(|it| &it.kinds);
        assert_eq!(reported, kinds.filter(|it| **it == kind.as_str()).count() as u64, "{seen:?}");
    }
    let pod = &mut value["request"]["object"];
    json_patch::patch(pod, &admission.patch.operations()).expect("the patch applies");
    assert_eq!(*pod, wanted);
    let text = serde_json::to_vec(&value).expect("a value");
    let twice = decode(&text).expect("a review");
    let twice = admitted(&twice, &lookup).expect("a candidate");
    assert!(twice.patch.is_empty(), "once was not enough");
});
