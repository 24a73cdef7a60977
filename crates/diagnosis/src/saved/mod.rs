//! Files of evidence that somebody saved with kubectl, curl, the AWS CLI or Terraform: what each of
//! them is.
//!
//! A command that failed leaves a file as well: empty, half written, or with an error in it. Such a
//! file says that something could not be looked at, never that it is not there.

mod aws;
mod terraform;

use serde_json::Value;

use super::{Reason, ReasonKind, bounded};
use injection::workloads;
use issuer::Token;

pub use aws::{provider, role};

/// What commands print where they fail, at the beginning of a line.
const ERRORS: [&str; 7] = [
    "error: ",
    "Error: ",
    "Error from server",
    "Unable to connect to the server",
    "The connection to the server",
    "An error occurred",
    "curl: (",
];

/// What kubectl writes before the API server's message. Its reason is in between, in parentheses, where there is
/// one: a webhook that refuses a pod gives none.
const FROM_SERVER: &str = "Error from server";

/// Why the file `name` can't be used.
fn unusable(name: &str, why: impl AsRef<str>) -> Reason {
    let message = bounded(&format!("{name} {}; get it again", why.as_ref()));
    Reason { kind: ReasonKind::Evidence, message }
}

/// The text of a file, unless it shows that the command which wrote it failed.
///
/// # Errors
/// Nothing, a page of HTML or XML, or an error message.
pub fn text<'t>(name: &str, text: &'t str) -> Result<&'t str, Reason> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(unusable(name, "is empty: the command that wrote it failed"));
    }
    if text.starts_with('<') {
        return Err(unusable(name, "is a page of HTML or XML, such as an error page"));
    }
    let mut lines = text.lines().map(str::trim);
    match lines.find(|line| ERRORS.iter().any(|error| line.starts_with(error))) {
        // A document may have such a line in a text of its own.
        Some(line) if !text.starts_with(['{', '[']) => {
            Err(unusable(name, format!("is an error message: {line}")))
        }
        _ => Ok(text),
    }
}

/// The first document of a file in JSON or YAML.
///
/// # Errors
/// As [`text`], and text that is neither, or that is cut off; `null`; an error of the API server.
pub fn value(name: &str, text: &str) -> Result<Value, Reason> {
    let text = self::text(name, text)?;
    let json = serde_json::from_str(text);
    let value = match json {
        Ok(value) => value,
        Err(error) if text.starts_with(['{', '[', '"']) && !is_yaml(name) => {
            let why = if error.is_eof() { "is cut off" } else { "is not JSON" };
            return Err(unusable(name, format!("{why}: {error}")));
        }
        Err(_) => match workloads::read(text) {
            Ok(documents) => documents.into_iter().next().unwrap_or_default(),
            Err(error) => return Err(unusable(name, format!("can't be read: {error}"))),
        },
    };
    usable(name, value)
}

fn is_yaml(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}

/// A value, unless it stands for nothing.
///
/// # Errors
/// `null`, and an error of the API server.
pub fn usable(name: &str, value: Value) -> Result<Value, Reason> {
    if value.is_null() {
        return Err(unusable(name, "is null: the command that wrote it found nothing"));
    }
    if value["kind"] == "Status" {
        let message = value["message"].as_str().unwrap_or("no message");
        return Err(unusable(name, format!("is an error of the API server: {message}")));
    }
    Ok(value)
}

/// The message of a refusal that kubectl printed, and the reason of its `Status`.
#[must_use]
pub fn refusal(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.lines().map(str::trim);
    let line = lines.find_map(|line| line.strip_prefix(FROM_SERVER))?;
    let (reason, message) = match line.strip_prefix(" (") {
        Some(line) => line.split_once("): ")?,
        None => ("", line.strip_prefix(": ")?),
    };
    let message = match message.strip_prefix("error when creating \"") {
        Some(rest) => rest.split_once("\": ").map_or(message, |(_, message)| message),
        None => message,
    };
    Some((reason, message))
}

/// One object of this kind: by itself, or in a list that has no other, or the one of the name
/// `wanted`.
///
/// # Errors
/// Another kind, and a list with other objects.
pub fn object(name: &str, value: Value, kind: &str, wanted: Option<&str>) -> Result<Value, Reason> {
    let is = |value: &Value| is_of(value, kind) && value.is_object();
    let Some(items) = items(&value) else {
        return if is(&value) && !value["metadata"].is_null() {
            Ok(value)
        } else {
            Err(other(name, &value, kind))
        };
    };
    if let Some(stranger) = items.iter().find(|item| !is(item)) {
        return Err(other(name, stranger, kind));
    }
    let named =
        items.iter().find(|item| wanted.is_some_and(|wanted| item["metadata"]["name"] == wanted));
    match (named, items) {
        (Some(one), _) | (None, [one]) => Ok(one.clone()),
        (None, []) => Err(unusable(name, format!("is a list without a {kind}"))),
        (None, all) => Err(unusable(name, format!("is a list of {} {kind}s", all.len()))),
    }
}

/// All objects of this kind, as an object with `items`: a list, or one object.
///
/// # Errors
/// Another kind, also of an item.
pub fn list(name: &str, value: Value, kind: &str) -> Result<Value, Reason> {
    let is = |value: &Value| is_of(value, kind) && value.is_object();
    match items(&value) {
        Some(items) => match items.iter().find(|item| !is(item)) {
            Some(stranger) => Err(other(name, stranger, kind)),
            None if value.is_array() => Ok(serde_json::json!({"items": items})),
            None => Ok(value),
        },
        None if value["kind"] == kind => Ok(serde_json::json!({"items": [value]})),
        None => Err(other(name, &value, kind)),
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value.as_array().or_else(|| value.get("items")?.as_array()) {
        Some(items) => Some(items),
        // As Go writes an empty list.
        None => value.get("items").filter(|items| items.is_null()).map(|_| &[][..]),
    }
}

/// The items of a list have no kind of their own where the list has one.
fn is_of(value: &Value, kind: &str) -> bool {
    value["kind"].as_str().is_none_or(|of| of == kind)
}

/// Why a value of another kind is of no use.
#[must_use]
pub fn other(name: &str, value: &Value, kind: &str) -> Reason {
    let found = match value {
        Value::Object(_) => match value["kind"].as_str() {
            Some(of) => with_article(of),
            None => "another object".to_owned(),
        },
        Value::Array(_) => "a list".to_owned(),
        Value::String(_) => "a text".to_owned(),
        _ => "a single value".to_owned(),
    };
    unusable(name, format!("is {found}, expected {}", with_article(kind)))
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// The version of an API server.
///
/// # Errors
/// Something else.
pub fn version(name: &str, value: Value) -> Result<Value, Reason> {
    // `kubectl version -o json` prints the client's as well.
    let of_server = value.get("serverVersion").cloned();
    let version = of_server.unwrap_or(value);
    if version["gitVersion"].is_string() {
        Ok(version)
    } else {
        Err(other(name, &version, "version"))
    }
}

/// A document of an issuer that has `member`, as text.
///
/// # Errors
/// Something else.
pub fn document(name: &str, value: &Value, member: &str) -> Result<String, Reason> {
    match value.get(member) {
        Some(_) => Ok(value.to_string()),
        None => Err(unusable(name, format!("is not the issuer's document: it has no {member:?}"))),
    }
}

/// A token: the text itself, or the `TokenRequest` that has it.
///
/// # Errors
/// Something else.
pub fn token(name: &str, text: &str) -> Result<Token, Reason> {
    let text = self::text(name, text)?;
    let token = if text.starts_with('{') {
        let request = value(name, text)?;
        let Some(token) = request["status"]["token"].as_str() else {
            return Err(other(name, &request, "token"));
        };
        Token::parse(token)
    } else {
        Token::parse(text)
    };
    token.map_err(|error| unusable(name, format!("can't be read: {error}")))
}

/// Why the bytes of a file are no text, in the words of `problem`.
#[must_use]
pub fn garbled(name: &str, problem: &dyn std::error::Error) -> Reason {
    unusable(name, format!("is not text: {problem}"))
}

/// An item of a list of pods.
///
/// # Errors
/// Another kind.
pub fn pod(item: &Value) -> Result<(), String> {
    match item["kind"].as_str() {
        Some("Pod") | None if item.is_object() => Ok(()),
        Some(of) => Err(format!("{} is in the list of pods", with_article(of))),
        None => Err("an item of the list is not a pod".to_owned()),
    }
}

/// A fact as it was saved, which is not of the shape that it should have.
#[must_use]
pub fn misshapen(name: &str, error: &serde_json::Error) -> Reason {
    unusable(name, format!("can't be read: {error}"))
}

#[cfg(test)]
mod tests;
