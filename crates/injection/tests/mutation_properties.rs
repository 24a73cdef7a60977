//! What must hold for every pod, whatever it has in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

use injection::admission::{Admission, Endpoint, Outcome, Policy, Way, decode};
use injection::identity::{AnnotationKeys, ConfigMapEntry, Fact, Lookup, ServiceAccountReader};
use injection::mutation::Jitter;
use json_patch::PatchOperation;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const MOUNT_PATHS: [&str; 5] = [
    "/data",
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
const ENV_NAMES: [&str; 10] = [
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
    let variable = object(vec![
        ("name", always(one_of(&ENV_NAMES))),
        ("value", maybe(".{0,4}".prop_map(Value::from))),
    ]);
    let mount = object(vec![
        ("name", always(one_of(&VOLUME_NAMES))),
        ("mountPath", always(one_of(&MOUNT_PATHS))),
        ("subPath", maybe(one_of(&["", "token"]))),
    ]);
    object(vec![
        ("name", always(one_of(&NAMES))),
        ("env", maybe(list(variable, 4))),
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
    object(vec![("name", always(one_of(&VOLUME_NAMES))), ("projected", maybe(projected))])
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
            service_account: read.map_or(Fact::Absent, |sa| Fact::Known(sa.into())),
            config_map_entry: if entry {
                Fact::Known(ConfigMapEntry::default().into())
            } else {
                Fact::Absent
            },
        }
    })
}

fn admitted(pod: &Value, lookup: &Lookup, jitter: i64) -> Admission {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": "demo", "object": pod,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
        },
    });
    let body = serde_json::to_vec(&review).unwrap();
    let review = decode(&body).unwrap();
    let mut policy = Policy::default();
    policy.defaults.region = Some("eu-west-1".to_owned());
    policy.defaults.regional_sts = true;
    match review.way() {
        Way::Settled(outcome) => Admission::of(outcome),
        Way::Lookup(candidate) => {
            candidate.admit(lookup, &policy, Endpoint::Mutate, Jitter(jitter))
        }
    }
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

/// The containers that a creation may change, with their lists.
fn containers(pod: &Value) -> Vec<(&'static str, usize)> {
    let count = |list| pod["spec"][list].as_array().map_or(0, Vec::len);
    ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| (0..count(list)).map(move |index| (list, index)))
        .collect()
}

/// What is asked of each pod, put down as plainly as can be: a list is searched
/// from its beginning whenever something in it is wanted. Nothing for a pod that
/// stays as it is.
fn reference(pod: &Value, target: &Wanted) -> Option<Value> {
    let annotation = |name: &str| {
        let value = pod["metadata"]["annotations"][format!("eks.amazonaws.com/{name}")].as_str()?;
        let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
        (!value.trim().is_empty()).then(|| names.map(str::to_owned).collect::<Vec<_>>())
    };
    let (skip, include) = (annotation("skip-containers"), annotation("include-containers"));
    let takes_part = |name: &str| {
        let is_in = |names: &Vec<String>| names.iter().any(|listed| listed == name);
        !skip.as_ref().is_some_and(is_in) && include.as_ref().is_none_or(is_in)
    };
    let items = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let volumes = items(&pod["spec"]["volumes"]);
    let is_ours = |volume: &Value| {
        let name = volume["name"].as_str().unwrap();
        let rest = name.strip_prefix(target.volume);
        let numbered = |rest: &str| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.parse::<u64>().is_ok())
        };
        let token = |source: &Value| source["serviceAccountToken"]["path"] == target.token;
        rest.is_some_and(numbered) && items(&volume["projected"]["sources"]).iter().any(token)
    };
    let ours = volumes.iter().find(|volume| is_ours(volume));
    let free = || {
        let numbered = (1..).map(|n| format!("{}-{n}", target.volume));
        let mut names = std::iter::once(target.volume.to_owned()).chain(numbered);
        names.find(|name| volumes.iter().all(|volume| volume["name"] != *name))
    };
    let volume = ours.map_or_else(|| free().unwrap(), |it| it["name"].as_str().unwrap().to_owned());
    let mut wanted = pod.clone();
    let (mut any, mut mounts) = (false, false);
    for (list, index) in containers(pod) {
        let container = &mut wanted["spec"][list][index];
        if !takes_part(container["name"].as_str().unwrap()) {
            continue;
        }
        any = true;
        let env = items(&container["env"]);
        let has = |name: &str| env.iter().any(|variable| variable["name"] == name);
        let missing = target.env.iter().filter(|group| !group.iter().any(|(name, _)| has(name)));
        let missing: Vec<_> =
            missing.flatten().map(|(name, value)| json!({"name": name, "value": value})).collect();
        if !missing.is_empty() {
            container["env"] = [env, missing].concat().into();
        }
        let mut mounted = items(&container["volumeMounts"]);
        let is_there = |mount: &Value| {
            mount["mountPath"].as_str().unwrap().trim_end_matches('/') == target.mount_path
        };
        if !mounted.iter().any(is_there) {
            mounts = true;
            mounted.push(json!({"mountPath": target.mount_path, "name": volume, "readOnly": true}));
            container["volumeMounts"] = mounted.into();
        }
    }
    let counted_on = containers(pod).into_iter().any(|(list, index)| {
        let mounted = items(&pod["spec"][list][index]["volumeMounts"]);
        mounted.iter().any(|mount| mount["name"] == *volume)
    });
    if any && ours.is_none() && (mounts || counted_on) {
        let added = json!({"name": volume});
        wanted["spec"]["volumes"] = [volumes, vec![added]].concat().into();
    }
    (wanted != *pod).then_some(wanted)
}

/// The identity as the reference sees it.
struct Wanted {
    volume: &'static str,
    mount_path: &'static str,
    token: &'static str,
    /// Variables that are added together, or not at all.
    env: Vec<Vec<(&'static str, String)>>,
}

/// The pod with only the names of the volumes that were added: the reference
/// leaves the rest of them, and the label, to the cases.
fn names_of_added_volumes(pod: &Value, mut patched: Value) -> Value {
    let before = pod["spec"]["volumes"].as_array().map_or(0, Vec::len);
    let volumes = patched.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten().skip(before) {
        *volume = json!({"name": volume["name"]});
    }
    patched
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gives_what_a_plain_reference_gives(pod in pod(), annotated in any::<bool>()) {
        let mount_path = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
        let role = "arn:aws:iam::111122223333:role/app";
        let region = "eu-west-1".to_owned();
        let unix = format!("{mount_path}/token");
        let is_windows = pod["spec"]["nodeSelector"]["kubernetes.io/os"] == "windows";
        let file = if is_windows { format!("C:{}", unix.replace('/', "\\")) } else { unix };
        let wanted = Wanted {
            volume: "aws-iam-token",
            mount_path,
            token: "token",
            env: vec![
                vec![("AWS_STS_REGIONAL_ENDPOINTS", "regional".to_owned())],
                vec![("AWS_DEFAULT_REGION", region.clone()), ("AWS_REGION", region)],
                vec![
                    ("AWS_ROLE_ARN", role.to_owned()),
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
                ],
            ],
        };
        // The reference reads no quotes.
        prop_assume!(!pod["metadata"]["annotations"].to_string().contains("\\\""));
        let read = ServiceAccountReader::default().read(
            annotated.then_some(("eks.amazonaws.com/role-arn", role)).into_iter(),
        );
        let lookup = Lookup {
            container_credentials: false,
            service_account: read.map_or(Fact::Absent, |sa| Fact::Known(sa.into())),
            config_map_entry: Fact::Absent,
        };
        let given = patched(&pod, &admitted(&pod, &lookup, 0));
        let expected = annotated.then(|| reference(&pod, &wanted)).flatten();
        prop_assert_eq!(names_of_added_volumes(&pod, given), expected.unwrap_or_else(|| pod.clone()), "{}", pod);
    }


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
    fn never_panics_on_what_is_not_a_review(body in vec(any::<u8>(), 0..200), text in ".{0,100}") {
        let _ = decode(&body);
        let _ = decode(text.as_bytes());
    }
}
