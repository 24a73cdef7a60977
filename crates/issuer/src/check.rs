//! Checks and their outcome, as a report lists them.

use serde::Serialize;

/// One requirement on an issuer, and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuerCheck {
    /// A stable, kebab-case name for scripts.
    pub id: &'static str,
    /// Whether the requirement is met.
    #[serde(rename = "status")]
    pub outcome: Outcome,
    /// What was found, as one sentence for people. For a skipped check, why it
    /// was skipped.
    #[serde(rename = "message")]
    pub found: String,
    /// What to do, for a check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Things that are allowed but often cause trouble, one sentence each.
    #[serde(rename = "notes", skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The result of an [`IssuerCheck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The requirement is met.
    Pass,
    /// The requirement is not met; the check's `next` says what to do.
    Fail,
    /// The requirement could not be checked; the check's `found` says why.
    #[serde(rename = "skipped")]
    Skip,
}

impl IssuerCheck {
    /// A check that passed. `found` says what was seen.
    #[must_use]
    pub fn pass(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Outcome::Pass, found.into(), None)
    }

    /// A check that failed. `found` says what is wrong, `next` the one step
    /// that corrects it.
    #[must_use]
    pub fn fail(id: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(id, Outcome::Fail, found.into(), Some(next.into()))
    }

    /// A check that could not be made. `why` says what it needs.
    #[must_use]
    pub fn skip(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(id, Outcome::Skip, why.into(), None)
    }

    /// Adds remarks: things that are allowed but often cause trouble. The
    /// outcome stays.
    #[must_use]
    pub(crate) fn remarking(mut self, remarks: impl IntoIterator<Item = String>) -> Self {
        self.remarks.extend(remarks);
        self
    }

    /// Whether the check failed. A skipped check has not failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcome == Outcome::Fail
    }

    fn new(id: &'static str, outcome: Outcome, found: String, next: Option<String>) -> Self {
        Self { id, outcome, found, next, remarks: Vec::new() }
    }
}

impl Outcome {
    /// The outcome as one lower-case word: `pass`, `fail` or `skipped`. The same
    /// word is in the JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skipped",
        }
    }
}
