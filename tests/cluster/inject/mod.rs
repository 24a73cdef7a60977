//! `inject` against the real thing: what it yields is what an API server with the webhook stores.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{self, Namespace, Scratch, Webhook, control_plane, service_account};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");
const ROLE: (&str, &str) = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    // Not the kubeconfig of whoever runs the tests.
    command.args(args).env_clear().env("HOME", "/nowhere").output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn documents(yaml: &[u8]) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(yaml)).expect("good YAML")
}

/// The cases that a webhook with its default flags sees when a pod is created.
fn cases() -> Vec<(String, Value, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/injection/tests/cases");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let options = serde_saphyr::options! { strict_booleans: true };
        let yaml = std::fs::read_to_string(&file).unwrap();
        let case: Value = serde_saphyr::from_str_with_options(&yaml, options).unwrap();
        let others = ["settings", "configMap", "containerCredentials", "lookupFailed", "required"];
        if others.iter().chain(&["oldPod"]).any(|it| case.get(it).is_some()) {
            continue;
        }
        let stem = file.file_stem().unwrap().to_string_lossy().replace('_', "-");
        let name = format!("case-{stem}");
        let annotations = case.get("serviceAccount").cloned().unwrap_or_else(|| json!({}));
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "annotations": annotations},
        });
        cases.push((name.clone(), account, complete(case["pod"].clone(), &name)));
    }
    cases
}

/// With what an API server asks of every pod.
fn complete(mut pod: Value, name: &str) -> Value {
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    if pod["metadata"]["name"].is_null() {
        pod["metadata"]["name"] = name.into();
    }
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.insert("serviceAccountName".into(), name.into());
    spec.remove("serviceAccount");
    // Its volume has a name of chance.
    spec.insert("automountServiceAccountToken".into(), false.into());
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = "registry.example/app:1".into();
        }
    }
    pod
}

/// What is stored, but for what every creation draws anew.
async fn stored(namespace: &Namespace, pod: &Value) -> Result<Value, String> {
    let admitted = namespace.admit_pod(pod, false).await;
    let mut pod = admitted.map_err(|error| format!("{error:#}"))?.object;
    pod.as_object_mut().unwrap().remove("status");
    let metadata = pod["metadata"].as_object_mut().unwrap();
    for drawn in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"] {
        metadata.remove(drawn);
    }
    Ok(pod)
}

#[tokio::test]
async fn yields_what_an_api_server_with_the_webhook_stores() {
    let control_plane = control_plane().await;
    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.ready().await;
    let with = control_plane.namespace("with").await;
    let without = control_plane.namespace("without").await;
    webhook.register(control_plane, &with).await;

    let cases = cases();
    let manifests =
        cases.iter().flat_map(|(_, account, pod)| [account.to_string(), pod.to_string()]);
    let folder = Scratch::new().unwrap();
    let all = folder.write("all.yaml", manifests.collect::<Vec<_>>().join("\n---\n")).unwrap();
    let output = program(&["inject", "-f", all.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let injected = documents(&output.stdout);
    assert_eq!(injected.len(), cases.len() * 2);

    let mut stored_by_both = 0;
    for ((name, account, pod), injected) in cases.iter().zip(injected.chunks(2)) {
        for namespace in [&with, &without] {
            let account = account.clone();
            namespace
                .create_object::<k8s_openapi::api::core::v1::ServiceAccount>(&account)
                .await
                .unwrap();
        }
        let by_webhook = stored(&with, pod).await;
        let by_inject = stored(&without, &injected[1]).await;
        match (by_webhook, by_inject) {
            (Ok(by_webhook), Ok(by_inject)) => {
                assert_eq!(by_inject, by_webhook, "{name}");
                stored_by_both += 1;
            }
            // No API server takes it, with the webhook or without.
            (Err(_), Err(_)) => {}
            (by_webhook, by_inject) => panic!("{name}: {by_webhook:?}, injected {by_inject:?}"),
        }
    }
    assert!(stored_by_both >= 25, "only {stored_by_both} of {} were stored", cases.len());
}

#[tokio::test]
async fn asks_the_cluster_for_a_service_account_that_the_manifests_lack() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("test").await;
    namespace.service_account("app", &[ROLE]).await;
    let folder = Scratch::new().unwrap();
    let pod = support::pod("app", "app").to_string();
    let pod = folder.write("pod.yaml", pod).unwrap();
    let kubeconfig = control_plane.kubeconfig().display().to_string();
    let args = ["inject", "-f", pod.to_str().unwrap(), "-n", namespace.name(), "-o", "explain"];
    let output = program(&[&args[..], &["--kubeconfig", &kubeconfig]].concat());
    let told = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(told.contains("mutated, as ServiceAccount") && told.contains(ROLE.1), "{told}");
}

#[test]
fn says_why_nothing_is_added_and_fails_where_a_role_is_required() {
    let folder = Scratch::new().unwrap();
    let account = service_account("app", &[("eks.amazon.com/role-arn", ROLE.1)]);
    let pod = support::pod("app", "app");
    let file = folder.write("all.yaml", format!("{account}\n---\n{pod}")).unwrap();
    let args = ["inject", "-f", file.to_str().unwrap()];
    let output = program(&args);
    let notes = text(&output.stderr);
    assert!(output.status.success(), "{notes}");
    assert_eq!(documents(&output.stdout), [account, pod]);
    assert!(notes.contains("did you mean") && notes.contains("not-configured"), "{notes}");

    let output = program(&[&args[..], &["--required"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "half an answer: {}", text(&output.stdout));
    assert!(text(&output.stderr).contains("has no role"), "{}", text(&output.stderr));
}

#[test]
fn prints_nothing_to_apply_where_a_service_account_cannot_be_looked_up() {
    let folder = Scratch::new().unwrap();
    let file = folder.write("pod.yaml", support::pod("app", "app").to_string()).unwrap();
    let output = program(&["inject", "-f", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("--service-accounts"), "{}", text(&output.stderr));
}

fn kubectl() -> PathBuf {
    let binaries = Command::new("tests/control-plane/build.sh").arg("kubectl").output().unwrap();
    PathBuf::from(text(&binaries.stdout).trim_end()).join("kubectl")
}

#[test]
fn reads_yaml_as_the_real_kubectl_does() {
    let folder = Scratch::new().unwrap();
    let odd = "octal: 0644\nnew: 0o644\nless: -0644\nhex: 0x1f\nlong: 9007199254740993\nparts: 1_000\n\
               agreed: yes\nshort: n\nloud: ON\nquoted: \"yes\"\ndigits: '0644'\ntime: 1:30\ndate: 2026-01-01\n\
               nothing: ~\nempty:\nfolded: >-\n  a\n  b\nmerged: {<<: {a: b}}\n";
    let odd = odd.replace('\n', "\n  ");
    let manifest =
        format!("apiVersion: example.com/v1\nkind: Odd\nmetadata: {{name: a}}\nspec:\n  {odd}");
    let file = folder.write("odd.yaml", manifest).unwrap();
    let ours = program(&["inject", "-f", file.to_str().unwrap()]);
    assert!(ours.status.success(), "{}", text(&ours.stderr));
    let mut theirs = Command::new(kubectl());
    theirs.args(["label", "--local", "-o", "json", "-f"]).arg(&file).arg("a=b");
    let theirs = theirs.env_clear().env("HOME", folder.path()).output().expect("kubectl runs");
    let theirs: Value = serde_json::from_slice(&theirs.stdout).expect("kubectl's JSON");
    assert_eq!(documents(&ours.stdout)[0]["spec"], theirs["spec"]);
}

#[test]
fn says_what_is_no_pod_and_what_is_no_yaml() {
    let folder = Scratch::new().unwrap();
    for (manifest, said) in [
        (
            r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": 5}}"#,
            "error: failed to read Pod a: not a valid pod: invalid type: \
             integer `5`, expected a sequence; correct the manifest\n",
        ),
        ("kind: Pod\nkind: Pod\n", "line 2 column 1: duplicate mapping key: kind\n"),
    ] {
        let file = folder.write("bad.yaml", manifest).unwrap();
        let account = folder.write("account.json", service_account("default", &[ROLE]).to_string());
        let account = account.unwrap();
        let args = ["-f", file.to_str().unwrap(), "--service-accounts", account.to_str().unwrap()];
        let output = program(&[&["inject"][..], &args].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).ends_with(said), "{}", text(&output.stderr));
    }
}

#[test]
fn is_a_plugin_of_the_real_kubectl() {
    let kubectl = kubectl();
    let folder = Scratch::new().unwrap();
    std::os::unix::fs::symlink(PROGRAM, folder.path().join("kubectl-podid")).unwrap();
    let account = service_account("app", &[ROLE]);
    let pod = support::pod("app", "app");
    let file = folder.write("all.yaml", format!("{account}\n---\n{pod}")).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(&kubectl);
        command.args(args).env_clear().env("PATH", folder.path()).env("HOME", folder.path());
        command.output().expect("kubectl runs")
    };
    let output = run(&["podid", "inject", "-f", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(documents(&output.stdout)[1]["spec"]["volumes"][0]["name"], "aws-iam-token");
    // Without a command it says what there is, and serves nothing.
    let output = run(&["podid"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("kubectl podid"), "{}", text(&output.stdout));
}
