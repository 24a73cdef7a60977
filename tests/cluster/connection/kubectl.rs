//! The same kubeconfig and the same flags, given to kubectl and to a command of ours: the same server, namespace
//! and user, or neither asks anybody.

use std::process::Command;

use serde_json::{Value, json};

use super::ran;
use crate::support::{Scratch, apply, control_plane, kubectl};

/// As whom and in which namespace something was asked, by the API server's refusal: `User "x" cannot list …`.
fn refused(errors: &str) -> Option<String> {
    let refusal = &errors[errors.find("User \"")?..];
    let before = "in the namespace \"";
    let name = refusal.find(before)? + before.len();
    Some(refusal[..=name + refusal[name..].find('"')?].to_owned())
}

async fn asked(
    mut command: Command,
    kubeconfig: &str,
    folder: &Scratch,
    args: &[&str],
) -> (Option<String>, String) {
    command.args(args).current_dir(folder.path()).stdin(std::process::Stdio::null());
    command.env("KUBECONFIG", kubeconfig).env("HOME", folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{kubeconfig} {args:?} was granted");
    (refused(&errors), errors)
}

async fn same(kubeconfig: &str, folder: &Scratch, args: &[&str]) -> Option<String> {
    let mut theirs = Command::new(kubectl().unwrap());
    theirs.args(["get", "serviceaccounts"]);
    let mut ours = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    ours.arg("audit");
    let (ours, theirs) = tokio::join!(
        asked(ours, kubeconfig, folder, args),
        asked(theirs, kubeconfig, folder, args)
    );
    assert_eq!(ours.0, theirs.0, "{kubeconfig} {args:?}: {} / {}", ours.1, theirs.1);
    ours.0
}

#[tokio::test]
async fn asks_as_the_same_user_in_the_same_namespace_as_kubectl() {
    let control_plane = control_plane().await;
    let (shop, other) =
        (control_plane.namespace("shop").await, control_plane.namespace("other").await);
    other.service_account("robot", &[]).await;
    // Nobody but for the right to act as others.
    let user = format!("nobody-{shop}");
    let group = "rbac.authorization.k8s.io";
    let name = json!({"name": user});
    for object in [
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": name, "rules": [
            {"apiGroups": [""], "resources": ["users", "groups", "serviceaccounts"], "verbs": ["impersonate"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["uids"], "verbs": ["impersonate"]},
        ]}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": name,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}),
    ] {
        apply(control_plane, object).await;
    }
    let nobody = std::fs::read_to_string(control_plane.kubeconfig_for(&user, &[])).unwrap();
    let nobody: Value = serde_json::from_str(&nobody).unwrap();
    let (cluster, credentials) = (&nobody["clusters"][0]["cluster"], &nobody["users"][0]["user"]);
    let token = control_plane.token(other.name(), "robot", &[]).await;
    let folder = Scratch::new().unwrap();
    folder.write("ca.crt", control_plane.ca_pem()).unwrap();
    folder.write("token", format!("{token}\n")).unwrap();
    let version = "client.authentication.k8s.io/v1";
    let answer =
        json!({"kind": "ExecCredential", "apiVersion": version, "status": {"token": token}});
    folder.write("answer", answer.to_string()).unwrap();
    let exec = json!({"exec": {"apiVersion": version, "command": "cat", "interactiveMode": "Never",
        "args": [folder.path().join("answer")]}});
    let with_authority = json!({"server": control_plane.url(), "certificate-authority": "ca.crt"});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "main",
        "clusters": [{"name": "c", "cluster": cluster}, {"name": "file", "cluster": with_authority}],
        "users": [{"name": "me", "user": credentials}, {"name": "robot", "user": {"tokenFile": "token"}},
            {"name": "plugin", "user": exec}],
        "contexts": [
            {"name": "main", "context": {"cluster": "c", "user": "me", "namespace": shop.name()}},
            {"name": "plain", "context": {"cluster": "file", "user": "me"}},
            {"name": "no-cluster", "context": {"cluster": "ghost", "user": "me"}},
        ],
    });
    folder.write("config", config.to_string()).unwrap();
    folder.write("unset", "current-context: ''\n").unwrap();
    folder.write("plain", "current-context: plain\n").unwrap();
    folder.write("broken", "contexts: [\n").unwrap();
    folder.write("double", "users: [{name: a}, {name: a}]\n").unwrap();
    let (other, server) = (other.name(), control_plane.url());
    let host = server.trim_start_matches("https://");
    let flag = |name: &str, value: &str| format!("--{name}={value}");
    let mut seen = std::collections::BTreeSet::new();
    let both_ask = [
        ("config", vec![]),
        ("missing:config", vec![]),
        ("unset:config", vec![]),
        ("plain:config", vec![]),
        (":config:", vec![]),
        ("config:config", vec![flag("namespace", other)]),
        ("config", vec!["-n".to_owned(), other.to_owned()]),
        ("config", vec![flag("context", "plain")]),
        ("config", vec![flag("cluster", "file"), flag("user", "me")]),
        ("config", vec![flag("as", "jane"), flag("as-group", "devs")]),
        ("config", vec![flag("as", "jane"), flag("as-group", "devs"), flag("as-uid", "7")]),
        ("config", vec![flag("as", "system:serviceaccount:x:y"), flag("as-group", "devs")]),
        ("config", vec![flag("server", &server)]),
        ("config", vec!["--insecure-skip-tls-verify".to_owned()]),
        ("config", vec![flag("certificate-authority", "ca.crt"), flag("request-timeout", "5")]),
        ("config", vec![flag("tls-server-name", "127.0.0.1")]),
        ("config", vec![flag("user", "robot")]),
        ("config", vec![flag("user", "plugin"), flag("context", "plain")]),
        ("config", vec![flag("token", &token)]),
        // Not compared: kubectl ignores --token where the user has a tokenFile.
    ];
    let both_refuse = [
        // Without a scheme it is plain HTTP.
        ("config", vec!["-s".to_owned(), host.to_owned()]),
        ("config", vec!["-n".to_owned(), "ns/x".to_owned()]),
        ("config", vec![flag("tls-server-name", "wrong.example")]),
        ("config", vec![flag("context", "typo")]),
        ("config", vec![flag("cluster", "typo")]),
        ("config", vec![flag("user", "typo")]),
        ("config", vec![flag("as-group", "devs")]),
        ("config", vec![flag("server", "https://127.0.0.1:1")]),
        ("config", vec![flag("certificate-authority", "missing")]),
        ("config", vec![flag("kubeconfig", "missing")]),
        ("config:broken", vec![]),
        ("config:double", vec![]),
        ("unset", vec![]),
        (".", vec![]),
    ];
    let asking = both_ask.into_iter().map(|case| (true, case));
    let refusing = both_refuse.into_iter().map(|case| (false, case));
    for (is_asked, (kubeconfig, args)) in asking.chain(refusing) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let asked = same(kubeconfig, &folder, &args).await;
        assert_eq!(asked.is_some(), is_asked, "{kubeconfig} {args:?}");
        if let Some(asked) = asked {
            seen.insert(asked);
        }
    }
    // As four in two namespaces, and as the robot in a third.
    assert!(seen.len() >= 6, "{seen:#?}");
}

#[tokio::test]
async fn says_that_a_namespace_is_not_there() {
    let control_plane = control_plane().await;
    for args in [
        &["audit", "-n", "typo"][..],
        &["doctor", "-n", "typo"],
        &["doctor", "pod/x", "-n", "typo"],
        &["doctor", "sa/x", "-n", "typo"],
        &["doctor", "deploy", "x", "-n", "typo"],
    ] {
        let said = ran(control_plane.kubeconfig(), args).await;
        assert_eq!((said.exit, said.out.as_str()), (2, ""), "{args:?}: {said:?}");
        assert!(said.errors.contains("namespace \"typo\" not found"), "{args:?}: {said:?}");
    }
    // One that is there, and empty but for its ServiceAccount.
    let namespace = control_plane.namespace("empty").await;
    let said = ran(control_plane.kubeconfig(), &["doctor", "pod/x", "-n", namespace.name()]).await;
    assert!(said.exit == 2 && said.errors.contains("pod/x not found"), "{said:?}");
}
