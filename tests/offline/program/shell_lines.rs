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
    let before = fs::read_dir(folder).unwrap().count();
    // The real commands are not at hand: functions print the words that they get.
    let print = "{ printf '%s\\0' \"$@\"; }";
    let functions = format!("aws() {print}; pod-identity-webhook() {print}\n");
    let mut command = Command::new("bash");
    command.args(["-euc", &format!("{functions}{script}")]).current_dir(folder);
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
    let audiences = NAMES.iter().filter(|name| !name.contains(char::is_control));
    for audience in audiences.chain(&["\u{202e}é\u{200b}"]) {
        let mut command = Command::new(PROGRAM);
        command.args(["iam", "role", "--issuer=https://a.example/b", "--namespace=demo"]);
        command.args(["--service-account=app", "--account-id=111122223333", "--format=cli"]);
        command.args(["--role-name=-role", &format!("--audience={audience}")]);
        let output = command.env_clear().output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let script = format!("kubectl() {{ cat >/dev/null; }}\n{script}");
        let words = words(&script, scratch.path());
        assert_eq!(values(&words, "--client-id-list"), [*audience], "{script}");
        assert_eq!(values(&words, "--role-name"), ["-role"], "{script}");
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
