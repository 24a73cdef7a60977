//! How commands end: 0 nothing wrong, 1 something is, 2 that can't be told, 64 a wrong command line.

use std::process::{Command, Stdio};

use crate::support::Scratch;

struct Ended {
    code: i32,
    out: String,
    errors: String,
}

fn run(args: &str, folder: &Scratch) -> Ended {
    let args = args.replace("DIR", folder.path().to_str().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.args(args.split_whitespace()).env_clear().env("HOME", folder.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(output.stdout), text(output.stderr));
    Ended { code: output.status.code().unwrap(), out, errors }
}

const NOBODY: &str = "
apiVersion: v1
kind: Config
current-context: nobody
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
clusters: [{name: nobody, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: nobody, user: {}}]
";

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"},
    "spec": {"containers": [{"name": "app"}]}}"#;

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example"},
    "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
        "a.example:sub": "system:serviceaccount:demo:app", "a.example:aud": "sts.amazonaws.com"}}}]}"#;

fn folder() -> Scratch {
    let folder = Scratch::new().unwrap();
    let wrong = TRUST.replace("demo:app", "demo:*");
    folder.write("nobody", NOBODY).unwrap();
    folder.write("pod.json", POD).unwrap();
    folder.write("bad.yaml", "a: [").unwrap();
    folder.write("none.yaml", "").unwrap();
    folder.write("trust.json", TRUST).unwrap();
    folder.write("wrong.json", wrong).unwrap();
    folder.write("file", "").unwrap();
    folder
}

/// What a command is told and how it ends then. Where the line names no file, address or
/// cluster that is amiss, what is wrong is the line.
const LINES: [(&str, i32); 49] = [
    ("--version", 0),
    ("--help", 0),
    ("iam", 0),
    ("iam role --help", 0),
    ("--nope", 64),
    ("nope", 64),
    ("--port=https", 64),
    ("--port=1 --metrics-port=1", 64),
    ("serve --service-accounts=DIR/nowhere", 1),
    ("certs init --out DIR/certs --name a.example", 0),
    ("certs init --out DIR/file --name a.example", 1),
    ("certs init", 64),
    ("certs init --out DIR/certs --name a.example --lifetime 1s", 64),
    (
        "iam role --issuer https://a.example -n demo --service-account app --account-id 111122223333",
        0,
    ),
    ("iam role --issuer http://a.example -n demo --service-account app", 64),
    ("iam role --issuer https://a.example -n demo --service-account app --policy DIR/nowhere", 2),
    ("iam lint DIR/trust.json", 0),
    ("iam lint DIR/wrong.json", 1),
    ("iam lint DIR/nowhere", 2),
    ("iam lint", 64),
    (
        "iam simulate --trust-policy DIR/trust.json --issuer https://a.example --sub system:serviceaccount:demo:app --aud sts.amazonaws.com",
        0,
    ),
    (
        "iam simulate --trust-policy DIR/trust.json --issuer https://a.example --sub other --aud sts.amazonaws.com",
        1,
    ),
    ("iam simulate --trust-policy DIR/nowhere --issuer https://a.example --sub a --aud b", 2),
    ("iam simulate --trust-policy DIR/trust.json", 64),
    ("inject -f DIR/pod.json --service-accounts DIR/none.yaml", 0),
    ("inject -f DIR/pod.json --service-accounts DIR/none.yaml --required", 1),
    ("inject -f DIR/nowhere", 2),
    ("inject -f DIR/bad.yaml", 2),
    ("inject -f DIR/pod.json --kubeconfig DIR/nobody", 2),
    ("inject -f DIR/pod.json --token-audience=", 64),
    ("inject", 64),
    ("issuer documents --issuer https://a.example --key DIR/nowhere", 2),
    ("issuer documents --issuer http://a.example --key DIR/nowhere", 64),
    ("issuer documents", 64),
    ("issuer verify https://a.example --token DIR/nowhere", 2),
    ("issuer verify", 64),
    ("issuer migrate --from https://a.example --to https://a.example", 64),
    ("issuer rotate --old-key DIR/nowhere --new-key DIR/nowhere", 2),
    ("doctor --from-dir DIR/nowhere", 2),
    ("doctor pod/app --kubeconfig DIR/nobody", 2),
    ("doctor -n demo --kubeconfig DIR/nobody", 2),
    ("doctor node/x", 64),
    ("audit --kubeconfig DIR/nobody", 2),
    ("audit -A -n demo --kubeconfig DIR/nobody", 2),
    ("--kubeconfig DIR/nobody -n demo audit", 2),
    ("--kubeconfig DIR/nobody --context other audit", 2),
    ("--nope=1 audit", 64),
    ("audit --token-audience=", 64),
    ("man --out DIR/file", 1),
];

#[test]
fn one_vocabulary_of_exit_statuses_for_all_commands() {
    let folder = folder();
    for (line, code) in LINES {
        let Ended { code: ended, out, errors } = run(line, &folder);
        assert_eq!(ended, code, "{line}\n{out}\n{errors}");
        assert!(ended == 0 || !(out.is_empty() && errors.is_empty()), "{line} ends without a word");
    }
}

#[test]
fn a_wrong_command_line_shows_the_usage_of_its_own_command() {
    let folder = folder();
    for (line, _) in LINES.iter().filter(|(_, code)| *code == 64) {
        let Ended { out, errors, .. } = run(line, &folder);
        assert!(out.is_empty() && errors.starts_with("error: "), "{line}: {out}{errors}");
        let words = line.split_whitespace().take_while(|word| !word.starts_with('-'));
        let words: Vec<&str> = words.filter(|word| !["nope", "node/x"].contains(word)).collect();
        let usage = format!("Usage: pod-identity-webhook {}", words.join(" "));
        // Of a wrong value clap says what it is instead.
        let says_how = errors.contains(usage.trim_end()) || !errors.contains("Usage: ");
        assert!(says_how, "{line}: {errors}");
    }
}
