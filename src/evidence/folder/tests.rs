use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use diagnosis::{
    DryRun, Fact, Facts, Reason, ReasonKind, Redacted, Refusal, RefusedBy, WebhookSettings,
};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn loaded(folder: &Path) -> Result<Facts, FolderError> {
    load(folder, &WebhookSettings::default())
}

fn pods(name: &str, text: &[u8]) -> Result<usize, String> {
    let facts = loaded(folder(&[(name, text)]).path()).map_err(|error| error.to_string())?;
    Ok(facts.pods.known().expect("pods").len())
}

#[test]
fn reads_pods_in_every_shape() {
    let pod = json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}});
    let yaml = "kind: List\nitems:\n- {kind: Pod, metadata: {name: a}}\n- {kind: Pod}\n";
    for (name, text, number) in [
        ("pods.json", pod.to_string(), 1),
        ("pods.json", json!([pod, pod]).to_string(), 2),
        ("pods.json", json!({"items": [pod, pod, pod], "kind": "List"}).to_string(), 3),
        ("pods.json", "\u{feff}{\"items\": null}".to_owned(), 0),
        ("pods.yaml", yaml.to_owned(), 2),
        ("pods.json", yaml.to_owned(), 2),
        ("pods.yml", "{kind: Pod}".to_owned(), 1),
    ] {
        assert_eq!(pods(name, text.as_bytes()), Ok(number), "{name}: {text}");
    }
    let not_known = folder(&[("pods.json", br#"{"unknown": "forbidden"}"#)]);
    assert_eq!(loaded(not_known.path()).unwrap().pods, Fact::Unknown("forbidden".into()));
}

/// What a failed command leaves behind, and what was saved under the wrong name.
#[test]
fn takes_no_file_that_is_of_no_use_for_an_answer() {
    let status = r#"{"code":500,"kind":"Status","status":"Failure","message":"no"}"#;
    let contents = [
        String::new(),
        " \n".to_owned(),
        "null".to_owned(),
        status.to_owned(),
        "<!DOCTYPE html><title>403</title>".to_owned(),
        "{\"metadata\": {\"name\": \"a".to_owned(),
        "An error occurred (AccessDenied) when calling".to_owned(),
        "5".to_owned(),
        "\"text\"".to_owned(),
        "[5]".to_owned(),
        "{}".to_owned(),
        json!({"kind": "Secret", "metadata": {"name": "a"}}).to_string(),
        json!({"kind": "List", "items": [{"kind": "Secret", "metadata": {}}]}).to_string(),
        "\u{feff}{\"a\": 1}".encode_utf16().map(|unit| char::from(unit.to_le_bytes()[0])).collect(),
    ];
    for content in &contents {
        for (name, of) in FACTS {
            // No probe at all is what was saved of a webhook without entries.
            if (name, content.as_str()) == ("probes.json", "{}") {
                continue;
            }
            // The API server's answer is what a refused dry run leaves.
            if name == "dry-run.json" && content.as_str() == status {
                continue;
            }
            let folder = folder(&[(name, content.as_bytes())]);
            let facts = loaded(folder.path()).unwrap_or_else(|error| panic!("{content}: {error}"));
            let reason = of(&facts).unwrap_or_else(|| panic!("{name}: {content:?} is an answer"));
            assert_eq!(reason.kind, ReasonKind::Evidence, "{name}: {content:?}");
            assert!(reason.message.contains(name), "{content:?}: {}", reason.message);
        }
    }
}

/// Each file, and why its fact is not known.
type Of = fn(&Facts) -> Option<&Reason>;

const FACTS: [(&str, Of); 14] = [
    ("version.json", |facts| unknown(&facts.version)),
    ("webhooks.json", |facts| unknown(&facts.webhooks)),
    ("namespace.yaml", |facts| unknown(&facts.namespace)),
    ("service-account.json", |facts| unknown(&facts.service_account)),
    ("config-map.json", |facts| unknown(&facts.config_map)),
    ("probes.json", |facts| unknown(&facts.probes)),
    ("dry-run.json", |facts| unknown(&facts.dry_run)),
    ("token.json", |facts| unknown(&facts.token)),
    ("token.jwt", |facts| unknown(&facts.token)),
    ("discovery.json", |facts| unknown(&facts.discovery)),
    ("jwks.json", |facts| unknown(&facts.jwks)),
    ("pods.json", |facts| unknown(&facts.pods)),
    ("provider.json", |facts| unknown(&facts.provider)),
    ("role.json", |facts| unknown(&facts.role)),
];

fn unknown<T>(fact: &Fact<T>) -> Option<&Reason> {
    match fact {
        Fact::Unknown(reason) => Some(reason),
        _ => None,
    }
}

#[test]
fn names_a_file_of_aws_that_has_another_name() {
    for (found, name) in [
        ("Role.json", "role.json"),
        ("roles.yaml", "role.json"),
        ("role.txt", "role.json"),
        ("role", "role.json"),
        ("oidc-provider.json", "provider.json"),
    ] {
        let facts = loaded(folder(&[(found, b"{}")]).path()).unwrap();
        let reason = unknown(&facts.role).or_else(|| unknown(&facts.provider));
        let message = &reason.unwrap_or_else(|| panic!("{found} is passed over")).message;
        assert!(message.contains(name) && message.contains(found), "{message}");
    }
    let facts =
        loaded(folder(&[("service-account.yml", b"{}"), ("token.jwt", b"")]).path()).unwrap();
    assert_eq!((facts.role, facts.provider), (Fact::NotAsked, Fact::NotAsked));
}

/// As the webhook reads it: trimmed, else out of the `ConfigMap`.
#[test]
fn finds_the_role_of_the_service_account_among_several() {
    let role = |name: &str| {
        json!({
            "Arn": format!("arn:aws:iam::111122223333:role/{name}"),
            "RoleName": name,
            "AssumeRolePolicyDocument": {"Statement": []},
        })
    };
    let roles = json!({"Roles": [role("app"), role("other")]}).to_string();
    let arn = role("app")["Arn"].as_str().unwrap().to_owned();
    let account = |annotations: Value| {
        let metadata = json!({"namespace": "demo", "name": "app", "annotations": annotations});
        json!({"kind": "ServiceAccount", "metadata": metadata}).to_string()
    };
    let annotated = account(json!({"eks.amazonaws.com/role-arn": format!(" {arn}\n")}));
    let config = json!({"demo/app": {"RoleARN": arn}}).to_string();
    let map = json!({
        "kind": "ConfigMap",
        "metadata": {"name": "pod-identity-webhook"},
        "data": {"config": config},
    });
    let (bare, map) = (account(json!({})), map.to_string());
    let subject =
        json!({"namespace": "demo", "object": "sa/app", "serviceAccount": "app", "at": 1});
    let subject = subject.to_string();
    for files in [
        vec![("service-account.json", annotated.as_bytes())],
        vec![
            ("service-account.json", bare.as_bytes()),
            ("config-map.json", map.as_bytes()),
            ("subject.json", subject.as_bytes()),
        ],
    ] {
        let files = [files, vec![("role.json", roles.as_bytes())]].concat();
        let facts = loaded(folder(&files).path()).unwrap();
        let found = facts.role.known().unwrap_or_else(|| panic!("{:?}", facts.role));
        assert!(found.contains("role/app") && !found.contains("role/other"), "{found}");
    }
}

#[test]
fn reads_what_kubectl_prints_as_a_list_or_as_one_object() {
    let yaml = "kind: List\nitems:\n- {kind: ServiceAccount, metadata: {name: a}}\n";
    let facts = loaded(folder(&[("service-account.yaml", yaml.as_bytes())]).path()).unwrap();
    assert_eq!(facts.service_account.known().unwrap()["metadata"]["name"], "a");
    let one = json!({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "a"}});
    let facts = loaded(folder(&[("webhooks.json", one.to_string().as_bytes())]).path()).unwrap();
    assert_eq!(facts.webhooks.known().unwrap()["items"], json!([one]));
}

#[test]
fn reads_why_a_dry_run_was_refused_from_a_status_and_from_what_kubectl_printed() {
    let message = "Internal error occurred: failed calling webhook \"a\": refused";
    let status = json!({"kind": "Status", "status": "Failure", "reason": "InternalError",
        "message": message, "code": 500});
    let printed = format!("Error from server (InternalError): {message}\n");
    for text in [status.to_string(), printed] {
        let facts = loaded(folder(&[("dry-run.json", text.as_bytes())]).path()).unwrap();
        let refusal = Refusal { by: RefusedBy::Webhook, message: message.to_owned() };
        assert_eq!(facts.dry_run, Fact::Known(DryRun::Refused(refusal)), "{text}");
    }
}

#[test]
fn reads_the_refusal_of_another_webhook_which_has_no_reason() {
    let denied = "admission webhook \"validate.kyverno.svc-fail\" denied the request: no";
    let printed = format!("Error from server: {denied}\n");
    let facts = loaded(folder(&[("dry-run.json", printed.as_bytes())]).path()).unwrap();
    let Fact::Known(DryRun::Refused(refusal)) = &facts.dry_run else { panic!("{facts:?}") };
    assert_eq!(refusal.message, denied);
}

/// kubectl's own list of 500 pods was refused, for the nodes that YAML may have.
#[test]
fn reads_lists_of_any_length_in_json() {
    let mut text = "{\"items\": [".to_owned();
    for number in 0..5_000 {
        let labels: Vec<_> = (0..50).map(|it| format!("\"label-{it}\": \"{number}\"")).collect();
        let comma = if number == 0 { "" } else { "," };
        let labels = labels.join(",");
        write!(text, "{comma}{{\"metadata\": {{\"labels\": {{{labels}}}}}}}").unwrap();
    }
    text.push_str("]}");
    assert_eq!(pods("pods.json", text.as_bytes()), Ok(5_000));
    let values = format!("items: [{}]", "1,".repeat(1_000_001));
    let facts = loaded(folder(&[("pods.yaml", values.as_bytes())]).path()).unwrap();
    let reason = &unknown(&facts.pods).expect("it is too long").message;
    assert!(reason.contains("pods.yaml") && reason.contains("values"), "{reason}");
}

#[test]
fn bounds_each_file_and_each_item() {
    let long = "x".repeat(9 << 20);
    for name in ["namespace.json", "role.json", "token.jwt", "service-account.yaml", "pods.yaml"] {
        let folder = folder(&[(name, long.as_bytes())]);
        let error = loaded(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("larger than 8 MiB"), "{error}");
    }
    let error = pods("pods.json", format!("[\"{long}\"]").as_bytes()).unwrap_err();
    assert!(error.contains("larger than 8 MiB"), "{error}");
}

/// Nobody writes to the FIFO; it would be waited for without end.
#[test]
fn refuses_what_is_no_regular_file() {
    for name in ["pods.json", "namespace.json", "role.json", "token.jwt"] {
        let fifo = folder(&[]);
        let path = fifo.path().join(name);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let device = folder(&[]);
        symlink("/dev/zero", device.path().join(name)).unwrap();
        let nested = folder(&[]);
        fs::create_dir(nested.path().join(name)).unwrap();
        for folder in [fifo, device, nested] {
            let error = loaded(folder.path()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("not a regular file"), "{error}");
        }
    }
}

#[test]
fn names_the_encoding_and_the_place_of_what_can_not_be_read() {
    let utf16: Vec<u8> = "\u{feff}{\"a\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, said) in [(&utf16[..], "UTF-8"), (b"{\"a\":", "line 1 column 5")] {
        let facts = loaded(folder(&[("namespace.json", content)]).path()).unwrap();
        let reason = &unknown(&facts.namespace).expect("no answer").message;
        assert!(reason.contains("namespace.json") && reason.contains(said), "{reason}");
    }
    assert!(matches!(loaded(Path::new("/nowhere/at/all")), Err(FolderError::Read { .. })));
    let error = loaded(folder(&[("subject.json", b"")]).path()).unwrap_err().to_string();
    assert!(error.contains("subject.json is empty"), "{error}");
}

#[test]
fn saves_for_the_owner_alone_and_only_into_an_empty_folder() {
    let parent = folder(&[]);
    let saved = parent.path().join("a/b");
    let facts = Redacted::of(Facts::default(), &WebhookSettings::default());
    let written = save(&saved, &facts).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&saved), mode(&written[0])), (0o700, 0o600));
    // Again: files of two runs would be mixed up.
    assert!(matches!(save(&saved, &facts), Err(FolderError::NotVacant { .. })));
    let foreign = folder(&[("subject.json", b"foreign")]);
    assert!(matches!(save(foreign.path(), &facts), Err(FolderError::NotVacant { .. })));
    assert_eq!(fs::read(foreign.path().join("subject.json")).unwrap(), b"foreign");
    let file = foreign.path().join("subject.json");
    assert!(matches!(vacant(&file), Err(FolderError::NotVacant { .. })));
}

/// The checks go by kinds, so a folder has to keep them.
#[test]
fn loads_why_something_is_not_known_as_it_was_saved() {
    for kind in [ReasonKind::Unauthorized, ReasonKind::Forbidden, ReasonKind::Other] {
        for by in [RefusedBy::Webhook, RefusedBy::Other] {
            let reason = Reason { kind, message: "401 cannot webhook".to_owned() };
            let refusal = Refusal { by, message: "the pod is invalid".to_owned() };
            let facts = Facts {
                version: Fact::Unknown(reason.clone()),
                pods: Fact::Unknown(reason),
                dry_run: Fact::Known(DryRun::Refused(refusal)),
                config_map: Fact::Absent,
                ..Facts::default()
            };
            let parent = folder(&[]);
            let facts = Redacted::of(facts, &WebhookSettings::default());
            save(&parent.path().join("saved"), &facts).unwrap();
            assert_eq!(&loaded(&parent.path().join("saved")).unwrap(), facts.facts());
        }
    }
}
