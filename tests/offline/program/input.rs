//! Files that never end, never begin, or are in another encoding; and the
//! pipes that work all the same.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::Scratch;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: demo}\nspec: {serviceAccountName: app, containers: [{name: app}]}\n";
const ACCOUNT: &str = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app, namespace: demo, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app'}}\n";

/// A manifest that names its ServiceAccount.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples/pod.yaml");

/// The command lines that read `FILE`.
const READERS: [&[&str]; 14] = [
    &["inject", "-f", "FILE"],
    &["inject", "-f", EXAMPLE, "--service-accounts", "FILE"],
    &["iam", "lint", "FILE"],
    &["iam", "simulate", "--trust-policy", "FILE", "--issuer=a", "--sub=b", "--aud=c"],
    &[
        "iam",
        "role",
        "--issuer=https://a.b/c",
        "--namespace=a",
        "--service-account=b",
        "--policy",
        "FILE",
    ],
    &["issuer", "documents", "--issuer=https://a.b/c", "--out=/dev/null/x", "--key", "FILE"],
    &["issuer", "rotate", "--old-key", "FILE", "--new-key", "FILE"],
    &[
        "issuer",
        "migrate",
        "--from=https://a.b",
        "--to=https://127.0.0.1:1",
        "--api-server",
        "FILE",
    ],
    &["issuer", "verify", "https://127.0.0.1:1", "--token", "FILE"],
    &["issuer", "verify", "https://127.0.0.1:1", "--ca-file", "FILE"],
    &["doctor", "--from-dir", "/dev", "--role-json", "FILE"],
    &["doctor", "pod/app", "--kubeconfig", "FILE"],
    &["audit", "--kubeconfig", "FILE"],
    &["issuer", "documents", "--from-cluster", "--out=/dev/null/x", "--kubeconfig", "FILE"],
];

fn program(args: &[&str], file: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    let file = file.to_str().unwrap();
    command.args(args.iter().map(|arg| if *arg == "FILE" { file } else { arg }));
    command.env_clear().env("HOME", "/nowhere").stdin(Stdio::null());
    command
}

fn refused(args: &[&str], file: &Path) -> String {
    // A process that took gigabytes would be stopped by this.
    let mut command = Command::new("prlimit");
    let inner = program(args, file);
    command.arg("--data=1073741824").arg(inner.get_program()).args(inner.get_args());
    let Output { status, stderr, .. } = command.env_clear().stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8(stderr).unwrap();
    assert!(matches!(status.code(), Some(1 | 2)), "{args:?}: {status}\n{errors}");
    errors
}

#[test]
fn reads_no_file_that_never_ends() {
    // The folder of the facts is doctor's own reader's.
    for args in READERS.iter().filter(|args| args[0] != "doctor") {
        let errors = refused(args, Path::new("/dev/zero"));
        assert!(errors.contains("larger than "), "{args:?}: {errors}");
        assert!(errors.contains("MiB"), "{args:?}: {errors}");
    }
}

#[test]
fn waits_for_no_writer_that_never_comes() {
    let scratch = Scratch::new().unwrap();
    let fifo = scratch.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let fifo = &fifo;
    std::thread::scope(|scope| {
        for args in READERS.iter().filter(|args| args[0] != "doctor") {
            scope.spawn(move || {
                let errors = refused(args, fifo);
                assert!(errors.contains("no process opened this pipe"), "{args:?}: {errors}");
            });
        }
    });
}

#[test]
fn names_the_encoding_that_it_does_not_read() {
    let scratch = Scratch::new().unwrap();
    let utf_16: Vec<u8> = POD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe], &utf_16[..]].concat();
    for (name, bytes) in [("UTF-16LE", &utf_16), ("UTF-16", &marked)] {
        let file = scratch.path().join(name);
        fs::write(&file, bytes).unwrap();
        for args in READERS.iter().filter(|args| args[0] != "doctor") {
            let errors = refused(args, &file);
            assert!(errors.contains(&format!("iconv -f {name} -t UTF-8")), "{args:?}: {errors}");
        }
    }
    let file = scratch.path().join("marked.yaml");
    fs::write(&file, [&b"\xef\xbb\xbf"[..], POD.as_bytes(), ACCOUNT.as_bytes()].concat()).unwrap();
    let output = program(&["inject", "-f", "FILE"], &file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn takes_pipes_in_all_their_forms() {
    let scratch = Scratch::new().unwrap();
    let file: PathBuf = scratch.write("pod.yaml", format!("{POD}{ACCOUNT}")).unwrap();
    let expected = program(&["inject", "-f", "FILE"], &file).output().unwrap();
    assert!(String::from_utf8_lossy(&expected.stdout).contains("AWS_ROLE_ARN"));
    for script in [
        r#"cat "$1" | "$0" inject -f -"#,
        r#"cat "$1" | "$0" inject -f /dev/stdin"#,
        r#""$0" inject -f - < "$1""#,
        r#""$0" inject -f /dev/stdin < "$1""#,
        r#""$0" inject -f <(cat "$1")"#,
        r#"(cat "$1"; exec "$2" -c :) | "$0" inject -f -"#,
        r#"mkfifo "$1.$$" && (cat "$1" > "$1.$$" & "$0" inject -f "$1.$$"; wait)"#,
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", script, PROGRAM]).arg(&file).arg("bash");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{script}: {output:?}");
        assert_eq!(output.stdout, expected.stdout, "{script}");
    }
    // One whose command writes nothing ends at once, and is no writer to wait for; there is nothing to inject.
    let mut command = Command::new("bash");
    command.args(["-c", r#""$0" inject -f <(:)"#, PROGRAM]);
    assert_eq!(command.output().unwrap().status.code(), Some(2));
}

#[test]
fn reads_what_comes_in_pieces_for_as_long_as_it_comes() {
    let mut child = program(&["inject", "-f", "-"], Path::new("-"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for piece in format!("{POD}{ACCOUNT}").as_bytes().chunks(7) {
        input.write_all(piece).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("AWS_ROLE_ARN"));
}
