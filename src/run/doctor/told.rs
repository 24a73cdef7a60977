//! `doctor` on paper: checks as they are made, then where to begin.

use std::fmt::Write as _;
use std::io::{self, Write};

use diagnosis::{Check, Report, Status, Survey, SurveyedAccount};

use crate::run::output::{Head, Lines, Tone};

/// The widest names of checks.
const ID: usize = 18;

/// The widest status.
const WORD: usize = 7;

/// How many names one line has.
const MOST_NAMES: usize = 10;

/// A report that is told while it is made.
#[derive(Debug)]
pub(super) struct Told<W> {
    out: Lines<W>,
    /// Nothing is folded.
    wide: bool,
    /// How many checks.
    count: usize,
    failed: Option<io::Error>,
}

impl<W: Write> Told<W> {
    pub(super) fn new(out: Lines<W>, wide: bool) -> Self {
        Self { out, wide, count: 0, failed: None }
    }

    /// The checks that are made so far. Those that are skipped can wait for their like.
    pub(super) fn so_far(&mut self, report: &Report) {
        if self.failed.is_none() {
            self.failed = self.tell(report).err();
        }
    }

    fn tell(&mut self, report: &Report) -> io::Result<()> {
        if self.count == 0 {
            let mut subject = report.subject.clone();
            if report.has_service_account() {
                let _ = write!(subject, ", ServiceAccount {}", report.service_account);
            }
            self.out.prose(Head::new().hanging(2), subject)?;
        }
        for check in report.checks.iter().skip(self.count) {
            if self.wide || check.status != Status::Skipped {
                write(&mut self.out, check, check.id)?;
            }
        }
        self.count = report.checks.len();
        self.out.flush()
    }

    /// The rest of it.
    pub(super) fn end(mut self, report: &Report) -> io::Result<()> {
        self.so_far(report);
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.wide {
            fold(&mut self.out, &report.checks)?;
        }
        notes(&mut self.out, &report.notes)?;
        self.out.line("")?;
        let counts = counted(report.checks.iter().map(|check| check.status));
        let plural = if report.checks.len() == 1 { "" } else { "s" };
        self.out.line(format_args!("{} check{plural}: {counts}", report.checks.len()))?;
        begin_here(&mut self.out, report.checks.iter(), |check| check.id.to_owned())
    }
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Pass => Tone::Good,
        Status::Fail => Tone::Bad,
        Status::Skipped => Tone::Faint,
        Status::Unknown => Tone::Doubtful,
    }
}

/// A check, and what to do about it below.
fn write(out: &mut Lines<impl Write>, check: &Check, name: &str) -> io::Result<()> {
    let Check { status, seen, next, .. } = check;
    let head = Head::new().column(Some(tone(*status)), status.word(), WORD);
    out.prose(head.column(None, name, ID), seen)?;
    if let Some(next) = next {
        let head = Head::new().column(None, "", WORD).column(None, "", ID);
        out.prose(head.tone(Tone::Strong, "next: "), next)?;
    }
    Ok(())
}

/// Those that were skipped, by why.
fn fold(out: &mut Lines<impl Write>, checks: &[Check]) -> io::Result<()> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in checks.iter().filter(|check| check.status == Status::Skipped) {
        match reasons.iter_mut().find(|(why, _)| *why == check.seen) {
            Some((_, ids)) => ids.push(check.id),
            None => reasons.push((&check.seen, vec![check.id])),
        }
    }
    for (why, ids) in reasons {
        let head = Head::new().column(Some(Tone::Faint), "skipped", WORD);
        match ids.as_slice() {
            [id] => out.prose(head.column(None, id, ID), why)?,
            ids => {
                let head = head.column(None, &format!("{} checks", ids.len()), ID);
                out.prose(head, format_args!("{why}: {}", ids.join(", ")))?;
            }
        }
    }
    Ok(())
}

fn notes(out: &mut Lines<impl Write>, notes: &[String]) -> io::Result<()> {
    let head = || Head::new().column(Some(Tone::Faint), "note", WORD);
    notes.iter().try_for_each(|note| out.prose(head(), note))
}

/// How many there are of each, the worst first.
fn counted(statuses: impl Iterator<Item = Status>) -> String {
    let mut counts = [0_usize; 4];
    let place = |status: Status| match status {
        Status::Fail => 0,
        Status::Unknown => 1,
        Status::Pass => 2,
        Status::Skipped => 3,
    };
    statuses.for_each(|status| counts[place(status)] += 1);
    let words = ["failed", "unknown", "passed", "skipped"];
    let counts = counts.iter().zip(words).filter(|(count, _)| **count > 0);
    counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// The first that failed, or else the first that could not be made; nothing where all is well.
fn begin_here<'a>(
    out: &mut Lines<impl Write>,
    mut checks: impl Iterator<Item = &'a Check> + Clone,
    name: impl Fn(&Check) -> String,
) -> io::Result<()> {
    let failed = checks.clone().find(|check| check.status == Status::Fail);
    let head = Head::new().word(Tone::Strong, "begin here:");
    if let Some(check) = failed {
        let next = check.next.as_deref().unwrap_or(&check.seen);
        return out.prose(head, format_args!("{}: {next}", name(check)));
    }
    match checks.find(|check| check.status == Status::Unknown) {
        Some(check) => {
            out.prose(head, format_args!("{} could not be checked: {}", name(check), check.seen))
        }
        None => Ok(()),
    }
}

/// All `ServiceAccount`s with a role.
pub(super) fn survey(out: &mut Lines<impl Write>, survey: &Survey, wide: bool) -> io::Result<()> {
    survey.checks.iter().try_for_each(|check| write(out, check, check.id))?;
    let mut well = Vec::new();
    for account in &survey.service_accounts {
        let SurveyedAccount { namespace, name, checks, .. } = account;
        for check in checks {
            let Check { id, status, seen, next, .. } = check;
            let head = Head::new().column(Some(tone(*status)), status.word(), WORD);
            let head = head.hanging(WORD + 2);
            out.prose(head, format_args!("{namespace}/{name}  {id}: {seen}"))?;
            if let Some(next) = next {
                let head = Head::new().column(None, "", WORD);
                out.prose(head.tone(Tone::Strong, "next: "), next)?;
            }
        }
        if checks.is_empty() && wide {
            let head = Head::new().column(Some(tone(account.result)), account.result.word(), WORD);
            out.prose(head, format_args!("{namespace}/{name}  {}", pods(account)))?;
        } else if checks.is_empty() {
            well.push(format!("{namespace}/{name}"));
        }
    }
    if !well.is_empty() {
        let head = Head::new().column(Some(Tone::Good), "pass", WORD);
        let named = well.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
        let more = match well.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let plural = if well.len() == 1 { "" } else { "s" };
        let text = format!("{} ServiceAccount{plural}: {named}{more}", well.len());
        out.prose(head, text)?;
    }
    notes(out, &survey.notes)?;
    out.line("")?;
    let accounts = &survey.service_accounts;
    let counts = counted(accounts.iter().map(|account| account.result));
    let counts = if counts.is_empty() { "none".to_owned() } else { counts };
    let plural = if accounts.len() == 1 { "" } else { "s" };
    out.line(format_args!("{} ServiceAccount{plural} with a role: {counts}", accounts.len()))?;
    let of_accounts = accounts.iter().flat_map(|account| &account.checks);
    let owner = |check: &Check| {
        let is_of =
            |account: &&SurveyedAccount| account.checks.iter().any(|it| std::ptr::eq(it, check));
        match accounts.iter().find(is_of) {
            Some(SurveyedAccount { namespace, name, .. }) => {
                format!("{namespace}/{name}: {}", check.id)
            }
            None => check.id.to_owned(),
        }
    };
    begin_here(out, survey.checks.iter().chain(of_accounts), owner)
}

fn pods(account: &SurveyedAccount) -> String {
    let states = account.pods.iter().map(|(it, count)| format!("{count} {}", it.as_str()));
    let states = states.collect::<Vec<_>>().join(", ");
    if states.is_empty() { "no pods".to_owned() } else { format!("pods: {states}") }
}
