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
        (
            "04f-kops-like.yaml",
            vec![("audience-not-tested", 7), ("empty-value", 7), ("wildcard-not-expanded", 10)],
        ),
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

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
  "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/keys.example.com/one"},
  "Action": "sts:AssumeRoleWithWebIdentity",
  "Condition": {"StringEquals": {"keys.example.com/one:aud": "sts.amazonaws.com",
    "keys.example.com/one:sub": "system:serviceaccount:demo:app-*"}}}]}"#;

/// The trust policy, on its fifth line with a wildcard that is none, with this before each line.
fn trust(indent: &str) -> String {
    TRUST.lines().map(|line| format!("{indent}{line}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn the_same_mistake_is_found_with_its_place_in_every_kind_of_file() {
    let quoted = format!("{TRUST:?}");
    let mut wrong = Vec::new();
    for (name, text, line) in [
        ("trust.json", TRUST.to_owned(), 5),
        ("", TRUST.to_owned(), 5),
        ("role.json", format!("{{\"Role\": {{\"AssumeRolePolicyDocument\": {TRUST}}}}}"), 5),
        ("role.yaml", format!("Role:\n  AssumeRolePolicyDocument: {quoted}\n"), 2),
        ("a.yaml", format!("spec:\n  assumeRolePolicy: |\n{}", trust("    ")), 7),
        ("b.yaml", format!("data:\n  a.json: >-\n{}", trust("    ")), 7),
        ("c.yaml", format!("Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Fn::Sub:\n        - |\n{}        - {{A: b}}\n", trust("            ")), 12),
        ("d.yaml", format!("values: |\n  a:\n    policy: |\n{}", trust("      ")), 8),
        ("e.tf", format!("resource \"aws_iam_role\" \"x\" {{\n  assume_role_policy = <<-E\n{}  E\n}}\n", trust("    ")), 7),
        ("", format!("resource \"aws_iam_role\" \"x\" {{\n  assume_role_policy = <<-E\n{}  E\n}}\n", trust("    ")), 7),
        ("f.tf", format!("locals {{\n  a = var.b ? jsonencode({TRUST}) : null\n}}\n"), 6),
        ("g.tf", format!("module \"x\" {{\n  source = \"./x\"\n  policies = {{ a = {quoted} }}\n}}\n"), 3),
        ("h.tf.json", format!("{{\"resource\": {{\"aws_iam_role\": {{\"x\": {{\n\"assume_role_policy\": {quoted}}}}}}}}}"), 2),
        ("i.json", format!("{{\"planned_values\": {{\"x\": [{{\n\"assume_role_policy\": {quoted}}}]}}}}"), 2),
        ("j.md", format!("---\na: b\n---\n# Title\n\n```json\n{TRUST}\n```\n"), 11),
        ("", format!("# Title\n\n1. Do:\n\n   ```yaml\n   spec:\n     policy: |\n{}   ```\n", trust("       ")), 12),
        ("k.md", format!("```tf\nlocals {{\n  a = jsonencode({TRUST})\n}}\n```\n"), 7),
        ("l.tftpl", TRUST.replace("\"Allow\"", "${jsonencode(effect)}"), 5),
        ("m.yaml", format!("a: {{{{ .Values.a }}}}\nb: |\n{}", trust("  ")), 7),
        ("n.yaml", format!("{{{{- if .a }}}}\nb: |\n{}{{{{- end }}}}\n", trust("  ")), 7),
        ("o.json", TRUST.replace("\"Allow\"", "<EFFECT>"), 5),
        ("p.yaml", "trustStatements:\n- Effect: Allow\n  Action: sts:AssumeRoleWithWebIdentity\n  Principal: {Federated: 'arn:aws:iam::111122223333:oidc-provider/x.example.com'}\n  Condition: {StringEquals: {'x.example.com:sub': 'system:serviceaccount:a:*', 'x.example.com:aud': sts.amazonaws.com}}\n".to_owned(), 5),
        ("terragrunt.hcl", "inputs = {\n  oidc_providers = { a = {\n    provider_arn = dependency.eks.outputs.arn\n    namespace_service_accounts = [\"a:*\"]\n  } }\n}\n".to_owned(), 4),
        ("q.tf", "module \"x\" {\n  source = \"terraform-aws-modules/iam/aws//modules/iam-role-for-service-accounts\"\n  oidc_providers = { a = {\n    provider_arn = var.arn\n    namespace_service_accounts = [\"a:*\"]\n  } }\n}\n".to_owned(), 5),
    ] {
        let found = lint_file(name, &text);
        let is_it = |it: &&Finding| it.code == Code::WildcardNotExpanded && it.at.line == line;
        if found.iter().filter(is_it).count() != 1 {
            wrong.push(format!("{name}, line {line}: {found:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
