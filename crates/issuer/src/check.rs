//! Checks and their outcome, as a report lists them.

use serde::Serialize;

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuerCheck {
    /// Stable: scripts read it.
    pub id: &'static str,
    pub outcome: Outcome,
    pub found: String,
    /// The one next step of a check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What is allowed and yet makes trouble.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Pass,
    Fail,
    /// It could not be checked; why is told.
    Skip,
}

impl IssuerCheck {
    #[must_use]
    pub fn pass(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Outcome::Pass, found.into(), None)
    }

    #[must_use]
    pub fn fail(id: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(id, Outcome::Fail, found.into(), Some(next.into()))
    }

    #[must_use]
    pub fn skip(id: &'static str, why: impl Into<String>) -> Self {
        Self::new(id, Outcome::Skip, why.into(), None)
    }

    #[must_use]
    pub fn remarking(mut self, remarks: impl IntoIterator<Item = String>) -> Self {
        self.remarks.extend(remarks);
        self
    }

    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcome == Outcome::Fail
    }

    fn new(id: &'static str, outcome: Outcome, found: String, next: Option<String>) -> Self {
        Self { id, outcome, found, next, remarks: Vec::new() }
    }
}

impl Outcome {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}
