//! What is asked about the pods that may be restarted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::redact::bounded;
use super::super::webhook::{Address, entries};
use super::Fact;
use super::controller::{Controller, Workload};
use super::refusal::Refused;

/// Keeps the cluster autoscaler, and this program, from evicting a pod.
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/// All that the plan goes by beside the audit.
#[derive(Clone, Debug, Default)]
pub struct RestartFacts {
    /// By namespace: whether its pods were listed, and what is kept of those that may be restarted, by name.
    pods: BTreeMap<String, Fact<BTreeMap<String, Value>>>,
    /// By namespace.
    budgets: BTreeMap<String, Fact<Vec<Value>>>,
    workloads: BTreeMap<Controller, Fact<Value>>,
    /// The uids of controllers that have a pod which must not be evicted.
    with_unsafe_pods: BTreeSet<String>,
    /// Where the webhook itself runs.
    pub(super) own_namespaces: BTreeSet<String>,
    /// It is called by a URL, which does not say where it runs.
    has_url: bool,
}

impl RestartFacts {
    /// With the namespaces that the webhook's entries lead to.
    #[must_use]
    pub fn new(webhooks: &Fact<Value>, configurations: &[String]) -> Self {
        let list = webhooks.known().into_iter();
        let entries = list.flat_map(|list| entries(list, configurations));
        let mut facts = Self::default();
        for entry in entries {
            match entry.address() {
                Address::Service { namespace, .. } => {
                    facts.own_namespaces.insert(namespace);
                }
                Address::Url(_) => facts.has_url = true,
            }
        }
        facts
    }

    /// Takes the `PodDisruptionBudget`s of a namespace.
    pub fn take_budgets(&mut self, namespace: &str, budgets: Fact<Vec<Value>>) {
        self.budgets.insert(namespace.to_owned(), budgets);
    }

    /// Takes what was kept of a namespace's pods by [`kept_pod`](Self::kept_pod), or why they are not known.
    pub fn take_pods(&mut self, namespace: &str, pods: Fact<Vec<Value>>) {
        let by_name = |pods: Vec<Value>| {
            let name = |pod: &Value| pod["metadata"]["name"].as_str().map(str::to_owned);
            pods.into_iter().filter_map(|pod| Some((name(&pod)?, pod))).collect()
        };
        self.pods.insert(namespace.to_owned(), pods.map(by_name));
    }

    /// Notes a pod that must not be evicted, whatever it lacks.
    pub fn see_pod(&mut self, pod: &Value) {
        if self.has_url && is_own(pod) {
            let namespace = pod["metadata"]["namespace"].as_str().map(str::to_owned);
            self.own_namespaces.extend(namespace);
        }
        if is_not_safe_to_evict(&pod["metadata"]["annotations"]) {
            let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            let uids = owners.filter_map(|owner| owner["uid"].as_str());
            self.with_unsafe_pods.extend(uids.map(str::to_owned));
        }
    }

    /// Takes an object that makes pods.
    pub fn take_workload(&mut self, controller: Controller, object: Fact<Value>) {
        self.workloads.insert(controller, object);
    }

    /// The controllers of the pods that were taken.
    #[must_use]
    pub fn controllers(&self) -> BTreeSet<Controller> {
        let mut all = BTreeSet::new();
        for (namespace, pods) in &self.pods {
            for pod in pods.known().into_iter().flat_map(BTreeMap::values) {
                all.extend(Controller::of(pod, namespace).ok());
            }
        }
        all
    }

    /// As much of a pod as the plan reads.
    #[must_use]
    pub fn kept_pod(pod: &Value) -> Value {
        let metadata = &pod["metadata"];
        let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
        let ready: Vec<_> = ready.filter(|it| it["type"] == "Ready").cloned().collect();
        let mut annotations = json!({});
        if let Some(safe) = metadata["annotations"].get(SAFE_TO_EVICT) {
            annotations[SAFE_TO_EVICT] = safe.clone();
        }
        json!({
            "metadata": {
                "name": metadata["name"],
                "uid": metadata["uid"],
                "labels": metadata["labels"],
                "annotations": annotations,
                "ownerReferences": metadata["ownerReferences"],
                "deletionTimestamp": metadata["deletionTimestamp"],
            },
            "status": {"phase": pod["status"]["phase"], "conditions": ready},
        })
    }

    pub(super) fn pod(&self, namespace: &str, name: &str) -> Result<&Value, Refused> {
        match self.pods.get(namespace) {
            Some(Fact::Known(pods)) => pods.get(name).ok_or(Refused::Gone),
            Some(Fact::Unknown(why)) => {
                Err(Refused::NotKnown(bounded(&format!("failed to list pods: {why}"))))
            }
            Some(Fact::Absent) => Err(Refused::Gone),
            Some(Fact::NotAsked) | None => {
                Err(Refused::NotKnown("the pods were not listed".to_owned()))
            }
        }
    }

    pub(super) fn budgets(&self, namespace: &str) -> Result<&[Value], Refused> {
        match self.budgets.get(namespace) {
            Some(Fact::Known(budgets)) => Ok(budgets),
            Some(Fact::Unknown(why)) => Err(Refused::NotKnown(bounded(&format!(
                "failed to list PodDisruptionBudgets: {why}"
            )))),
            Some(Fact::Absent | Fact::NotAsked) | None => {
                Err(Refused::NotKnown("which PodDisruptionBudgets there are".to_owned()))
            }
        }
    }

    /// What makes a pod, with the Deployment behind it.
    pub(super) fn workload(&self, controller: &Controller) -> Result<Workload<'_>, Refused> {
        let object = self.object(controller)?;
        let namespace = controller.namespace.as_str();
        let deployment = match Controller::deployment_of(object, namespace) {
            Some(deployment) if controller.kind == "ReplicaSet" => {
                let object = self.object(&deployment)?;
                Some((deployment, object))
            }
            _ => None,
        };
        Ok(Workload::new(controller.clone(), object, deployment))
    }

    /// The object of a controller, where it was found.
    #[must_use]
    pub fn object_of(&self, controller: &Controller) -> Option<&Value> {
        self.object(controller).ok()
    }

    /// The pods of a controller, as the value of a `labelSelector` parameter.
    ///
    /// # Errors
    /// [`Refused`] where it is gone, or not known.
    pub fn selector(&self, controller: &Controller) -> Result<String, Refused> {
        let selector = controller.selector(self.object(controller)?);
        selector
            .ok_or_else(|| Refused::NotKnown(format!("the selector of {}", controller.object())))
    }

    fn object(&self, controller: &Controller) -> Result<&Value, Refused> {
        let name = controller.object();
        match self.workloads.get(controller) {
            Some(Fact::Known(object)) if object["metadata"]["uid"] == controller.uid.as_str() => {
                Ok(object)
            }
            Some(Fact::Known(_)) => {
                Err(Refused::NotKnown(format!("{name} is another one than made the pod")))
            }
            // Nothing makes the pod anew any more.
            Some(Fact::Absent) => Err(Refused::NoController),
            Some(Fact::Unknown(why)) => {
                Err(Refused::NotKnown(bounded(&format!("failed to get {name}: {why}"))))
            }
            Some(Fact::NotAsked) | None => {
                Err(Refused::NotKnown(format!("{name} was not looked up")))
            }
        }
    }

    pub(super) fn has_unsafe_pods(&self, workload: &Workload<'_>) -> bool {
        let uids = workload.uids();
        is_not_safe_to_evict(workload.template_annotations())
            || uids.iter().any(|uid| self.with_unsafe_pods.contains(*uid))
    }
}

/// Whether it is a pod of the webhook, by the label that its chart and manifest give it.
pub(super) fn is_own(pod: &Value) -> bool {
    pod["metadata"]["labels"]["app.kubernetes.io/name"] == "pod-identity-webhook"
}

pub(super) fn is_not_safe_to_evict(annotations: &Value) -> bool {
    annotations[SAFE_TO_EVICT] == "false"
}
