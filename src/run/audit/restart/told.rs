//! The plan and what becomes of it, on paper.

use std::io::{self, Write};

use diagnosis::{Action, RestartPlan, Status, Step};

use crate::restart::{Carried, Done, Ended, Outcome};
use crate::run::output::{self, Head, Lines, Tone, table};

const COLUMNS: [&str; 8] =
    ["NAMESPACE", "OWNER", "ACTION", "PODS", "REASON", "SERVICEACCOUNT", "NAMES", "NEXT"];

/// The columns that every row has; the others are wide.
const NARROW: usize = 5;

/// How many pods one row names.
const MOST_NAMES: usize = 5;

/// The widest first word of a line.
const WORD: usize = 9;

/// A row for each step, then those that stay as they are.
pub(super) fn plan(out: &mut Lines<impl Write>, plan: &RestartPlan, wide: bool) -> io::Result<()> {
    let steps = plan.steps.iter().map(|step| {
        let action = table::Cell::toned(Tone::Good, step.action.as_str());
        let names: Vec<&str> = step.pods.iter().map(|pod| pod.name.as_str()).collect();
        let more = (step.service_account.as_str(), names, String::new());
        row(&step.namespace, &step.owner.object(), action, &step.why(), more, wide)
    });
    let refused = plan.refused.iter().map(|it| {
        let tone = if it.why.status() == Status::Unknown { Tone::Doubtful } else { Tone::Bad };
        let action = table::Cell::toned(tone, "none");
        let names: Vec<&str> = it.pods.iter().map(String::as_str).collect();
        let more = (it.service_account.as_str(), names, it.why.next(&it.owner).unwrap_or_default());
        row(&it.namespace, &it.owner.object(), action, &it.why.message(), more, wide)
    });
    let rows: Vec<_> = steps.chain(refused).collect();
    if rows.is_empty() {
        return Ok(());
    }
    out.table(if wide { &COLUMNS } else { &COLUMNS[..NARROW] }, &rows)
}

fn row(
    namespace: &str,
    owner: &str,
    action: table::Cell,
    why: &str,
    (account, names, next): (&str, Vec<&str>, String),
    wide: bool,
) -> Vec<table::Cell> {
    let mut row = vec![
        table::Cell::plain(namespace),
        table::Cell::plain(owner),
        action,
        table::Cell::plain(&names.len().to_string()),
        table::Cell::plain(why),
    ];
    if wide {
        let account = account.split_once('/').map_or("", |(_, name)| name);
        let first = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(",");
        let pods = match names.len().saturating_sub(MOST_NAMES) {
            0 => first,
            more => format!("{first}+{more}"),
        };
        row.extend([account, &pods, &next].map(table::Cell::plain));
    }
    row
}

/// What would be done, in one line.
pub(super) fn summary(plan: &RestartPlan) -> String {
    let left = match plan.refused_pods() {
        0 => String::new(),
        1 => ", leave 1 pod as it is".to_owned(),
        count => format!(", leave {count} pods as they are"),
    };
    match plan.pods() {
        0 if plan.refused.is_empty() => "no pod needs a restart".to_owned(),
        0 => format!("plan: restart no pod{left}"),
        count => format!(
            "plan: restart {} of {}{left}; nothing is changed yet: --yes tries the replacements, then restarts",
            counted(count, "pod"),
            counted(plan.steps.len(), "workload"),
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How many times a step is waited for: once for each pod, or for the rollout.
pub(super) fn parts(step: &Step) -> usize {
    match step.action {
        Action::Evict => step.pods.len(),
        Action::Rollout => 1,
    }
}

/// A line for what is done.
pub(super) fn done(step: &Step, done: &Done) -> io::Result<()> {
    let what = match step.action {
        Action::Evict => format!("{}, of {}", done.what, step.owner.object()),
        Action::Rollout => done.what.clone(),
    };
    let (tone, word, text) = match &done.outcome {
        Outcome::Replaced(names) => {
            let ready = match names.len() {
                1 => "is ready and has its identity",
                _ => "are ready and have their identity",
            };
            let names = names.join(", ");
            (Tone::Good, "restarted", format!("{what}: {names} {ready}"))
        }
        Outcome::RolledOut => {
            let text = format!("{what}: all its pods are new and have their identity");
            (Tone::Good, "restarted", text)
        }
        Outcome::Gone => (Tone::Faint, "gone", format!("{what}: it was gone already")),
        Outcome::NotNeeded => {
            (Tone::Faint, "fine", format!("{what}: it has its identity now and needs no restart"))
        }
        Outcome::NotWanted => {
            let text = format!(
                "{what}: its workload was scaled down or deleted, and wants none in its place"
            );
            (Tone::Faint, "evicted", text)
        }
        Outcome::Skipped(why) => {
            let next = why.next(&step.owner).map(|next| format!("; {next}")).unwrap_or_default();
            (Tone::Doubtful, "skipped", format!("{what}: {}{next}", why.message()))
        }
    };
    let mut out = output::out();
    out.prose(
        Head::new().column(Some(tone), word, WORD),
        format_args!("{}/{text}", step.namespace),
    )?;
    out.flush()
}

/// Where it stands; `unprinted` is why the output fails.
pub(super) fn ended(
    plan: &RestartPlan,
    carried: &Carried,
    unprinted: Option<&io::Error>,
) -> io::Result<()> {
    let all: usize = plan.steps.iter().map(parts).sum();
    let mut errors = output::errors();
    let head = |tone, word: &str| Head::new().word(tone, word);
    match &carried.ended {
        Ended::Complete => {}
        Ended::Failed { step, what, why } => {
            let at = at(plan, *step, what);
            errors.prose(head(Tone::Bad, "stopped:"), format_args!("{at}: {why}"))?;
        }
        Ended::Interrupted { under_way: None } => {
            let why = match unprinted {
                Some(error) => format!("what is done can't be printed any more: {error}"),
                None => "as you asked".to_owned(),
            };
            let text = format!("between two pods, {why}");
            errors.prose(head(Tone::Doubtful, "stopped:"), text)?;
        }
        Ended::Interrupted { under_way: Some((step, what)) } => {
            let at = at(plan, *step, what);
            errors.prose(
                head(Tone::Doubtful, "stopped:"),
                format_args!("at once, as you asked; {at} is on its way, and its replacement was not waited for"),
            )?;
        }
    }
    let left = all.saturating_sub(carried.done.len());
    let skipped = carried.done.iter().filter(|it| it.outcome.skipped().is_some()).count();
    let done = carried.done.len() - skipped;
    let skipped = match skipped {
        0 => String::new(),
        count => format!("; {count} skipped"),
    };
    let rest = match (&carried.ended, left) {
        (Ended::Complete, _) | (_, 0) => String::new(),
        (_, left) => format!("; {left} left: run it again to go on"),
    };
    let refused = match plan.refused_pods() {
        0 => String::new(),
        count => format!("; {} not restarted", counted(count, "pod")),
    };
    match all {
        0 => errors.line(format_args!("nothing to restart{refused}")),
        _ => errors.line(format_args!("{done} of {all} done{skipped}{rest}{refused}")),
    }
}

fn at(plan: &RestartPlan, step: usize, what: &str) -> String {
    match plan.steps.get(step) {
        Some(step) if step.action == Action::Evict => {
            format!("pod {}/{what} of {}", step.namespace, step.owner.object())
        }
        Some(step) => format!("{what} in namespace {}", step.namespace),
        None => what.to_owned(),
    }
}
