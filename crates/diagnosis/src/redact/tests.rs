use ::certificates::Crypto;
use injection::admission::{AdmissionSettings, Endpoint, Triage, decode};
use injection::identity::{self, Lookup};
use injection::mutation::Jitter;

use super::*;
use crate::{DryRun, Status, Subject};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// Verifies nothing: no certificate is looked at here.
const CRYPTO: Crypto = Crypto { algorithms: &[], public_key: |_| Err("no key".to_owned()) };

fn keys() -> AnnotationKeys {
    AnnotationKeys::default()
}

#[test]
fn keeps_what_is_looked_at_of_a_pod_and_no_secret() {
    let pod = json!({
        "metadata": {"name": "a", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"PASSWORD\": \"hush\"}",
            "kubernetes.io/config.mirror": "hush",
            "eks.amazonaws.com/skip-containers": "b",
        }},
        "spec": {"serviceAccountName": "app", "containers": [{
            "name": "c", "command": ["hush"], "args": ["hush"],
            "env": [
                {"name": "PASSWORD", "value": "hush"},
                {"name": "AWS_SECRET_ACCESS_KEY", "value": "hush"},
                {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "hush", "optional": true}}},
                {"name": "AWS_SESSION_TOKEN", "value": ""},
                {"name": "AWS_ROLE_ARN", "value": "arn"},
            ],
        }]},
    });
    let kept = redacted_pod(&pod, &keys());
    assert!(!kept.to_string().contains("hush"), "{kept}");
    assert_eq!(
        kept["spec"]["containers"][0]["env"],
        json!([
            {"name": "AWS_SECRET_ACCESS_KEY", "value": "(left out)"},
            {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"optional": true}}},
            {"name": "AWS_SESSION_TOKEN", "value": ""},
            {"name": "AWS_ROLE_ARN", "value": "arn"},
        ])
    );
    let annotations =
        json!({"eks.amazonaws.com/skip-containers": "b", "kubernetes.io/config.mirror": ""});
    assert_eq!(kept["metadata"]["annotations"], annotations);
}

#[test]
fn keeps_annotations_that_the_webhook_reads_or_warns_of() {
    let account = json!({"metadata": {"name": "app", "annotations": {
        "eks.amazonaws.com/audience": "sts.amazonaws.com",
        "eks.amazon.com/role-arn": "hush",
        "example.com/iam-role": ROLE,
        "example.com/token": "hush",
        "eks.amazonaws.com/hush": "hush",
    }}});
    let kept = redacted_account(&account, &keys(), &ServiceAccountReader::default());
    assert_eq!(
        kept["metadata"]["annotations"],
        json!({
            "eks.amazonaws.com/audience": "sts.amazonaws.com",
            "eks.amazon.com/role-arn": "",
            "example.com/iam-role": ROLE,
        })
    );
}

fn facts() -> Facts {
    let map = json!({
        "demo/app": {"rolearn": ROLE, "More": "hush"}, "*/app": {"RoleARN": "hush"},
        "demo/other": {"RoleARN": "hush"}, "hush": 1,
    });
    let selector = |labels: Value| json!({"matchLabels": labels});
    Facts {
        subject: Subject {
            namespace: "demo".to_owned(),
            service_account: "app".to_owned(),
            labels: [("team", "a"), ("hush", "hush")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Subject::default()
        },
        namespace: Fact::Known(json!({"metadata": {"labels": {"tier": "b", "hush": "hush"}}})),
        config_map: Fact::Known(json!({"data": {"config": map.to_string(), "hush": "hush"}})),
        webhooks: Fact::Known(json!({"items": [
            {"metadata": {"name": "pod-identity-webhook"}, "webhooks": [
                {"name": "a", "clientConfig": {"url": "https://a.example/hush"},
                    "namespaceSelector": selector(json!({"tier": "b"})),
                    "objectSelector": selector(json!({"team": "a"})),
                    "matchConditions": [{"name": "hush", "expression": "hush"}]},
            ]},
            {"metadata": {"name": "foreign"}, "webhooks": [{"name": "hush"}]},
            {"metadata": {"name": "empty"}, "webhooks": []},
        ]})),
        dry_run: Fact::Known(DryRun::Admitted {
            pod: json!({}),
            warnings: vec!["hush".to_owned()],
        }),
        ..Facts::default()
    }
}

#[test]
fn keeps_of_all_facts_what_is_looked_at_and_of_that_all() {
    let settings = WebhookSettings::default();
    let kept = Redacted::of(facts(), &settings);
    assert!(!format!("{kept:?}").contains("hush"), "{kept:#?}");
    let labels = &kept.facts().subject.labels;
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["team"]);
    let config = kept.facts().config_map.known().unwrap()["data"]["config"].as_str().unwrap();
    assert_eq!(config, json!({"demo/app": {"rolearn": ROLE}}).to_string());
    assert_eq!(Redacted::of(kept.facts().clone(), &settings), kept, "the second time");
}

/// It was none of the webhook's when the folder was saved; which entries it has is not known.
#[test]
fn does_not_say_that_a_configuration_is_not_there_which_was_not_saved() {
    let saved = Redacted::of(facts(), &WebhookSettings::default());
    for (name, result) in
        [("foreign", "were not saved"), ("empty", "no Mutating"), ("x", "no Mutating")]
    {
        let settings =
            WebhookSettings { configurations: vec![name.to_owned()], ..WebhookSettings::default() };
        let again = Redacted::of(saved.facts().clone(), &settings);
        let report = crate::diagnose(&again, &settings, CRYPTO);
        let check = report.checks.iter().find(|it| it.id == "webhook-registered").unwrap();
        assert!(check.seen.contains(result), "{name}: {}", check.seen);
    }
}

#[test]
fn takes_an_sts_without_tls_that_a_flag_allows_for_no_broken_link() {
    let mut settings = WebhookSettings::default();
    let annotated = json!({"metadata": {"name": "app", "annotations": {
        "eks.amazonaws.com/role-arn": ROLE, "eks.amazonaws.com/sts-endpoint-url": "http://minio:9000",
    }}});
    let facts = Facts { service_account: Fact::Known(annotated), ..facts() };
    let status = |settings: &WebhookSettings| {
        let report = crate::diagnose(&Redacted::of(facts.clone(), settings), settings, CRYPTO);
        report.checks.into_iter().find(|it| it.id == "role-annotation").unwrap().status
    };
    assert_eq!(status(&settings), Status::Fail);
    let minio = identity::StsEndpoint::read("http://minio:9000").unwrap();
    settings.policy.allowed_sts_endpoints.allow(&minio);
    settings.reader = settings.policy.reader(None);
    assert_eq!(status(&settings), Status::Pass);
}

/// The Go webhook uses our entry's name.
#[test]
fn keeps_the_probes_of_two_entries_with_one_name_apart() {
    let entry = |namespace: &str| {
        json!([{"name": "pod-identity-webhook.amazonaws.com",
            "namespaceSelector": {"matchLabels": {"tier": namespace}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["pods"]}]}])
    };
    let probes = |probes: &[(&str, Probe)]| {
        Fact::Known(probes.iter().map(|(key, probe)| ((*key).to_owned(), probe.clone())).collect())
    };
    let (well, dead) =
        (Probe::Answered { milliseconds: 1 }, Probe::Unreachable("refused".to_owned()));
    let name = "pod-identity-webhook.amazonaws.com";
    let (ours, gos) =
        (format!("pod-identity-webhook/{name}"), format!("pod-identity-webhook-go/{name}"));
    let mut facts = facts();
    facts.webhooks = Fact::Known(json!({"items": [
        {"metadata": {"name": "pod-identity-webhook"}, "webhooks": entry("b")},
        {"metadata": {"name": "pod-identity-webhook-go"}, "webhooks": entry("other")},
    ]}));
    let reachable = |facts: &Facts| {
        let settings = WebhookSettings::default();
        let report = crate::diagnose(&Redacted::of(facts.clone(), &settings), &settings, CRYPTO);
        report.checks.into_iter().find(|it| it.id == "webhook-reachable").unwrap()
    };
    facts.version = Fact::Known(json!({}));
    facts.probes = probes(&[(&ours, well.clone()), (&gos, dead.clone())]);
    assert_eq!(reachable(&facts).status, Status::Pass);
    facts.probes = probes(&[(&ours, dead.clone()), (&gos, well)]);
    assert_eq!(reachable(&facts).status, Status::Fail);
    // An older folder knows the name alone: whose it is can't be told.
    facts.probes = probes(&[(name, dead)]);
    assert_eq!(reachable(&facts).status, Status::Skipped);
}

#[test]
fn does_not_know_whether_an_unreadable_selector_keeps_the_pod_out() {
    let mut facts = facts();
    facts.webhooks = Fact::Known(json!({"items": [{
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [{"name": "a", "objectSelector": {"matchExpressions": [
            {"key": "team", "operator": "NewOperator", "values": ["a"]},
        ]}, "rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]}],
    }]}));
    let settings = WebhookSettings::default();
    let report = crate::diagnose(&Redacted::of(facts, &settings), &settings, CRYPTO);
    let check = report.checks.iter().find(|it| it.id == "webhook-selectors").unwrap();
    assert_eq!(check.status, Status::Unknown, "{}", check.seen);
    assert!(check.seen.contains("objectSelector"), "{}", check.seen);
}

/// What the checks are told of a pod is what they would be told of the whole pod.
#[test]
#[allow(clippy::disallowed_methods, reason = "the cases are files")]
fn changes_no_admission() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../injection/tests/cases");
    let mut compared = 0;
    for file in std::fs::read_dir(folder).expect("the cases of the mutation") {
        let path = file.unwrap().path();
        let case = injection::workloads::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let case = case.first().expect("a case");
        let mut policy = AdmissionSettings::default();
        if let Some(prefix) = case["settings"]["annotationPrefix"].as_str() {
            policy.settings.keys = AnnotationKeys::new(prefix);
        }
        if let Some(path) = case["settings"]["tokenMountPath"].as_str() {
            path.clone_into(&mut policy.settings.token_mount_path);
        }
        let reader = ServiceAccountReader::new(policy.settings.keys.clone(), None);
        let annotations = case["serviceAccount"].as_object().into_iter().flatten();
        let annotations =
            annotations.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
        let account = reader.read(annotations);
        for container_credentials in [false, true] {
            let lookup = Lookup {
                container_credentials,
                service_account: account.clone().map_or(identity::Observed::Absent, |read| {
                    identity::Observed::Known(read.into())
                }),
                config_map_entry: identity::Observed::Absent,
            };
            let admit = |pod: &Value| {
                let review = crate::pod::review(pod, "demo")?;
                let review = decode(&review).ok()?;
                let Triage::Lookup(candidate) = review.triage() else { return None };
                let admission = candidate.admit(&lookup, &policy, Endpoint::Required, Jitter(0));
                Some((admission.outcome, admission.warnings, admission.refusal.is_some()))
            };
            let kept = redacted_pod(&case["pod"], &policy.settings.keys);
            assert_eq!(admit(&kept), admit(&case["pod"]), "{}", path.display());
            assert_eq!(redacted_pod(&kept, &policy.settings.keys), kept, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} admissions");
}
