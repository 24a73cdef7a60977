//! Manifests written.

use diffy::create_patch;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use serde_saphyr::DoubleQuoted;
use text::{Quotes, escaped, needs_quotes, quoted};

/// YAML that every reader of Kubernetes manifests reads as the same values;
/// members in the order of their names, as kubectl prints them. What is
/// unprintable is written as an escape of YAML's double quotes, and no line
/// begins a command of a CI system.
///
/// # Errors
/// None for JSON values; the writer's signature has them.
pub fn to_yaml(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    // The writer quotes keys by rules of its own; flow style is YAML as well.
    let mut text = if has_odd_key(value) {
        format!("{value:#}")
    } else {
        serde_saphyr::to_string(&Quoted(value))?
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(quoted(&text, Quotes::Long).into_owned())
}

/// A value whose texts stand in double quotes where they must.
struct Quoted<'a>(&'a Value);

impl Serialize for Quoted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if needs_quotes(text) => DoubleQuoted(text).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Quoted)),
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, &Quoted(value))?;
                }
                map.end()
            }
            value => value.serialize(serializer),
        }
    }
}

fn has_odd_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_odd_key),
        Value::Object(members) => {
            members.iter().any(|(key, value)| needs_quotes(key) || has_odd_key(value))
        }
        _ => false,
    }
}

/// A unified diff of both as YAML; empty where nothing differs.
///
/// # Errors
/// As [`to_yaml`].
pub fn diff(name: &str, old: &Value, new: &Value) -> Result<String, serde_saphyr::ser::Error> {
    let (old, new) = (to_yaml(old)?, to_yaml(new)?);
    let patch = create_patch(&old, &new);
    if patch.hunks().is_empty() {
        return Ok(String::new());
    }
    // Its own header, two lines, would quote what is escaped already.
    let written = patch.to_string();
    let hunks = written.splitn(3, '\n').nth(2).unwrap_or_default();
    let name = escaped(name);
    Ok(format!("--- a/{name}\n+++ b/{name}\n{hunks}"))
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_what_reads_back_the_same() {
        let odd = [
            "yes",
            "y",
            "on",
            "null",
            "~",
            "012",
            "0x1f",
            "1e3",
            "1:30",
            "2026-01-01",
            "",
            " ",
            "a: b",
            "# c",
            "- d",
            "{e}",
            "&f",
            "*g",
            "!h",
            "%i",
            "@j",
            "`k",
            "'l'",
            "\"m\"",
            "n\no\n",
            "n\n\no",
            "\tp",
            "q\\r",
            "é\u{1f600}",
            "\u{7}",
            "|",
            ">",
            "...",
            "---",
            "\u{2028}",
            "\u{feff}",
            "trailing ",
            "\n",
            "a\r\nb",
            "<<",
            "=",
            "a\u{202e}b\u{9b}\u{7f}\u{200b}",
            "\u{e0001}",
            "::error::a",
            "a\n  ::error::b\n",
            "a ::error::b, and so far behind it that a writer which folds its lines would fold this",
            "a\n##[error]b",
            "a\r\n\u{1b}[2J",
        ];
        for odd in odd {
            let value = json!({odd: [odd, {odd: odd}], "n": [1, -1, 1.5, true, null, [], {}]});
            let yaml = to_yaml(&value).expect("YAML");
            assert_eq!(read(&yaml).expect(&yaml), [value], "{yaml}");
            assert!(!yaml.contains(|c: char| c != '\n' && c != '\t' && text::is_unprintable(c)));
            assert!(!yaml.lines().any(|line| line.trim_start().starts_with("::")), "{yaml}");
            assert!(!yaml.contains("##["), "{yaml}");
        }
    }

    #[test]
    fn shows_what_differs_and_nothing_where_nothing_does() {
        let old = json!({"a": 1});
        assert_eq!(diff("x", &old, &old).expect("a diff"), "");
        let text = diff("x", &old, &json!({"a": 1, "b": 2})).expect("a diff");
        assert!(text.starts_with("--- a/x\n+++ b/x\n") && text.ends_with("+b: 2\n"), "{text}");
    }
}
