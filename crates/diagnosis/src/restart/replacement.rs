//! The pod that comes next: as its workload would make it, and whether it has come.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::redact::bounded;
use super::super::sts::may_be_role;
use super::controller::{Controller, is_ready};

/// The pod that a workload would make, to be created by dry run. Nothing where the object has no template.
#[must_use]
pub fn replacement(controller: &Controller, object: &Value) -> Option<Value> {
    let template = object["spec"]["template"].as_object()?;
    let mut metadata = json!({
        "namespace": controller.namespace,
        "generateName": format!("{}-", controller.name),
        // Who would block the owner's deletion needs a right over the owner: a dry run has no need of that.
        "ownerReferences": [{
            "apiVersion": if controller.kind == "ReplicationController" { "v1" } else { "apps/v1" },
            "kind": controller.kind,
            "name": controller.name,
            "uid": controller.uid,
            "controller": true,
        }],
    });
    for member in ["labels", "annotations"] {
        let given = &template.get("metadata").unwrap_or(&Value::Null)[member];
        if given.is_object() {
            metadata[member] = given.clone();
        }
    }
    let mut spec = template.get("spec")?.clone();
    let claims = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let claims: Vec<Value> = claims
        .filter_map(|claim| claim["metadata"]["name"].as_str())
        .map(|name| {
            let claim = format!("{name}-{}-0", controller.name);
            json!({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    if !claims.is_empty() {
        let mut volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
        // As the controller does it: a claim counts more than a volume of its name.
        volumes.retain(|volume| !claims.iter().any(|claim| claim["name"] == volume["name"]));
        volumes.extend(claims);
        spec["volumes"] = volumes.into();
    }
    Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
}

/// The role that a container has where that can't be the ARN of one: no STS would take it.
#[must_use]
pub fn odd_role(pod: &Value) -> Option<String> {
    let lists = ["initContainers", "containers"].map(|member| pod["spec"][member].as_array());
    let containers = lists.into_iter().flatten().flatten();
    let variables = containers.filter_map(|it| it["env"].as_array()).flatten();
    let roles = variables.filter(|it| it["name"] == "AWS_ROLE_ARN");
    let mut roles = roles.filter_map(|it| it["value"].as_str());
    roles.find(|role| !may_be_role(role)).map(bounded)
}

/// What has become of a pod that was evicted, by the pods of its controller.
#[derive(Clone, Debug, PartialEq)]
pub enum Replaced<'a> {
    /// None has come.
    NotYet,
    /// These have come, not all of which are ready.
    NotReady(Vec<&'a Value>),
    /// These have come, and all of them are ready.
    Ready(Vec<&'a Value>),
    /// This one has failed for good.
    Failed(&'a Value),
}

impl<'a> Replaced<'a> {
    /// `before` are the uids of the pods that were there before. A pod that is on its way out
    /// replaces nothing. The place of `old` is its name in a `StatefulSet`, and its node in a `DaemonSet`.
    #[must_use]
    pub fn of(pods: &'a [Value], before: &BTreeSet<String>, kind: &str, old: &Value) -> Self {
        let is_in_place = |pod: &&Value| match kind {
            "StatefulSet" => pod["metadata"]["name"] == old["metadata"]["name"],
            "DaemonSet" => node(pod) == node(old),
            _ => true,
        };
        let is_new = |pod: &&Value| {
            let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
            !before.contains(uid) && pod["metadata"]["deletionTimestamp"].is_null()
        };
        let new: Vec<&Value> = pods.iter().filter(is_new).filter(is_in_place).collect();
        if let Some(failed) = new.iter().find(|pod| pod["status"]["phase"] == "Failed") {
            return Self::Failed(failed);
        }
        if new.is_empty() {
            Self::NotYet
        } else if new.iter().all(|pod| is_ready(pod)) {
            Self::Ready(new)
        } else {
            Self::NotReady(new)
        }
    }
}

/// The node that a pod is on, or that its `DaemonSet` has made it for.
fn node(pod: &Value) -> Option<&str> {
    let spec = &pod["spec"];
    if let Some(name) = spec["nodeName"].as_str().filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let required =
        &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array()?.iter();
    let mut fields = terms.filter_map(|term| term["matchFields"].as_array()).flatten();
    fields.find(|field| field["key"] == "metadata.name")?["values"][0].as_str()
}

/// How far a Deployment's rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Its controller has not seen the change, or is at work: how many pods are new and available, of how many.
    Going {
        /// Pods of the new template that are available.
        available: u64,
        /// Pods that are wanted.
        wanted: u64,
    },
    /// All pods are new and available.
    Complete {
        /// How many they are.
        wanted: u64,
    },
    /// Its controller has given up; why.
    Failed(String),
    /// It was changed by somebody else meanwhile.
    Changed,
}

impl Rollout {
    /// Whether a Deployment has this value of the annotation: it was restarted so.
    #[must_use]
    pub fn has_begun(deployment: &Value, restarted_at: &str) -> bool {
        deployment["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == restarted_at
    }

    /// Of a Deployment whose change made its generation `generation`, with this value of the annotation.
    #[must_use]
    pub fn of(deployment: &Value, generation: u64, restarted_at: &str) -> Self {
        let (spec, status) = (&deployment["spec"], &deployment["status"]);
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        if !Self::has_begun(deployment, restarted_at) {
            return Self::Changed;
        }
        let wanted = number(&spec["replicas"]);
        let available =
            number(&status["availableReplicas"]).min(number(&status["updatedReplicas"]));
        if number(&status["observedGeneration"]) < generation {
            return Self::Going { available: 0, wanted };
        }
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let late =
            |it: &&Value| it["type"] == "Progressing" && it["reason"] == "ProgressDeadlineExceeded";
        if let Some(condition) = conditions.find(late) {
            let message = condition["message"].as_str().unwrap_or_default();
            return Self::Failed(bounded(message));
        }
        let is_complete = number(&status["updatedReplicas"]) == wanted
            && number(&status["replicas"]) == wanted
            && number(&status["availableReplicas"]) == wanted;
        if is_complete { Self::Complete { wanted } } else { Self::Going { available, wanted } }
    }
}

/// The annotation of a template that `kubectl rollout restart` sets; new pods have it from there.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// The patch that restarts a Deployment: that of this uid and no later one of its name, and only as it was when it was
/// looked at.
#[must_use]
pub fn restart_patch(restarted_at: &str, uid: &str, resource_version: &Value) -> Value {
    json!({
        "metadata": {"uid": uid, "resourceVersion": resource_version},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}},
    })
}
