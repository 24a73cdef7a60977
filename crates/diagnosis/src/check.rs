//! Checks, what they found, and which of them stand on which.

use serde::Serialize;

/// All checks in the order in which a pod's way to its credentials needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was diagnosed, such as `deployment/app in namespace demo`.
    pub subject: String,
    /// NAMESPACE/NAME of its ServiceAccount; without a name where that could not be read.
    #[serde(skip_serializing_if = "is_without_name")]
    pub service_account: String,
    /// The result of all checks together.
    #[serde(skip)]
    pub result: Status,
    /// The checks in their order.
    pub checks: Vec<Check>,
    /// What is not known of the webhook's configuration, or not as the command line says.
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
    #[serde(rename = "message")]
    pub seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The check that has to pass first, of one that is skipped for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<&'static str>,
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
    /// It could not be looked at, and should have been. Of a report: nothing failed, and
    /// something could not be looked at.
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
    /// It could not be looked at, and neither can what stands on it.
    Unreachable {
        /// Why not.
        seen: String,
        /// What to do about it.
        next: String,
    },
    /// There is nothing to look at, or nobody gave it.
    Nothing(String),
}

/// The checks so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    done: Vec<Check>,
}

impl Finding {
    pub(super) fn pass(seen: impl Into<String>) -> Self {
        Self::Pass(seen.into())
    }

    pub(super) fn fail(seen: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Fail { seen: seen.into(), next: next.into() }
    }
}

impl Report {
    /// Whether the name of the ServiceAccount is known.
    #[must_use]
    pub fn has_service_account(&self) -> bool {
        !is_without_name(&self.service_account)
    }
}

fn is_without_name(service_account: &str) -> bool {
    service_account.ends_with('/')
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
        let mut blocked = self.done.iter().filter(|done| needs.contains(&done.id));
        let is = |status, seen, next, needs| Check { id, status, seen, next, needs };
        let check = match blocked.find_map(Check::broken_link) {
            Some(broken) => {
                let why = format!("needs the {broken} check to pass");
                is(Status::Skipped, why, None, Some(broken))
            }
            None => match look() {
                Finding::Pass(seen) => is(Status::Pass, seen, None, None),
                Finding::Fail { seen, next } => is(Status::Fail, seen, Some(next), None),
                Finding::Unknown(why) => is(Status::Unknown, why, None, None),
                Finding::Unreachable { seen, next } => is(Status::Unknown, seen, Some(next), None),
                Finding::Nothing(why) => is(Status::Skipped, why, None, None),
            },
        };
        self.done.push(check);
    }

    pub(super) fn report(self, subject: String, service_account: String) -> Report {
        let worst = self.done.iter().map(|check| check.status).max_by_key(|it| it.rank());
        let result = match worst {
            Some(Status::Fail) => Status::Fail,
            Some(Status::Unknown) => Status::Unknown,
            Some(Status::Pass | Status::Skipped) | None => Status::Pass,
        };
        Report { subject, service_account, result, checks: self.done, notes: Vec::new() }
    }
}

impl Check {
    /// The check that has to pass first, where those that stand on this one can't be made: itself, or
    /// the one that it stands on.
    fn broken_link(&self) -> Option<&'static str> {
        // Of those that are unknown, only what is out of reach has a next step.
        let is_unreachable = self.status == Status::Unknown && self.next.is_some();
        if self.status == Status::Fail || is_unreachable { Some(self.id) } else { self.needs }
    }

    /// Whether it failed, or could not be looked at.
    pub(super) fn is_worth_a_word(&self) -> bool {
        matches!(self.status, Status::Fail | Status::Unknown)
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

    /// Its word, in texts and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
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
        let needs: Vec<_> = report.checks.iter().map(|check| check.needs).collect();
        assert_eq!(needs, [None, Some("a"), Some("a"), None]);
    }

    #[test]
    fn goes_on_where_something_could_not_be_looked_at_and_says_so_in_the_end() {
        let mut checks = Checks::default();
        checks.run("a", &[], || Finding::Unknown("forbidden".to_owned()));
        checks.run("b", &["a"], || Finding::pass("well"));
        let report = checks.report(String::new(), String::new());
        assert_eq!((report.checks[1].status, report.result), (Status::Pass, Status::Unknown));
        let mut checks = Checks::default();
        let (seen, next) = ("down".to_owned(), "start it".to_owned());
        checks.run("a", &[], || Finding::Unreachable { seen, next });
        checks.run("b", &["a"], || panic!("it can't be told"));
        let report = checks.report(String::new(), String::new());
        assert_eq!((report.checks[1].status, report.result), (Status::Skipped, Status::Unknown));
        let mut checks = Checks::default();
        checks.run("a", &[], || Finding::Nothing("not given".to_owned()));
        assert_eq!(checks.report(String::new(), String::new()).result, Status::Pass);
    }
}
