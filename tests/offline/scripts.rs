//! Scripts that make and publish what others depend on, with stand-ins for the programs that they call.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::ensure;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{SOON, Scratch, eventually, process_is_gone};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with programs that stand in for others: each writes down how it was called.
struct StandIns {
    folder: Scratch,
}

impl StandIns {
    fn new(programs: &[(&str, &str)]) -> Self {
        let folder = Scratch::new().unwrap();
        for name in ["bin", "nodes", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let stands = Self { folder };
        for (name, body) in programs {
            let program = stands.path("bin").join(name);
            let text = format!("#!/bin/sh\necho \"{name} $*\" >>\"$STATE/calls\"\n{body}\n");
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        stands
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// The script, in a process group of its own. A test that runs in the background ignores SIGINT, and what it
    /// starts would as well.
    fn script(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP,INT,TERM", "bash"]).args(words);
        command.current_dir(root()).env_clear().process_group(0);
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command.env("PATH", path).env("HOME", self.folder.path());
        command.env("TMPDIR", self.path("tmp")).env("STATE", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Nodes are files that hold the mark of the run that made them.
const DOCKER: &str = r#"
case $1 in
    images) echo there ;;
    ps)
        for word; do case $word in volume=*) mark=${word#volume=} ;; esac; done
        grep -lsxF "$mark" "$STATE"/nodes/* | sed 's|.*/||'
        exit 0 ;;
    rm)
        for word; do case $word in rm | --*) ;; *) rm "$STATE/nodes/$word" ;; esac; done ;;
esac"#;

/// Makes a node and hangs, while another run makes its own; a program that it started makes one node more.
const KIND: &str = r#"
case "$1 $2" in
    "version --quiet") cat "$STATE/version" ;;
    "get clusters") cat "$STATE/clusters" ;;
    "create cluster")
        for word; do file=$word; done
        mark=$(sed -n 's/.*containerPath: \(.*\)}\]$/\1/p' "$file" | head -n 1)
        echo "$mark" >"$STATE/nodes/ours"
        echo /made-by/another >"$STATE/nodes/theirs"
        [ ! -e "$STATE/fails" ] || exit 1
        (trap 'sleep 1; echo "$mark" >"$STATE/nodes/late"; exit' TERM; while :; do sleep 0.1; done) &
        echo $$ >"$STATE/kind.new" && mv "$STATE/kind.new" "$STATE/kind"
        wait ;;
esac"#;

fn kind_test() -> StandIns {
    let stands =
        StandIns::new(&[("docker", DOCKER), ("kind", KIND), ("kubectl", ""), ("helm", "")]);
    fs::write(stands.path("version"), "0.33.0\n").unwrap();
    fs::write(stands.path("clusters"), "another\n").unwrap();
    stands
}

fn start_kind_test(stands: &StandIns) -> Child {
    let mut script = stands.script(&["scripts/kind-test"]);
    script.env("KIND_WEBHOOK", "webhook.tar").env("KIND_NODE_IMAGE", "node").spawn().unwrap()
}

#[tokio::test]
async fn a_kind_test_that_is_stopped_deletes_the_cluster_that_it_was_making_and_no_other() {
    for (signal, whole_group, exit) in
        [(Signal::INT, true, 130), (Signal::TERM, true, 143), (Signal::TERM, false, 143)]
    {
        let stands = kind_test();
        let script = start_kind_test(&stands);
        eventually("the cluster's making", SOON, || async {
            ensure!(stands.has("kind"), "it has not begun");
            Ok(())
        })
        .await;
        let id = Pid::from_raw(script.id().try_into().unwrap()).unwrap();
        // A terminal tells all; others tell the script alone.
        let send = if whole_group { kill_process_group } else { kill_process };
        send(id, signal).unwrap();
        let ended = script.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(exit), "{ended:?}");
        assert!(!stands.has("nodes/ours") && !stands.has("nodes/late"), "{}", stands.calls());
        assert!(stands.has("nodes/theirs"), "{}", stands.calls());
        let kind = fs::read_to_string(stands.path("kind")).unwrap();
        assert!(process_is_gone(kind.trim().parse().unwrap()));
        assert_eq!(fs::read_dir(stands.path("tmp")).unwrap().count(), 0, "a folder is left");
    }
}

#[test]
fn a_kind_test_whose_cluster_fails_deletes_what_it_made_and_no_other() {
    let stands = kind_test();
    fs::write(stands.path("fails"), "").unwrap();
    let ended = start_kind_test(&stands).wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(told(&ended).contains("could not make the cluster"), "{ended:?}");
    assert!(!stands.has("nodes/ours") && stands.has("nodes/theirs"), "{}", stands.calls());
}

#[test]
fn a_kind_test_refuses_a_cluster_that_is_there_and_a_kind_that_is_too_old() {
    for (file, text, why) in [
        ("clusters", "a\npod-identity-webhook-test\n", "there is a kind cluster"),
        (
            "version",
            "0.30.0\n",
            "kind 0.30.0 is older than 0.33.0: go install sigs.k8s.io/kind@v0.33.0",
        ),
        ("version", "\n", "of no version is older"),
    ] {
        let stands = kind_test();
        fs::write(stands.path(file), text).unwrap();
        let ended = start_kind_test(&stands).wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(told(&ended).contains(why), "{ended:?}");
        assert!(!stands.calls().contains("create") && !stands.calls().contains(" rm "));
    }
}

/// What GitHub says of a release is in a file.
const GH: &str = r#"
[ "$2" != view ] || case $(cat "$STATE/release") in
    nothing) echo 'release not found' >&2; exit 1 ;;
    draft) echo true ;;
    published) echo false ;;
    *) echo 'HTTP 502' >&2; exit 1 ;;
esac"#;

#[test]
fn a_published_release_is_never_replaced_and_a_draft_is_made_anew() {
    for (there, check, published, deleted) in [
        ("nothing", true, true, false),
        ("draft", true, true, true),
        ("published", false, false, false),
        ("not known", false, false, false),
    ] {
        let stands = StandIns::new(&[("gh", GH)]);
        fs::write(stands.path("release"), there).unwrap();
        let files = stands.path("nodes");
        fs::write(files.join("install.yaml"), "").unwrap();
        let checked = stands.script(&["scripts/publish", "check"]).output().unwrap();
        assert_eq!(checked.status.success(), check, "{there}: {checked:?}");
        let files = files.to_str().unwrap();
        let made =
            stands.script(&["scripts/publish", "release", files, "notes.md"]).output().unwrap();
        assert_eq!(made.status.success(), published, "{there}: {made:?}");
        let calls = stands.calls();
        assert_eq!(calls.contains("gh release delete"), deleted, "{there}: {calls}");
        assert_eq!(calls.contains("gh release create"), published, "{there}: {calls}");
        assert_eq!(calls.contains("--draft=false"), published, "{there}: {calls}");
        assert!(check || !told(&checked).is_empty(), "{there}");
    }
}

/// A registry, as crane tells of it, that denies to say whether it has what it does not have.
const GO: &str = r#"
shift 4
case $1 in
    push) printf manifest >"$STATE/pushed" ;;
    manifest) cat "$STATE/pushed" 2>/dev/null || { cat "$STATE/answer" >&2; exit 1; } ;;
esac"#;
/// Of the text `manifest`.
const DIGEST: &str = "sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f";

#[test]
fn an_image_is_pushed_only_where_the_registry_or_the_maintainer_says_that_it_is_new() {
    for (answer, new_packages, pushed) in [
        ("GET https://registry/: MANIFEST_UNKNOWN: manifest unknown", "", true),
        ("GET https://registry/: NAME_UNKNOWN: unknown name", "", true),
        ("GET https://registry/: DENIED: denied", "", false),
        ("GET https://registry/: DENIED: denied", "yes", true),
        ("GET https://registry/: unexpected status code 403 Forbidden", "yes", true),
        ("GET https://registry/: TOOMANYREQUESTS: later", "yes", false),
        ("dial tcp: connection refused", "yes", false),
    ] {
        let stands = StandIns::new(&[("go", GO)]);
        fs::write(stands.path("answer"), answer).unwrap();
        let index = format!(r#"{{"manifests": [{{"digest": "{DIGEST}"}}]}}"#);
        fs::write(stands.path("index.json"), index).unwrap();
        let archive = stands.path("image.tar");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(stands.path("")).arg("-cf").arg(&archive).arg("index.json");
        assert!(tar.status().unwrap().success());
        let mut script = stands.script(&["scripts/publish", "image", archive.to_str().unwrap()]);
        script.env("REPOSITORY", "owner/name").env("NEW_PACKAGES", new_packages);
        let ended = script.output().unwrap();
        assert_eq!(ended.status.success(), pushed, "{answer}: {ended:?}");
        assert_eq!(stands.has("pushed"), pushed, "{answer}: {}", stands.calls());
        let printed = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(printed.ends_with(&format!("digest={DIGEST}\n")), pushed, "{ended:?}");
        assert!(pushed || told(&ended).contains("could not ask the registry"), "{ended:?}");
    }
}
