//! Why the API server did not give what it was asked for, in one line that
//! ends with what to do about it.

use std::error::Error as _;
use std::time::Duration;

use kube::core::Status;

/// What was asked for, and the right that this takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub what: &'a str,
    pub right: &'a str,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AskError {
    #[error("failed to get {what}: {why}; grant the webhook {right}")]
    Forbidden { what: String, why: String, right: String },
    #[error("failed to get {what}: {why}; check the credentials that the webhook uses")]
    Unauthorized { what: String, why: String },
    #[error("failed to get {what}: no answer within {} ms; check the API server and the network to it", limit.as_millis())]
    Timeout { what: String, limit: Duration },
    #[error("failed to get {what}: {why}; check the API server and the network to it")]
    Other { what: String, why: String },
    #[error(
        "failed to get {what}: the lookup broke off; please report this as a bug, with the log around it"
    )]
    Panicked { what: String },
}

impl AskError {
    pub(super) fn new(asked: Asked<'_>, error: &kube::Error) -> Self {
        let (what, why) = (asked.what.to_owned(), why(error));
        match error {
            kube::Error::Api(status) if is_forbidden(status) => {
                Self::Forbidden { what, why, right: asked.right.to_owned() }
            }
            kube::Error::Api(status) if status.code == 401 => Self::Unauthorized { what, why },
            _ => Self::Other { what, why },
        }
    }
}

/// By its code: where something on the way refuses, there is no reason.
pub(super) fn is_forbidden(status: &Status) -> bool {
    status.code == 403
}

/// The innermost causes say most, and kube repeats them in the outer ones.
pub(super) fn why(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return why_status(status);
    }
    let Some(source) = error.source() else { return one_line(&error.to_string()) };
    let mut why = source.to_string();
    let mut next = source.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !why.contains(&text) {
            why.push_str(": ");
            why.push_str(&text);
        }
        next = source.source();
    }
    one_line(&why)
}

pub(super) fn why_status(status: &Status) -> String {
    if status.message.is_empty() {
        return one_line(&format!("{} {}", status.code, status.reason));
    }
    one_line(&status.message)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_failed_why_and_what_to_do() {
        let asked = Asked { what: "ServiceAccount a/b", right: "get on serviceaccounts" };
        let status = |code| Status::failure("cannot\n get it", "").with_code(code).boxed();
        let text = |code| AskError::new(asked, &kube::Error::Api(status(code))).to_string();
        assert_eq!(
            text(403),
            "failed to get ServiceAccount a/b: cannot get it; grant the webhook get on serviceaccounts"
        );
        assert!(text(401).contains("credentials"), "{}", text(401));
        assert!(text(500).contains("check the API server"), "{}", text(500));
    }

    #[test]
    fn tells_the_causes_once() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = kube::Error::Service(Box::new(refused));
        assert_eq!(why(&error), "refused");
    }
}
