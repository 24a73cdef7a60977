//! `audit --restart`: which pods are made anew, how, and which are not, with the reason.
//!
//! What is not known is never restarted.

mod budget;
mod controller;
mod facts;
mod recheck;
mod refusal;
mod replacement;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Fact;
use super::audit::{Audit, AuditedPod};
use super::owner::Owner;
use super::state::{PodState, Remedy};

pub use controller::{Controller, is_ready};
pub use facts::RestartFacts;
pub use recheck::{check_eviction, check_rollout, wanted_pods};
pub use refusal::{Refused, RefusedRestart};
pub use replacement::{RESTARTED_AT, Replaced, Rollout, odd_role, replacement, restart_patch};

use budget::budget;
use controller::is_name;

/// What the command line allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestartOptions {
    /// Deployments are restarted by a rollout.
    pub rollout: bool,
    /// Pods that nobody stands in for are restarted too.
    pub allow_downtime: bool,
}

/// What is done, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartPlan {
    /// One for each workload, in their order.
    pub steps: Vec<Step>,
    /// The other pods that lack something, by workload and reason.
    pub refused: Vec<RefusedRestart>,
}

/// How pods are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// One pod after the other by the Eviction API.
    Evict,
    /// All pods of a Deployment, by an annotation of its template.
    Rollout,
}

/// The pods of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How they are made anew.
    pub action: Action,
    /// Their namespace.
    pub namespace: String,
    /// The workload as `audit` shows it.
    pub owner: Owner,
    /// NAMESPACE/NAME of their `ServiceAccount`.
    pub service_account: String,
    /// What makes them: of a Deployment its `ReplicaSet`, or itself where it is rolled out.
    pub controller: Controller,
    /// The pods that lack something, in the order in which they are evicted.
    pub pods: Vec<StepPod>,
    /// The `PodDisruptionBudget` that has a say, and what it allows now.
    pub budget: Option<(String, u64)>,
}

/// One pod of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPod {
    /// Its name.
    pub name: String,
    /// The pod of that name and no later one.
    pub uid: String,
    /// What it lacks.
    pub state: PodState,
}

impl Action {
    /// Its word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evict => "evict",
            Self::Rollout => "rollout",
        }
    }
}

impl Step {
    /// What its pods lack, and what a `PodDisruptionBudget` says, in one line.
    #[must_use]
    pub fn why(&self) -> String {
        let mut counts: BTreeMap<PodState, usize> = BTreeMap::new();
        for pod in &self.pods {
            *counts.entry(pod.state).or_default() += 1;
        }
        let states: Vec<_> = counts
            .iter()
            .rev()
            .map(|(state, count)| format!("{count} {}", state.as_str()))
            .collect();
        let mut why = states.join(", ");
        if let Some((name, allowed)) = self.budget.as_ref().filter(|_| self.action == Action::Evict)
        {
            let plural = if *allowed == 1 { "" } else { "s" };
            why = format!(
                "{why}; PodDisruptionBudget {name} allows {allowed} disruption{plural} now"
            );
        }
        why
    }
}

impl RestartPlan {
    /// Of the pods that are not fine. `facts` have what was asked of the pods that
    /// [`candidates`] names.
    #[must_use]
    pub fn of(audit: &Audit, facts: &RestartFacts, options: RestartOptions) -> Self {
        let mut steps: BTreeMap<_, Step> = BTreeMap::new();
        let mut refused: BTreeMap<_, RefusedRestart> = BTreeMap::new();
        for pod in audit.found.iter().filter(|it| it.remedy != Remedy::Nothing) {
            let account = pod.service_account.clone();
            match planned(pod, audit, facts, options) {
                Err(Refused::Gone) => {}
                Err(why) => {
                    let key = (pod.namespace.clone(), pod.owner.clone(), why.clone(), account);
                    let refusal = RefusedRestart::of(pod, why);
                    refused.entry(key).or_insert(refusal).pods.push(pod.pod.clone());
                }
                Ok((step, pod)) => {
                    let owner = (step.namespace.clone(), step.owner.clone());
                    let key = (owner, step.controller.clone(), account);
                    steps.entry(key).or_insert(step).pods.push(pod);
                }
            }
        }
        let mut steps: Vec<Step> = steps.into_values().collect();
        for step in &mut steps {
            in_order(step, facts);
        }
        Self { steps, refused: refused.into_values().collect() }
    }

    /// Takes steps out, by their place, as new pods would not help.
    pub fn withdraw(&mut self, mut wrong: BTreeMap<usize, Refused>) {
        let steps = std::mem::take(&mut self.steps);
        for (index, step) in steps.into_iter().enumerate() {
            match wrong.remove(&index) {
                None => self.steps.push(step),
                Some(why) => self.refused.push(RefusedRestart {
                    namespace: step.namespace,
                    owner: step.owner,
                    why,
                    service_account: step.service_account,
                    pods: step.pods.into_iter().map(|pod| pod.name).collect(),
                }),
            }
        }
        self.refused.sort();
    }

    /// How many pods the steps are about.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.steps.iter().map(|step| step.pods.len()).sum()
    }

    /// How many pods are not restarted.
    #[must_use]
    pub fn refused_pods(&self) -> usize {
        self.refused.iter().map(|it| it.pods.len()).sum()
    }
}

/// The pods of which more has to be known, by namespace: those that a restart may mend.
#[must_use]
pub fn candidates(audit: &Audit) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    if audit.incomplete {
        return all;
    }
    for pod in audit.found.iter().filter(|it| it.remedy == Remedy::Restart) {
        if pod.namespace != refusal::SYSTEM {
            all.entry(&pod.namespace).or_default().push(&pod.pod);
        }
    }
    all
}

/// The step that one pod takes, if it is one to take.
fn planned(
    audited: &AuditedPod,
    audit: &Audit,
    facts: &RestartFacts,
    options: RestartOptions,
) -> Result<(Step, StepPod), Refused> {
    match audited.remedy {
        Remedy::Ask => return Err(Refused::NotKnown(audited.why.clone())),
        Remedy::Manifest => return Err(Refused::Manifest(audited.next.clone())),
        Remedy::Register => return Err(Refused::NotRegistered),
        Remedy::Restart | Remedy::Nothing => {}
    }
    let namespace = audited.namespace.as_str();
    if namespace == refusal::SYSTEM {
        return Err(Refused::System);
    }
    if facts.own_namespaces.contains(namespace) {
        return Err(Refused::Own);
    }
    if audit.incomplete {
        return Err(Refused::NotKnown(
            "something else could not be looked at: see the notes".to_owned(),
        ));
    }
    let account = audited.service_account.split('/').next_back().unwrap_or_default();
    if ![namespace, &audited.pod, account].into_iter().all(is_name) {
        return Err(Refused::NotKnown("its name is not one that Kubernetes accepts".to_owned()));
    }
    let pod = facts.pod(namespace, &audited.pod)?;
    check_pod(pod)?;
    let controller = Controller::of(pod, namespace)?;
    let workload = facts.workload(&controller)?;
    let rolls = options.rollout && workload.is_deployment();
    let budget = if rolls {
        if facts.has_unsafe_pods(&workload) {
            return Err(Refused::NotSafeToEvict);
        }
        workload.check_rollout(options.allow_downtime)?;
        None
    } else {
        let budget = budget(pod, facts.budgets(namespace)?)?;
        workload.check_eviction(pod, budget.is_some(), options.allow_downtime)?;
        budget
    };
    let step = Step {
        action: if rolls { Action::Rollout } else { Action::Evict },
        namespace: namespace.to_owned(),
        owner: audited.owner.clone(),
        service_account: audited.service_account.clone(),
        controller: if rolls { workload.top().clone() } else { controller },
        pods: Vec::new(),
        budget,
    };
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    Ok((step, StepPod { name: audited.pod.clone(), uid, state: audited.state }))
}

/// What its own object says against it.
fn check_pod(pod: &Value) -> Result<(), Refused> {
    let metadata = &pod["metadata"];
    if metadata["deletionTimestamp"].is_string() {
        return Err(Refused::Ending);
    }
    if facts::is_own(pod) {
        return Err(Refused::Own);
    }
    if facts::is_not_safe_to_evict(&metadata["annotations"]) {
        return Err(Refused::NotSafeToEvict);
    }
    Ok(())
}

/// Those that are not ready come first: nobody misses them, and a `StatefulSet` may wait for the lowest of them. Then
/// those that are ready, of a `StatefulSet` the last one first, as its own controller does it.
fn in_order(step: &mut Step, facts: &RestartFacts) {
    let is_stateful = step.controller.kind == "StatefulSet";
    let namespace = step.namespace.as_str();
    step.pods.sort_by_cached_key(|it| {
        let is_ready = facts.pod(namespace, &it.name).is_ok_and(is_ready);
        let place = match ordinal(&it.name).filter(|_| is_stateful) {
            Some(number) if is_ready => u64::MAX - number,
            Some(number) => number,
            None => 0,
        };
        (is_ready, place, it.name.clone())
    });
}

/// The number at the end of a name, which a `StatefulSet` gives.
fn ordinal(name: &str) -> Option<u64> {
    name.rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests;
