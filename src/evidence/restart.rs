//! What `audit --restart` asks before it acts: the pods, what makes them, their budgets, and the user's rights.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use diagnosis::{
    Action, Audit, Controller, DryRun, Fact, Reason, ReasonKind, RestartFacts, Step, candidates,
};
use futures::StreamExt as _;
use kube::Client;
use serde_json::{Value, json};

use super::ask;
use super::items::Kept;
use super::refused_pod;
use crate::api_server::Failure;

/// How many are asked for at once.
const AT_ONCE: usize = 8;

/// A right of the user in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) namespace: String,
    pub(crate) verb: &'static str,
    pub(crate) group: &'static str,
    /// Such as `pods/eviction`.
    pub(crate) resource: &'static str,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, verb, group, resource } = self;
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        write!(f, "{verb} {resource}{group} in namespace {namespace}")
    }
}

/// What is known of the pods that a restart may mend. `seen` is told of each item.
pub(crate) async fn restart_facts(
    client: &Client,
    audit: &Audit,
    mut facts: RestartFacts,
    seen: &mut dyn FnMut(&'static str),
) -> RestartFacts {
    for (namespace, names) in candidates(audit) {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let mut kept = Kept::default();
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let listed = ask::list(client, &path, "", |pod| {
            seen("pods");
            facts.see_pod(&pod);
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            if names.contains(name) { kept.push(RestartFacts::kept_pod(&pod)) } else { Ok(()) }
        });
        let listed = listed.await.map(|()| kept.into_items());
        facts.take_pods(namespace, listed);
        facts.take_budgets(namespace, budgets(client, namespace).await);
    }
    let found = asked(client, facts.controllers(), seen).await;
    let behind = found.iter().filter_map(|(controller, object)| {
        Controller::deployment_of(object.known()?, &controller.namespace)
    });
    let behind: BTreeSet<Controller> = behind.collect();
    let deployments = asked(client, behind, seen).await;
    for (controller, object) in found.into_iter().chain(deployments) {
        facts.take_workload(controller, object);
    }
    facts
}

/// What is true now of what makes a step's pods, and, where pods are evicted, of budgets. A missing right is a fact too.
///
/// # Errors
/// Where the API server does not answer, in one line.
pub(crate) async fn current_facts(client: &Client, step: &Step) -> Result<RestartFacts, String> {
    let mut facts = RestartFacts::default();
    let controller = &step.controller;
    let object = answered(ask::get(client, &controller.path()).await, &controller.object())?;
    let behind = object.known().and_then(|it| Controller::deployment_of(it, &controller.namespace));
    if let Some(deployment) = behind {
        let object = answered(ask::get(client, &deployment.path()).await, &deployment.object())?;
        facts.take_workload(deployment, object);
    }
    facts.take_workload(controller.clone(), object);
    if step.action == Action::Evict {
        let found = answered(budgets(client, &step.namespace).await, "PodDisruptionBudgets")?;
        facts.take_budgets(&step.namespace, found);
    }
    Ok(facts)
}

/// What was answered, were it that the user may not ask.
pub(crate) fn answered<T>(fact: Fact<T>, what: &str) -> Result<Fact<T>, String> {
    match fact {
        Fact::Unknown(why) if why.kind != ReasonKind::Forbidden => {
            Err(format!("failed to get {what}: {why}"))
        }
        fact => Ok(fact),
    }
}

async fn budgets(client: &Client, namespace: &str) -> Fact<Vec<Value>> {
    let mut budgets = Kept::default();
    let path = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
    let listed = ask::list(client, &path, "", |it| budgets.push(it)).await;
    listed.map(|()| budgets.into_items())
}

async fn asked(
    client: &Client,
    controllers: BTreeSet<Controller>,
    seen: &mut dyn FnMut(&'static str),
) -> BTreeMap<Controller, Fact<Value>> {
    futures::stream::iter(controllers)
        .map(|controller| async {
            let object = ask::get(client, &controller.path()).await;
            (controller, object)
        })
        .buffer_unordered(AT_ONCE)
        .inspect(|_| seen("workloads"))
        .collect()
        .await
}

/// What becomes of a pod if it is created, which is not stored.
pub(crate) async fn tried(client: &Client, namespace: &str, pod: &Value) -> Fact<DryRun> {
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    match ask::post(client, &path, pod).await {
        Ok(pod) => Fact::Known(DryRun::Admitted { pod, warnings: Vec::new() }),
        Err(error) => refused_pod::fact(&error),
    }
}

/// Those of the rights that the user does not have, as the API server says.
///
/// # Errors
/// Where it does not say.
pub(crate) async fn missing_rights(
    client: &Client,
    rights: BTreeSet<Right>,
) -> Result<Vec<Right>, Reason> {
    let answers = futures::stream::iter(rights)
        .map(|right| async {
            let allowed = has(client, &right).await;
            (right, allowed)
        })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>();
    let mut missing = Vec::new();
    for (right, allowed) in answers.await {
        if !allowed? {
            missing.push(right);
        }
    }
    Ok(missing)
}

async fn has(client: &Client, right: &Right) -> Result<bool, Reason> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": right.namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match ask::post(client, path, &review).await {
        Ok(answer) => Ok(answer["status"]["allowed"] == true),
        Err(error) => Err(ask::reason(&Failure::of(&error))),
    }
}
