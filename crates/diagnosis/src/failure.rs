//! Why a question to the API server was not answered: its words for people,
//! and its kind for the checks, which search no text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedReason", into = "SavedReason")]
pub struct Reason {
    /// What kind of failure it was.
    pub kind: ReasonKind,
    /// In one line.
    pub message: String,
}

/// The failures that the checks tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReasonKind {
    /// 401: the API server does not accept the credentials.
    Unauthorized,
    /// 403: a right is missing.
    Forbidden,
    /// What somebody saved can't be used: see [`saved`](super::saved).
    Evidence,
    /// The webhook is registered by URL: what it runs with is nowhere in the cluster.
    ByUrl,
    /// Nothing is behind the webhook's Service that is known to be its workload.
    NoWorkload,
    /// Anything else, such as no connection.
    Other,
}

/// Why the API server refused to create a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedRefusal", into = "SavedRefusal")]
pub struct Refusal {
    /// What refused it.
    pub by: RefusedBy,
    /// In the API server's words, in one line.
    pub message: String,
}

/// What refused to create a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusedBy {
    /// An admission webhook: it denied the pod, could not be called, or does not support dry run.
    Webhook,
    /// Anything else: a quota, a policy, validation.
    Other,
}

/// A message alone is what a folder has that was saved without kinds, or filled
/// by hand.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SavedReason {
    Message(String),
    Kind { kind: ReasonKind, message: String },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SavedRefusal {
    Message(String),
    By { by: RefusedBy, message: String },
}

impl RefusedBy {
    /// By the API server's message. Its status has no field for this: a webhook
    /// answers with any code and reason that it likes, and one that can't be
    /// called is an `InternalError` like others. But the API server begins the
    /// message of each with one of two phrases, and a quota's or a policy's with
    /// the name of the pod.
    #[must_use]
    pub fn of_message(message: &str) -> Self {
        let message = message.strip_prefix("Internal error occurred: ").unwrap_or(message);
        let phrases = ["failed calling webhook \"", "admission webhook \""];
        if phrases.iter().any(|phrase| message.starts_with(phrase)) {
            Self::Webhook
        } else {
            Self::Other
        }
    }
}

impl From<String> for Reason {
    fn from(message: String) -> Self {
        Self { kind: ReasonKind::Other, message }
    }
}

impl From<&str> for Reason {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}

impl From<SavedReason> for Reason {
    fn from(saved: SavedReason) -> Self {
        match saved {
            SavedReason::Message(message) => message.into(),
            SavedReason::Kind { kind, message } => Self { kind, message },
        }
    }
}

impl From<Reason> for SavedReason {
    fn from(Reason { kind, message }: Reason) -> Self {
        match kind {
            ReasonKind::Other => Self::Message(message),
            ReasonKind::Unauthorized
            | ReasonKind::Forbidden
            | ReasonKind::Evidence
            | ReasonKind::ByUrl
            | ReasonKind::NoWorkload => Self::Kind { kind, message },
        }
    }
}

impl From<SavedRefusal> for Refusal {
    fn from(saved: SavedRefusal) -> Self {
        match saved {
            SavedRefusal::Message(message) => Self { by: RefusedBy::of_message(&message), message },
            SavedRefusal::By { by, message } => Self { by, message },
        }
    }
}

impl From<Refusal> for SavedRefusal {
    fn from(Refusal { by, message }: Refusal) -> Self {
        Self::By { by, message }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_a_webhook_from_what_names_one() {
        for (message, by) in [
            (r#"admission webhook "a" denied the request: no"#, RefusedBy::Webhook),
            (r#"admission webhook "a" does not support dry run"#, RefusedBy::Webhook),
            (r#"Internal error occurred: failed calling webhook "a": timeout"#, RefusedBy::Webhook),
            (r#"pods "a" is forbidden: exceeded quota: webhook"#, RefusedBy::Other),
            (r#"pods "admission webhook" is forbidden: failed calling webhook "#, RefusedBy::Other),
            ("namespaces \"webhook\" not found", RefusedBy::Other),
            ("", RefusedBy::Other),
        ] {
            assert_eq!(RefusedBy::of_message(message), by, "{message}");
        }
    }

    #[test]
    fn is_the_same_after_it_was_saved() {
        for kind in [
            ReasonKind::Unauthorized,
            ReasonKind::Forbidden,
            ReasonKind::Evidence,
            ReasonKind::ByUrl,
            ReasonKind::NoWorkload,
            ReasonKind::Other,
        ] {
            let reason = Reason { kind, message: "401 cannot webhook".to_owned() };
            let saved = serde_json::to_value(&reason).expect("JSON");
            assert_eq!(serde_json::from_value::<Reason>(saved).expect("a reason"), reason);
        }
        for by in [RefusedBy::Webhook, RefusedBy::Other] {
            let refusal = Refusal { by, message: "the pod is invalid".to_owned() };
            let saved = serde_json::to_value(&refusal).expect("JSON");
            assert_eq!(serde_json::from_value::<Refusal>(saved).expect("a refusal"), refusal);
        }
    }

    #[test]
    fn reads_a_message_without_a_kind() {
        let reason: Reason = serde_json::from_value(json!("no route to host")).expect("a reason");
        assert_eq!(reason, Reason::from("no route to host"));
        let message = json!("failed calling webhook \"a\": refused");
        let refusal: Refusal = serde_json::from_value(message).expect("a refusal");
        assert_eq!(refusal.by, RefusedBy::Webhook);
    }
}
