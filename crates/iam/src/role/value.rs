//! A value to write as JSON, YAML or HCL, members in order.

use std::fmt::Write as _;

use text::{Quotes, quoted};

use super::formats::aligned;
use crate::node::{Kind, Node};

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// A number, `true`, `false` or `null`
    Word(String),
    /// An expression of the format that it is written in, as it stands
    Raw(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

pub(super) fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn from_node(node: &Node) -> Self {
        match &node.kind {
            Kind::Null => Self::Word("null".to_owned()),
            Kind::Bool(value) => Self::Word(value.to_string()),
            Kind::Number(text) => Self::Word(text.clone()),
            Kind::Text(text) | Kind::Open(text, _) | Kind::Unknown(text) => {
                Self::Text(text.clone())
            }
            Kind::Either(items) | Kind::List(items) => {
                Self::List(items.iter().map(Self::from_node).collect())
            }
            Kind::Map(members) => {
                let member = |m: &crate::node::Member| (m.key.clone(), Self::from_node(&m.value));
                Self::Map(members.iter().map(member).collect())
            }
        }
    }

    /// Pretty JSON, without the line's end.
    pub(super) fn json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0, json_text);
        out
    }

    /// JSON for a shell's text and for IAM, which takes no characters beyond Latin-1.
    /// There are no apostrophes and backticks in it either, between which it stands.
    pub(super) fn plain_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0, plain_text);
        out
    }

    /// An HCL expression.
    pub(super) fn hcl(&self, depth: usize) -> String {
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(depth);
        match self {
            Self::Text(text) => hcl_text(text),
            Self::Word(word) | Self::Raw(word) => word.clone(),
            Self::List(items) if items.is_empty() => "[]".to_owned(),
            Self::Map(members) if members.is_empty() => "{}".to_owned(),
            Self::List(items) => {
                let items: Vec<String> =
                    items.iter().map(|item| inner.clone() + &item.hcl(depth + 1)).collect();
                format!("[\n{}\n{outer}]", items.join(",\n"))
            }
            Self::Map(members) => {
                let member = |(key, value): &(String, Self)| (hcl_text(key), value.hcl(depth + 1));
                let members: Vec<(String, String)> = members.iter().map(member).collect();
                format!("{{\n{}{outer}}}", aligned(&members, &inner))
            }
        }
    }

    fn write(&self, out: &mut String, depth: usize, quote: fn(&str) -> String) {
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(depth);
        match self {
            Self::Text(text) => out.push_str(&quote(text)),
            Self::Word(word) | Self::Raw(word) => out.push_str(word),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Map(members) if members.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push_str("[\n");
                for (index, item) in items.iter().enumerate() {
                    out.push_str(&inner);
                    item.write(out, depth + 1, quote);
                    out.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
                }
                out.push_str(&outer);
                out.push(']');
            }
            Self::Map(members) => {
                out.push_str("{\n");
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(&inner);
                    out.push_str(&quote(key));
                    out.push_str(": ");
                    value.write(out, depth + 1, quote);
                    out.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
                }
                out.push_str(&outer);
                out.push('}');
            }
        }
    }

    /// YAML in block style, each line indented and ended.
    pub(super) fn yaml(&self, depth: usize) -> String {
        let indent = "  ".repeat(depth);
        // The dash takes the place of the first line's last indentation.
        let item = |item: &Value| format!("{indent}- {}", item.yaml(depth + 1).trim_start());
        let member = |(key, value): &(String, Value)| {
            let (key, behind) = (yaml_text(key), value.is_block());
            let value = if behind { value.yaml(depth + 1) } else { value.yaml_word() };
            format!("{indent}{key}:{}{value}", if behind { "\n" } else { " " })
        };
        match self {
            Self::List(items) if !items.is_empty() => items.iter().map(item).collect(),
            Self::Map(members) if !members.is_empty() => members.iter().map(member).collect(),
            scalar => format!("{indent}{}", scalar.yaml_word()),
        }
    }

    fn is_block(&self) -> bool {
        match self {
            Self::List(items) => !items.is_empty(),
            Self::Map(members) => !members.is_empty(),
            _ => false,
        }
    }

    /// A scalar and the line's end.
    fn yaml_word(&self) -> String {
        match self {
            Self::Text(text) => format!("{}\n", yaml_text(text)),
            Self::Word(word) | Self::Raw(word) => format!("{word}\n"),
            Self::List(_) => "[]\n".to_owned(),
            Self::Map(_) => "{}\n".to_owned(),
        }
    }
}

/// JSON's quoted text, without anything that acts on a terminal.
fn json_text(text: &str) -> String {
    quoted(&serde_json::Value::from(text).to_string(), Quotes::Json).into_owned()
}

/// The same in characters that IAM takes.
fn plain_text(text: &str) -> String {
    let mut out = String::new();
    for c in json_text(text).chars() {
        if c > '\u{ff}' || "`'".contains(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Into a string it can't fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Bare where no parser could take it for anything else.
fn yaml_text(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { long_text(text) }
}

/// Quoted text with one escape for each character: YAML's and HCL's.
fn long_text(text: &str) -> String {
    quoted(&serde_json::Value::from(text).to_string(), Quotes::Long).into_owned()
}

/// HCL's quoted text: as JSON's, its templates kept apart, and without the two
/// escapes that HCL does not know.
pub(super) fn hcl_text(text: &str) -> String {
    let (mut out, json) = (String::new(), long_text(text));
    let mut chars = json.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' {
            match chars.next() {
                Some('b') => out.push_str("u0008"),
                Some('f') => out.push_str("u000c"),
                other => out.extend(other),
            }
        }
    }
    out.replace("${", "$${").replace("%{", "%%{")
}
