//! Why the API server did not give what it was asked for, in one line that
//! ends with what to do about it.

use std::time::Duration;

use crate::api_server::{Failure, FailureKind};

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
    #[error("failed to get {what}: no response within {} ms; check the API server and the network to it", limit.as_millis())]
    Timeout { what: String, limit: Duration },
    #[error("failed to get {what}: {why}; check the API server and the network to it")]
    Other { what: String, why: String },
    #[error(
        "failed to get {what}: the lookup failed; please report this bug with the log around it"
    )]
    Panicked { what: String },
}

impl AskError {
    pub(super) fn new(asked: Asked<'_>, error: &kube::Error) -> Self {
        let what = asked.what.to_owned();
        let Failure { kind, message: why, .. } = Failure::of(error);
        match kind {
            FailureKind::Forbidden => Self::Forbidden { what, why, right: asked.right.to_owned() },
            FailureKind::Unauthorized => Self::Unauthorized { what, why },
            _ => Self::Other { what, why },
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

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
    fn keeps_the_next_step_whatever_the_api_server_says() {
        let asked = Asked { what: "ServiceAccount a/b", right: "get on serviceaccounts" };
        for (code, next_step) in [
            (403, "; grant the webhook get on serviceaccounts"),
            (401, "; check the credentials that the webhook uses"),
            (500, "; check the API server and the network to it"),
        ] {
            let status = Status::failure(&"no ".repeat(100_000), "").with_code(code).boxed();
            let text = AskError::new(asked, &kube::Error::Api(status)).to_string();
            assert!(text.ends_with(next_step) && text.len() < 2_000, "{code}: {text}");
        }
    }
}
