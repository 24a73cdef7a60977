//! Manifests written.

use serde_json::Value;
use similar::TextDiff;

/// YAML that every reader of Kubernetes manifests reads as the same values;
/// members in the order of their names, as kubectl prints them.
///
/// # Errors
/// None for JSON values; the writer's signature has them.
pub fn to_yaml(value: &Value) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = serde_saphyr::to_string(value)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// A unified diff of both as YAML; empty where nothing differs.
///
/// # Errors
/// As [`to_yaml`].
pub fn diff(name: &str, old: &Value, new: &Value) -> Result<String, serde_saphyr::ser::Error> {
    let (old, new) = (to_yaml(old)?, to_yaml(new)?);
    let diff = TextDiff::from_lines(&old, &new);
    let header = (format!("a/{name}"), format!("b/{name}"));
    Ok(diff.unified_diff().context_radius(3).header(&header.0, &header.1).to_string())
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
        ];
        for text in odd {
            let value = json!({text: [text, {text: text}], "n": [1, -1, 1.5, true, null, [], {}]});
            let yaml = to_yaml(&value).expect("YAML");
            assert_eq!(read(&yaml).expect(&yaml), [value], "{yaml}");
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
