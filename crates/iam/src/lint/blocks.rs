//! Mended texts in the words of Terraform's data source `aws_iam_policy_document`, which has
//! blocks in the place of JSON's objects.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::write::{list, text};

/// Members of a statement that are a list, and their arguments.
const LISTS: [(&str, &str); 4] = [
    ("Action", "actions"),
    ("NotAction", "not_actions"),
    ("Resource", "resources"),
    ("NotResource", "not_resources"),
];

/// The mended text as it is written there; nothing for what can't be written there.
pub(super) fn mended(fix: &str) -> Option<String> {
    if let Ok(Value::String(_)) = serde_json::from_str(fix) {
        return Some(variables(fix));
    }
    let mut out = String::new();
    if let Ok(statements) = serde_json::from_str::<Vec<Map<String, Value>>>(&format!("[{fix}]")) {
        for statement in statements {
            out.push_str("statement {\n");
            members(&mut out, &statement, 1)?;
            out.push_str("}\n");
        }
    } else {
        members(&mut out, &serde_json::from_str(&format!("{{{fix}}}")).ok()?, 0)?;
    }
    Some(variables(out.trim_end()))
}

fn members(out: &mut String, members: &Map<String, Value>, depth: usize) -> Option<()> {
    for (name, value) in members {
        member(out, name, value, depth)?;
    }
    Some(())
}

fn member(out: &mut String, name: &str, value: &Value, depth: usize) -> Option<()> {
    let indent = "  ".repeat(depth);
    let argument = LISTS.iter().find(|(member, _)| *member == name);
    // Writing to a `String` can't fail.
    let _ = match (name, value) {
        ("Version" | "Sid" | "Effect", Value::String(value)) => {
            writeln!(out, "{indent}{} = {}", name.to_ascii_lowercase(), text(value))
        }
        ("Principal", Value::Object(kinds)) => {
            for (kind, names) in kinds {
                let arguments = [("type", text(kind)), ("identifiers", values(names)?)];
                block(out, "principals", &arguments, depth);
            }
            Ok(())
        }
        ("Condition", Value::Object(operators)) => return members(out, operators, depth),
        (_, value) if let Some((_, argument)) = argument => {
            writeln!(out, "{indent}{argument} = {}", values(value)?)
        }
        // A key alone, in a block that is there.
        (key, value @ (Value::String(_) | Value::Array(_))) if key.contains(':') => {
            writeln!(out, "{indent}variable = {}\n{indent}values = {}", text(key), values(value)?)
        }
        (operator, Value::Object(keys)) if !operator.is_empty() => {
            for (key, wanted) in keys {
                let arguments = [
                    ("test", text(operator)),
                    ("variable", text(key)),
                    ("values", values(wanted)?),
                ];
                block(out, "condition", &arguments, depth);
            }
            Ok(())
        }
        _ => return None,
    };
    Some(())
}

fn block(out: &mut String, name: &str, arguments: &[(&str, String)], depth: usize) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(out, "{indent}{name} {{");
    for (argument, value) in arguments {
        let _ = writeln!(out, "{indent}  {argument} = {value}");
    }
    let _ = writeln!(out, "{indent}}}");
}

/// A list, of one as well.
fn values(value: &Value) -> Option<String> {
    let all: Option<Vec<&str>> = match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => all.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let written = list(&all?);
    Some(if written.starts_with('[') { written } else { format!("[{written}]") })
}

/// `${aws:username}` would be Terraform's: in the data source it is `&{aws:username}`.
fn variables(fix: &str) -> String {
    replaced(fix, "&{")
}

/// A text of Terraform's language with IAM's variables as they are elsewhere in it.
pub(super) fn escaped(fix: &str) -> String {
    replaced(fix, "$${")
}

fn replaced(fix: &str, with: &str) -> String {
    let mut out = String::with_capacity(fix.len());
    for (index, part) in fix.split("${").enumerate() {
        if index > 0 {
            let name = part.split(['}', '"']).next().unwrap_or_default();
            let service = name.split(':').next().unwrap_or_default();
            let is_policys = matches!(name, "*" | "?" | "$")
                || (name.contains(':')
                    && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            out.push_str(if is_policys { with } else { "${" });
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_blocks_in_the_place_of_members() {
        for (fix, wanted) in [
            (r#""sts.amazonaws.com""#, r#""sts.amazonaws.com""#),
            (r#""a/${aws:username}/${local.x}""#, r#""a/&{aws:username}/${local.x}""#),
            (r#""Effect": "Allow""#, r#"effect = "Allow""#),
            (r#""Version": "2012-10-17""#, r#"version = "2012-10-17""#),
            (r#""Action": "a:b""#, r#"actions = ["a:b"]"#),
            (r#""Resource": ["a", "b"]"#, r#"resources = ["a", "b"]"#),
            (
                r#""Principal": {"Federated": "a"}"#,
                "principals {\n  type = \"Federated\"\n  identifiers = [\"a\"]\n}",
            ),
            (
                r#""StringLike": {"${local.issuer}:sub": ["a", "b"]}"#,
                "condition {\n  test = \"StringLike\"\n  variable = \"${local.issuer}:sub\"\n  values = [\"a\", \"b\"]\n}",
            ),
            (r#""x:aud": "a""#, "variable = \"x:aud\"\nvalues = [\"a\"]"),
            (
                r#"{"Sid": "A", "Effect": "Allow", "Condition": {"StringEquals": {"k": "v"}}},
{"Effect": "Deny", "Action": "a:b"}"#,
                "statement {\n  condition {\n    test = \"StringEquals\"\n    variable = \"k\"\n    values = [\"v\"]\n  }\n  effect = \"Allow\"\n  sid = \"A\"\n}\nstatement {\n  actions = [\"a:b\"]\n  effect = \"Deny\"\n}",
            ),
        ] {
            assert_eq!(mended(fix).as_deref(), Some(wanted), "{fix}");
        }
        assert_eq!(mended("not JSON"), None);
    }
}
