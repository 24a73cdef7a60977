//! `iam lint`, `role` and `simulate` as a user runs them: exit codes, JSON, and what a shell makes of the commands.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const ISSUER: &str = "https://oidc.example.com/id/X";
const ROLE: [&str; 9] = [
    "role",
    "--issuer",
    ISSUER,
    "--namespace",
    "demo",
    "--service-account",
    "app",
    "--account-id",
    "111122223333",
];

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.arg("iam");
    command
}

fn iam(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

/// With text on standard input.
fn iam_with(args: &[&str], input: &str) -> Output {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that fails for its arguments does not wait for input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/iam").join(name)
}

fn role(more: &[&str]) -> String {
    let output = iam(&[&ROLE, more].concat());
    assert_eq!(exit(&output), 0, "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn names_the_mistakes_of_the_tutorials() {
    for (file, wanted, code) in [
        (
            "curly-permissions.json",
            vec![("curly-quote", 2), ("odd-dash", 2), ("object-action-on-bucket", 7)],
            1,
        ),
        ("trust-without-audience.json", vec![("audience-not-tested", 4)], 0),
        (
            "audience-for-subject.json",
            vec![("placeholder", 7), ("audience-tested-for-subject", 12)],
            1,
        ),
        (
            "template.yaml",
            vec![("unknown-reference", 8), ("audience-not-tested", 15), ("missing-quote", 39)],
            1,
        ),
        (
            "template-without-indentation.yaml",
            vec![("unknown-reference", 8), ("audience-not-tested", 15), ("missing-quote", 39)],
            1,
        ),
        ("short-account.sh", vec![("account-id", 4)], 1),
        ("shell.sh", vec![("placeholder", 8)], 0),
        ("wrong-annotation.yaml", vec![("annotation-key", 7)], 1),
    ] {
        let path = fixture("tutorials").join(file);
        let output = iam(&["lint", "--output", "json", path.to_str().unwrap()]);
        let found = findings(&output);
        for (word, line) in wanted {
            let there = found.iter().any(|one| one["id"] == word && one["line"] == line);
            assert!(there, "{word} at {line} in {file}: {found:#?}");
        }
        assert_eq!(exit(&output), code, "{file}: {found:#?}");
    }
}

/// Of `iam lint`, whose document has nothing else but a summary.
fn findings(output: &Output) -> Vec<Value> {
    let mut told: Value = serde_json::from_str(&stdout(output)).unwrap();
    serde_json::from_value(told["findings"].take()).unwrap()
}

#[test]
fn prints_findings_with_all_their_members() {
    let path = fixture("tutorials/audience-for-subject.json");
    let path = path.to_str().unwrap();
    let found = findings(&iam(&["lint", "--output=json", path]));
    let one = found.iter().find(|one| one["id"] == "audience-tested-for-subject").unwrap();
    assert_eq!((&one["status"], &one["column"]), (&json!("fail"), &json!(54)));
    assert!(one["message"].as_str().unwrap().contains("is a subject"), "{one}");
    let key = "oidc.eks.us-east-2.amazonaws.com/id/[OIDC_ID]:sub";
    assert_eq!(one["fix"], format!("\"{key}\": \"system:serviceaccount:demo:*\""));
    let text = stdout(&iam(&["lint", path]));
    assert!(text.contains(":12:54: error:") && text.contains("    fix: "), "{text}");
}

#[test]
fn fails_for_warnings_where_asked_and_for_files_that_it_cannot_open() {
    let warned = fixture("tutorials/trust-without-audience.json");
    let warned = warned.to_str().unwrap();
    assert_eq!(exit(&iam(&["lint", warned])), 0);
    assert_eq!(exit(&iam(&["lint", "--strict", warned])), 1);
    // The others are linted all the same.
    let output = iam(&["lint", "no/such/file", warned]);
    assert_eq!(exit(&output), 2);
    assert!(stderr(&output).contains("no/such/file"), "{}", stderr(&output));
    assert!(stdout(&output).contains("audience-not-tested"), "{}", stdout(&output));
    assert_eq!(exit(&iam(&["lint"])), 64);
}

#[test]
fn nothing_understood_is_neither_success_nor_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let other = file("other.yaml", "a: b\n");
    let policy = fixture("tutorials/trust-without-audience.json");
    let policy = policy.to_str().unwrap();
    let error = file("broken.tf", "resource \"x\" \"y\" {\n");
    for (arguments, code) in [
        (vec![other.as_str()], 2),
        (vec!["--allow-no-policy", &other], 0),
        (vec!["--allow-no-policy", "--strict", &other], 0),
        (vec![&other, policy], 0),
        (vec![&other, &error], 1),
        (vec!["no/such/file", &error], 1),
        (vec!["no/such/file", policy], 2),
    ] {
        let output = iam(&[&["lint"], &arguments[..]].concat());
        assert_eq!(exit(&output), code, "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    }
    let told = stderr(&iam(&["lint", &other]));
    assert!(told.contains("Terraform") && told.contains("--allow-no-policy"), "{told}");
}

#[test]
fn reads_what_is_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let policy = "{\"Version\": \"2012-10-18\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}]}";
    put("b/role.json", policy);
    put(
        "a/main.tf",
        &format!("resource \"aws_iam_policy\" \"x\" {{\n  policy = <<E\n{policy}\nE\n}}\n"),
    );
    put("notes.txt", policy);
    put(".git/role.json", policy);
    put("values.yaml", "a: b\n");
    let output = iam(&["lint", "--output=json", folder.path().to_str().unwrap()]);
    let found = findings(&output);
    let files: Vec<_> = found
        .iter()
        .map(|one| one["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(files, ["main.tf", "role.json"], "{found:#?}");
    assert_eq!((found[0]["line"].as_u64(), exit(&output)), (Some(3), 1));
}

#[test]
fn finds_nothing_in_what_it_writes_and_allows_whom_it_was_written_for() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    let statement = json!({
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    });
    fs::write(&policy, json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
        .unwrap();
    let policy = format!("--policy={}", policy.display());
    for format in ["json", "cli", "cloudformation", "terraform"] {
        let written = role(&["--format", format, &policy]);
        assert!(written.contains("s3:GetObject"), "{written}");
        let output = iam_with(&["lint", "--strict", "-"], &written);
        assert_eq!(exit(&output), 0, "{format}\n{written}\n{}", stdout(&output));
    }
    for format in ["json", "cloudformation", "terraform"] {
        let written = role(&["--format", format]);
        for (name, wanted) in [("app", 0), ("other", 1)] {
            let sub = format!("--sub=system:serviceaccount:demo:{name}");
            let ask = ["simulate", "--trust-policy=-", "--issuer", ISSUER, &sub];
            let output = iam_with(&[&ask[..], &["--aud=sts.amazonaws.com"]].concat(), &written);
            assert_eq!(exit(&output), wanted, "{format} {}", stdout(&output));
        }
    }
}

#[test]
fn refuses_arguments_that_make_no_role() {
    for (flag, value) in [
        ("--issuer", "http://oidc.example.com"),
        ("--issuer", "https://oidc.example.com:6443"),
        ("--issuer", "https://kubernetes.default.svc.cluster.local"),
        ("--issuer", "https://10.0.0.1/x"),
        ("--issuer", "https://localhost/x"),
        ("--namespace", "a b"),
        ("--namespace", "team-*"),
        ("--service-account", "x'; id #"),
        ("--service-account", "other/app"),
        ("--audience", "sts.amazonaws.com.cn"),
        ("--audience", " "),
        ("--account-id", "1111222233"),
        ("--partition", "aws-moon"),
        ("--region", "moon"),
        ("--role-name", "a b"),
        ("--path", "team"),
        ("--max-session-duration", "1h"),
        ("--permissions-boundary", "arn:aws:iam::444455556666:policy/x"),
        ("--tag", "team"),
        ("--thumbprint", "00"),
        ("--policy", "no/such/file"),
    ] {
        // In place of what it has.
        let given = |pair: &[&'static str]| pair[0] == flag;
        let kept = ROLE[1..].chunks(2).filter(|pair| !given(pair)).flatten().copied();
        let args: Vec<&str> = ["role"].into_iter().chain(kept).chain([flag, value]).collect();
        let output = iam(&args);
        let code = if flag == "--policy" { 2 } else { 64 };
        assert_eq!(exit(&output), code, "{flag} {value}: {}", stdout(&output));
        assert!(!stderr(&output).is_empty() && output.stdout.is_empty(), "{flag} {value}");
    }
}

/// Every token of AKS names an issuer with a slash, and the provider must have it too.
#[test]
fn an_issuer_with_a_slash_at_its_end_keeps_it() {
    for (issuer, is_warned) in [
        ("https://oidc.example.com/id/X/", true),
        ("https://eastus.oic.prod-aks.azure.com/11111111/22222222/", false),
        ("https://tenant.eu.auth0.com/", false),
    ] {
        let args = ["role", "--issuer", issuer, "--service-account", "demo/app"];
        let output = iam(&[&args[..], &["--account-id", "111122223333"]].concat());
        let told = stderr(&output);
        assert_eq!(exit(&output), 0, "{issuer}: {told}");
        assert_eq!(told.contains("(trailing-slash)"), is_warned, "{issuer}: {told}");
        let others = told.lines().filter(|line| !line.contains("(trailing-slash)"));
        assert_eq!(others.count(), 0, "{told}");
        let request = ["--service-account", "demo/app", "--audience", "sts.amazonaws.com"];
        for (asked, code) in [(issuer, 0), (issuer.trim_end_matches('/'), 1)] {
            let ask = [&["simulate", "--trust-policy=-", "--issuer", asked], &request[..]].concat();
            assert_eq!(exit(&iam_with(&ask, &stdout(&output))), code, "{asked}");
        }
    }
}

#[test]
fn takes_a_repeated_flag_as_a_list_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    let statement =
        json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"});
    fs::write(&policy, json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
        .unwrap();
    let policy = policy.to_str().unwrap();
    for (flag, value) in [
        ("--issuer", "https://b.example"),
        ("--account-id", "111122223333"),
        ("--partition", "aws"),
        ("--region", "eu-west-1"),
        ("--role-name", "x"),
        ("--path", "/x/"),
        ("--max-session-duration", "3600"),
        ("--permissions-boundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("--output", "json"),
    ] {
        let output = iam(&[&ROLE[..], &[flag, value, flag, value]].concat());
        assert_eq!(exit(&output), 64, "{flag}: {}", stdout(&output));
        assert!(stderr(&output).contains(flag), "{}", stderr(&output));
    }
    let written = role(&[
        "--namespace=b",
        "--service-account=other/c",
        "--audience=x",
        "--audience=y",
        "--policy",
        policy,
        "--policy",
        policy,
        "--tag=a=1",
        "--tag=b=2",
        "--role-name=r",
    ]);
    let written: Value = serde_json::from_str(&written).unwrap();
    let trust = &written["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"];
    let equals = &trust["StringEquals"];
    assert_eq!(equals["oidc.example.com/id/X:aud"], json!(["x", "y"]));
    let subjects = ["demo:app", "b:app", "other:c"];
    let subjects: Vec<String> =
        subjects.iter().map(|it| format!("system:serviceaccount:{it}")).collect();
    assert_eq!(equals["oidc.example.com/id/X:sub"], json!(subjects));
    assert_eq!(written["OpenIDConnectProvider"]["ClientIDList"], json!(["x", "y"]));
    let names: Vec<&Value> =
        written["RolePolicies"].as_array().unwrap().iter().map(|it| &it["PolicyName"]).collect();
    assert_eq!(names, ["r", "r-2"]);
    assert_eq!(written["Role"]["Tags"].as_array().unwrap().len(), 2);
    assert_eq!(written["ServiceAccounts"].as_array().unwrap().len(), 3);
}

#[test]
fn says_which_condition_failed_with_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let claims = json!({
        "iss": ISSUER, "sub": "system:serviceaccount:demo:web", "aud": ["sts.amazonaws.com"], "exp": 1,
    });
    let header = json!({"alg": "RS256"});
    let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    fs::write(&token, format!("{}.{}.c2ln\n", parts[0], parts[1])).unwrap();
    let token = format!("--token={}", token.display());
    let ask = ["simulate", "--trust-policy=-", &token];
    let output = iam_with(&[&ask[..], &["--output=json"]].concat(), &role(&[]));
    assert_eq!(exit(&output), 1, "{}", stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["verdict"], "denied");
    let reason = &told["findings"][0];
    assert_eq!(reason["operator"], "StringEquals");
    assert_eq!(reason["key"], "oidc.example.com/id/X:sub");
    assert_eq!(reason["policy"], json!(["system:serviceaccount:demo:app"]));
    assert_eq!(reason["request"], json!(["system:serviceaccount:demo:web"]));
    let text = stdout(&iam_with(&ask, &role(&[])));
    let policy = "policy:  \"system:serviceaccount:demo:app\"\n";
    let request = "request: \"system:serviceaccount:demo:web\"\n";
    assert!(text.contains(policy) && text.contains(request), "{text}");
}

#[test]
fn says_when_it_cannot_say() {
    let by_address = |effect: &str| {
        json!({
            "Effect": effect,
            "Principal": "*",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
        })
    };
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});
    let policy =
        |statements: &Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let ask = [
        "simulate",
        "--trust-policy=-",
        "--issuer",
        ISSUER,
        "--sub=system:serviceaccount:demo:app",
        "--aud=sts.amazonaws.com",
    ];
    for (text, wanted) in [
        (policy(&json!([by_address("Allow")])), 2),
        (policy(&json!([by_address("Allow"), deny])), 1),
        (policy(&json!([by_address("Deny")])), 1),
        ("{\u{201c}Version\u{201d}: 1}".to_owned(), 2),
        (String::new(), 2),
    ] {
        let output = iam_with(&ask, &text);
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(exit(&output), wanted, "{text}\n{told}");
    }
    let nowhere = ["simulate", "--trust-policy=/no/such", "--token=/no/such"];
    assert_eq!(exit(&iam(&nowhere)), 2);
    for usage in [&ask[..2], &ask[..4]] {
        assert_eq!(exit(&iam_with(usage, "")), 64, "{usage:?}");
    }
}

#[test]
fn goes_by_the_condition_keys_that_it_is_told() {
    let statement = json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}},
    });
    let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let ask = ["simulate", "--trust-policy=-", "--issuer", ISSUER, "--sub=a", "--aud=b"];
    for (key, wanted) in [
        (None, 2),
        (Some("--condition-key=aws:CurrentTime=2026-01-01T00:00:00Z"), 0),
        (Some("--condition-key=aws:CurrentTime=2026-07-01T00:00:00Z"), 1),
        (Some("--no-condition-key=aws:CurrentTime"), 1),
    ] {
        let ask: Vec<&str> = ask.iter().copied().chain(key).collect();
        let output = iam_with(&ask, &policy);
        assert_eq!(exit(&output), wanted, "{key:?}");
        if wanted == 2 {
            let how = "--condition-key aws:CurrentTime=VALUE";
            assert!(stdout(&output).contains(how), "{}", stdout(&output));
        }
    }
}

#[test]
fn a_session_has_a_name_and_a_length() {
    let statement = json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {"sts:RoleSessionName": "app-*"}},
    });
    let policy = json!({"Version": "2012-10-17", "Statement": statement});
    let role = json!({"Role": {"AssumeRolePolicyDocument": policy, "MaxSessionDuration": 7200}});
    let ask = ["simulate", "--trust-policy=-", "--issuer", ISSUER, "--sub=a", "--aud=b"];
    for (text, flags, wanted) in [
        (&policy, &[][..], 2),
        (&policy, &["--role-session-name=app-1"], 0),
        (&policy, &["--role-session-name=web-1"], 1),
        (&policy, &["--role-session-name=app-1", "--duration-seconds=3600"], 0),
        (&policy, &["--role-session-name=app-1", "--duration-seconds=3601"], 2),
        (&role, &["--role-session-name=app-1", "--duration-seconds=7200"], 0),
        (&role, &["--role-session-name=app-1", "--duration-seconds=7201"], 1),
    ] {
        let output = iam_with(&[&ask, flags].concat(), &text.to_string());
        assert_eq!(exit(&output), wanted, "{flags:?} {}{}", stdout(&output), stderr(&output));
    }
    for wrong in ["--role-session-name=a", "--role-session-name=a b", "--duration-seconds=899"] {
        let output = iam_with(&[&ask[..], &[wrong]].concat(), &policy.to_string());
        assert!(exit(&output) != 0 && output.stdout.is_empty(), "{wrong}");
    }
}

#[test]
fn a_role_trusts_providers_of_its_own_account() {
    let name = ISSUER.trim_start_matches("https://");
    let ask = ["simulate", "--trust-policy=-", "--issuer", ISSUER, "--sub=a", "--aud=b"];
    for (account, wanted) in [("111122223333", 0), ("444455556666", 1)] {
        let statement = json!({
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::{account}:oidc-provider/{name}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
        });
        let policy = json!({"Version": "2012-10-17", "Statement": statement});
        let role = json!({"Role": {
            "Arn": "arn:aws:iam::111122223333:role/x", "AssumeRolePolicyDocument": policy,
        }});
        let output = iam_with(&ask, &role.to_string());
        assert_eq!(exit(&output), wanted, "{}", stdout(&output));
        assert_eq!(exit(&iam_with(&ask, &policy.to_string())), 0);
    }
}

#[test]
fn reads_all_claims_of_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let claims = json!({
        "iss": ISSUER, "sub": "system:serviceaccount:demo:app", "aud": "sts.amazonaws.com", "azp": "client",
        "https://aws.amazon.com/tags": {"principal_tags": {"Team": ["a"]}},
    });
    let parts = [json!({"alg": "RS256"}), claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string()));
    fs::write(&token, format!("{}.{}.c2ln\n", parts[0], parts[1])).unwrap();
    let token = format!("--token={}", token.display());
    for (audience, action, wanted) in [
        ("client", json!(["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]), 0),
        ("client", json!("sts:AssumeRoleWithWebIdentity"), 1),
        ("sts.amazonaws.com", json!("sts:*"), 1),
    ] {
        let key = format!("{}:aud", ISSUER.trim_start_matches("https://"));
        let statement = json!({
            "Effect": "Allow", "Principal": "*", "Action": action,
            "Condition": {"StringEquals": {key: audience}},
        });
        let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let output = iam_with(&["simulate", "--trust-policy=-", &token], &policy);
        assert_eq!(exit(&output), wanted, "{audience} {action} {}", stdout(&output));
    }
}

#[test]
fn documents_every_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/iam.md");
    let docs = fs::read_to_string(docs).unwrap();
    for code in iam::Code::ALL {
        let row = format!("| `{code}` | {} | {} |", code.severity().word(), code.meaning());
        assert!(docs.contains(&row), "docs/iam.md lacks {row}");
    }
}

#[test]
fn takes_the_flags_that_other_commands_have_too() {
    let policy = role(&[]);
    let ask = ["simulate", "--trust-policy=-", "--issuer", ISSUER];
    for (whom, audience) in [
        (["--service-account", "demo/app"], "--audience"),
        (["--sub", "system:serviceaccount:demo:app"], "--aud"),
    ] {
        let args = [&ask[..], &whom, &[audience, "sts.amazonaws.com"]].concat();
        let output = iam_with(&args, &policy);
        assert_eq!(exit(&output), 0, "{}{}", stdout(&output), stderr(&output));
    }
    // What `iam role` takes for a ServiceAccount, and no more.
    for whom in ["app", "demo/", "/app", "a/b/c", "Demo/app", "a.b/app", "demo/a*", "demo/a:b"] {
        let args = [&ask[..], &["--service-account", whom, "--audience", "a"]].concat();
        assert_eq!(exit(&iam_with(&args, &policy)), 64, "{whom}");
    }
    let name = ISSUER.trim_start_matches("https://");
    for (arn, code) in [
        (format!("arn:aws:iam::111122223333:oidc-provider/{name}"), 0),
        (format!("arn:aws:iam::444455556666:oidc-provider/{name}"), 1),
        ("accounts.google.com".to_owned(), 1),
        (format!("arn:aws:iam::1111:oidc-provider/{name}"), 64),
        (format!("arn:aws-moon:iam::111122223333:oidc-provider/{name}"), 64),
        ("arn:aws:iam::111122223333:oidc-provider/".to_owned(), 64),
        ("arn:aws:iam::111122223333:role/app".to_owned(), 64),
        (ISSUER.to_owned(), 64),
    ] {
        let whom = ["--service-account", "demo/app", "--audience", "sts.amazonaws.com"];
        let args = [&ask[..], &whom, &["--provider-arn", &arn]].concat();
        let output = iam_with(&args, &policy);
        assert_eq!(exit(&output), code, "{arn}: {}{}", stdout(&output), stderr(&output));
    }
    let both = ["--service-account", "demo/app", "--sub", "x", "--audience", "a"];
    assert_eq!(exit(&iam_with(&[&ask[..], &both].concat(), &policy)), 64);
    assert_eq!(role(&["--output", "terraform"]), role(&["--format", "terraform"]));
}
