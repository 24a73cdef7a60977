//! Files as people have them, linted whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

use std::fs;
use std::path::{Path, PathBuf};

use iam::{Code, Finding, Severity, lint_file};

#[expect(clippy::disallowed_methods, reason = "the files are beside this test")]
fn read(path: &Path) -> Vec<Finding> {
    lint_file(&path.to_string_lossy(), &fs::read_to_string(path).unwrap())
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

#[test]
fn cases_from_the_field_have_their_right_answers() {
    // The code and the line of each error, of each warning; nothing else is found.
    let mut wrong = Vec::new();
    for (file, wanted) in [
        ("02-getatt-annotation.yaml", vec![]),
        ("03b-multiline-quotes-indented.yaml", vec![]),
        ("04b-sub-as-key.yaml", vec![("key-not-substituted", 18), ("key-not-substituted", 19)]),
        ("04c-fn-sub-as-key.yaml", vec![("key-not-substituted", 18)]),
        ("04f-kops-like.yaml", vec![("audience-not-tested", 7), ("wildcard-not-expanded", 10)]),
        ("04g-crossplane.yaml", vec![("audience-not-tested", 7), ("wildcard-not-expanded", 10)]),
        ("05a-policy-document.tf", vec![("wildcard-not-expanded", 16)]),
        ("05c-jsonencode.tf", vec![("audience-tested-for-subject", 11)]),
        ("05f-heredoc-simple.tf", vec![("wildcard-not-expanded", 11)]),
        ("06a-tftpl.json", vec![("placeholder", 5), ("placeholder", 8), ("placeholder", 9)]),
        ("06k-printf.json", vec![("placeholder", 2), ("placeholder", 4), ("placeholder", 4)]),
        ("11-front-matter.md", vec![]),
        ("15a-intrinsics-in-sub.yaml", vec![]),
    ] {
        let mut found: Vec<_> = read(&folder("field").join(file))
            .iter()
            .flat_map(|it| {
                [it.at].into_iter().chain(it.also.clone()).map(|at| (it.code.word(), at.line))
            })
            .collect();
        found.sort_by_key(|(_, line)| *line);
        if found != wanted {
            wrong.push(format!("{file}: {found:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// False alarms are the worst fault of a linter.
#[test]
fn no_error_in_files_in_the_patterns_of_well_known_projects() {
    let (mut wrong, mut files) = (Vec::new(), 0);
    for entry in fs::read_dir(folder("good")).unwrap() {
        let path = entry.unwrap().path();
        let found = read(&path);
        let is_bad =
            |f: &&Finding| f.severity() == Severity::Error || f.code == Code::NothingToLint;
        wrong.extend(found.iter().filter(is_bad).map(|f| format!("{}: {f:?}", path.display())));
        files += 1;
    }
    assert!(wrong.is_empty() && files > 0, "{wrong:#?}");
}
