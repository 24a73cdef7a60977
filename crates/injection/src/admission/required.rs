//! Pods that must not run without an identity: what `/mutate/required`
//! refuses.

use text::escaped;

use super::Outcome;
use crate::identity::Key;

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
/// without credentials, `reason` what failed.
#[must_use]
pub(super) fn refuse(
    outcome: Outcome,
    key: Key<'_>,
    uncovered: &[String],
    reason: Option<&str>,
) -> Option<Refusal> {
    let why = match outcome {
        Outcome::Mutated | Outcome::AlreadyComplete | Outcome::MirrorPod => return None,
        // Not the creation of a pod, or nothing that could be answered.
        Outcome::NotAPod | Outcome::NotServed | Outcome::NoVolume | Outcome::BadRequest => {
            return None;
        }
        Outcome::NoCredentials => format!(
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
    let message = format!("this pod must not run without an AWS identity: {why}");
    Some(Refusal(escaped(&message).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Key<'static> = Key { namespace: "demo", name: "app" };

    #[test]
    fn refuses_what_it_must_and_nothing_else() {
        for outcome in Outcome::ALL {
            let must = matches!(
                outcome,
                Outcome::NotConfigured
                    | Outcome::NoContainers
                    | Outcome::NoCredentials
                    | Outcome::LookupFailed
            );
            assert_eq!(refuse(outcome, APP, &[], None).is_some(), must, "{outcome}");
        }
    }

    #[test]
    fn names_the_containers_and_what_failed() {
        let uncovered = ["app".to_owned(), "sidecar".to_owned()];
        let refusal = refuse(Outcome::NoCredentials, APP, &uncovered, None).expect("refused");
        assert!(refusal.message().contains("app, sidecar"), "{refusal:?}");
        let refusal = refuse(Outcome::LookupFailed, APP, &[], Some("timed out")).expect("refused");
        assert!(refusal.message().contains("timed out"), "{refusal:?}");
    }
}
