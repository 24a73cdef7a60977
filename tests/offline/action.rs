//! `iam lint` where people work: the steps of the GitHub Action, as a runner runs them, and the hooks of pre-commit.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::Scratch;

/// A trust policy that everybody's pods may use, and one without a mistake.
const WRONG: &str = include_str!("../guides/iam/trust.json");
const RIGHT: &str = include_str!("../guides/iam/policies/trust.json");
const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

/// A checked-out repository, and what a runner has beside it.
struct Runner {
    folder: Scratch,
    action: Value,
    inputs: BTreeMap<String, String>,
}

impl Runner {
    fn new(inputs: &[(&str, &str)]) -> Self {
        let action = yaml("action.yml");
        let folder = Scratch::new().unwrap();
        for name in ["workspace", "temp", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let declared = action["inputs"].as_object().unwrap();
        let default = |input: &Value| input["default"].as_str().unwrap().to_owned();
        let mut values: BTreeMap<_, _> =
            declared.iter().map(|(name, input)| (name.clone(), default(input))).collect();
        values.insert("program".to_owned(), PROGRAM.to_owned());
        for (name, value) in inputs {
            let before = values.insert((*name).to_owned(), (*value).to_owned());
            assert!(before.is_some(), "the action has no input {name}");
        }
        Self { folder, action, inputs: values }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path("workspace").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, id: &str) -> Output {
        let steps = self.action["runs"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["id"] == id).unwrap();
        let mut shell = Command::new("bash");
        // As a runner calls it.
        shell.args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            step["run"].as_str().unwrap(),
        ]);
        shell.current_dir(self.path("workspace")).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        shell.env("GITHUB_ACTION_PATH", root()).env("RUNNER_TEMP", self.path("temp"));
        shell.env("GITHUB_OUTPUT", self.path("temp/output"));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            let input = value.as_str().unwrap();
            let input = input.strip_prefix("${{ inputs.").and_then(|it| it.strip_suffix(" }}"));
            shell.env(name, &self.inputs[input.expect("an input alone")]);
        }
        shell.output().unwrap()
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_step_has_no_expression_in_its_script() {
    let action = yaml("action.yml");
    let mut used = Vec::new();
    for step in action["runs"]["steps"].as_array().unwrap() {
        if let Some(run) = step["run"].as_str() {
            assert!(!run.contains("${{"), "{run}");
        }
        if let Some(action) = step["uses"].as_str() {
            let (_, commit) = action.split_once('@').unwrap();
            let is_digest = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_digest, "{action} is not pinned");
        }
        used.extend(step["env"].as_object().into_iter().flatten().map(|(_, value)| value.clone()));
    }
    for name in action["inputs"].as_object().unwrap().keys() {
        assert!(used.contains(&format!("${{{{ inputs.{name} }}}}").into()), "nothing reads {name}");
    }
}

#[test]
fn the_action_shows_mistakes_beside_their_lines_and_fails() {
    let runner = Runner::new(&[("sarif-file", "lint.sarif")]);
    runner.file("policies/a b.json", WRONG);
    runner.file("policies/right.json", RIGHT);
    let linted = runner.run("lint");
    assert_eq!(linted.status.code(), Some(1), "{linted:?}");
    assert!(out(&linted).starts_with("::error file=policies/a b.json,line=12,"), "{linted:?}");

    let sarif = fs::read_to_string(runner.path("workspace/lint.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
}

#[test]
fn the_inputs_of_the_action_choose_what_is_linted_and_how() {
    let old = RIGHT.replace("2012-10-17", "2008-10-17");
    for (inputs, exit, why) in [
        (vec![], 1, "the default is all of the workspace"),
        (vec![("files", "policies/right.json\nnotes.md")], 0, "no mistake, and no policy"),
        (vec![("files", "policies/*.json")], 1, "a pattern"),
        (vec![("files", "policies\n")], 1, "a folder, and an empty line"),
        (vec![("files", "**/right.json")], 2, "a pattern that bash would read as another"),
        (vec![("files", "\n\n")], 2, "no file at all"),
        (vec![("files", "gone.json")], 2, "a file that is not there"),
        (vec![("files", "old.json")], 0, "a warning"),
        (vec![("files", "old.json"), ("strict", "true")], 1, "a warning, strictly"),
        (vec![("strict", "$(touch /tmp/x)")], 2, "neither true nor false"),
        (
            vec![("files", "notes.md"), ("sarif-file", "gone/lint.sarif")],
            2,
            "a folder that is not there",
        ),
        (vec![("files", "notes.md"), ("program", "/gone")], 2, "a program that is not there"),
    ] {
        let runner = Runner::new(&inputs);
        runner.file("policies/right.json", RIGHT);
        runner.file("policies/wrong.json", WRONG);
        runner.file("old.json", &old);
        runner.file("notes.md", "# Notes\n");
        let linted = runner.run("lint");
        assert_eq!(linted.status.code(), Some(exit), "{why}: {linted:?}");
        let is_told = out(&linted).contains("::") || !linted.stderr.is_empty();
        assert!(is_told || exit == 0, "{why}");
    }
}

#[test]
fn nothing_in_an_input_of_the_action_is_run() {
    for hostile in [
        "$(touch made)",
        "`touch made`",
        "x; touch made",
        "x\ntouch made",
        "--help",
        "-",
        "a\" && touch made",
    ] {
        for name in ["files", "annotation-prefix", "sarif-file", "program", "strict"] {
            let runner = Runner::new(&[(name, hostile)]);
            runner.file("policy.json", RIGHT);
            let linted = runner.run("lint");
            assert!(!runner.path("workspace/made").exists(), "{name}: {hostile}: {linted:?}");
            assert!(!out(&linted).contains("Usage:"), "{name}: {hostile}: {linted:?}");
        }
    }
}

#[test]
fn the_action_builds_what_its_version_has_and_keeps_it_by_its_content() {
    let runner = Runner::new(&[]);
    let cargo = runner.path("bin/cargo");
    fs::write(&cargo, "#!/bin/sh\npwd\necho \"$@\"\necho \"lto $CARGO_PROFILE_RELEASE_LTO\"\n")
        .unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let built = runner.run("build");
    let expected = format!(
        "{}\ninstall --quiet --locked --path . --root {}/iam-lint\nlto off\n",
        root().display(),
        runner.path("temp").display()
    );
    assert_eq!(out(&built), expected, "{built:?}");

    assert!(runner.run("key").status.success());
    assert!(runner.run("key").status.success());
    let keys = fs::read_to_string(runner.path("temp/output")).unwrap();
    let keys: Vec<&str> = keys.lines().collect();
    assert!(keys[0].starts_with("key=iam-lint-") && keys[0].len() > 50, "{keys:?}");
    assert_eq!(keys[0], keys[1]);
}

/// The cache gives a program to all runs with its key.
#[test]
fn the_action_builds_anew_whatever_of_its_sources_has_changed() {
    let folder = Scratch::new().unwrap();
    let script = root().join("scripts/action");
    let files = [
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        "scripts/action",
        "src/main.rs",
        "src/run/completion/bash.sh",
        "crates/iam/Cargo.toml",
        "crates/status_page/src/page/style.css",
    ];
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "before").unwrap();
    }
    let key = || {
        let output = folder.path().join("output");
        let mut command = Command::new(&script);
        command.arg("key").env("GITHUB_ACTION_PATH", folder.path());
        command.env("RUNNER_TEMP", folder.path()).env("GITHUB_OUTPUT", &output);
        assert!(command.status().unwrap().success());
        let key = fs::read_to_string(&output).unwrap();
        fs::remove_file(output).unwrap();
        key
    };
    let mut keys = vec![key()];
    assert_eq!(keys[0], key());
    for file in files {
        fs::write(folder.path().join(file), "after").unwrap();
        keys.push(key());
    }
    // The same content in another file.
    fs::rename(folder.path().join("src/main.rs"), folder.path().join("src/lib.rs")).unwrap();
    keys.push(key());
    let different = keys.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(different, keys.len(), "{keys:#?}");
}

#[test]
fn the_hooks_of_pre_commit_lint_the_files_that_a_folder_is_searched_for() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    for hook in hooks.as_array().unwrap() {
        let pattern = hook["files"].as_str().unwrap();
        let endings = pattern.strip_prefix(r"\.(").unwrap().strip_suffix(")$").unwrap();
        let endings = endings.replace("ya?ml", "yaml|yml");
        let folder = Scratch::new().unwrap();
        for ending in endings.split('|') {
            folder.write(&format!("a.{ending}"), WRONG).unwrap();
        }
        // What a commit changes besides.
        folder.write("notes.md", "# Notes\n").unwrap();
        let mut words = hook["entry"].as_str().unwrap().split(' ');
        assert_eq!(words.next(), Some("pod-identity-webhook"));
        let words: Vec<&str> = words.collect();
        let lint = |files: &[&str]| {
            let mut command = Command::new(PROGRAM);
            command.args(&words).args(files).current_dir(folder.path());
            command.output().unwrap()
        };
        assert_eq!(lint(&["notes.md"]).status.code(), Some(0));
        let linted = lint(&["."]);
        assert_eq!(linted.status.code(), Some(1));
        for ending in endings.split('|') {
            assert!(out(&linted).contains(&format!("a.{ending}:")), "{ending}: {linted:?}");
        }
        // And no other ending: it would be linted in CI alone.
        let documented = fs::read_to_string(root().join("docs/iam.md")).unwrap();
        let (_, named) = documented.split_once("it reads files that end with ").unwrap();
        let (named, _) = named.split_once(", at most").unwrap();
        let named: Vec<&str> = named.split('`').filter_map(|it| it.strip_prefix('.')).collect();
        assert_eq!(named, endings.split('|').collect::<Vec<_>>());
    }
}
