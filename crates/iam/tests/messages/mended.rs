//! What the linter prints behind `fix:` is valid in the format of its file, and
//! in its place it ends the finding.

use std::ops::Range;

use iam::{Code, Finding, Severity, lint, lint_file};
use serde_json::{Map, Value};

/// A value of JSON, where it stands, and what is in it.
struct Node {
    span: Range<usize>,
    inside: Inside,
}

enum Inside {
    Nothing,
    Items(Vec<Node>),
    /// The span of each key, and its value.
    Members(Vec<(Range<usize>, Node)>),
}

/// Where a value begins on the way to a place: keys and indexes from the root.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

#[test]
fn mended_texts_are_valid_and_end_the_finding() {
    let (mut failures, mut mended) = (Vec::new(), 0);
    for (code, text) in super::lint::cases() {
        let before = lint(&text);
        let Some(finding) = before.iter().find(|it| it.code == code && it.fix.is_some()) else {
            continue;
        };
        mended += 1;
        let mut now = text.clone();
        // One place after the other.
        for _ in 0..finding.count.min(9) {
            let found = lint(&now);
            let Some(next) = found.iter().find(|it| it.code == code && it.fix.is_some()) else {
                break;
            };
            match applied(&now, next) {
                Ok(text) => now = text,
                Err(why) => {
                    failures.push(format!("{code}: {why}\n  {}", next.fix.clone().unwrap()));
                }
            }
        }
        let after = lint(&now);
        if after.iter().any(|it| it.code == code) {
            failures.push(format!("{code}: it is still there\n  {text}\n  {now}"));
        }
        // What a claim or a principal in the wrong place had hidden is seen now.
        let errors = |all: &[Finding]| {
            let errors = all.iter().filter(|it| it.severity() == Severity::Error);
            let errors = errors.filter(|it| it.code != Code::SubjectNotTested);
            errors.map(|it| it.code).collect::<Vec<_>>()
        };
        if let Some(new) = errors(&after).iter().find(|it| !errors(&before).contains(it)) {
            failures.push(format!("{code}: then there is {new}\n  {text}\n  {now}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(mended > 60, "only {mended} cases have a mended text");
}

/// A policy document of Terraform; what is mended, and what its mended text stands for.
const DOCUMENT: &str = r#"
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = ["arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X"]
    }
    condition {
      test     = "StringEquals"
      variable = "oidc.example.com/X:sub"
      values   = ["system:serviceaccount:demo:app"]
    }
    condition {
      test     = "StringEquals"
      variable = "oidc.example.com/X:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}
"#;

#[test]
fn mended_texts_of_terraform_are_in_its_words() {
    let block = |test: &str, variable: &str, value: &str| {
        format!(
            "condition {{\n      test     = \"{test}\"\n      variable = \"{variable}\"\n      values   = [\"{value}\"]\n    }}"
        )
    };
    let sub = "oidc.example.com/X:sub";
    let subject = block("StringEquals", sub, "system:serviceaccount:demo:app");
    let audience = block("StringEquals", "oidc.example.com/X:aud", "sts.amazonaws.com");
    let glob = block("StringEquals", sub, "system:serviceaccount:demo:*");
    for (code, from, to, stands_for) in [
        ("wildcard-not-expanded", &*subject, &*glob, &*glob),
        ("subject-not-tested", &subject, "", ""),
        ("audience-not-tested", &audience, "", ""),
        (
            "operator-type",
            "StringEquals\"\n      variable = \"oidc.example.com/X:sub",
            "ArnLike\"\n      variable = \"oidc.example.com/X:sub",
            "\"ArnLike\"",
        ),
        (
            "wrong-action",
            "AssumeRoleWithWebIdentity",
            "AssumeRole",
            "actions = [\"sts:AssumeRole\"]",
        ),
        ("bad-action", "WebIdentity", "WebIdentities", "\"sts:AssumeRoleWithWebIdentities\""),
        (
            "audience-endpoint",
            "sts.amazonaws.com",
            "sts.eu-west-1.amazonaws.com",
            "\"sts.eu-west-1.amazonaws.com\"",
        ),
        ("provider-mismatch", "X:sub", "Y:sub", "\"oidc.example.com/Y:sub\""),
        (
            "scheme-in-provider",
            "\"oidc.example.com/X:sub",
            "\"https://oidc.example.com/X:sub",
            "\"https://oidc.example.com/X:sub\"",
        ),
        ("bad-effect", "actions =", "effect = \"allow\"\n    actions =", "effect = \"allow\""),
    ] {
        assert_eq!(lint_file("x.tf", DOCUMENT), []);
        let bad = DOCUMENT.replacen(from, to, 1);
        let found = lint_file("x.tf", &bad);
        let finding = found.iter().find(|it| it.code.word() == code);
        let fix =
            finding.and_then(|it| it.fix.clone()).unwrap_or_else(|| panic!("{code}: {found:#?}"));
        let mended = if stands_for.is_empty() {
            bad.replacen("    actions =", &format!("    {fix}\n    actions ="), 1)
        } else {
            bad.replacen(stands_for, &fix, 1)
        };
        let found = lint_file("x.tf", &mended);
        let errors: Vec<_> = found.iter().filter(|it| it.severity() == Severity::Error).collect();
        assert!(found.iter().all(|it| it.code.word() != code), "{code}: {fix}\n{mended}");
        assert!(errors.is_empty(), "{code}: {errors:#?}\n{mended}");
    }
}

/// The text with the finding's mended text in its place.
fn applied(text: &str, finding: &Finding) -> Result<String, String> {
    let fix = finding.fix.as_deref().unwrap_or_default();
    let at = offset(text, finding);
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return in_json(text, document, at, fix);
    }
    if fix.starts_with("kind: ") {
        // A manifest of its own.
        return match serde_json::from_str::<Value>(fix) {
            Err(_) if lint(fix).is_empty() => Ok(fix.to_owned()),
            _ => Err("the manifest has findings of its own".to_owned()),
        };
    }
    if let Some((key, _)) = fix.split_once(":\n") {
        return in_yaml(text, key, fix);
    }
    let line = line_around(text, at);
    let whole = &text[line.clone()];
    let from = match finding.code.word() {
        "annotation-key" | "annotation-unread" => {
            let colon = text[at..line.end].find(':').ok_or("no key there")?;
            return Ok(format!("{}{fix}{}", &text[..at], &text[at + colon..]));
        }
        "unknown-reference" => line.start + whole.find("DependsOn").ok_or("no DependsOn there")?,
        _ => line.start + (whole.len() - whole.trim_start().len()),
    };
    Ok(format!("{}{fix}{}", &text[..from], &text[line.end..]))
}

/// A member over several lines in the place of the one with its key.
fn in_yaml(text: &str, key: &str, fix: &str) -> Result<String, String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines: Vec<String> = Vec::new();
    let mut inside: Option<usize> = None;
    for line in text.lines() {
        if inside.is_some_and(|outer| line.trim().is_empty() || indent(line) > outer) {
            continue;
        }
        if line.trim_start().starts_with(&format!("{key}:")) {
            inside = Some(indent(line));
            lines.extend(fix.lines().map(|it| format!("{}{it}", " ".repeat(indent(line)))));
        } else {
            inside = None;
            lines.push(line.to_owned());
        }
    }
    if inside.is_none() && lines.len() == text.lines().count() {
        return Err(format!("no {key} there"));
    }
    Ok(lines.join("\n") + "\n")
}

fn offset(text: &str, finding: &Finding) -> usize {
    let line: usize = text.split_inclusive('\n').take(finding.at.line - 1).map(str::len).sum();
    let column = text[line..].char_indices().nth(finding.at.column - 1);
    line + column.map_or(text.len() - line, |(index, _)| index)
}

fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    start..end
}

fn in_json(text: &str, mut document: Value, at: usize, fix: &str) -> Result<String, String> {
    let (root, _) = node(text, 0)?;
    let mut path = Vec::new();
    let is_key = way_to(text, &root, at, &mut path);
    if let Ok(value) = serde_json::from_str::<Value>(fix) {
        // A value, or a key.
        if is_key {
            let Some(Step::Key(old)) = path.pop() else { return Err("no key there".to_owned()) };
            let holder = object_at(&mut document, &path)?;
            let kept = holder.remove(&old).ok_or("the key is not there")?;
            let name = value.as_str().ok_or("a key has to be text")?;
            // Two lists under one operator are one.
            match (holder.get_mut(name), kept) {
                (Some(Value::Object(other)), Value::Object(kept)) => other.extend(kept),
                (_, kept) => drop(holder.insert(name.to_owned(), kept)),
            }
        } else {
            *value_at(&mut document, &path)? = value;
        }
        return Ok(document.to_string());
    }
    if let Ok(Value::Array(statements)) = serde_json::from_str(&format!("[{fix}]")) {
        // Statements in the place of one.
        let end = path.iter().position(|step| matches!(step, Step::Key(key) if key == "Statement"));
        path.truncate(end.ok_or("no statement there")? + 1);
        *value_at(&mut document, &path)? = Value::Array(statements);
        return Ok(document.to_string());
    }
    let members: Map<String, Value> =
        serde_json::from_str(&format!("{{{fix}}}")).map_err(|error| error.to_string())?;
    for (name, value) in members {
        insert(&mut document, &path, is_key, &name, value)?;
    }
    Ok(document.to_string())
}

/// A member in the place of the one that it stands for, or as a new one.
fn insert(
    document: &mut Value,
    path: &[Step],
    is_key: bool,
    name: &str,
    value: Value,
) -> Result<(), String> {
    let operators = ["String", "Arn", "Bool", "Null", "For", "Numeric", "Date", "Ip", "NotIp"];
    if operators.iter().any(|prefix| name.starts_with(prefix)) {
        // Of the operators that are there, the key goes.
        let keys: Vec<String> =
            value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let is_condition = |step: &Step| matches!(step, Step::Key(key) if key == "Condition");
        let depth = path.iter().position(is_condition);
        let holder = object_at(document, &path[..depth.unwrap_or(path.len())])?;
        let condition = holder.entry("Condition").or_insert_with(|| Value::Object(Map::new()));
        let condition = condition.as_object_mut().ok_or("no condition there")?;
        for (_, keys_of) in condition.iter_mut() {
            if let Some(keys_of) = keys_of.as_object_mut() {
                keys_of.retain(|key, _| !keys.contains(key));
            }
        }
        condition.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
        let operator = condition.entry(name).or_insert_with(|| Value::Object(Map::new()));
        let operator = operator.as_object_mut().ok_or("no operator there")?;
        operator.extend(value.as_object().cloned().unwrap_or_default());
        return Ok(());
    }
    // The innermost object around that has the member, or in which a key stands for another.
    for depth in (0..=path.len()).rev() {
        let Ok(holder) = object_at(document, &path[..depth]) else { continue };
        let old = match path.get(depth) {
            Some(Step::Key(key)) => Some(key.clone()),
            _ => None,
        };
        let is_claim = name.contains(':');
        if holder.contains_key(name) || (is_claim && depth + 1 >= path.len() && old.is_some()) {
            if let Some(old) = old.filter(|_| is_claim || is_key) {
                holder.remove(&old);
            }
            holder.insert(name.to_owned(), value);
            return Ok(());
        }
    }
    object_at(document, path)?.insert(name.to_owned(), value);
    Ok(())
}

fn value_at<'a>(document: &'a mut Value, path: &[Step]) -> Result<&'a mut Value, String> {
    path.iter().try_fold(document, |value, step| {
        match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        }
        .ok_or_else(|| format!("nothing at {path:?}"))
    })
}

fn object_at<'a>(
    document: &'a mut Value,
    path: &[Step],
) -> Result<&'a mut Map<String, Value>, String> {
    value_at(document, path)?.as_object_mut().ok_or_else(|| format!("no object at {path:?}"))
}

/// The way to what begins at this place, and whether that is a key. A place inside a text is
/// the text's.
fn way_to(text: &str, node: &Node, at: usize, path: &mut Vec<Step>) -> bool {
    match &node.inside {
        _ if node.span.start == at => false,
        Inside::Nothing => false,
        Inside::Items(items) => {
            let Some(index) = items.iter().position(|it| it.span.contains(&at)) else {
                return false;
            };
            path.push(Step::Index(index));
            way_to(text, &items[index], at, path)
        }
        Inside::Members(members) => {
            for (key, value) in members {
                let is_key = key.contains(&at);
                if is_key || value.span.contains(&at) {
                    path.push(Step::Key(serde_json::from_str(&text[key.clone()]).unwrap()));
                    return is_key || way_to(text, value, at, path);
                }
            }
            false
        }
    }
}

/// The value that begins here, behind any space, and where it ends.
fn node(text: &str, from: usize) -> Result<(Node, usize), String> {
    let space = |at: usize| text.len() - text[at..].trim_start().len();
    let start = space(from);
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    values.next().ok_or("no value")?.map_err(|error| error.to_string())?;
    let end = start + values.byte_offset();
    let mut next = start + 1;
    let inside = match text.as_bytes()[start] {
        b'[' => {
            let mut items = Vec::new();
            while space(next) < end - 1 {
                let (item, behind) = node(text, next)?;
                items.push(item);
                next = space(behind) + 1;
            }
            Inside::Items(items)
        }
        b'{' => {
            let mut members = Vec::new();
            while space(next) < end - 1 {
                let (key, behind) = node(text, next)?;
                let (value, behind) = node(text, space(behind) + 1)?;
                members.push((key.span, value));
                next = space(behind) + 1;
            }
            Inside::Members(members)
        }
        _ => Inside::Nothing,
    };
    Ok((Node { span: start..end, inside }, end))
}
