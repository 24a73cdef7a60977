//! The plan and what became of it, for programs.

use std::collections::BTreeMap;
use std::io;

use diagnosis::{Action, Audit, Owner, PodState, RestartPlan, Status};
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
            let count = done.range((index, "")..(index + 1, "")).count();
            let pods = step.pods.iter().map(|pod| PodOf {
                name: &pod.name,
                state: pod.state,
                replacements: replaced(&pod.name),
            });
            StepOf {
                id: step.action,
                status: status(index, count == parts(step), carried),
                message: step.why(),
                namespace: &step.namespace,
                owner: &step.owner,
                service_account: &step.service_account,
                pods: pods.collect(),
            }
        });
        let refusals = plan.refused.iter().map(|it| Refusal {
            id: it.why.id(),
            status: it.why.status(),
            message: it.why.message(),
            next: it.why.next(),
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
            steps: steps.collect(),
            refusals: refusals.collect(),
            notes: &audit.notes,
        }
    }

    /// A plan is as bad as what it is to mend.
    pub(super) fn print(&self, format: DataFormat, audit: &Audit) -> io::Result<()> {
        let words = self.steps.iter().map(|it| it.status);
        let words = words.chain(self.refusals.iter().map(|it| it.status)).map(Word::from);
        let least = match (self.carried_out, audit.is_wrong(), audit.is_incomplete()) {
            (false, true, _) => Word::Fail,
            (_, _, true) => Word::Unknown,
            _ => Word::Pass,
        };
        let summary = Summary::of(words).at_least(least);
        report::print(format, Kind::RestartPlan, self, summary)
    }
}

/// How a step ended, where it was carried out.
fn status(index: usize, is_done: bool, carried: Option<&Carried>) -> Status {
    match carried.map(|it| &it.ended) {
        Some(Ended::Failed { step, .. }) if *step == index => Status::Fail,
        Some(Ended::Interrupted { under_way: Some((step, _)) }) if *step == index => {
            Status::Unknown
        }
        Some(_) if is_done => Status::Pass,
        _ => Status::Skipped,
    }
}
