//! Mended texts: JSON on one line, which is YAML and HCL's objects as well.

use text::{Quotes, quoted};

/// A text in quotes.
pub(super) fn text(value: &str) -> String {
    // A string can always be written.
    let json = serde_json::to_string(value).unwrap_or_default();
    quoted(&json, Quotes::Json).into_owned()
}

/// The only value, or a list of them.
pub(super) fn list(values: &[&str]) -> String {
    match values {
        [one] => text(one),
        all => {
            let all: Vec<String> = all.iter().map(|value| text(value)).collect();
            format!("[{}]", all.join(", "))
        }
    }
}

/// A member, whose value has been written.
pub(super) fn member(key: &str, value: &str) -> String {
    format!("{}: {value}", text(key))
}

/// An object of members that have been written.
pub(super) fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(", "))
}
