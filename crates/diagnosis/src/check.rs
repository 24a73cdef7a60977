//! Checks, what they found, and which of them stand on which.

use std::fmt;

use serde::Serialize;
use text::Line;

/// All checks in the order in which a pod's way to its credentials needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was diagnosed, such as `deployment/app in namespace demo`.
    pub subject: String,
    /// NAMESPACE/NAME of its ServiceAccount.
    pub service_account: String,
    /// The result of all checks together.
    pub result: Status,
    /// The checks in their order.
    pub checks: Vec<Check>,
    /// What is not known of the webhook's configuration, or not as the command line says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its kebab-case name, such as `trust-policy`.
    pub id: &'static str,
    /// Its result.
    pub status: Status,
    /// What was found, or why nobody looked.
    pub seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Checks that depend on it are skipped.
    #[serde(skip)]
    blocks: bool,
    /// It could not be looked at, and should have been.
    #[serde(skip)]
    unknown: bool,
}

/// The result of a check, or of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything is as it should be.
    Pass,
    /// A link is broken.
    Fail,
    /// Not looked at: it needs another check to pass first, or there is nothing to look at.
    Skipped,
    /// Of a report: nothing failed, and something could not be looked at.
    Unknown,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be; what was seen.
    Pass(String),
    /// It is broken.
    Fail {
        /// What was seen.
        seen: String,
        /// What to do about it.
        next: String,
    },
    /// It could not be looked at, and should have been.
    Unknown(String),
    /// There is nothing to look at, or nobody gave it.
    Nothing(String),
}

/// The checks so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    done: Vec<Check>,
    unknown: bool,
}

impl Finding {
    pub(super) fn pass(seen: impl Into<String>) -> Self {
        Self::Pass(seen.into())
    }

    pub(super) fn fail(seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Fail { seen: seen.into(), next: next.into() }
    }
}

impl Checks {
    /// Runs a check, unless one that it stands on failed, so that of a chain
    /// the one broken link is named.
    pub(super) fn run(
        &mut self,
        id: &'static str,
        needs: &[&'static str],
        look: impl FnOnce() -> Finding,
    ) {
        let broken = self.done.iter().find(|done| done.blocks && needs.contains(&done.id));
        let skipped = |seen, blocks, unknown| Check {
            id,
            status: Status::Skipped,
            seen,
            next: None,
            blocks,
            unknown,
        };
        let check = match broken {
            Some(broken) => skipped(format!("needs the {} check to pass", broken.id), true, false),
            None => match look() {
                Finding::Pass(seen) => Check {
                    id,
                    status: Status::Pass,
                    seen,
                    next: None,
                    blocks: false,
                    unknown: false,
                },
                Finding::Fail { seen, next } => Check {
                    id,
                    status: Status::Fail,
                    seen,
                    next: Some(next),
                    blocks: true,
                    unknown: false,
                },
                Finding::Unknown(why) => {
                    self.unknown = true;
                    skipped(why, false, true)
                }
                Finding::Nothing(why) => skipped(why, false, false),
            },
        };
        self.done.push(check);
    }

    pub(super) fn report(self, subject: String, service_account: String) -> Report {
        let failed = self.done.iter().any(|check| check.status == Status::Fail);
        let result = match (failed, self.unknown) {
            (true, _) => Status::Fail,
            (false, true) => Status::Unknown,
            (false, false) => Status::Pass,
        };
        Report { subject, service_account, result, checks: self.done, notes: Vec::new() }
    }
}

impl Check {
    /// Whether it failed, or could not be looked at.
    pub(super) fn is_worth_a_word(&self) -> bool {
        self.status == Status::Fail || self.unknown
    }
}

impl Status {
    /// The worse, the higher.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Pass | Self::Skipped => 0,
            Self::Unknown => 1,
            Self::Fail => 2,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = format_args!("{}, ServiceAccount {}", self.subject, self.service_account);
        writeln!(f, "{}", Line(subject))?;
        let width = self.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
        for Check { id, status, seen, next, .. } in &self.checks {
            write!(f, "{}", Line(format_args!("{:7}  {id:width$}  {seen}", status.word())))?;
            if let Some(next) = next {
                write!(f, "{}", Line(format_args!("{:7}  {:width$}  next: {next}", "", "")))?;
            }
        }
        for note in &self.notes {
            write!(f, "{}", Line(format_args!("{:7}  {note}", "note")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_what_stands_on_a_broken_link_however_far() {
        let mut checks = Checks::default();
        checks.run("a", &[], || Finding::fail("broken", "mend it"));
        checks.run("b", &["a"], || panic!("it can't be told"));
        checks.run("c", &["b"], || panic!("it can't be told"));
        checks.run("d", &[], || Finding::pass("well"));
        let report = checks.report(String::new(), String::new());
        let words: Vec<_> = report.checks.iter().map(|check| check.status).collect();
        assert_eq!(words, [Status::Fail, Status::Skipped, Status::Skipped, Status::Pass]);
        assert_eq!(report.result, Status::Fail);
    }

    #[test]
    fn goes_on_where_something_could_not_be_looked_at_and_says_so_in_the_end() {
        let mut checks = Checks::default();
        checks.run("a", &[], || Finding::Unknown("forbidden".to_owned()));
        checks.run("b", &["a"], || Finding::pass("well"));
        let report = checks.report(String::new(), String::new());
        assert_eq!((report.checks[1].status, report.result), (Status::Pass, Status::Unknown));
        let mut checks = Checks::default();
        checks.run("a", &[], || Finding::Nothing("not given".to_owned()));
        assert_eq!(checks.report(String::new(), String::new()).result, Status::Pass);
    }
}
