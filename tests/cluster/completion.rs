//! Completions of what a cluster has, and through the real kubectl. The shells: `offline/program/completion.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Scratch, control_plane, pod};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

fn completed(kubeconfig: &Path, words: &[&str]) -> Vec<String> {
    let mut command = Command::new(PROGRAM);
    command.arg("__complete").args(words).env_clear().env("KUBECONFIG", kubeconfig);
    let output = command.env("HOME", "/nowhere").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    lines(output.stdout)
}

/// The candidates, and the directive.
fn lines(output: Vec<u8>) -> Vec<String> {
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn completes_namespaces_objects_and_service_accounts() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("completion").await;
    namespace.service_account("shop", &[]).await;
    namespace.pod(&pod("basket", "shop")).await;
    let (name, config) = (namespace.name(), control_plane.kubeconfig());
    for (words, expected) in [
        (vec!["audit", "-n", name], vec![name, ":4"]),
        (vec!["doctor", "-n", name, "pod/b"], vec!["pod/basket", ":4"]),
        (vec!["doctor", "--namespace", name, "po/"], vec!["po/basket", ":4"]),
        (vec!["doctor", "-n", name, "sa/sh"], vec!["sa/shop", ":4"]),
        (vec!["doctor", "-n", name, "job/"], vec![":4"]),
        (vec!["doctor", "-n", "nowhere", "pod/"], vec![":4"]),
    ] {
        assert_eq!(completed(config, &words), expected, "{words:?}");
    }
    let qualified = format!("{name}/shop");
    let verify = ["issuer", "verify", "https://a.example", "--service-account"];
    let found = completed(config, &[&verify[..], &[&qualified]].concat());
    assert_eq!(found, [&qualified, ":4"]);
    // Who may not list them gets none, and no error.
    let nobody = control_plane.kubeconfig_for("nobody", &[]);
    assert_eq!(completed(&nobody, &["doctor", "-n", name, "pod/"]), [":4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn completes_as_a_plugin_of_the_real_kubectl() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("completion").await;
    namespace.service_account("shop", &[]).await;
    let folder = Scratch::new().unwrap();
    let script = Command::new(PROGRAM).args(["completion", "kubectl"]).output().unwrap();
    let script = folder.write("kubectl_complete-podid", script.stdout).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(script).status().unwrap().success());
    std::os::unix::fs::symlink(PROGRAM, folder.path().join("kubectl-podid")).unwrap();
    let binaries = Command::new("tests/control-plane/build.sh").arg("kubectl").output().unwrap();
    let kubectl = PathBuf::from(String::from_utf8(binaries.stdout).unwrap().trim_end());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let asked = |words: &[&str]| {
        let mut command = Command::new(kubectl.join("kubectl"));
        command.args(["__complete", "podid"]).args(words).env_clear().env("PATH", &path);
        command.env("KUBECONFIG", control_plane.kubeconfig()).env("HOME", folder.path());
        lines(command.output().unwrap().stdout)
    };
    let first = asked(&["doc"]);
    assert_eq!(first, ["doctor\tFind out why a pod gets no AWS credentials", ":4"]);
    assert_eq!(asked(&["audit", "-n", namespace.name()]), [namespace.name(), ":4"]);
    let of_namespace = asked(&["doctor", "-n", namespace.name(), "sa/sh"]);
    assert_eq!(of_namespace, ["sa/shop", ":4"]);
}
