//! Pods that must not run without an identity: what `/mutate/required`
//! refuses.

use std::fmt;

use text::{escaped, shortened};

use super::Outcome;
use crate::identity::Key;
use crate::mutation::Problem;

/// Why a pod is denied, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    /// One sentence for the user, which says why and what to do. `kubectl`
    /// prints it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }
}

/// The containers that would run without credentials: the first few by name,
/// and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uncovered {
    names: Vec<String>,
    reasons: Vec<String>,
    more: usize,
    /// Whether other containers take part.
    has_others: bool,
}

impl Uncovered {
    const NAMED: usize = 5;
    const EXPLAINED: usize = 3;

    /// `taking_part`: how many containers take part, those of `all` among them.
    pub(super) fn of<'n>(
        mut all: impl Iterator<Item = (&'n str, Problem<'n>)>,
        taking_part: usize,
    ) -> Self {
        let reason = |why: Problem<'_>| format!("{}; {}", why.what(), why.advice());
        let first = all.by_ref().take(Self::NAMED);
        // A container's name has 63 characters at most.
        let (names, reasons): (Vec<_>, _) =
            first.map(|(name, why)| (shortened(name, 63), reason(why))).unzip();
        let more = all.count();
        let has_others = names.len() + more < taking_part;
        Self { names, reasons, more, has_others }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl fmt::Display for Uncovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.names.len() > 1;
        f.write_str(if several { "containers " } else { "container " })?;
        f.write_str(&self.names.join(", "))?;
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        f.write_str(" would run without credentials (")?;
        let explained = self.names.iter().zip(&self.reasons).take(Self::EXPLAINED);
        for (place, (name, reason)) in explained.enumerate() {
            let separator = if place == 0 { "" } else { ". " };
            let name = if several { format!("{}: ", shortened(name, 24)) } else { String::new() };
            write!(f, "{separator}{name}{reason}")?;
        }
        f.write_str(")")?;
        match (self.has_others, several) {
            // Without any container the pod is refused, too.
            (false, _) => Ok(()),
            (true, false) => f.write_str("; or name the container in skip-containers"),
            (true, true) => f.write_str("; or name the containers in skip-containers"),
        }
    }
}

/// Whether a pod's creation is refused: it is unless it ends with an identity
/// for every container that takes part. `uncovered` names those that would run
/// without credentials, `reason` what failed.
#[must_use]
pub(super) fn refuse(
    outcome: Outcome,
    key: Key<'_>,
    uncovered: &Uncovered,
    reason: Option<&str>,
) -> Option<Refusal> {
    let why = match outcome {
        Outcome::Mutated
        | Outcome::AlreadyComplete
        | Outcome::MirrorPod
        // Not the creation of a pod, or nothing that could be answered.
        | Outcome::NotAPod
        | Outcome::NotServed
        | Outcome::NoVolume
        | Outcome::PatchTooLarge
        | Outcome::BadRequest => return None,
        Outcome::NoCredentials => uncovered.to_string(),
        Outcome::NotConfigured => format!(
            "ServiceAccount {key} has no role; annotate it with the role's ARN, then create the \
             pod again"
        ),
        Outcome::NoContainers => "skip-containers and include-containers leave out every container; \
             correct the pod's annotations"
            .to_owned(),
        Outcome::LookupFailed => format!(
            "failed to look up the identity of ServiceAccount {key} ({}); create the pod again \
             later",
            shortened(reason.unwrap_or("reason unknown"), 500)
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
            assert_eq!(
                refuse(outcome, APP, &Uncovered::default(), None).is_some(),
                must,
                "{outcome}"
            );
        }
    }

    #[test]
    fn names_the_containers_and_what_failed() {
        let half = Problem::HalfPair { has: "A", lacks: "B" };
        let uncovered = [("app", half), ("sidecar", Problem::OwnCredentials("C"))];
        let of = |taking_part| Uncovered::of(uncovered.into_iter(), taking_part);
        let uncovered = of(2);
        let refusal = refuse(Outcome::NoCredentials, APP, &uncovered, None).expect("refused");
        let wanted = "containers app, sidecar would run without credentials \
                      (app: A is set without B; set both or neither. sidecar: its C ";
        assert!(refusal.message().contains(wanted), "{refusal:?}");
        assert!(!refusal.message().contains("skip-containers"), "{refusal:?}");
        let refusal = refuse(Outcome::NoCredentials, APP, &of(3), None).expect("refused");
        let wanted = "; remove it); or name the containers in skip-containers";
        assert!(refusal.message().ends_with(wanted), "{refusal:?}");
        let refusal = refuse(Outcome::LookupFailed, APP, &Uncovered::default(), Some("timed out"))
            .expect("refused");
        assert!(refusal.message().contains("timed out"), "{refusal:?}");
    }

    #[test]
    fn stays_short_whatever_the_names_and_the_reason() {
        let long = "x".repeat(1 << 20);
        let taken = Problem::MountPathTaken { by: &long, has_token: false };
        let uncovered = Uncovered::of(std::iter::repeat_n((long.as_str(), taken), 10_000), 20_000);
        let refusal = refuse(Outcome::NoCredentials, APP, &uncovered, None).expect("refused");
        assert!(refusal.message().contains("… and 9995 more would run"), "{refusal:?}");
        assert!(refusal.message().len() < 1_000);
        let refusal = refuse(Outcome::LookupFailed, APP, &uncovered, Some(&long));
        assert!(refusal.expect("refused").message().len() < 1_000);
    }
}
