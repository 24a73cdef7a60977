//! The `PodDisruptionBudget` of a pod.

use serde_json::Value;

use super::super::registration::text_labels;
use super::super::selector::LabelSelector;
use super::controller::is_ready;
use super::refusal::Refused;

/// The one that selects the pod, and how many disruptions it allows now.
pub(super) fn budget(pod: &Value, budgets: &[Value]) -> Result<Option<(String, u64)>, Refused> {
    let labels = text_labels(&pod["metadata"]["labels"]);
    let mut found: Vec<&Value> = Vec::new();
    for budget in budgets {
        // Without a selector it selects nothing.
        let Some(selector) = budget["spec"].get("selector").filter(|it| !it.is_null()) else {
            continue;
        };
        let selector = LabelSelector::read(selector).map_err(|error| {
            Refused::NotKnown(format!("PodDisruptionBudget {}: {error}", name(budget)))
        })?;
        if selector.mismatch(&labels).is_none() {
            found.push(budget);
        }
    }
    let budget = match found.as_slice() {
        [] => return Ok(None),
        [budget] => *budget,
        many => {
            let names: Vec<_> = many.iter().map(|it| name(it)).collect();
            return Err(Refused::ManyBudgets(names.join(", ")));
        }
    };
    if never_allows(budget, pod) {
        return Err(Refused::BudgetAllowsNone(name(budget)));
    }
    let allowed = budget["status"]["disruptionsAllowed"].as_u64().unwrap_or_default();
    Ok(Some((name(budget), allowed)))
}

/// Whether waiting is of no use: it wants as many healthy pods as there are. A pod that does not run yet, or that
/// is not ready where its policy says so, is evicted all the same.
fn never_allows(budget: &Value, pod: &Value) -> bool {
    let status = &budget["status"];
    let is_current = status["observedGeneration"] == budget["metadata"]["generation"];
    let (Some(wanted), Some(expected)) =
        (status["desiredHealthy"].as_u64(), status["expectedPods"].as_u64())
    else {
        return false;
    };
    let is_exempt = pod["status"]["phase"] == "Pending"
        || !is_ready(pod) && budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
    is_current && expected > 0 && wanted >= expected && !is_exempt
}

fn name(budget: &Value) -> String {
    budget["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
