//! The name that the program was called by, and what it does if nothing is asked of it.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Scratch, on_terminal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

fn bare() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("HOME", "/nowhere");
    command
}

#[test]
fn who_asks_for_nothing_on_a_terminal_gets_help_and_a_service_gets_its_log() {
    let (code, shown) = on_terminal(&mut bare(), 80);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.lines().count() < 24 && shown.contains("Commands:"), "{shown}");
    // In a pod, with a terminal or without one, it is the webhook; so it is where it is told how.
    let pod = [("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", "1")];
    let (code, shown) = on_terminal(bare().envs(pod), 80);
    assert!(code == 1 && shown.contains(r#""message":"exiting""#), "{shown}");
    let (code, shown) = on_terminal(bare().env("PODID_SERVICE_ACCOUNTS", "/nowhere"), 80);
    assert!(code == 1 && shown.contains(r#""message":"exiting""#), "{shown}");
    let (code, shown) = on_terminal(bare().arg("serve"), 80);
    assert!(code == 1 && shown.contains(r#""message":"exiting""#), "{shown}");
    let output = bare().output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.starts_with('{') && output.stdout.is_empty(), "{log}");
}

#[test]
fn a_plugin_of_kubectl_calls_itself_so_in_help_errors_and_printed_commands() {
    let folder = Scratch::new().unwrap();
    let plugin = folder.path().join("kubectl-podid");
    symlink(PROGRAM, &plugin).unwrap();
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/issuer/tests/keys/p256.spki.pem");
    let man = folder.path().join("man");
    let out = folder.path().join("issuer");
    let (man, out) = (man.to_str().unwrap(), out.to_str().unwrap());
    let documents =
        ["issuer", "documents", "--issuer", "https://a.example", "--key", key, "--out", out];
    for args in [
        &[][..],
        &["-h"],
        &["iam"],
        &["iam", "role", "--help"],
        &["iam", "role", "--nope"],
        &["issuer", "migrate", "--from", "a", "--to", "b"],
        &["doctor", "node/x"],
        &documents,
    ] {
        let output = Command::new(&plugin).args(args).env_clear().output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("kubectl podid "), "{args:?}: {said}");
        assert!(!said.contains("pod-identity-webhook i"), "{args:?}: {said}");
    }
    let made = Command::new(&plugin).args(["man", "--out", man]).status().unwrap();
    assert!(made.success() && folder.path().join("man/kubectl-podid-iam-role.1").exists());
}
