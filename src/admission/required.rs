//! Pods that must not run without an identity: what `/mutate/required`
//! refuses.

use super::Outcome;

/// Why a pod is refused, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }
}

/// Whether a pod's creation is refused: it is unless it ends with an identity
/// for every container that takes part. `uncovered` names those that would run
/// without credentials, `key` the `ServiceAccount`, `reason` what failed.
#[must_use]
pub(super) fn refuse(
    outcome: Outcome,
    uncovered: &[String],
    key: &str,
    reason: Option<&str>,
) -> Option<Refusal> {
    let why = match outcome {
        Outcome::Mutated | Outcome::AlreadyComplete if uncovered.is_empty() => return None,
        // Not the creation of a pod: nothing that could be required of it.
        Outcome::MirrorPod | Outcome::NotAPod | Outcome::NotServed | Outcome::NoVolume => {
            return None;
        }
        // Answered as an HTTP error; there is no review to answer.
        Outcome::BadRequest => return None,
        Outcome::Mutated | Outcome::AlreadyComplete => format!(
            "container {} would run without credentials: remove what stands at the token's mount \
             path or in its AWS_ variables, or skip the container by annotation",
            uncovered.join(", ")
        ),
        Outcome::NotConfigured => format!(
            "ServiceAccount {key} has no role: annotate it with the role's ARN, then create the \
             pod again"
        ),
        Outcome::NoContainers => "skip-containers and include-containers leave no container that \
             takes part: correct the pod's annotations"
            .to_owned(),
        Outcome::LookupFailed => format!(
            "the identity of ServiceAccount {key} could not be looked up ({}): create the pod \
             again in a moment",
            reason.unwrap_or("no reason given")
        ),
    };
    Some(Refusal(format!("this pod must not run without an AWS identity: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_must_and_nothing_else() {
        for outcome in Outcome::ALL {
            let must = matches!(
                outcome,
                Outcome::NotConfigured | Outcome::NoContainers | Outcome::LookupFailed
            );
            let refusal = refuse(outcome, &[], "demo/app", None);
            assert_eq!(refusal.is_some(), must, "{outcome}");
        }
    }

    #[test]
    fn refuses_a_pod_that_leaves_a_container_without_credentials() {
        let uncovered = ["app".to_owned(), "sidecar".to_owned()];
        for outcome in [Outcome::Mutated, Outcome::AlreadyComplete] {
            let refusal = refuse(outcome, &uncovered, "demo/app", None);
            let message = refusal.expect("two containers lack credentials").0;
            assert!(message.contains("app, sidecar"), "{message}");
        }
    }

    #[test]
    fn says_why_the_lookup_failed() {
        let refusal = refuse(Outcome::LookupFailed, &[], "demo/app", Some("timed out"));
        assert!(refusal.expect("refused").0.contains("timed out"));
    }
}
