//! Every command, with text in every field that would act on a terminal, forge
//! a line or a command of a CI system.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::listing_api_server::api_server;
use crate::support::Scratch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

/// No slash, so that it names files as well.
const ODD: &str = "x\nforged line\n::error::forged\r\u{1b}[2Jb\u{9b}c\u{7f}\u{202e}\u{2066}\u{200b}\u{2028}d\t##[error]e\u{e0001}\u{feff}f";

struct Ran {
    code: i32,
    out: String,
    errors: String,
}

fn run_with(args: &[&str], input: &str, environment: &[(&str, &str)]) -> Ran {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .env("HOME", "/nowhere")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that fails for its arguments does not wait for input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        errors: String::from_utf8(output.stderr).expect("UTF-8"),
    };
    for text in [&ran.out, &ran.errors] {
        assert_is_harmless(text, args);
    }
    ran
}

fn run(args: &[&str]) -> Ran {
    run_with(args, "", &[])
}

fn assert_is_harmless(text: &str, args: &[&str]) {
    let odd = text.chars().find(|c| *c != '\n' && text::is_unprintable(*c));
    assert_eq!(odd, None, "{args:?}\n{text:?}");
    for line in text.lines().map(str::trim_start) {
        let line = line.trim_start_matches(['+', '-']).trim_start();
        assert!(!line.starts_with("::"), "{args:?}\n{text}");
        assert!(!line.starts_with("forged"), "{args:?}\n{text}");
    }
    assert!(!text.contains("##["), "{args:?}\n{text}");
}

impl Ran {
    /// The value has been shown, or the test would show nothing.
    fn shows(self, code: i32) -> Self {
        let all = format!("{}{}", self.out, self.errors);
        assert_eq!(self.code, code, "{all}");
        assert!(all.contains("forged"), "{all}");
        self
    }
}

/// As YAML takes it, which refuses some of these characters as they are.
fn yaml(value: &Value) -> String {
    let escape = |c: char| match u32::from(c) {
        number @ 0x7f..=0xffff => format!("\\u{number:04x}"),
        _ => c.to_string(),
    };
    value.to_string().chars().map(escape).collect()
}

fn hostile_manifests() -> Vec<Value> {
    let container = json!({
        "name": ODD, "image": ODD, "command": [ODD],
        "env": [{"name": ODD, "value": ODD}, {"name": "AWS_ACCESS_KEY_ID", "value": ODD}],
        "volumeMounts": [{"name": ODD, "mountPath": ODD}],
    });
    let pod = json!({
        "metadata": {"name": ODD, "labels": {ODD: ODD}, "annotations": {
            ODD: ODD,
            "eks.amazonaws.com/token-expiration": ODD,
            "eks.amazonaws.com/skip-containers": ODD,
        }},
        "spec": {"serviceAccountName": "app", "containers": [container, {"name": "app"}], ODD: ODD},
    });
    let account = |name: &str, annotations: Value| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": "demo", "annotations": annotations}})
    };
    let with = |kind: &str, version: &str, spec: Value| {
        json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": ODD, "namespace": "demo"}, "spec": spec})
    };
    let mut bare = pod.clone();
    bare["apiVersion"] = "v1".into();
    bare["kind"] = "Pod".into();
    bare["metadata"]["namespace"] = "demo".into();
    bare["spec"]["serviceAccountName"] = "other".into();
    vec![
        account(
            "app",
            json!({"eks.amazonaws.com/role-arn": ODD, "eks.amazonaws.com/audience": ODD}),
        ),
        account("other", json!({"eks.amazon.com/role-arn": ODD, ODD: ODD})),
        with("Deployment", "apps/v1", json!({"template": pod})),
        bare,
        with(ODD, ODD, json!({"template": {"spec": {"containers": []}}})),
        json!({"apiVersion": ODD, "kind": ODD, "metadata": {"generateName": ODD}}),
    ]
}

#[test]
fn inject_shows_no_object_as_it_calls_itself() {
    let scratch = Scratch::new().unwrap();
    let manifests = hostile_manifests();
    let text: Vec<String> = manifests.iter().map(yaml).collect();
    let file = scratch.write(ODD, text.join("\n---\n")).unwrap();
    let file = file.to_str().unwrap();
    for flag in ["--token-audience", "--aws-default-region", "--token-mount-path"] {
        run(&["inject", "-f", file, flag, ODD]).shows(64);
    }
    // What is no control character is taken.
    let odd_flags =
        ["--token-audience", "x\u{202e}\u{2066}\u{200b}\u{2028}##[error]\u{e0001}\u{feff}f"];
    for output in ["yaml", "diff", "patch", "explain"] {
        let ran = run(&[&["inject", "-f", file, "-o", output][..], &odd_flags].concat()).shows(0);
        if output == "yaml" {
            let read: Vec<Value> = serde_saphyr::from_multiple(&ran.out).unwrap();
            assert_eq!(read.len(), manifests.len());
            // What was not mutated reads back as it was written.
            for index in [0, 1, 4, 5] {
                assert_eq!(read[index], manifests[index], "{}", ran.out);
            }
            let containers = &read[2]["spec"]["template"]["spec"]["containers"];
            assert_eq!(containers[0]["name"], ODD);
        }
    }
    let explain = ["inject", "-f", "-", "-o", "explain", "--service-accounts", file];
    run_with(&explain, &text[3], &[]).shows(0);
    for member in ["/metadata/namespace", "/spec/serviceAccountName"] {
        let mut pod = manifests[3].clone();
        *pod.pointer_mut(member).unwrap() = ODD.into();
        run_with(&["inject", "-f", "-", "--service-accounts", file], &yaml(&pod), &[]).shows(2);
    }
    run(&["inject", "-f", &format!("/nowhere/{ODD}")]).shows(2);
    for bad in [format!("{ODD}: ["), format!("kind: Pod\nspec: {{\"{ODD}"), ODD.to_owned()] {
        run_with(&["inject", "-f", "-"], &bad, &[]);
    }
    let bad = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": ODD}});
    run_with(&["inject", "-f", "-", "--service-accounts", file], &bad.to_string(), &[]);
}

fn hostile_policy() -> Value {
    let statement = json!({
        "Sid": ODD, "Effect": ODD, "Action": [ODD, "sts:AssumeRoleWithWebIdentity"],
        "Principal": {"Federated": format!("arn:aws:iam::111122223333:oidc-provider/{ODD}"), ODD: ODD},
        "Condition": {"StringEquals": {format!("{ODD}:sub"): ODD, ODD: [ODD]}, ODD: {ODD: ODD}},
        ODD: ODD,
    });
    json!({"Version": ODD, "Statement": [statement.clone(), statement], ODD: ODD})
}

#[test]
fn iam_shows_no_policy_as_it_calls_itself() {
    let scratch = Scratch::new().unwrap();
    let policy = hostile_policy();
    let broken = policy.to_string().replace("\\n", "\n").replace(',', " ");
    for (name, text) in [(ODD, policy.to_string()), ("broken", broken), ("text", ODD.to_owned())] {
        let file = scratch.write(name, text).unwrap();
        let file = file.to_str().unwrap();
        for output in ["text", "json", "yaml"] {
            run(&["iam", "lint", file, "-o", output]);
            let ask = ["iam", "simulate", "--trust-policy", file, "--issuer", ODD, "--sub", ODD];
            let more = ["--aud", ODD, "--condition-key", "a=b", "-o", output];
            run(&[&ask[..], &more].concat());
        }
        run(&["iam", "lint", file, "-o", "sarif"]);
        run(&["iam", "simulate", "--trust-policy", file, "--token", file]);
        // Each line is one command of ours, and holds no other.
        let found: Value =
            serde_json::from_str(&run(&["iam", "lint", file, "-o", "json"]).out).unwrap();
        let output =
            Command::new(PROGRAM).args(["iam", "lint", file, "-o", "github"]).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().count(), found["findings"].as_array().unwrap().len(), "{lines}");
        for line in lines.lines() {
            let said = line.strip_prefix("::error ").or_else(|| line.strip_prefix("::warning "));
            let (properties, said) = said.and_then(|it| it.split_once("::")).expect(line);
            assert!(properties.split(',').all(|it| it.contains('=')), "{line}");
            assert!(!line.chars().any(text::is_unprintable) && !line.contains("##["), "{line}");
            assert!(!said.is_empty(), "{line}");
        }
    }
    let file = scratch.path().join(ODD);
    run(&["iam", "lint", file.to_str().unwrap()]).shows(1);
    run(&["iam", "lint", &format!("/nowhere/{ODD}")]).shows(2);
    let role = |more: &[&str]| {
        let usual = ["iam", "role", "--issuer", "https://a.example/b", "--namespace", "demo"];
        run(&[&usual[..], &["--service-account", "app", "--account-id", "111122223333"], more]
            .concat())
    };
    for flag in [
        "--issuer",
        "--namespace",
        "--service-account",
        "--audience",
        "--account-id",
        "--partition",
        "--role-name",
        "--thumbprint",
        "--policy",
        "--format",
    ] {
        let code = if flag == "--policy" { 2 } else { 64 };
        assert_eq!(role(&[flag, ODD]).code, code, "{flag}");
    }
    // What is no control character is taken, and escaped by the format's rules.
    let audience = "forged\u{202e}\u{200b}\u{e0001}##[error]";
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::bucket/{audience}\u{8}\u{c}/*")});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    let policy = scratch.write("policy.json", policy.to_string()).unwrap();
    for format in ["json", "cli", "cloudformation", "terraform"] {
        let more = ["--audience", audience, "--policy", policy.to_str().unwrap()];
        let ran = role(&[&more[..], &["--format", format]].concat()).shows(0);
        if format == "json" {
            let written: Value = serde_json::from_str(&ran.out).unwrap();
            let annotations = &written["ServiceAccount"]["metadata"]["annotations"];
            assert_eq!(annotations["eks.amazonaws.com/audience"], audience);
        }
    }
}

fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "kid": ODD});
    format!("{}.{}.{}", part(&header), part(claims), URL_SAFE_NO_PAD.encode("signed"))
}

#[test]
fn issuer_shows_no_name_as_it_is_given() {
    let scratch = Scratch::new().unwrap();
    let pem = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let file = scratch.write(name, key.public_key_pem()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (old, new) = (pem(ODD), pem(&format!("new {ODD}")));
    let garbage = scratch.write("garbage", format!("-----BEGIN {ODD}-----\n{ODD}")).unwrap();
    let garbage = garbage.to_str().unwrap();
    let out = scratch.path().join(format!("out {ODD}"));
    let out = out.to_str().unwrap();
    let documents = ["issuer", "documents", "--key", &old, "--out", out];
    for hosting in ["s3", "cloudfront", "static"] {
        let issuer = ["--issuer", "https://a.example/b", "--hosting", hosting];
        for output in ["text", "json", "yaml"] {
            let more = ["--bucket", ODD, "--distribution", ODD, "-o", output];
            run(&[&documents[..], &issuer, &more].concat()).shows(0);
        }
    }
    run(&[&documents[..], &["--issuer", "https://other.example"]].concat());
    run(&[&documents[..], &["--issuer", ODD]].concat()).shows(64);
    run(&[&documents[..], &["--issuer", "https://a.example", "--jwks-path", ODD]].concat())
        .shows(64);
    run(&["issuer", "documents", "--issuer", "https://a.example", "--key", garbage]);

    let claims = json!({"iss": ODD, "sub": ODD, "aud": [ODD], "exp": 1, "iat": 1});
    let token = scratch.write("token", token(&claims)).unwrap();
    let token = token.to_str().unwrap();
    let jwks =
        json!({"keys": [{"kty": ODD, "kid": ODD, "alg": ODD, "use": ODD, "n": ODD, "e": ODD}]});
    let jwks = scratch.write("jwks", jwks.to_string()).unwrap();
    let jwks = jwks.to_str().unwrap();
    let live = ["--token", token, "--api-server-keys", jwks];
    for output in ["text", "json", "yaml"] {
        for url in [ODD, &format!("https://127.0.0.1:1/{ODD}"), "https://127.0.0.1:1"] {
            run(&[&["issuer", "verify", url, "-o", output][..], &live].concat());
        }
        let rotate = ["issuer", "rotate", "--old-key", &old, "--new-key", &new, "-o", output];
        run(&[&rotate[..], &live].concat()).shows(1);
        run(&[&rotate[..], &["--documents", out]].concat());
        run(&[&rotate[..], &["--issuer", ODD]].concat()).shows(64);
        let server = yaml(&json!({"args": [format!("--service-account-issuer={ODD}")]}));
        let server = scratch.write(&format!("server {ODD}"), server).unwrap();
        let migrate = ["issuer", "migrate", "--from", ODD, "--to", "https://127.0.0.1:1/b"];
        let more = ["--api-server", server.to_str().unwrap(), "-o", output];
        run(&[&migrate[..], &more, &live].concat()).shows(0);
    }
    run(&["issuer", "migrate", "--from", "https://a.example", "--to", ODD]).shows(64);
    run(&["issuer", "verify", "https://a.example", "--ca-file", garbage]);
    for flag in ["--token", "--api-server-keys", "--ca-file"] {
        run(&["issuer", "verify", "https://127.0.0.1:1", flag, &format!("/nowhere/{ODD}")])
            .shows(2);
        run(&["issuer", "verify", "https://127.0.0.1:1", flag, garbage]);
    }
}

#[test]
fn doctor_shows_no_fact_as_it_calls_itself() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().join(ODD);
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, value: &Value| fs::write(folder.join(name), yaml(value)).unwrap();
    write(
        "service-account.json",
        &json!({"metadata": {"name": ODD, "namespace": ODD, "annotations":
        {"eks.amazonaws.com/role-arn": ODD, "eks.amazonaws.com/audience": ODD, ODD: ODD}}}),
    );
    write(
        "webhooks.json",
        &json!({"items": [{"metadata": {"name": ODD}, "webhooks": [{
        "name": ODD, "clientConfig": {"url": ODD, "caBundle": ODD},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {ODD: ODD}}}]}]}),
    );
    write("version.json", &json!({"unknown": ODD}));
    write("dry-run.json", &json!({"refused": ODD}));
    write("token.json", &json!({"unknown": ODD}));
    write("provider.json", &json!({"Url": ODD, "ClientIDList": [ODD]}));
    write(
        "role.json",
        &json!({"Role": {"RoleName": ODD, "Arn": ODD, "AssumeRolePolicyDocument": hostile_policy()}}),
    );
    write("pods.json", &json!({"items": [hostile_manifests()[3].clone()]}));
    let from = folder.to_str().unwrap();
    for output in ["text", "json", "yaml"] {
        run(&["doctor", "--from-dir", from, "-o", output]).shows(2);
        run(&["doctor", &format!("pod/{ODD}"), "-n", ODD, "--from-dir", from, "-o", output]);
    }
    run(&["doctor", ODD]).shows(64);
    run(&["doctor", "--from-dir", &format!("/nowhere/{ODD}")]).shows(2);
    run(&["doctor", "--from-dir", from, "--role-json", &format!("/nowhere/{ODD}")]).shows(2);
    fs::write(folder.join("service-account.json"), format!("{{\"{ODD}")).unwrap();
    run(&["doctor", "--from-dir", from]).shows(2);
}

fn kubeconfig(folder: &Scratch, server: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": ODD,
        "clusters": [{"name": ODD, "cluster": {"server": server}}],
        "contexts": [{"name": ODD, "context": {"cluster": ODD, "user": ODD, "namespace": "demo"}}],
        "users": [{"name": ODD, "user": {}}],
    });
    folder.write(&format!("kubeconfig {ODD}"), yaml(&config)).unwrap().display().to_string()
}

#[test]
fn audit_shows_no_object_as_it_calls_itself() {
    let scratch = Scratch::new().unwrap();
    let mut pod = hostile_manifests()[3].clone();
    pod["spec"]["serviceAccountName"] = "app".into();
    // Nothing stands in the way of an identity but that it lacks one.
    pod["metadata"]["annotations"] = json!({});
    let role = "arn:aws:iam::111122223333:role/app";
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app",
        "namespace": "demo", "annotations": {"eks.amazonaws.com/role-arn": role, ODD: ODD}}});
    let server = api_server(vec![pod, account]);
    let config = kubeconfig(&scratch, &server);
    for output in ["text", "json", "yaml"] {
        run(&["audit", "--all-namespaces", "--kubeconfig", &config, "-o", output]).shows(1);
    }
    for restart in [&["--restart", "-o", "wide"][..], &["--restart", "--yes", "-o", "json"]] {
        run(&[&["audit", "-A", "--kubeconfig", &config], restart].concat()).shows(1);
    }
    run(&["audit", "--kubeconfig", &config, "--context", &format!("other {ODD}")]).shows(2);
    run(&["audit", "--kubeconfig", &format!("/nowhere/{ODD}")]).shows(2);
    let nobody = kubeconfig(&scratch, "http://127.0.0.1:1");
    assert_eq!(run(&["audit", "--kubeconfig", &nobody]).code, 2);
    // To this machine there is no proxy.
    let nobody = kubeconfig(&scratch, "http://192.0.2.1:1");
    for (name, proxy) in [("HTTPS_PROXY", "http://192.0.2.1:3128"), ("https_proxy", ODD)] {
        let ran = run_with(&["audit", "--kubeconfig", &nobody], "", &[(name, proxy)]);
        let setting = format!("{name} in the environment");
        assert!(ran.code == 2 && ran.errors.contains(&setting), "{}", ran.errors);
    }
}

#[test]
fn arguments_are_not_shown_as_they_are_typed() {
    let scratch = Scratch::new().unwrap();
    let flag = format!("--{ODD}");
    let file = format!("/nowhere/{ODD}");
    for args in [
        vec![ODD],
        vec![&*flag],
        vec!["--port", ODD],
        vec!["--log-format", ODD],
        vec!["--token-expiration", ODD],
        vec!["iam", ODD],
        vec!["iam", "lint", &flag],
        vec!["inject", "-o", ODD],
        vec!["issuer", "rotate", "--step", ODD],
        vec!["audit", "--compose-role-arn", "--aws-account-id", ODD],
        vec!["completion", ODD],
        vec!["completion", "bash", "--name", ODD],
    ] {
        run(&args).shows(64);
    }
    run_with(&["serve"], "", &[("PODID_PORT", ODD)]).shows(64);
    run(&["man", "--out", &format!("/dev/null/{ODD}")]).shows(1);
    let out = scratch.path().join(ODD);
    run(&["certs", "init", "--out", out.to_str().unwrap(), "--name", "a.example"]);
    run(&["certs", "init", "--out", "/dev/null/x", "--name", ODD]);
    for format in ["text", "json"] {
        run(&["--log-format", format, "--service-accounts", &file]);
        let (flag, accounts) = ("--tls-cert", scratch.write("a.yaml", "").unwrap());
        let accounts = ["--service-accounts", accounts.to_str().unwrap()];
        run(&[&["--log-format", format, flag, &file, "--tls-key", &file][..], &accounts].concat())
            .shows(1);
    }
    assert!(Path::new(&out).exists(), "certs init has run");
}
