//! All messages of `doctor` and `audit`, side by side in `doctor.txt` and
//! `audit.txt`: a reader can compare them, and a change is seen.
//!
//! After a change, write the files again and read the difference:
//! `UPDATE_GOLDEN=1 cargo test -p diagnosis --test messages`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

mod cases;
mod plain;
mod pods;
mod restart;
mod scene;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use diagnosis::{
    Auditor, DryRun, Fact, Facts, PodState, Reason, ReasonKind, Redacted, Sources, Stage, Status,
    Surveyor, WebhookSettings, diagnose, settled,
};
use serde_json::json;

use cases::CASES;

#[test]
fn doctor_says_what_stands_in_the_file() {
    let mut sections: BTreeMap<&str, Vec<(Status, String)>> = BTreeMap::new();
    for (id, what, change) in CASES {
        let (mut facts, mut settings) = (scene::facts(), WebhookSettings::default());
        change(&mut facts, &mut settings);
        let report = diagnose(&Redacted::of(facts, &settings), &settings, scene::CRYPTO);
        let check = report.checks.iter().find(|check| check.id == *id);
        let check = check.unwrap_or_else(|| panic!("there is no check {id}"));
        let status = serde_json::to_value(check.status).unwrap();
        let mut text = format!("{:8} {what}\n         {}\n", status.as_str().unwrap(), check.seen);
        if let Some(next) = &check.next {
            writeln!(text, "         next: {next}").unwrap();
        }
        sections.entry(id).or_default().push((check.status, text));
    }
    let settings = WebhookSettings::default();
    let report = diagnose(&Redacted::of(scene::facts(), &settings), &settings, scene::CRYPTO);
    let mut all = String::new();
    for check in &report.checks {
        assert_eq!(check.status, Status::Pass, "nothing is wrong, and yet: {check:?}");
        let said = sections.get(check.id).map(Vec::as_slice).unwrap_or_default();
        for status in [Status::Pass, Status::Fail, Status::Skipped] {
            let is_so =
                |it: Status| it == status || (it, status) == (Status::Unknown, Status::Skipped);
            let has = said.iter().any(|(it, _)| is_so(*it));
            assert!(has, "{}: no case ends with {status:?}; add one to cases.rs", check.id);
        }
        writeln!(all, "# {}\n", check.id).unwrap();
        for (_, text) in said {
            writeln!(all, "{text}").unwrap();
        }
    }
    golden("doctor.txt", all.trim_end());
}

/// A stage, and what is not known before it is over.
type Before = (Stage, fn(&mut Facts));

/// What has been shown of a report that is still being made must not change.
#[test]
fn doctor_settles_a_check_once_what_it_needs_is_known() {
    let stages: [Before; 2] = [
        (Stage::Tried, |f| {
            f.token = Fact::NotAsked;
            f.discovery = Fact::NotAsked;
            f.jwks = Fact::NotAsked;
            f.role = Fact::NotAsked;
            f.provider = Fact::NotAsked;
        }),
        (Stage::Registered, |f| {
            f.dry_run = Fact::NotAsked;
            f.probes = Fact::NotAsked;
            f.service_account = Fact::NotAsked;
            f.config_map = Fact::NotAsked;
            f.container_credentials = Fact::NotAsked;
        }),
    ];
    for (id, what, change) in CASES {
        let (mut facts, mut settings) = (scene::facts(), WebhookSettings::default());
        change(&mut facts, &mut settings);
        let all = diagnose(&Redacted::of(facts.clone(), &settings), &settings, scene::CRYPTO);
        for (stage, not_yet) in stages {
            not_yet(&mut facts);
            let so_far = settled(&facts, &settings, scene::CRYPTO, stage).checks;
            assert_eq!(so_far, all.checks[..so_far.len()], "{id}: {what}: {stage:?}");
        }
    }
}

/// A change of facts with which all checks pass.
type Change = fn(&mut Facts);

/// What a result is without one of the facts.
type Without = (&'static str, Status, Change);

/// `docs/diagnosis.md` lists the files that nobody has to give.
const WITHOUT: &[Without] = &[
    ("version", Status::Pass, |f| f.version = Fact::NotAsked),
    ("webhooks", Status::Unknown, |f| f.webhooks = Fact::NotAsked),
    ("namespace", Status::Unknown, |f| f.namespace = Fact::NotAsked),
    ("service-account", Status::Unknown, |f| f.service_account = Fact::NotAsked),
    ("probes", Status::Pass, |f| f.probes = Fact::NotAsked),
    ("dry-run", Status::Unknown, |f| f.dry_run = Fact::NotAsked),
    ("token", Status::Unknown, |f| f.token = Fact::NotAsked),
    ("discovery", Status::Unknown, |f| f.discovery = Fact::NotAsked),
    ("jwks", Status::Unknown, |f| f.jwks = Fact::NotAsked),
    ("pods", Status::Pass, |f| f.pods = Fact::NotAsked),
    ("role", Status::Pass, |f| f.role = Fact::NotAsked),
    ("provider", Status::Pass, |f| f.provider = Fact::NotAsked),
    ("Arn of the role", Status::Unknown, |f| {
        let role = f.role.known().expect("a role");
        let role: serde_json::Value = serde_json::from_str(role).expect("JSON");
        f.role = Fact::Known(role["Role"]["AssumeRolePolicyDocument"].to_string());
    }),
];

#[test]
fn doctor_tells_what_nobody_has_to_give_from_what_could_not_be_checked() {
    let settings = WebhookSettings::default();
    for (what, result, change) in WITHOUT {
        let mut facts = scene::facts();
        change(&mut facts);
        let report = diagnose(&Redacted::of(facts, &settings), &settings, scene::CRYPTO);
        assert_eq!(report.result, *result, "without {what}: {report:?}");
    }
}

/// Of all checks, as a role of `MinIO`'s is none of AWS's.
#[test]
fn doctor_passes_a_role_of_another_sts() {
    let (mut facts, mut settings) = (scene::facts(), WebhookSettings::default());
    cases::of_minio(&mut facts, &mut settings);
    facts.pods = Fact::Known(vec![cases::minio_pod("app-1")]);
    let report = diagnose(&Redacted::of(facts, &settings), &settings, scene::CRYPTO);
    assert_eq!(report.result, Status::Pass, "{report:?}");
}

#[test]
fn audit_says_what_stands_in_the_file() {
    let settings = WebhookSettings::default();
    let sources = Sources { config_map: Fact::Unknown("REASON".into()), ..Sources::default() };
    let mut auditor = Auditor::new(&sources, &settings);
    let mut account = scene::account(&json!({"eks.amazonaws.com/role-arn": scene::ROLE}));
    account["metadata"]["managedFields"] = json!([cases::changed("2026-12-25T00:00:00Z")]);
    auditor.account(&account);
    let mut bare = scene::bare_pod();
    auditor.pod(&bare);
    bare["metadata"]["name"] = "old".into();
    bare["metadata"]["creationTimestamp"] = "2026-12-24T00:00:00Z".into();
    auditor.pod(&bare);
    auditor.pod(&cases::with_role(scene::pod("other-role"), "arn:aws:iam::111122223333:role/old"));
    auditor.pod(&scene::pod("good"));
    for (name, change) in pods::PODS {
        let mut pod = scene::pod(name);
        change(&mut pod);
        auditor.pod(&pod);
    }
    golden("audit.txt", &plain::audit(&auditor.finish()));
}

/// What can't be read says neither that a pod is well nor what is wrong with it.
#[test]
fn audit_can_not_tell_what_hangs_on_a_source_that_is_not_known() {
    let settings = WebhookSettings::default();
    let map = json!({"data": {"config": "demo/app: x"}});
    let role = json!({"eks.amazonaws.com/role-arn": scene::ROLE});
    let (no_role, stranger) =
        (json!({}), cases::with_role(scene::pod("old"), "arn:aws:iam::111122223333:role/old"));
    let of_map = |config_map| Sources { config_map, ..Sources::default() };
    let of_list =
        Sources { container_credentials: Fact::Unknown("REASON".into()), ..Sources::default() };
    for (what, sources, annotations, pod) in [
        ("ConfigMap", of_map(Fact::Known(map.clone())), &no_role, scene::bare_pod()),
        ("ConfigMap", of_map(Fact::Known(map)), &no_role, stranger.clone()),
        ("REASON", of_map(Fact::Unknown("REASON".into())), &no_role, stranger.clone()),
        ("REASON", of_list.clone(), &role, scene::bare_pod()),
        ("REASON", of_list.clone(), &role, stranger.clone()),
        ("REASON", of_list.clone(), &no_role, stranger),
    ] {
        let mut auditor = Auditor::new(&sources, &settings);
        auditor.account(&scene::account(annotations));
        auditor.pod(&pod);
        let audit = auditor.finish();
        assert_eq!(audit.states, [(PodState::Unknown, 1)].into(), "{audit:?}");
        assert!(audit.found[0].why.contains(what), "{audit:?}");
        assert!(audit.notes.iter().any(|note| note.contains(what)), "{audit:?}");
        assert!(!audit.is_wrong() && audit.is_incomplete(), "{audit:?}");
    }
    // Whoever has what he would get has it, and lacks nothing that is known.
    let mut auditor = Auditor::new(&of_list, &settings);
    auditor.account(&scene::account(&role));
    auditor.pod(&scene::pod("good"));
    let audit = auditor.finish();
    assert_eq!(audit.states, [(PodState::Fine, 1)].into(), "{audit:?}");
    assert!(!audit.is_wrong() && audit.is_incomplete(), "{audit:?}");
}

/// By the whole report: no check fails over what is not known.
#[test]
fn doctor_fails_nothing_over_container_credentials_that_are_not_known() {
    let settings = WebhookSettings::default();
    let changes: [(Status, Change); 4] = [
        // The test pod shows what its ServiceAccount gets.
        (Status::Pass, |_| {}),
        (Status::Pass, |f| {
            let pod = pods::with_agent(scene::bare_pod());
            f.dry_run = Fact::Known(DryRun::Admitted { pod: pod.clone(), warnings: Vec::new() });
            f.pods = Fact::Known(vec![pod]);
        }),
        (Status::Unknown, |f| {
            f.dry_run = Fact::NotAsked;
            f.pods = Fact::Known(vec![scene::bare_pod()]);
        }),
        (Status::Unknown, |f| {
            f.dry_run = Fact::NotAsked;
            f.service_account = Fact::Known(scene::account(&json!({})));
        }),
    ];
    for (result, change) in changes {
        let mut facts = scene::facts();
        facts.container_credentials = Fact::Unknown("REASON".into());
        change(&mut facts);
        let report = diagnose(&Redacted::of(facts, &settings), &settings, scene::CRYPTO);
        assert_eq!(report.result, result, "{report:?}");
    }
}

#[test]
fn a_summary_says_what_stands_in_the_file() {
    let settings = WebhookSettings::default();
    let facts = scene::facts();
    let mut configuration = scene::configuration();
    configuration["webhooks"][0]["namespaceSelector"] =
        json!({"matchExpressions": [{"key": "aws", "operator": "NotIn", "values": ["no"]}]});
    let webhooks = Fact::Known(json!({"items": [configuration]}));
    let sources = Sources { webhooks: webhooks.clone(), ..Sources::default() };
    let mut surveyor = Surveyor::new(&sources, &settings);
    for (name, labels) in [("demo", json!({})), ("kept-out", json!({"aws": "no"}))] {
        surveyor.auditor().namespace(&json!({"metadata": {"name": name, "labels": labels}}));
    }
    let role = "eks.amazonaws.com/role-arn";
    for (namespace, name, annotations) in [
        ("demo", "app", json!({role: scene::ROLE})),
        ("demo", "idle", json!({role: scene::ROLE})),
        ("demo", "bare", json!({role: scene::ROLE})),
        ("demo", "typo", json!({"eks.amazon.com/role-arn": scene::ROLE})),
        ("demo", "none", json!({})),
        ("kept-out", "app", json!({role: scene::ROLE})),
        ("unseen", "app", json!({role: scene::ROLE})),
    ] {
        let metadata = json!({"namespace": namespace, "name": name, "annotations": annotations});
        surveyor.account(&json!({"metadata": metadata}));
    }
    surveyor.pod(&scene::pod("good"));
    let mut bare = scene::bare_pod();
    bare["spec"]["serviceAccountName"] = "bare".into();
    surveyor.pod(&bare);
    surveyor.pod(&bare);
    let subjects = surveyor.subjects(facts.subject.at);
    let accounts = subjects.into_iter().map(|subject| {
        surveyor.assess(Facts { subject, ..Facts::default() }, false, scene::CRYPTO)
    });
    let accounts = accounts.collect();
    let facts = Facts { webhooks, webhook_flags: Fact::Unknown("REASON".into()), ..facts };
    let survey = surveyor.finish(facts, accounts, scene::CRYPTO);
    assert_eq!(survey.result, Status::Fail);
    golden("summary.txt", &plain::survey(&survey));
}

/// As an audit: nobody knows what pods would get.
#[test]
fn a_summary_is_not_sure_of_flags_that_could_not_be_read() {
    let settings = WebhookSettings::default();
    let result = |webhook_flags| {
        let facts = Facts { webhook_flags, ..scene::facts() };
        Surveyor::new(&Sources::default(), &settings)
            .finish(facts, Vec::new(), scene::CRYPTO)
            .result
    };
    let message = "services is forbidden".to_owned();
    let forbidden = Reason { kind: ReasonKind::Forbidden, message };
    assert_eq!(result(Fact::NotAsked), Status::Pass);
    assert_eq!(result(Fact::Unknown(forbidden)), Status::Unknown);
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages").join(name);
    golden::check(
        &path,
        &format!("{}\n", found.trim_end()),
        "cargo test -p diagnosis --test messages",
    );
}
