//! Each document that a command prints for programs, against `docs/schemas`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::scene::{Scene, program};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas/report.v1.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Without room for members that it does not name: readers allow them, and we name each.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The names of members, but for those of AWS' documents.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(of) => {
            for (name, value) in of {
                found.insert(name.clone());
                if ![
                    "bucketPolicy",
                    "publicAccessBlock",
                    "cloudfrontBucketPolicy",
                    "states",
                    "pods",
                ]
                .contains(&name.as_str())
                {
                    members(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

#[test]
fn every_document_is_as_its_schema_has_it() {
    let published = schema();
    let mut schema = published.clone();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (mut kinds, mut names) = (BTreeSet::new(), BTreeSet::new());
    let scene = Scene::new();
    let is_report = |args: &&Vec<String>| {
        args.ends_with(&["-o".to_owned(), "json".to_owned()]) && args[..2] != ["iam", "role"]
    };
    for args in scene.commands.iter().filter(is_report) {
        let output = program(args).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<_> = validator.iter_errors(&told).map(|it| it.to_string()).collect();
        assert!(errors.is_empty(), "{args:?}: {errors:#?}\n{told:#}");
        kinds.insert(told["kind"].as_str().unwrap().to_owned());
        members(&told, &mut names);
        // The same in YAML.
        let mut args = args.clone();
        *args.last_mut().unwrap() = "yaml".to_owned();
        let output = program(&args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("apiVersion: pod-identity-webhook/v1\n"), "{text}");
        let yaml: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(yaml, told, "{args:?}");
    }
    for kind in published["oneOf"].as_array().unwrap() {
        let kind = kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(kinds.contains(kind), "no command of the scene prints a {kind}");
    }
    let odd = names.iter().find(|name| !name.chars().all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(odd, None, "members are camelCase");
}
