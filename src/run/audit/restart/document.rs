//! The plan and what became of it, for programs.

use std::collections::BTreeMap;
use std::io;

use diagnosis::{Action, Audit, Owner, PodState, Refused, RestartPlan, Status};
use serde::Serialize;

use super::told::parts;
use crate::cli::DataFormat;
use crate::restart::{Carried, Ended, Outcome};
use crate::run::report::{self, Kind, Summary, Word};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    carried_out: bool,
    /// Why not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    steps: Vec<StepOf<'a>>,
    refusals: Vec<Refusal<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepOf<'a> {
    id: Action,
    status: Status,
    message: String,
    namespace: &'a str,
    owner: &'a Owner,
    service_account: &'a str,
    pods: Vec<PodOf<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodOf<'a> {
    name: &'a str,
    state: PodState,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    replacements: &'a [String],
    /// Why it was left as it is after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<Skipped>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Skipped {
    id: &'static str,
    status: Status,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refusal<'a> {
    id: &'static str,
    status: Status,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    namespace: &'a str,
    owner: &'a Owner,
    service_account: &'a str,
    pods: &'a [String],
}

impl<'a> Document<'a> {
    pub(super) fn of(
        plan: &'a RestartPlan,
        audit: &'a Audit,
        carried: Option<&'a Carried>,
    ) -> Self {
        let mut done: BTreeMap<(usize, &str), &Outcome> = BTreeMap::new();
        for it in carried.into_iter().flat_map(|it| &it.done) {
            done.insert((it.step, &it.what), &it.outcome);
        }
        let steps = plan.steps.iter().enumerate().map(|(index, step)| {
            let replaced = |name: &str| match done.get(&(index, name)) {
                Some(Outcome::Replaced(names)) => names.as_slice(),
                _ => &[],
            };
            let outcomes: Vec<&Outcome> =
                done.range((index, "")..(index + 1, "")).map(|(_, it)| *it).collect();
            // A rollout is skipped with all its pods.
            let rollout = step.controller.object();
            let skipped = |name: &str| {
                let found =
                    done.get(&(index, name)).or_else(|| done.get(&(index, rollout.as_str())));
                found.and_then(|it| it.skipped()).map(|why| Skipped::of(why, &step.owner))
            };
            let pods = step.pods.iter().map(|pod| PodOf {
                name: &pod.name,
                state: pod.state,
                replacements: replaced(&pod.name),
                skipped: skipped(&pod.name),
            });
            StepOf {
                id: step.action,
                status: status(index, parts(step), &outcomes, carried),
                message: step.why(),
                namespace: &step.namespace,
                owner: &step.owner,
                service_account: &step.service_account,
                pods: pods.collect(),
            }
        });
        let steps: Vec<_> = steps.collect();
        let refusals = plan.refused.iter().map(|it| Refusal {
            id: it.why.id(),
            status: it.why.status(),
            message: it.why.message(),
            next: it.why.next(&it.owner),
            namespace: &it.namespace,
            owner: &it.owner,
            service_account: &it.service_account,
            pods: &it.pods,
        });
        let stopped = carried.and_then(|it| match &it.ended {
            Ended::Complete => None,
            Ended::Failed { what, why, .. } => Some(format!("{what}: {why}")),
            Ended::Interrupted { under_way: None } => {
                Some("by a signal, between two pods".to_owned())
            }
            Ended::Interrupted { under_way: Some((_, what)) } => {
                Some(format!("by a signal, while {what} was on its way"))
            }
        });
        Self {
            carried_out: carried.is_some(),
            stopped,
            steps,
            refusals: refusals.collect(),
            notes: &audit.notes,
        }
    }

    /// A plan is as bad as what it is to mend.
    pub(super) fn print(&self, format: DataFormat, audit: &Audit) -> io::Result<()> {
        let words = self.steps.iter().map(|it| it.status);
        let words = words.chain(self.refusals.iter().map(|it| it.status)).map(Word::from);
        let is_open = audit.is_incomplete() || self.stopped.is_some();
        let least = match (self.carried_out, audit.is_wrong(), is_open) {
            (false, true, _) => Word::Fail,
            (_, _, true) => Word::Unknown,
            _ => Word::Pass,
        };
        let summary = Summary::of(words).at_least(least);
        report::print(format, Kind::RestartPlan, self, summary)
    }
}

impl Skipped {
    fn of(why: &Refused, owner: &Owner) -> Self {
        let (id, status) = (why.id(), why.status());
        Self { id, status, message: why.message(), next: why.next(owner) }
    }
}

/// How a step of so many parts ended, where it was carried out.
fn status(index: usize, parts: usize, outcomes: &[&Outcome], carried: Option<&Carried>) -> Status {
    let Some(carried) = carried else { return Status::Skipped };
    let skipped =
        |status| outcomes.iter().filter_map(|it| it.skipped()).any(|why| why.status() == status);
    match &carried.ended {
        Ended::Failed { step, .. } if *step == index => Status::Fail,
        _ if skipped(Status::Fail) => Status::Fail,
        Ended::Interrupted { under_way: Some((step, _)) } if *step == index => Status::Unknown,
        _ if outcomes.is_empty() => Status::Skipped,
        _ if outcomes.len() < parts || skipped(Status::Unknown) => Status::Unknown,
        _ => Status::Pass,
    }
}
