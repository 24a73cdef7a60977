//! `audit --restart`: the plan, and with `--yes` what becomes of it.

mod document;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use serde_json::Value;

use super::super::exit::Exit;
use super::super::output::{self, Head, Progress};
use crate::cli::WideFormat;
use crate::config::Restarting;
use crate::evidence::{Right, missing_rights, restart_facts, tried};
use crate::platform::Signals;
use crate::restart::{Carried, Ended, Event, Restarter, State, Stop};
use diagnosis::{
    Action, Audit, Auditor, Commands, DryRun, Fact, PodState, Refused, RestartFacts, RestartPlan,
    Status, Step, odd_role, replacement,
};

use document::Document;

/// What it is about.
pub(super) struct Restart<'a> {
    pub(super) client: &'a Client,
    pub(super) webhooks: &'a Fact<Value>,
    pub(super) configurations: &'a [String],
    pub(super) commands: &'a Commands,
    pub(super) format: WideFormat,
    pub(super) restarting: &'a Restarting,
}

impl Restart<'_> {
    pub(super) async fn run(&self, auditor: &mut Auditor<'_>) -> anyhow::Result<Exit> {
        let mut audit = auditor.take();
        let facts = RestartFacts::new(self.webhooks, self.configurations);
        let mut progress = Progress::new();
        let facts =
            restart_facts(self.client, &audit, facts, &mut |what| progress.count(what)).await;
        drop(progress);
        let mut plan = RestartPlan::of(&audit, &facts, self.restarting.options);
        self.check_rights(&plan, &mut audit).await?;
        if !self.restarting.act {
            self.print(&plan, &audit, None)?;
            return Ok(super::exit(&audit));
        }
        self.try_replacements(&mut plan, &facts, auditor).await;
        let is_text = self.format.data().is_none();
        if is_text {
            self.print_plan(&plan, &audit)?;
        }
        let (carried, unprinted) = self.carry_out(&plan, auditor).await?;
        if is_text {
            // Whatever became of the output: somebody may read standard error.
            told::ended(&plan, &carried, unprinted.as_ref()).context(PRINT)?;
        } else {
            self.print(&plan, &audit, Some(&carried))?;
        }
        match unprinted {
            None => Ok(ended(&plan, &audit, &carried)),
            Some(error) if carried.ended == Ended::Complete => Err(error).context(PRINT),
            Some(_) => {
                // Not as where the reader of a list has seen enough: pods are left.
                output::failed();
                Ok(Exit::Failed)
            }
        }
    }

    /// What the user's account lacks is said before anything is done.
    async fn check_rights(&self, plan: &RestartPlan, audit: &mut Audit) -> anyhow::Result<()> {
        let needed: BTreeSet<Right> = plan.steps.iter().flat_map(rights).collect();
        if needed.is_empty() {
            return Ok(());
        }
        let problem = match missing_rights(self.client, needed).await {
            Ok(missing) if missing.is_empty() => return Ok(()),
            Ok(missing) => {
                let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                format!("you lack rights that a restart needs: {}", missing.join("; "))
            }
            Err(why) => format!("which rights you have is not known: {why}"),
        };
        if self.restarting.act {
            let why =
                format!("{problem}; nothing was restarted; ask for the rights, then run it again");
            return Err(Exit::Unknown.because(&why));
        }
        audit.notes.push(problem);
        Ok(())
    }

    /// Creates each replacement by dry run; steps whose replacement would lack something are taken out.
    async fn try_replacements(
        &self,
        plan: &mut RestartPlan,
        facts: &RestartFacts,
        auditor: &Auditor<'_>,
    ) {
        let mut progress = Progress::new();
        let count = plan.steps.len();
        let mut wrong = BTreeMap::new();
        for (index, step) in plan.steps.iter().enumerate() {
            progress.say(format_args!("trying replacement {} of {count} ...", index + 1));
            if let Err(why) = self.try_replacement(step, facts, auditor).await {
                wrong.insert(index, why);
            }
        }
        plan.withdraw(wrong);
    }

    async fn try_replacement(
        &self,
        step: &Step,
        facts: &RestartFacts,
        auditor: &Auditor<'_>,
    ) -> Result<(), Refused> {
        let object = facts.object_of(&step.controller);
        let pod = object.and_then(|object| replacement(&step.controller, object));
        let Some(pod) = pod else {
            let why = format!("{} has no template of its pods", step.controller.object());
            return Err(Refused::NotKnown(why));
        };
        let pod = match tried(self.client, &step.namespace, &pod).await {
            Fact::Known(DryRun::Admitted { pod, .. }) => pod,
            Fact::Known(DryRun::Refused(refusal)) if refusal.is_used_up_quota() => {
                return Err(Refused::Quota(refusal.to_string()));
            }
            Fact::Known(DryRun::Refused(refusal)) => {
                return Err(Refused::Replacement(format!("the API server rejects it: {refusal}")));
            }
            Fact::Unknown(why) => {
                return Err(Refused::NotKnown(format!("the dry run of its replacement: {why}")));
            }
            Fact::Absent | Fact::NotAsked => {
                return Err(Refused::NotKnown("the dry run returned no pod".to_owned()));
            }
        };
        match auditor.state_of(&pod) {
            Some(found) if found.state == PodState::Fine => match odd_role(&pod) {
                None => Ok(()),
                Some(role) => {
                    Err(Refused::Replacement(format!("its role {role} is not the ARN of a role")))
                }
            },
            Some(found) if found.state == PodState::Unknown => Err(Refused::NotKnown(found.why)),
            Some(found) => {
                Err(Refused::Replacement(format!("{}: {}", found.state.as_str(), found.why)))
            }
            None => Err(Refused::Replacement("it would get no identity".to_owned())),
        }
    }

    /// What came of it, and why that could not be printed while it went on.
    async fn carry_out(
        &self,
        plan: &RestartPlan,
        auditor: &mut Auditor<'_>,
    ) -> anyhow::Result<(Carried, Option<io::Error>)> {
        let stop = listen().context("failed to listen for signals")?;
        let mut restarter = Restarter {
            client: self.client,
            auditor,
            commands: self.commands,
            options: self.restarting.options,
            pace: Duration::from_mins(1) / self.restarting.per_minute.max(1),
            patience: self.restarting.timeout,
            stop: &stop,
            state: State::default(),
        };
        let is_text = self.format.data().is_none();
        let (mut progress, mut number, mut failed) = (Progress::new(), 0, None);
        let count: usize = plan.steps.iter().map(told::parts).sum();
        let mut tell = |event: Event<'_>| match event {
            Event::Waits(what) => {
                // First, as the end of a line may have no room.
                let ending = if stop.is_requested() {
                    ", stopping after this one, Ctrl-C stops at once"
                } else {
                    ""
                };
                progress.say(format_args!("{} of {count}{ending}: {what}", number + 1));
            }
            Event::Done(of, one) => {
                number += 1;
                progress.clear();
                if is_text
                    && failed.is_none()
                    && let Err(error) = told::done(of, one)
                {
                    // Nobody would see what is done from here on.
                    failed = Some(error);
                    stop.request();
                }
            }
        };
        let carried = restarter.carry_out(plan, &mut tell).await;
        drop(progress);
        Ok((carried, failed))
    }

    fn print_plan(&self, plan: &RestartPlan, audit: &Audit) -> anyhow::Result<()> {
        told::plan(&mut output::out(), plan, self.format == WideFormat::Wide).context(PRINT)?;
        let mut notes = output::errors();
        audit.notes.iter().try_for_each(|note| notes.prose(Head::note(), note))?;
        Ok(())
    }

    /// The whole of it, where it is over.
    fn print(
        &self,
        plan: &RestartPlan,
        audit: &Audit,
        carried: Option<&Carried>,
    ) -> anyhow::Result<()> {
        if let Some(format) = self.format.data() {
            return Document::of(plan, audit, carried).print(format, audit).context(PRINT);
        }
        self.print_plan(plan, audit)?;
        output::errors().line(told::summary(plan))?;
        Ok(())
    }
}

const PRINT: &str = "failed to print the plan";

/// What the user has to be allowed for a step.
fn rights(step: &Step) -> Vec<Right> {
    let right =
        |verb, group, resource| Right { namespace: step.namespace.clone(), verb, group, resource };
    let mut all = vec![
        right("list", "", "pods"),
        right("get", "", "serviceaccounts"),
        // By dry run.
        right("create", "", "pods"),
    ];
    if step.action == Action::Rollout {
        all.extend([right("get", "apps", "deployments"), right("patch", "apps", "deployments")]);
    } else {
        all.push(right("create", "", "pods/eviction"));
    }
    all
}

/// Each signal asks for the end.
fn listen() -> io::Result<Stop> {
    let (mut signals, stop) = (Signals::new()?, Stop::new());
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            signals.next().await;
            asked.request();
        }
    });
    Ok(stop)
}

fn ended(plan: &RestartPlan, audit: &Audit, carried: &Carried) -> Exit {
    let skipped = carried.done.iter().filter_map(|it| it.outcome.skipped());
    let refused: Vec<Status> =
        plan.refused.iter().map(|it| &it.why).chain(skipped).map(Refused::status).collect();
    let is = |status| refused.contains(&status);
    match carried.ended {
        Ended::Interrupted { .. } => Exit::Interrupted,
        Ended::Failed { .. } => Exit::Failed,
        Ended::Complete if is(Status::Fail) => Exit::Failed,
        Ended::Complete if is(Status::Unknown) || audit.is_incomplete() => Exit::Unknown,
        Ended::Complete => Exit::Fine,
    }
}
