//! What must hold for every pod, whatever it has in it.

use injection::admission::{Admission, AdmissionSettings, Endpoint, Outcome, Triage, decode};
use injection::identity::{
    AnnotationKeys, ConfigMapEntry, Lookup, Observed, ServiceAccountReader, StsEndpoint,
    WarningKind, Warnings, each_container_name,
};
use injection::mutation::Jitter;
use json_patch::PatchOperation;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use reference::{Seen, Selection};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const MOUNT_PATHS: [&str; 12] = [
    "/data",
    "/var",
    "/var/run/secrets",
    "/run/./secrets//",
    "/run",
    "/vault/../var/run",
    "/vault/token",
    r"C:\Vault",
    "/var/run/secrets/eks.amazonaws.com/serviceaccount",
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/",
    "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
    "/",
];
const VOLUME_NAMES: [&str; 7] = [
    "data",
    "aws-iam-token",
    "aws-iam-token-1",
    "aws-iam-token-2",
    "aws-iam-token-x",
    "eks-pod-identity-token",
    "eks-pod-identity-token-1",
];
const ENV_NAMES: [&str; 11] = [
    "AWS_ENDPOINT_URL_STS",
    "MODE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];
const NAMES: [&str; 4] = ["app", "sidecar", "init", "debug"];

const FILES: [&str; 9] = [
    "",
    "/vault/token",
    "/vault/token/x",
    "/run/secrets/eks.amazonaws.com/serviceaccount/token",
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token",
    r"c:\vault\token",
    "vault/token",
    "$(HOME)/token",
];
const PREFIXES: [&str; 5] = ["", "APP_", "AWS_", "AWS_ROLE_ARN", "AWS_WEB"];

/// Any JSON that a later Kubernetes might put into a pod.
fn unknown() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map(".{1,6}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An object of the given members that are there, and one nobody knows.
fn object(
    members: Vec<(&'static str, BoxedStrategy<Option<Value>>)>,
) -> impl Strategy<Value = Value> {
    let (names, values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    (values, option::of(unknown())).prop_map(move |(values, extra)| {
        let mut object = Map::new();
        for (name, value) in names.iter().zip(values) {
            if let Some(value) = value {
                object.insert((*name).to_owned(), value);
            }
        }
        if let Some(extra) = extra {
            object.insert("futureField".to_owned(), extra);
        }
        Value::Object(object)
    })
}

fn always(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    strategy.prop_map(Some).boxed()
}

/// Absent, null or there.
fn maybe(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Value::Null)),
        5 => strategy.prop_map(Some),
    ]
    .boxed()
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(words).prop_map(Value::from)
}

fn list(item: impl Strategy<Value = Value>, max: usize) -> impl Strategy<Value = Value> {
    vec(item, 0..max).prop_map(Value::from)
}

fn container() -> impl Strategy<Value = Value> {
    let reference = object(vec![
        ("name", maybe(one_of(&NAMES))),
        ("optional", maybe(any::<bool>().prop_map(Value::from))),
    ])
    .boxed();
    let from = object(vec![
        ("secretKeyRef", maybe(reference.clone())),
        ("configMapKeyRef", maybe(reference)),
    ]);
    let value = prop_oneof![".{0,4}".prop_map(Value::from), one_of(&FILES)].boxed();
    // The API server takes no variable that has both.
    let literal =
        object(vec![("name", always(one_of(&ENV_NAMES))), ("value", maybe(value))]).boxed();
    let referring =
        object(vec![("name", always(one_of(&ENV_NAMES))), ("valueFrom", maybe(from))]).boxed();
    let variable = prop_oneof![3 => literal, 1 => referring];
    let source = object(vec![("prefix", maybe(one_of(&PREFIXES)))]);
    let mount = object(vec![
        ("name", always(one_of(&VOLUME_NAMES))),
        ("mountPath", always(one_of(&MOUNT_PATHS))),
        ("subPath", maybe(one_of(&["", "token"]))),
        ("readOnly", maybe(any::<bool>().prop_map(Value::from))),
    ]);
    object(vec![
        ("name", always(one_of(&NAMES))),
        ("env", maybe(list(variable, 4))),
        ("envFrom", maybe(list(source, 2))),
        ("volumeMounts", maybe(list(mount, 3))),
    ])
}

fn volume() -> impl Strategy<Value = Value> {
    let token = object(vec![
        ("path", always(one_of(&["token", "eks-pod-identity-token", "jwt"]))),
        ("audience", maybe(one_of(&["sts.amazonaws.com", "other"]))),
    ]);
    let source = object(vec![("serviceAccountToken", maybe(token))]);
    let projected = object(vec![("sources", maybe(list(source, 2)))]);
    let storage = object(vec![("readOnly", maybe(any::<bool>().prop_map(Value::from)))]);
    let name = || ("name", always(one_of(&VOLUME_NAMES)));
    prop_oneof![
        4 => object(vec![name(), ("projected", maybe(projected))]),
        1 => object(vec![name(), ("secret", maybe(object(Vec::new())))]),
        1 => object(vec![name(), ("persistentVolumeClaim", maybe(storage))]),
        1 => object(vec![name(), ("emptyDir", maybe(object(Vec::new())))]),
    ]
}

fn pod() -> impl Strategy<Value = Value> {
    let names = "[a-z,\" ]{0,12}|app|app,sidecar".prop_map(Value::from);
    let annotations = object(vec![
        ("eks.amazonaws.com/skip-containers", maybe(names.clone())),
        ("eks.amazonaws.com/include-containers", maybe(names)),
        ("eks.amazonaws.com/token-expiration", maybe("[0-9a-z-]{0,6}".prop_map(Value::from))),
    ]);
    let labels =
        object(vec![("eks.amazonaws.com/pod-identity", maybe(one_of(&["enabled", "no"])))]);
    let metadata = object(vec![
        ("name", maybe("[a-z]{0,70}".prop_map(Value::from))),
        ("annotations", maybe(annotations)),
        ("labels", maybe(labels)),
    ]);
    let selector = object(vec![("kubernetes.io/os", maybe(one_of(&["windows", "linux"])))]);
    let spec = object(vec![
        ("serviceAccountName", maybe(one_of(&["", "app"]))),
        ("initContainers", maybe(list(container(), 3))),
        ("containers", maybe(list(container(), 3))),
        ("volumes", maybe(list(volume(), 4))),
        ("nodeSelector", maybe(selector)),
    ]);
    object(vec![("metadata", maybe(metadata)), ("spec", always(spec))])
}

fn lookup() -> impl Strategy<Value = Lookup> {
    let annotations = proptest::collection::hash_map(
        select(vec!["role-arn", "audience", "region", "role-session-name", "token-expiration"]),
        select(vec!["arn:aws:iam::111122223333:role/app", "pod-name", "900", "", "x y"]),
        0..5,
    );
    (any::<bool>(), annotations, any::<bool>()).prop_map(|(listed, annotations, entry)| {
        let keys = AnnotationKeys::default();
        let annotations: HashMap<_, _> =
            annotations.into_iter().map(|(k, v)| (format!("{}/{k}", keys.prefix), v)).collect();
        let read = ServiceAccountReader::default()
            .read(annotations.iter().map(|(key, value)| (key.as_str(), *value)));
        Lookup {
            container_credentials: listed,
            service_account: read.map_or(Observed::Absent, |sa| Observed::Known(sa.into())),
            config_map_entry: if entry {
                Observed::Known(ConfigMapEntry::default().into())
            } else {
                Observed::Absent
            },
        }
    })
}

/// Bytes that stand where one byte of a review stood.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let words = ["null", "[]", "{}", "\"\"", "0", "true", "\\ud800", ",", "}", "]", "\"", "\u{7f}"];
    prop_oneof![
        select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        vec(any::<u8>(), 0..3),
    ]
}

fn review(pod: &Value) -> Vec<u8> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": "demo", "object": pod,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
        },
    });
    serde_json::to_vec(&review).unwrap()
}

fn admitted(pod: &Value, lookup: &Lookup, jitter: i64) -> Admission {
    admitted_by(Endpoint::Mutate, pod, lookup, jitter)
}

fn admitted_by(endpoint: Endpoint, pod: &Value, lookup: &Lookup, jitter: i64) -> Admission {
    let body = review(pod);
    let review = decode(&body).unwrap();
    match review.triage() {
        Triage::Settled(outcome) => Admission::of(outcome),
        Triage::Lookup(candidate) => candidate.admit(lookup, &policy(), endpoint, Jitter(jitter)),
    }
}

/// The kinds of warning that are of a container.
const OF_CONTAINERS: [WarningKind; 6] = [
    WarningKind::HalfPair,
    WarningKind::EmptyValue,
    WarningKind::TokenFileNotMounted,
    WarningKind::MountPathTaken,
    WarningKind::OwnCredentials,
    WarningKind::ObstructedMount,
];

/// What the plain reference makes of the pod.
fn by_reference(pod: &Value, lookup: &Lookup, jitter: i64) -> Value {
    match lookup.identity(&policy().defaults) {
        Ok(Some(identity)) => reference::mutated(pod, None, &identity, &selection(pod), jitter),
        _ => pod.clone(),
    }
}

/// What it sees of the containers then.
fn seen_by_reference(pod: &Value, lookup: &Lookup) -> Vec<Seen> {
    match lookup.identity(&policy().defaults) {
        Ok(Some(identity)) => reference::seen(pod, None, &identity, &selection(pod)),
        _ => Vec::new(),
    }
}

fn selection(pod: &Value) -> Selection {
    let policy = policy();
    let keys = &policy.settings.keys;
    let names = |key: &str| {
        let value = pod["metadata"]["annotations"][key].as_str().filter(|it| !it.trim().is_empty());
        let mut names = Vec::new();
        each_container_name(key, value?, |name| names.push(name.to_owned())).ok().map(|()| names)
    };
    Selection {
        skipped: names(&keys.skip_containers).unwrap_or_default(),
        included: names(&keys.include_containers),
    }
}

fn policy() -> AdmissionSettings {
    let mut policy = AdmissionSettings::default();
    policy.defaults.region = Some("eu-west-1".to_owned());
    policy.defaults.regional_sts = true;
    policy.defaults.sts_endpoint = StsEndpoint::read("https://sts.example.com").ok();
    policy
}

fn patched(pod: &Value, admission: &Admission) -> Value {
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &admission.patch.operations()).expect("the patch applies");
    pod
}

/// Whether `more` is `less` with something added: a null may become a list, a
/// list may grow at its end, an object may gain members; nothing else.
fn only_adds(less: &Value, more: &Value) -> bool {
    match (less, more) {
        (Value::Null, Value::Array(_) | Value::Object(_)) => true,
        (Value::Array(less), Value::Array(more)) => {
            less.len() <= more.len() && less.iter().zip(more).all(|(l, m)| only_adds(l, m))
        }
        (Value::Object(less), Value::Object(more)) => less
            .iter()
            .all(|(name, value)| more.get(name).is_some_and(|more| only_adds(value, more))),
        (less, more) => less == more,
    }
}

/// Names and paths that occur more than once where they may not.
fn duplicates(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |place: String, items: &Value, member: &str| {
        let mut seen = HashMap::new();
        for item in items.as_array().into_iter().flatten() {
            let word = item[member].as_str().unwrap_or_default();
            let word = if word.len() > 1 { word.trim_end_matches('/') } else { word };
            *seen.entry(word.to_owned()).or_insert(0) += 1;
        }
        let twice = seen.into_iter().filter(|(_, count)| *count > 1);
        found.extend(twice.map(|(word, count)| format!("{place}.{member} {word} {count}")));
    };
    note("volumes".to_owned(), &pod["spec"]["volumes"], "name");
    for list in ["initContainers", "containers"] {
        for (i, it) in pod["spec"][list].as_array().into_iter().flatten().enumerate() {
            note(format!("{list}.{i}.env"), &it["env"], "name");
            note(format!("{list}.{i}.volumeMounts"), &it["volumeMounts"], "mountPath");
        }
    }
    found.sort();
    found
}

fn without_future(pod: &Value) -> Value {
    match pod {
        Value::Array(items) => items.iter().map(without_future).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "futureField")
            .map(|(name, value)| (name.clone(), without_future(value)))
            .collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_ever_adds(pod in pod(), lookup in lookup(), jitter in 0..=Jitter::MAX) {
        let admission = admitted(&pod, &lookup, jitter);
        prop_assert!(admission.patch.operations().iter().all(|it| matches!(it, PatchOperation::Add(_))));
        let patched = patched(&pod, &admission);
        prop_assert!(only_adds(&pod, &patched), "{pod}\nbecame\n{patched}");
        let changed = patched != pod;
        prop_assert_eq!(changed, admission.outcome == Outcome::Mutated, "{}", admission.outcome);
    }

    #[test]
    fn does_what_the_plain_reference_does(pod in pod(), lookup in lookup(), jitter in 0..=Jitter::MAX) {
        let patched = patched(&pod, &admitted(&pod, &lookup, jitter));
        prop_assert_eq!(&patched, &by_reference(&pod, &lookup, jitter), "{}", pod);
    }

    #[test]
    fn sees_what_the_plain_reference_sees(pod in pod(), lookup in lookup()) {
        let seen = seen_by_reference(&pod, &lookup);
        let mut wanted = Vec::new();
        wanted.extend(seen.iter().flat_map(|it| &it.kinds).map(|kind| (*kind).to_owned()));
        wanted.sort();
        let admission = admitted(&pod, &lookup, 0);
        let counts = admission.warnings.counts().filter(|(kind, _)| OF_CONTAINERS.contains(kind));
        let mut reported = Vec::new();
        for (kind, count) in counts {
            reported.extend((0..count).map(|_| kind.as_str().to_owned()));
        }
        reported.sort();
        prop_assert_eq!(reported, wanted, "{}", pod);
        let refused = admitted_by(Endpoint::Required, &pod, &lookup, 0).outcome == Outcome::NoCredentials;
        prop_assert_eq!(refused, seen.iter().any(|it| !it.has_credentials), "{}", pod);
        // A second pass sees the same.
        let again = admitted(&patched(&pod, &admission), &lookup, 0).warnings;
        let kinds = |all: &Warnings| all.counts().filter(|(kind, _)| OF_CONTAINERS.contains(kind)).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&again), kinds(&admission.warnings), "{}", pod);
    }

    #[test]
    fn twice_is_what_once_is(pod in pod(), lookup in lookup(), jitter in 0..=Jitter::MAX) {
        let once = patched(&pod, &admitted(&pod, &lookup, jitter));
        let again = admitted(&once, &lookup, Jitter::MAX - jitter);
        prop_assert!(again.patch.is_empty(), "{once}\nagain {:?}", again.patch);
        prop_assert_ne!(again.outcome, Outcome::Mutated);
    }

    #[test]
    fn makes_no_duplicate_that_was_not_there(pod in pod(), lookup in lookup()) {
        let patched = patched(&pod, &admitted(&pod, &lookup, 0));
        prop_assert_eq!(duplicates(&patched), duplicates(&pod), "{}\nbecame\n{}", pod, patched);
    }

    #[test]
    fn is_blind_to_what_it_does_not_know(pod in pod(), lookup in lookup()) {
        let known = admitted(&without_future(&pod), &lookup, 0);
        let whole = admitted(&pod, &lookup, 0);
        prop_assert_eq!(known.patch, whole.patch);
        prop_assert_eq!(known.outcome, whole.outcome);
    }

    #[test]
    fn never_panics_on_a_broken_review(pod in pod(), changes in vec((any::<Index>(), broken()), 0..4)) {
        let mut body = review(&pod);
        for (at, bytes) in changes {
            let at = at.index(body.len());
            body.splice(at..(at + 1).min(body.len()), bytes);
        }
        if let Ok(review) = decode(&body)
            && let Triage::Lookup(candidate) = review.triage()
        {
            let absent = Lookup {
                container_credentials: true,
                service_account: Observed::Absent,
                config_map_entry: Observed::Absent,
            };
            let admission = candidate.admit(&absent, &policy(), Endpoint::Required, Jitter(0));
            prop_assert!(admission.refusal.is_none() || admission.patch.is_empty());
        }
    }
}
