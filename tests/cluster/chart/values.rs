//! The files with values, and what is looked for in a render.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The release and its namespace where a test does not care: as deploy/base calls everything.
pub const NAME: &str = "pod-identity-webhook";

pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files with values, each a chart as somebody may want it.
pub fn values_files() -> BTreeSet<PathBuf> {
    let entries =
        std::fs::read_dir(project("tests/cluster/chart/values")).expect("the folder is there");
    let files: BTreeSet<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() > 5, "{files:?}");
    files
}

/// One of them, by name.
pub fn values(name: &str) -> String {
    let file = project("tests/cluster/chart/values").join(name).with_extension("yaml");
    assert!(file.exists(), "{}", file.display());
    file.display().to_string()
}

/// The one object of a kind.
pub fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(object), None) => object,
        (first, _) => panic!("{} {kind}", if first.is_some() { "more than one" } else { "no" }),
    }
}

/// The arguments that a Deployment gives to the program.
pub fn arguments(deployment: &Value) -> Vec<String> {
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    serde_json::from_value(args.clone()).expect("a list of strings")
}
