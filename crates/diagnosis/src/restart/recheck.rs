//! The same checks again, when the turn of a pod or a rollout comes: what the plan was made from may have changed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::budget::budget;
use super::facts::{RestartFacts, is_not_safe_to_evict};
use super::refusal::Refused;
use super::{RestartOptions, Step, check_pod};

/// Whether a pod of a step may be evicted, by what is known of it and of its workload now. `ready` are the names of the
/// workload's pods that are ready.
///
/// # Errors
/// [`Refused`] where it may not.
pub fn check_eviction(
    step: &Step,
    pod: &Value,
    ready: &BTreeSet<String>,
    facts: &RestartFacts,
    options: RestartOptions,
) -> Result<(), Refused> {
    check_pod(pod)?;
    let workload = facts.workload(&step.controller)?;
    let budget = budget(pod, facts.budgets(&step.namespace)?)?;
    workload.check_eviction(pod, budget.is_some(), options.allow_downtime)?;
    workload.check_order(pod["metadata"]["name"].as_str().unwrap_or_default(), ready)
}

/// Whether a step's Deployment may be rolled out, by what is known of it and of its pods now.
///
/// # Errors
/// [`Refused`] where it may not.
pub fn check_rollout(
    step: &Step,
    pods: &[Value],
    facts: &RestartFacts,
    options: RestartOptions,
) -> Result<(), Refused> {
    let workload = facts.workload(&step.controller)?;
    let is_unsafe = |pod: &Value| is_not_safe_to_evict(&pod["metadata"]["annotations"]);
    if facts.has_unsafe_pods(&workload) || pods.iter().any(is_unsafe) {
        return Err(Refused::NotSafeToEvict);
    }
    workload.check_rollout(options.allow_downtime)
}

/// How many pods what makes a step's pods wants now: none if it is gone, and nothing where that is not known.
#[must_use]
pub fn wanted_pods(step: &Step, facts: &RestartFacts) -> Option<u64> {
    match facts.workload(&step.controller) {
        Ok(workload) => workload.wanted(),
        Err(Refused::NoController) => Some(0),
        Err(_) => None,
    }
}
