use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::json;
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
    assert!(pods("pods.json", b"{}").unwrap_err().contains("neither"));
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
    let error = pods("pods.yaml", values.as_bytes()).unwrap_err();
    assert!(error.contains("pods.yaml") && error.contains("give JSON"), "{error}");
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
    let error = loaded(folder(&[("namespace.json", &utf16)]).path()).unwrap_err().to_string();
    assert!(error.contains("namespace.json") && error.contains("UTF-8"), "{error}");
    let error = loaded(folder(&[("namespace.json", b"{\"a\":")]).path()).unwrap_err().to_string();
    assert!(error.contains("line 1 column 5"), "{error}");
    assert!(matches!(loaded(Path::new("/nowhere/at/all")), Err(FolderError::Read { .. })));
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
