//! One pod each, and what it comes to.

#![allow(clippy::needless_pass_by_value, reason = "tables are easier to read so")]

use serde_json::{Value, json};

use super::*;
use crate::WebhookSettings;
use injection::identity::Observed;

const NOW: &str = "arn:aws:iam::111122223333:role/now";
const OLD: &str = "arn:aws:iam::111122223333:role/old";
const FOLDER: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
const FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";

/// A container with these variables and mounts: NAME=VALUE, VOLUME:PATH.
fn container(env: &[&str], mounts: &[&str]) -> Value {
    let split = |text: &str, at: char| {
        let (one, two) = text.split_once(at).unwrap();
        (one.to_owned(), two.to_owned())
    };
    let env = env
        .iter()
        .map(|it| split(it, '='))
        .map(|(name, value)| json!({"name": name, "value": value}));
    let mounts = mounts
        .iter()
        .map(|it| split(it, ':'))
        .map(|(name, path)| json!({"name": name, "mountPath": path}));
    json!({"name": "main", "env": env.collect::<Vec<_>>(), "volumeMounts": mounts.collect::<Vec<_>>()})
}

/// As the webhook leaves it, with this role.
fn injected(role: &str) -> Value {
    let (role, file) =
        (format!("AWS_ROLE_ARN={role}"), format!("AWS_WEB_IDENTITY_TOKEN_FILE={FILE}"));
    let mount = format!("aws-iam-token:{FOLDER}");
    container(&[role.as_str(), file.as_str()], &[mount.as_str()])
}

fn token(volume: &str, audience: &str, seconds: i64) -> Value {
    json!({"name": volume, "projected": {"sources": [
        {"serviceAccountToken": {"path": "token", "audience": audience, "expirationSeconds": seconds}},
    ]}})
}

fn pod(containers: Vec<Value>, volumes: Vec<Value>) -> Value {
    json!({
        "metadata": {"name": "a", "namespace": "demo", "creationTimestamp": "2026-01-02T00:00:00Z"},
        "spec": {"serviceAccountName": "app", "containers": containers, "volumes": volumes},
    })
}

fn ours() -> Vec<Value> {
    vec![token("aws-iam-token", "sts.amazonaws.com", 86_400)]
}

struct Setting<'a> {
    annotations: &'a [(&'a str, &'a str)],
    container_credentials: bool,
    written: Option<&'a str>,
    selection: Selection,
    /// `--sts-endpoint-url`.
    sts: Option<&'a str>,
    may_complete_names: bool,
}

const ROLE_NOW: &[(&str, &str)] = &[("eks.amazonaws.com/role-arn", NOW)];

fn usual() -> Setting<'static> {
    let (container_credentials, written) = (false, Some("2026-01-03T00:00:00Z"));
    Setting {
        annotations: ROLE_NOW,
        container_credentials,
        written,
        selection: Selection::Selected,
        sts: None,
        may_complete_names: true,
    }
}

fn assessed(pod: &Value, setting: &Setting<'_>) -> Option<Assessment> {
    let mut settings = WebhookSettings::default();
    let sts = setting.sts.map(|url| injection::identity::StsEndpoint::read(url).unwrap());
    settings.policy.defaults.sts_endpoint = sts;
    let read = settings.reader.read(setting.annotations.iter().copied());
    let lookup = Lookup {
        container_credentials: setting.container_credentials,
        service_account: read.map_or(Observed::Absent, |it| Observed::Known(it.into())),
        config_map_entry: Observed::Absent,
    };
    let now = WouldGet {
        lookup: &lookup,
        policy: &settings.policy,
        may_complete_names: setting.may_complete_names,
        written: setting.written,
        selection: &setting.selection,
        not_known: None,
    };
    let found = assess(pod, "demo", &now);
    // Whoever saves a folder sees the same.
    let saved = crate::redacted_pod(pod, &settings.policy.settings.keys);
    assert_eq!(assess(&saved, "demo", &now), found, "{pod}");
    found
}

#[track_caller]
fn is(pod: &Value, setting: &Setting<'_>, state: PodState, why: &str) {
    let found = assessed(pod, setting).unwrap();
    assert_eq!((found.state, found.why.as_str()), (state, why), "{pod}");
    assert!(!found.why.contains("/spec/"), "{}", found.why);
    assert_eq!(found.next.is_empty(), matches!(state, PodState::Fine | PodState::Foreign));
}

#[test]
fn a_pod_is_fine_that_has_what_it_would_get_however_it_got_it() {
    let file = |path: &str| format!("AWS_WEB_IDENTITY_TOKEN_FILE={path}");
    let role = format!("AWS_ROLE_ARN={NOW}");
    let with = |path: &str, mount: &str, volume: Value| {
        pod(vec![container(&[role.as_str(), file(path).as_str()], &[mount])], vec![volume])
    };
    let mine = |seconds| token("mine", "sts.amazonaws.com", seconds);
    for fine in [
        pod(vec![injected(NOW)], ours()),
        // By hand: other names, other places, another lifetime.
        with(FILE, &format!("mine:{FOLDER}"), mine(3_600)),
        with("/keys/token", "mine:/keys", mine(3_600)),
        with("/run/x/token", "mine:/var/run/x/", mine(86_400)),
        with("/keys/../keys//token", "mine:/keys", mine(86_400)),
        with(
            FILE,
            &format!("aws-iam-token-7:{FOLDER}"),
            token("aws-iam-token-7", "sts.amazonaws.com", 86_400),
        ),
    ] {
        is(&fine, &usual(), PodState::Fine, "");
    }
    // Empty and optional keys are no alarm, and what envFrom has is not known.
    let mut quiet = injected(NOW);
    quiet["env"].as_array_mut().unwrap().extend([
        json!({"name": "AWS_ACCESS_KEY_ID", "value": ""}),
        json!({"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}),
    ]);
    quiet["envFrom"] = json!([{"secretRef": {"name": "s"}}]);
    is(&pod(vec![quiet], ours()), &usual(), PodState::Fine, "");
}

#[test]
fn names_the_container_and_the_variable_of_a_pod_that_has_no_usable_identity() {
    let mount = format!("aws-iam-token:{FOLDER}");
    let env = |env: &[&str]| pod(vec![container(env, &[mount.as_str()])], ours());
    let no = PodState::NoUsableIdentity;
    let half = env(&["AWS_ROLE_ARN=arn:aws:iam::111122223333:role/now"]);
    let why = "container main: AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE";
    is(&half, &usual(), no, why);
    let other_half = env(&[&format!("AWS_WEB_IDENTITY_TOKEN_FILE={FILE}")]);
    is(
        &other_half,
        &usual(),
        no,
        "container main: AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN",
    );
    is(
        &env(&["AWS_ROLE_ARN="]),
        &usual(),
        no,
        "container main: AWS_ROLE_ARN is empty, so the webhook adds no credentials",
    );
    let mut keys = injected(NOW);
    keys["env"].as_array_mut().unwrap().push(json!({"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}));
    let why = "container main: its AWS_ACCESS_KEY_ID overrides the injected identity";
    is(&pod(vec![keys], ours()), &usual(), no, why);
    let role = format!("AWS_ROLE_ARN={NOW}");
    let nowhere = env(&[&role, "AWS_WEB_IDENTITY_TOKEN_FILE=/nowhere/token"]);
    let why = "container main: AWS_WEB_IDENTITY_TOKEN_FILE \"/nowhere/token\" is in no mount";
    is(&nowhere, &usual(), no, why);
    let mut above = injected(NOW);
    above["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "s", "mountPath": "/var/run/secrets"}));
    let secret = json!({"name": "s", "secret": {"secretName": "s"}});
    let above = pod(vec![above], [ours(), vec![secret]].concat());
    assert_eq!(assessed(&above, &usual()).unwrap().state, no);
    // It is broken, whoever is called for it; and its other container only lacks something.
    let mut two = half.clone();
    two["spec"]["initContainers"] = json!([{"name": "first"}]);
    let setting = Setting { selection: Selection::Unknown("X".to_owned()), ..usual() };
    assert_eq!(assessed(&two, &setting).unwrap().state, no);
}

#[test]
fn names_what_a_pod_lacks() {
    let bare = pod(vec![json!({"name": "main"})], vec![]);
    let all = "AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, the token's mount";
    let when = "; created at 2026-01-02T00:00:00Z, annotation changed at 2026-01-03T00:00:00Z";
    is(&bare, &usual(), PodState::Missing, &format!("container main lacks {all}{when}"));
    let young = Setting { written: Some("2026-01-01T00:00:00Z"), ..usual() };
    is(&bare, &young, PodState::Missing, &format!("container main lacks {all}"));
    let many: Vec<_> = (0..5).map(|at| json!({"name": format!("c{at}")})).collect();
    let lacks = |at: usize| format!("container c{at} lacks {all}");
    let why = format!("{}; {}; {}; and 2 more", lacks(0), lacks(1), lacks(2));
    is(&pod(many, vec![]), &young, PodState::Missing, &why);
    // A sidecar that came later.
    let mut sidecar = pod(vec![injected(NOW)], ours());
    sidecar["spec"]["initContainers"] = json!([{"name": "proxy"}]);
    is(&sidecar, &young, PodState::Missing, &format!("init container proxy lacks {all}"));
    sidecar["metadata"]["annotations"] = json!({"eks.amazonaws.com/skip-containers": "proxy"});
    is(&sidecar, &young, PodState::Fine, "");
    let region = [ROLE_NOW, &[("eks.amazonaws.com/region", "eu-west-1")]].concat();
    let region = Setting { annotations: &region, ..usual() };
    let region = assessed(&pod(vec![injected(NOW)], ours()), &region).unwrap();
    assert!(
        region.why.starts_with("container main lacks AWS_DEFAULT_REGION, AWS_REGION"),
        "{region:?}"
    );
    // The mount is gone.
    let mut unmounted = injected(NOW);
    unmounted["volumeMounts"] = json!([]);
    is(
        &pod(vec![unmounted], ours()),
        &young,
        PodState::Missing,
        "container main lacks the token's mount",
    );
    // Nobody knows whether the webhook is called.
    let unsure = Setting { selection: Selection::Unknown("that is not known".to_owned()), ..young };
    is(
        &bare,
        &unsure,
        PodState::Unknown,
        &format!("container main lacks {all}, but that is not known"),
    );
}

#[test]
fn tells_an_old_role_from_one_of_the_pods_own() {
    let old = pod(vec![injected(OLD)], ours());
    let when = "; created at 2026-01-02T00:00:00Z, annotation changed at 2026-01-03T00:00:00Z";
    let why = format!("container main has the role {OLD}, but the ServiceAccount names {NOW}");
    is(&old, &usual(), PodState::StaleRole, &format!("{why}{when}"));
    is(&old, &Setting { written: None, ..usual() }, PodState::StaleRole, &why);
    let own = format!("container main has the role {OLD} of its own, not {NOW}");
    let young = Setting { written: Some("2026-01-01T00:00:00Z"), ..usual() };
    is(&old, &young, PodState::Foreign, &own);
    let mut by_hand = injected(OLD);
    by_hand["volumeMounts"][0]["name"] = "mine".into();
    let by_hand = pod(vec![by_hand], vec![token("mine", "sts.amazonaws.com", 3_600)]);
    is(&by_hand, &usual(), PodState::Foreign, &own);
    let none = Setting { annotations: &[], ..usual() };
    let why = format!("container main has AWS_ROLE_ARN {OLD}, and its ServiceAccount has no role");
    is(&old, &none, PodState::Foreign, &why);
    assert_eq!(assessed(&pod(vec![json!({"name": "main"})], vec![]), &none), None);
    let kept_out = Setting { selection: Selection::KeptOut(String::new()), ..usual() };
    assert_eq!(assessed(&old, &kept_out), None);
    let mut referenced = injected(OLD);
    referenced["env"][0] = json!({"name": "AWS_ROLE_ARN", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}});
    let why = "container main: AWS_ROLE_ARN is known only when the container runs";
    is(&pod(vec![referenced], ours()), &usual(), PodState::Unknown, why);
}

#[test]
fn compares_the_token_with_the_one_that_it_would_have() {
    let with = |volume| pod(vec![injected(NOW)], vec![volume]);
    let young = Setting { written: Some("2026-01-01T00:00:00Z"), ..usual() };
    let why = "container main: its token is for \"vault\", but would be for \"sts.amazonaws.com\"";
    is(&with(token("aws-iam-token", "vault", 86_400)), &young, PodState::StaleToken, why);
    let short = with(token("aws-iam-token", "sts.amazonaws.com", 3_600));
    let why = "container main: its token lives 3600 s, but would live 86400 s";
    is(&short, &young, PodState::StaleToken, why);
    let mut annotated = short.clone();
    annotated["metadata"]["annotations"] = json!({"eks.amazonaws.com/token-expiration": "3600"});
    is(&annotated, &young, PodState::Fine, "");
}

#[test]
fn compares_container_credentials() {
    let uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials";
    let folder = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
    let file = format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={folder}/eks-pod-identity-token");
    let mount = format!("eks-pod-identity-token:{folder}");
    let volume = |seconds: i64| {
        json!({"name": "eks-pod-identity-token", "projected": {"sources": [{"serviceAccountToken":
        {"path": "eks-pod-identity-token", "audience": "pods.eks.amazonaws.com", "expirationSeconds": seconds}}]}})
    };
    let agent = |uri: &str, seconds| {
        let mut pod = pod(vec![container(&[uri, &file], &[mount.as_str()])], vec![volume(seconds)]);
        pod["metadata"]["labels"] = json!({"eks.amazonaws.com/pod-identity": "enabled"});
        pod
    };
    let setting = Setting { container_credentials: true, ..usual() };
    is(&agent(uri, 80_000), &setting, PodState::Fine, "");
    assert_eq!(assessed(&agent(uri, 3_600), &setting).unwrap().state, PodState::StaleToken);
    let elsewhere =
        agent("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://10.0.0.1/v1/credentials", 86_400);
    assert_eq!(assessed(&elsewhere, &setting).unwrap().state, PodState::StaleEndpoint);
    let before = assessed(&pod(vec![injected(NOW)], ours()), &setting).unwrap();
    assert_eq!(before.state, PodState::StaleRole, "{before:?}");
}

#[test]
fn compares_the_sts_endpoint() {
    let with = |url: &str| {
        let mut container = injected(NOW);
        let variable = json!({"name": "AWS_ENDPOINT_URL_STS", "value": url});
        container["env"].as_array_mut().unwrap().push(variable);
        pod(vec![container], ours())
    };
    let young = Setting { written: None, sts: Some("https://sts.example.com"), ..usual() };
    is(&with("https://sts.example.com"), &young, PodState::Fine, "");
    is(&with("https://sts.example.com/"), &young, PodState::Fine, "");
    let why = "container main has AWS_ENDPOINT_URL_STS https://old.example.com, but would get https://sts.example.com";
    is(&with("https://me:hush@old.example.com?hush"), &young, PodState::StaleEndpoint, why);
    let lacking = pod(vec![injected(NOW)], ours());
    is(&lacking, &young, PodState::Missing, "container main lacks AWS_ENDPOINT_URL_STS");
    // Nobody asks for one now: it keeps its own.
    is(&with("https://old.example.com"), &usual(), PodState::Fine, "");
}

#[test]
fn takes_a_role_for_the_one_that_is_named_where_the_account_is_not_known() {
    let named = |name| [("eks.amazonaws.com/role-arn", name)];
    let pod = pod(vec![injected("arn:aws:iam::111122223333:role/team/now")], ours());
    for (name, may_complete_names, state) in [
        ("team/now", true, PodState::Fine),
        ("/team/now", true, PodState::Fine),
        ("now", true, PodState::StaleRole),
        ("arn:aws:iam::444455556666:role/team/now", true, PodState::StaleRole),
        // A new pod would get the name as it is written.
        ("team/now", false, PodState::StaleRole),
        ("/team/now", false, PodState::StaleRole),
        ("arn:aws:iam::111122223333:role/team/now", false, PodState::Fine),
    ] {
        let annotations = &named(name);
        let setting = Setting { annotations, written: None, may_complete_names, ..usual() };
        assert_eq!(assessed(&pod, &setting).unwrap().state, state, "{name}");
    }
    let bare = super::tests::pod(vec![injected("team/now")], ours());
    let setting = Setting { annotations: &named("team/now"), may_complete_names: false, ..usual() };
    is(&bare, &setting, PodState::Fine, "");
}
