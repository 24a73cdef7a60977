//! SARIF 2.1.0, the format in which code scanning takes what linters find.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{InFile, more};
use iam::{Code, Finding, Position};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run; `unread` is why files could not be read.
pub(super) fn log(found: &[InFile<'_>], unread: &[String]) -> Value {
    let codes: BTreeSet<Code> = found.iter().map(|(_, finding)| finding.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let results: Vec<Value> = found
        .iter()
        .map(|(path, finding)| result(path, finding, codes.binary_search(&finding.code).ok()))
        .collect();
    let unread: Vec<Value> =
        unread.iter().map(|why| json!({"level": "error", "message": {"text": why}})).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pod-identity-webhook iam lint",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": unread.is_empty(),
                "toolExecutionNotifications": unread,
            }],
            // Columns count characters, whatever their size.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.word(),
        "shortDescription": {
            "text": code.meaning().replace('`', ""),
            "markdown": code.meaning(),
        },
        "help": {"text": "See docs/iam.md of pod-identity-webhook, section iam lint."},
        "defaultConfiguration": {"level": level(code)},
    })
}

fn result(path: &Path, finding: &Finding, rule: Option<usize>) -> Value {
    let Finding { code, at, message, fix, count, also } = finding;
    let mut text = format!("{message}{}", more(finding));
    // Writing to a `String` can't fail.
    for line in fix.iter().flat_map(|fix| fix.lines()) {
        let _ = write!(text, "\nfix: {line}");
    }
    let mut result = json!({
        "ruleId": code.word(),
        "level": level(*code),
        "message": {"text": text},
        "locations": [location(path, *at)],
        "occurrenceCount": count,
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    if !also.is_empty() {
        let others: Vec<Value> = also.iter().map(|at| location(path, *at)).collect();
        result["relatedLocations"] = json!(others);
    }
    result
}

fn level(code: Code) -> &'static str {
    code.severity().word()
}

fn location(path: &Path, at: Position) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(path)},
        "region": {"startLine": at.line, "startColumn": at.column},
    }})
}

/// A file as a URI: relative where its path is, so that code scanning finds it
/// in the repository.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text == "-" {
        return "stdin".to_owned();
    }
    let text = text.strip_prefix("./").unwrap_or(&text);
    let mut uri = if text.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
