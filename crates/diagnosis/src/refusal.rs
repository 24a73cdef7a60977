//! Why the API server would not create a pod by dry run: its message, read in one place.
//!
//! A `Status` has a code and a reason, but the same for all that admission refuses, and none for
//! what became of a call of a webhook. The phrases are the API server's own, and Go's.

use super::{Refusal, RefusedBy};

/// What a refusal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A webhook could not be called.
    Call(CallFailure),
    /// A webhook has `sideEffects` that a dry run must not have.
    SideEffects,
    /// A webhook denied the pod.
    Denied,
    /// A quota is used up.
    Quota,
    /// A Pod Security level does not allow the pod.
    PodSecurity,
    /// The `ServiceAccount` of the pod is not there.
    NoServiceAccount,
    /// Another policy, validation, or the like.
    Other,
}

/// Why a webhook could not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallFailure {
    /// Nobody answered in time, or no packet came through.
    Silent,
    /// The Service has no pod that listens.
    NoPod,
    /// The Service is not there.
    NoService,
    /// The certificate or the handshake.
    Certificate,
    /// It answered something else.
    Other,
}

/// The first of these that the message contains counts.
const CALLS: [(&str, CallFailure); 15] = [
    ("x509: ", CallFailure::Certificate),
    ("tls: ", CallFailure::Certificate),
    ("connection refused", CallFailure::NoPod),
    ("no endpoints available", CallFailure::NoPod),
    ("not found", CallFailure::NoService),
    ("no such host", CallFailure::NoService),
    ("deadline exceeded", CallFailure::Silent),
    ("Client.Timeout", CallFailure::Silent),
    ("i/o timeout", CallFailure::Silent),
    ("handshake timeout", CallFailure::Silent),
    ("request canceled", CallFailure::Silent),
    ("no route to host", CallFailure::Silent),
    ("network is unreachable", CallFailure::Silent),
    ("connection reset", CallFailure::Silent),
    ("EOF", CallFailure::Silent),
];

/// What a quota says that has no room; others lack what they count by.
const USED_UP: &str = "exceeded quota";

impl Refusal {
    pub(super) fn cause(&self) -> Cause {
        let message = self.message.as_str();
        if self.by == RefusedBy::Webhook {
            return self.cause_at_webhook();
        }
        let phrases = [
            (USED_UP, Cause::Quota),
            ("failed quota", Cause::Quota),
            ("violates PodSecurity", Cause::PodSecurity),
            ("error looking up service account", Cause::NoServiceAccount),
        ];
        let found = phrases.into_iter().find(|(phrase, _)| message.contains(phrase));
        found.map_or(Cause::Other, |(_, cause)| cause)
    }

    fn cause_at_webhook(&self) -> Cause {
        // Behind the webhook's name: it may be any text.
        let rest = self.message.splitn(3, '"').nth(2).unwrap_or(&self.message);
        if rest.starts_with(" does not support dry run") {
            return Cause::SideEffects;
        }
        if rest.starts_with(" denied the request") {
            return Cause::Denied;
        }
        if !self.is_call() {
            return Cause::Denied;
        }
        let found = CALLS.into_iter().find(|(phrase, _)| rest.contains(phrase));
        Cause::Call(found.map_or(CallFailure::Other, |(_, failure)| failure))
    }

    fn is_call(&self) -> bool {
        let message = self.message.strip_prefix("Internal error occurred: ");
        message.unwrap_or(&self.message).starts_with("failed calling webhook ")
    }

    /// Whether a quota is used up, so that there is no room for one more pod.
    #[must_use]
    pub fn is_used_up_quota(&self) -> bool {
        self.cause() == Cause::Quota && self.message.contains(USED_UP)
    }

    /// The name of the webhook that refused the pod, or could not be called.
    pub(super) fn webhook(&self) -> Option<&str> {
        if self.by != RefusedBy::Webhook {
            return None;
        }
        self.message.split('"').nth(1).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_refusal_comes_to() {
        let call = |why: &str| {
            format!(
                "Internal error occurred: failed calling webhook \"a.b\": failed to call webhook: {why}"
            )
        };
        let post = "Post \"https://a.b.svc:443/mutate?timeout=10s\": ";
        for (message, cause) in [
            (call(&format!("{post}context deadline exceeded")), Cause::Call(CallFailure::Silent)),
            (call(&format!("{post}dial tcp 10.0.0.1:8443: i/o timeout")), Cause::Call(CallFailure::Silent)),
            (call(&format!("{post}dial tcp 10.0.0.1:443: connect: connection refused")), Cause::Call(CallFailure::NoPod)),
            (call(&format!("{post}no endpoints available for service \"a\"")), Cause::Call(CallFailure::NoPod)),
            (call(&format!("{post}service \"a\" not found")), Cause::Call(CallFailure::NoService)),
            (call(&format!("{post}tls: failed to verify certificate: x509: certificate signed by unknown authority")), Cause::Call(CallFailure::Certificate)),
            (call(&format!("{post}remote error: tls: certificate required")), Cause::Call(CallFailure::Certificate)),
            (call("the server rejected our request for an unknown reason"), Cause::Call(CallFailure::Other)),
            ("admission webhook \"a.b\" does not support dry run".to_owned(), Cause::SideEffects),
            ("admission webhook \"a.b\" denied the request: i/o timeout".to_owned(), Cause::Denied),
            ("admission webhook \"a.b\" denied the request without explanation".to_owned(), Cause::Denied),
            ("pods \"a\" is forbidden: exceeded quota: all, requested: pods=1".to_owned(), Cause::Quota),
            ("pods \"a\" is forbidden: failed quota: all: must specify cpu".to_owned(), Cause::Quota),
            ("pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": x".to_owned(), Cause::PodSecurity),
            ("pods \"a\" is forbidden: error looking up service account demo/app: serviceaccount \"app\" not found".to_owned(), Cause::NoServiceAccount),
            ("pods \"a\" is forbidden: ValidatingAdmissionPolicy 'x' denied request: no".to_owned(), Cause::Other),
            (String::new(), Cause::Other),
        ] {
            let refusal = Refusal { by: RefusedBy::of_message(&message), message };
            assert_eq!(refusal.cause(), cause, "{}", refusal.message);
            let named = refusal.webhook();
            assert_eq!(named, (refusal.by == RefusedBy::Webhook).then_some("a.b"));
        }
    }
}
