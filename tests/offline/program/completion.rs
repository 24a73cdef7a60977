//! Completions, each tried in the real shell. Those of a cluster: `cluster/completion.rs`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Scratch, Session, kubeconfig_with_token};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

/// A line that is typed up to its end, and what it is completed to: some of the candidates.
const LINES: [(&str, &[&str]); 14] = [
    ("pod-identity-webhook doc", &["doctor"]),
    ("pod-identity-webhook iam ", &["role", "lint", "simulate"]),
    ("pod-identity-webhook iam role --acc", &["--account-id"]),
    ("pod-identity-webhook issuer rotate --step ", &["publish", "accept", "sign", "retire"]),
    ("pod-identity-webhook inject -o d", &["diff"]),
    ("pod-identity-webhook doctor sta", &["statefulset/"]),
    ("pod-identity-webhook completion f", &["fish"]),
    ("pod-identity-webhook audit --context ", &["first", "arn:aws:eks:eu-west-1:1:cluster/a"]),
    ("pod-identity-webhook audit --context arn:aws:eks", &["arn:aws:eks:eu-west-1:1:cluster/a"]),
    ("pod-identity-webhook -n demo audit --context arn", &["arn:aws:eks:eu-west-1:1:cluster/a"]),
    ("pod-identity-webhook -n demo doctor sta", &["statefulset/"]),
    ("pod-identity-webhook inject -f pod", &["pod.yaml"]),
    ("pod-identity-webhook doctor --from-dir fa", &["facts"]),
    ("pod-identity-webhook --metrics-p", &["--metrics-port"]),
];

/// Values behind `=`, which shells cut in ways of their own.
const JOINED: [(&str, &[&str]); 3] = [
    ("pod-identity-webhook inject --output=d", &["diff"]),
    ("pod-identity-webhook audit --context=arn:aws", &["arn:aws:eks:eu-west-1:1:cluster/a"]),
    ("pod-identity-webhook doctor --from-dir=fa", &["facts"]),
];

const CONTEXTS: &str = "
apiVersion: v1
kind: Config
current-context: first
contexts:
- {name: first, context: {cluster: c, user: u}}
- {name: 'arn:aws:eks:eu-west-1:1:cluster/a', context: {cluster: c, user: u}}
- {name: \"odd\\n$(touch touched)\", context: {cluster: c, user: u}}
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: u, user: {}}]
";

/// A folder to complete in, and a PATH that has the program.
fn folder() -> Scratch {
    let folder = Scratch::new().unwrap();
    folder.write("kubeconfig", CONTEXTS).unwrap();
    folder.write("pod.yaml", "").unwrap();
    std::fs::create_dir(folder.path().join("facts")).unwrap();
    folder
}

fn shell(name: &str, folder: &Scratch) -> Command {
    let own = Path::new(PROGRAM).parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(name);
    command.env_clear().env("PATH", format!("{own}:{path}")).env("HOME", folder.path());
    command.env("KUBECONFIG", folder.path().join("kubeconfig")).env("TERM", "dumb");
    command.current_dir(folder.path()).stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the shell is there; `scripts/setup test` installs it.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn is_installed(name: &str) -> bool {
    let is_there = Command::new(name).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("{name} is not installed: its completions are not tested");
    }
    is_there
}

/// What bash would do for a line, by the function that the script registers: the words as bash
/// splits them, and the last one as bash replaces it.
const IN_BASH: &str = r#"
    source <(pod-identity-webhook completion bash)
    read -ra registered <<<"$(complete -p pod-identity-webhook)"
    function=${registered[${#registered[@]} - 2]}
    while IFS= read -r line; do
        read -ra COMP_WORDS <<<"$(sed 's/[=:]\+/ & /g' <<<"$line")"
        [[ $line != *' ' ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
        COMPREPLY=()
        "$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        cut=${COMP_WORDS[COMP_CWORD]}
        typed=${line##*[[:space:]]}
        for reply in "${COMPREPLY[@]}"; do echo "$line -> ${typed%"$cut"}$reply"; done
    done
"#;

#[test]
fn bash_completes_commands_values_names_and_files() {
    let folder = folder();
    let lines: Vec<&str> = LINES.iter().chain(&JOINED).map(|(line, _)| *line).collect();
    let lines = format!("{}\n", lines.join("\n"));
    let lines = folder.write("lines", lines).unwrap();
    let mut command = shell("bash", &folder);
    command.args(["--norc", "-c", IN_BASH]).stdin(std::fs::File::open(lines).unwrap());
    let said = output(&mut command);
    for (line, values) in LINES.iter().chain(&JOINED) {
        for value in *values {
            let before = if line.contains('=') && !line.ends_with('=') {
                format!("{}=", line.rsplit(' ').next().unwrap().split('=').next().unwrap())
            } else {
                String::new()
            };
            let wanted = format!("{line} -> {before}{value}\n");
            assert!(said.contains(&wanted), "{wanted}in\n{said}");
        }
    }
    assert!(!said.contains("odd") && !folder.path().join("touched").exists(), "{said}");
}

#[test]
fn bash_completes_without_what_readline_tells() {
    let folder = folder();
    let script = r"source <(pod-identity-webhook completion bash)
        COMP_WORDS=(pod-identity-webhook iam li) COMP_CWORD=2
        _complete_pod_identity_webhook
        echo ${COMPREPLY[@]}";
    let said = output(shell("bash", &folder).args(["--norc", "-c", script]));
    assert_eq!(said, "lint\n");
}

#[test]
fn bash_completes_what_is_typed_at_a_terminal() {
    let folder = folder();
    let mut command = shell("bash", &folder);
    let mut session = Session::start(command.args(["--norc", "--noprofile", "-i"]));
    // What is echoed of the line that is typed is no answer to it.
    session.type_until("PS1='rea''dy '\r", "ready ");
    session.type_until("source <(pod-identity-webhook completion bash); echo loa''ded\r", "loaded");
    session.type_until("pod-identity-webhook doc\t", "doctor ");
    session.type_until("--context arn\t", "arn:aws:eks:eu-west-1:1:cluster/a ");
    session.type_until("\u{15}pod-identity-webhook doctor --from-dir=fa\t", "facts");
    session.type_until("\u{15}pod-identity-webhook inject -f po\t", "pod.yaml ");
}

#[test]
fn fish_completes_commands_values_names_and_files() {
    if !is_installed("fish") {
        return;
    }
    let folder = folder();
    for (line, values) in LINES.iter().chain(&JOINED) {
        let script = format!(
            "pod-identity-webhook completion fish | source; complete --do-complete '{line}'"
        );
        let said = output(shell("fish", &folder).args(["--no-config", "-c", &script]));
        for value in *values {
            let is_it = |found: &str| {
                let found = found.split('\t').next().unwrap().trim_end_matches('/');
                found.ends_with(value.trim_end_matches('/'))
            };
            assert!(said.lines().any(is_it), "{line}: no {value} in\n{said}");
        }
    }
}

#[test]
fn zsh_completes_what_is_typed_at_a_terminal() {
    if !is_installed("zsh") {
        return;
    }
    let folder = folder();
    let functions = folder.path().join("functions");
    std::fs::create_dir(&functions).unwrap();
    let script = output(Command::new(PROGRAM).args(["completion", "zsh"]).env_clear());
    std::fs::write(functions.join("_pod-identity-webhook"), script).unwrap();
    for begin in [
        "autoload -Uz compinit; compinit -u -D; source <(pod-identity-webhook completion zsh)",
        "fpath=(functions $fpath); autoload -Uz compinit; compinit -u -D",
    ] {
        let mut command = shell("zsh", &folder);
        let mut session = Session::start(command.args(["-f", "-i"]));
        session.type_until("PS1='rea''dy '; unsetopt zle_bracketed_paste\r", "ready ");
        session.type_until(&format!("{begin}; echo loa''ded\r"), "loaded");
        for (line, completed) in [
            ("pod-identity-webhook doc\t", "doctor "),
            ("--context arn\t", "arn:aws:eks:eu-west-1:1:cluster/a "),
            ("sta\t", "statefulset/"),
            ("\u{15}pod-identity-webhook inject -f po\t", "pod.yaml"),
            ("\u{15}pod-identity-webhook inject --output=d\t", "--output=diff"),
            ("\u{15}pod-identity-webhook doctor --from-dir=fa\t", "facts/"),
            ("\u{15}pod-identity-webhook iam role --acc\t", "--account-id"),
        ] {
            session.type_until(line, completed);
        }
    }
}

#[test]
fn kubectl_is_answered_in_its_own_protocol() {
    let folder = folder();
    let link = folder.path().join("kubectl_complete-podid");
    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    let by_link = output(Command::new(&link).args(["audit", "--all-"]).env_clear());
    assert_eq!(by_link, "--all-namespaces\tCheck the pods of all namespaces\n:4\n");
    // The same by the script, which finds the plugin on the PATH.
    std::os::unix::fs::symlink(PROGRAM, folder.path().join("kubectl-podid")).unwrap();
    let script = output(Command::new(PROGRAM).args(["completion", "kubectl"]).env_clear());
    let script = folder.write("script", script).unwrap();
    let mut command = Command::new("/bin/sh");
    command.arg(script).args(["audit", "--all-"]).env_clear().env("PATH", folder.path());
    assert_eq!(output(&mut command), by_link);
}

#[test]
fn waits_for_no_cluster_that_does_not_answer_and_says_nothing_of_it() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let folder = folder();
    let hanging = kubeconfig_with_token(&format!("http://{address}"), "", "none");
    folder.write("hanging", hanging).unwrap();
    folder.write("broken", "kind: [").unwrap();
    for kubeconfig in ["hanging", "broken", "nowhere", "kubeconfig", "-"] {
        for words in [&["doctor", "pod/"][..], &["audit", "-n", ""], &["audit", "--context", "x"]] {
            // Nobody waits longer for what hangs.
            let mut command = Command::new("timeout");
            command.args(["60", PROGRAM, "__complete"]).arg(words[0]);
            command.args(["--kubeconfig", kubeconfig]).args(&words[1..]);
            command.env_clear().env("HOME", "/nowhere").current_dir(folder.path());
            assert_eq!(output(&mut command), ":4\n", "{kubeconfig}: {words:?}");
        }
    }
}
