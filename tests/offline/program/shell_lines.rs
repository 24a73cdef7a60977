//! The lines that are printed for a shell, run by one: each word arrives as it
//! was meant, and nothing else runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::Scratch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

const NAMES: [&str; 12] = [
    "plain",
    "my docs",
    "it's",
    "say \"hi\"",
    "$(touch pwned)",
    "`touch pwned`; touch pwned",
    "a\nb",
    "-rf",
    "~*?[a]{b,c}!",
    "back\\slash",
    "\u{1b}[2J\u{202e}é\u{200b}",
    "##[error]::x",
];

/// The words of the commands in a script, in their order.
fn words(script: &str, folder: &Path) -> Vec<String> {
    let by_bash = words_by("bash", script, folder);
    // Debian's sh is dash, which knows less.
    assert_eq!(words_by("dash", script, folder), by_bash, "{script}");
    by_bash
}

fn words_by(shell: &str, script: &str, folder: &Path) -> Vec<String> {
    let before = fs::read_dir(folder).unwrap().count();
    // The real commands are not at hand: functions print the words that they get. IAM has nothing.
    let print = "printf '%s\\0' \"$@\" >&3";
    let none = "case ${2-} in \
        get-caller-identity) echo arn:aws:sts::111122223333:assumed-role/me/now ;; \
        get-*) echo NoSuchEntity >&2; return 1 ;; esac";
    let functions = format!(
        "exec 3>&1\naws() {{ {print}; {none}; }}\npod_identity_webhook() {{ {print}; }}\n\
         alias pod-identity-webhook=pod_identity_webhook\n"
    );
    let aside = Scratch::new().unwrap();
    let path = aside.write("script", format!("{functions}{script}")).unwrap();
    let mut command = Command::new(shell);
    // Aliases, since dash has no functions with hyphens; bash expands them only where asked.
    if shell == "bash" {
        command.args(["-O", "expand_aliases"]);
    }
    command.arg("-eu").arg(&path).current_dir(folder);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(folder).unwrap().count(), before, "something ran: {script}");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.split_terminator('\0').map(str::to_owned).collect()
}

/// The values of an option, given as its next word or behind `=`.
fn values(words: &[String], option: &str) -> Vec<String> {
    let next = words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1].clone());
    let joined = words.iter().filter_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    next.chain(joined.map(str::to_owned)).collect()
}

#[test]
fn the_commands_of_issuer_documents_run_as_they_are_printed() {
    let scratch = Scratch::new().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let key = scratch.write("key.pub", key.public_key_pem()).unwrap();
    let run_in = scratch.path().join("here");
    fs::create_dir(&run_in).unwrap();
    for name in NAMES {
        for hosting in ["s3", "cloudfront"] {
            let mut command = Command::new(PROGRAM);
            let issuer = "https://a.example/$(touch%20pwned);&*~";
            command.args(["issuer", "documents", "--issuer", issuer, "--hosting", hosting]);
            command.args([&format!("--bucket={name}"), &format!("--distribution={name}")]);
            command.arg(format!("--out={name}")).arg("--key").arg(&key);
            let output = command.env_clear().current_dir(scratch.path()).output().unwrap();
            let script = String::from_utf8(output.stdout).unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name:?}: {errors}");
            let words = words(&script, &run_in);
            let buckets = values(&words, "--bucket");
            assert!(buckets.len() >= 3 && buckets.iter().all(|it| it == name), "{script}");
            for body in values(&words, "--body") {
                assert!(!body.starts_with('-'), "{script}");
                let body = body.strip_prefix("./").unwrap_or(&body).to_owned();
                assert!(body.starts_with(&format!("{name}/")), "{script}");
                assert!(scratch.path().join(&body).exists(), "{body}");
            }
            assert_eq!(values(&words, "--body").len(), 2, "{script}");
            let policy = values(&words, "--policy").remove(0);
            let policy: Value = serde_json::from_str(&policy).unwrap();
            let resource = policy["Statement"][0]["Resource"][0].as_str().unwrap();
            assert!(resource.starts_with(&format!("arn:aws:s3:::{name}/")), "{policy}");
            assert_eq!(words.last().unwrap(), issuer, "{script}");
        }
    }
}

#[test]
fn the_commands_of_iam_role_run_as_they_are_printed() {
    let scratch = Scratch::new().unwrap();
    let run_in = scratch.path().join("here");
    fs::create_dir(&run_in).unwrap();
    // A wildcard would be one that is never expanded.
    let audiences = NAMES.iter().filter(|name| !name.contains(|c| char::is_control(c) || c == '*'));
    for audience in audiences.chain(&["x\u{202e}é\u{200b}x", "100%", "file:///etc/passwd", "[x"]) {
        let mut command = Command::new(PROGRAM);
        command.args(["iam", "role", "--issuer=https://a.example/b", "--namespace=demo"]);
        command.args(["--service-account=app", "--account-id=111122223333", "--format=cli"]);
        command.args(["--role-name=-role", &format!("--audience={audience}")]);
        let output = command.env_clear().output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let script = format!("kubectl() {{ cat >/dev/null; }}\n{script}");
        let words = words(&script, &run_in);
        let client_ids = values(&words, "--client-id-list").remove(0);
        // JSON where the AWS CLI would not take it for a text.
        if ["-", "file:", "["].iter().any(|start| audience.starts_with(start)) {
            let list: Vec<String> = serde_json::from_str(&client_ids).unwrap();
            assert_eq!(list, [*audience], "{script}");
        } else {
            assert_eq!(client_ids, *audience, "{script}");
        }
        assert!(values(&words, "--role-name").iter().all(|it| it == "-role"), "{script}");
        assert!(values(&words, "--role-name").len() >= 2, "{script}");
        let trust = values(&words, "--assume-role-policy-document").remove(0);
        let trust: Value = serde_json::from_str(&trust).unwrap();
        let equals = &trust["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(equals["a.example/b:aud"], *audience);
    }
}

#[test]
fn the_flags_of_a_migration_are_words_of_a_shell() {
    for name in NAMES {
        let mut command = Command::new(PROGRAM);
        command.args([
            "issuer",
            "migrate",
            &format!("--from={name}"),
            "--to=https://127.0.0.1:1/b",
        ]);
        let output = command.env_clear().output().unwrap();
        let plan = String::from_utf8(output.stdout).unwrap();
        let flags = plan.lines().filter_map(|line| line.strip_prefix("    --"));
        let script: Vec<String> = flags.map(|flag| format!("aws --{flag}")).collect();
        let scratch = Scratch::new().unwrap();
        let words = words(&script.join("\n"), scratch.path());
        let wanted = format!("--service-account-issuer={name}");
        assert!(words.contains(&wanted), "{plan}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
