//! The documents that commands print for programs: `docs/schemas/report.v1.schema.json` describes
//! them, and `tests/offline/program/schema.rs` holds each command to it.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::output;
use crate::cli::DataFormat;
use diagnosis::Status;
use issuer::Outcome;

/// Changes when a member is renamed or goes; new ones may come at any time.
const API_VERSION: &str = "pod-identity-webhook/v1";

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Kind {
    /// Of `audit`.
    AuditReport,
    /// Of `doctor` with a target.
    DoctorReport,
    /// Of `doctor` without one.
    DoctorSurvey,
    /// Of `issuer documents`.
    IssuerDocuments,
    /// Of `issuer rotate` and `issuer migrate`.
    IssuerPlan,
    /// Of the same with `--step`.
    IssuerPlanStep,
    /// Of `issuer verify`.
    IssuerReport,
    /// Of `iam lint`.
    LintReport,
    /// Of `audit --restart`.
    RestartPlan,
    /// Of `iam simulate`.
    SimulationReport,
}

/// How a check or a finding ended: the words of all documents, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    /// Not looked at, as another check has to pass first or there is nothing to look at.
    Skipped,
    Pass,
    /// It can work, and is likely not what was meant.
    Warning,
    /// It could not be looked at.
    Unknown,
    Fail,
}

/// All checks or findings of a document in one word, and how many have which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    status: Word,
    counts: BTreeMap<Word, usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, T> {
    api_version: &'static str,
    kind: Kind,
    #[serde(flatten)]
    body: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

/// Prints a document. Its summary comes last.
pub(super) fn print(
    format: DataFormat,
    kind: Kind,
    body: &impl Serialize,
    summary: impl Into<Option<Summary>>,
) -> io::Result<()> {
    let document = Document { api_version: API_VERSION, kind, body, summary: summary.into() };
    match format {
        DataFormat::Json => output::out().json(&document),
        DataFormat::Yaml => output::out().yaml(&document, &["apiVersion", "kind"]),
    }
}

impl Summary {
    /// Of these; the worst counts, and where there are none all is well.
    pub(super) fn of(words: impl IntoIterator<Item = Word>) -> Self {
        let all = [Word::Pass, Word::Fail, Word::Warning, Word::Unknown, Word::Skipped];
        let mut counts: BTreeMap<Word, usize> = all.into_iter().map(|word| (word, 0)).collect();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
        let worst = counts.iter().rev().find(|(_, count)| **count > 0).map(|(word, _)| *word);
        Self { status: worst.unwrap_or(Word::Pass).max(Word::Pass), counts }
    }

    /// At least as bad as this, of which no item tells.
    pub(super) fn at_least(mut self, word: Word) -> Self {
        self.status = self.status.max(word);
        self
    }
}

impl From<Status> for Word {
    fn from(status: Status) -> Self {
        match status {
            Status::Pass => Self::Pass,
            Status::Fail => Self::Fail,
            Status::Skipped => Self::Skipped,
            Status::Unknown => Self::Unknown,
        }
    }
}

impl From<Outcome> for Word {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::Fail => Self::Fail,
            Outcome::Skip => Self::Skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_as_bad_as_the_worst_of_its_items() {
        for (words, status) in [
            (&[][..], Word::Pass),
            (&[Word::Skipped, Word::Skipped], Word::Pass),
            (&[Word::Pass, Word::Warning], Word::Warning),
            (&[Word::Unknown, Word::Warning, Word::Pass], Word::Unknown),
            (&[Word::Unknown, Word::Fail], Word::Fail),
        ] {
            let summary = Summary::of(words.iter().copied());
            assert_eq!((summary.status, summary.counts.len()), (status, 5));
            assert_eq!(summary.counts.values().sum::<usize>(), words.len());
        }
        assert_eq!(Summary::of([]).at_least(Word::Unknown).status, Word::Unknown);
    }
}
