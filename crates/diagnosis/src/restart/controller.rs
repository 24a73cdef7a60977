//! What makes pods anew: the controllers of Kubernetes itself, and what their objects say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::redact::bounded;
use super::super::selector::LabelSelector;
use super::ordinal;
use super::refusal::Refused;

/// The kinds whose controllers make a pod anew at once when it is gone: kind, API version, plural.
const KINDS: [(&str, &str, &str); 5] = [
    ("Deployment", "apps/v1", "deployments"),
    ("ReplicaSet", "apps/v1", "replicasets"),
    ("StatefulSet", "apps/v1", "statefulsets"),
    ("DaemonSet", "apps/v1", "daemonsets"),
    ("ReplicationController", "v1", "replicationcontrollers"),
];

/// An object that makes pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Controller {
    /// Its namespace.
    pub namespace: String,
    /// Such as `ReplicaSet`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The object of that name and no later one.
    pub uid: String,
}

/// A controller with what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Workload<'a> {
    controller: Controller,
    object: &'a Value,
    /// The Deployment of a `ReplicaSet`.
    deployment: Option<(Controller, &'a Value)>,
}

impl Controller {
    /// The controller of a pod.
    ///
    /// # Errors
    /// [`Refused`] where it has none that makes pods anew.
    pub fn of(pod: &Value, namespace: &str) -> Result<Self, Refused> {
        let Some(owner) = controller_of(pod) else { return Err(Refused::NoController) };
        match Self::read(owner, namespace) {
            Some(found) => Ok(found),
            None if owner["kind"] == "Job" => Err(Refused::Job),
            None => {
                let text = |member: &str| owner[member].as_str().unwrap_or_default();
                Err(Refused::OtherController(bounded(&format!(
                    "{} {}",
                    text("kind"),
                    text("name")
                ))))
            }
        }
    }

    /// The Deployment of a `ReplicaSet`, if it has one.
    #[must_use]
    pub fn deployment_of(replica_set: &Value, namespace: &str) -> Option<Self> {
        Self::read(controller_of(replica_set)?, namespace).filter(|it| it.kind == "Deployment")
    }

    fn read(owner: &Value, namespace: &str) -> Option<Self> {
        let is_it = |(kind, version, _): &&(&str, &str, &str)| {
            owner["kind"] == *kind && owner["apiVersion"] == *version
        };
        let (kind, ..) = KINDS.iter().find(is_it)?;
        let text = |member: &str| owner[member].as_str().filter(|it| !it.is_empty());
        Some(Self {
            namespace: namespace.to_owned(),
            kind,
            name: text("name").filter(|name| is_name(name))?.to_owned(),
            uid: text("uid")?.to_owned(),
        })
    }

    /// Where the API server has it.
    #[must_use]
    pub fn path(&self) -> String {
        let Self { namespace, name, .. } = self;
        let group = if self.kind == "ReplicationController" { "api/v1" } else { "apis/apps/v1" };
        format!("/{group}/namespaces/{namespace}/{}/{name}", self.resource())
    }

    /// Its resource, such as `replicasets`.
    #[must_use]
    pub fn resource(&self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self.kind).map_or("", |(.., plural)| plural)
    }

    /// As kubectl takes it: `replicaset/app`.
    #[must_use]
    pub fn object(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }

    /// The pods that it makes, as the value of a `labelSelector` parameter; nothing where its selector can't be read.
    #[must_use]
    pub fn selector(&self, object: &Value) -> Option<String> {
        let selector = &object["spec"]["selector"];
        let read = match self.kind {
            "ReplicationController" => LabelSelector::of_map(selector),
            _ => LabelSelector::read(selector),
        };
        let read = read.ok().filter(|it| !it.is_empty())?;
        Some(read.to_query())
    }

    /// Whether an object controls another.
    #[must_use]
    pub fn owns(&self, object: &Value) -> bool {
        controller_of(object).is_some_and(|owner| owner["uid"] == self.uid.as_str())
    }
}

impl<'a> Workload<'a> {
    pub(super) fn new(
        controller: Controller,
        object: &'a Value,
        deployment: Option<(Controller, &'a Value)>,
    ) -> Self {
        Self { controller, object, deployment }
    }

    pub(super) fn is_deployment(&self) -> bool {
        self.deployment.is_some()
    }

    /// The Deployment, or what has none.
    pub(super) fn top(&self) -> &Controller {
        self.deployment.as_ref().map_or(&self.controller, |(controller, _)| controller)
    }

    fn top_object(&self) -> &'a Value {
        self.deployment.as_ref().map_or(self.object, |(_, object)| object)
    }

    pub(super) fn uids(&self) -> BTreeSet<&str> {
        [self.controller.uid.as_str(), self.top().uid.as_str()].into()
    }

    /// Its template's annotations.
    pub(super) fn template_annotations(&self) -> &'a Value {
        &self.top_object()["spec"]["template"]["metadata"]["annotations"]
    }

    /// Whether a pod of it may be evicted.
    pub(super) fn check_eviction(
        &self,
        pod: &Value,
        has_budget: bool,
        allow_downtime: bool,
    ) -> Result<(), Refused> {
        let name = || self.top().object();
        self.check_is_kept()?;
        if self.holds_an_update_back() {
            return Err(Refused::HeldUpdate(name()));
        }
        // A pod that is not ready may be what keeps the change from getting on.
        if self.is_rolling_out() && is_ready(pod) {
            return Err(Refused::RollingOut(name()));
        }
        if has_budget || allow_downtime {
            return Ok(());
        }
        let Some((wanted, ready)) = self.replicas() else {
            return Err(Refused::NotKnown(format!("how many pods {} has", name())));
        };
        if wanted <= 1 {
            return Err(Refused::Downtime(format!(
                "{} has a single replica and no PodDisruptionBudget",
                name()
            )));
        }
        if ready <= 1 && is_ready(pod) {
            return Err(Refused::OneReady(format!(
                "{} has {wanted} replicas, of which only one is ready, and no PodDisruptionBudget",
                name()
            )));
        }
        Ok(())
    }

    /// Whether its Deployment may be rolled out.
    pub(super) fn check_rollout(&self, allow_downtime: bool) -> Result<(), Refused> {
        let (spec, name) = (&self.top_object()["spec"], self.top().object());
        self.check_is_kept()?;
        if spec["paused"] == true {
            return Err(Refused::Paused);
        }
        if self.is_rolling_out() {
            return Err(Refused::RollingOut(name));
        }
        let Some((wanted, _)) = self.replicas() else {
            return Err(Refused::NotKnown(format!("how many pods {name} has")));
        };
        if allow_downtime {
            return Ok(());
        }
        let strategy = &spec["strategy"];
        if strategy["type"] == "Recreate" {
            return Err(Refused::Downtime(format!(
                "{name} has the strategy Recreate: all its pods end before the first new one starts"
            )));
        }
        let rolling = &strategy["rollingUpdate"];
        let surges = !matches!(&rolling["maxSurge"], Value::Number(it) if it.as_u64() == Some(0))
            && rolling["maxSurge"] != "0%";
        let unavailable = share(&rolling["maxUnavailable"], wanted);
        // Without room for one more, one has to end first.
        let unavailable = unavailable.map(|it| if surges { it } else { it.max(1) });
        if unavailable.is_none_or(|it| it >= wanted) {
            return Err(Refused::Downtime(format!(
                "the rolling update of {name} may end all its pods before a new one is ready"
            )));
        }
        Ok(())
    }

    /// What is being deleted makes no pod anew, however long a finalizer keeps it.
    fn check_is_kept(&self) -> Result<(), Refused> {
        let own = (&self.controller, self.object);
        let deployment = self.deployment.as_ref().map(|(controller, object)| (controller, *object));
        let mut all = [Some(own), deployment].into_iter().flatten();
        match all.find(|(_, object)| is_ending(object)) {
            Some((controller, _)) => Err(Refused::WorkloadEnding(controller.object())),
            None => Ok(()),
        }
    }

    /// A `StatefulSet` makes a pod only when all those before it are ready, unless it makes them in parallel.
    pub(super) fn check_order(&self, pod: &str, ready: &BTreeSet<String>) -> Result<(), Refused> {
        let spec = &self.object["spec"];
        if self.controller.kind != "StatefulSet" || spec["podManagementPolicy"] == "Parallel" {
            return Ok(());
        }
        let Some(number) = ordinal(pod) else { return Ok(()) };
        let first = spec["ordinals"]["start"].as_u64().unwrap_or_default();
        let mut before = (first..number).map(|it| format!("{}-{it}", self.controller.name));
        match before.find(|name| !ready.contains(name)) {
            Some(name) => Err(Refused::Behind(name)),
            None => Ok(()),
        }
    }

    /// How many pods what makes them itself wants, without its Deployment.
    pub(super) fn wanted(&self) -> Option<u64> {
        if is_ending(self.object) {
            return Some(0);
        }
        let (spec, status) = (&self.object["spec"], &self.object["status"]);
        match self.controller.kind {
            "DaemonSet" => status["desiredNumberScheduled"].as_u64(),
            _ => spec["replicas"].as_u64(),
        }
    }

    /// How many pods it wants, and how many are ready.
    fn replicas(&self) -> Option<(u64, u64)> {
        let object = self.top_object();
        let (spec, status) = (&object["spec"], &object["status"]);
        let ready = |member: &str| status[member].as_u64().unwrap_or_default();
        match self.top().kind {
            "DaemonSet" => Some((status["desiredNumberScheduled"].as_u64()?, ready("numberReady"))),
            _ => Some((spec["replicas"].as_u64()?, ready("readyReplicas"))),
        }
    }

    /// Whether its controller has yet to see or to finish a change.
    fn is_rolling_out(&self) -> bool {
        let object = self.top_object();
        let (spec, status) = (&object["spec"], &object["status"]);
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        if number(&status["observedGeneration"]) < number(&object["metadata"]["generation"]) {
            return true;
        }
        match self.top().kind {
            "Deployment" => {
                let updated = number(&status["updatedReplicas"]);
                updated < number(&spec["replicas"]) || number(&status["replicas"]) > updated
            }
            "StatefulSet" => {
                !is_on_delete(spec)
                    && spec["updateStrategy"]["rollingUpdate"]["partition"]
                        .as_u64()
                        .unwrap_or_default()
                        == 0
                    && status["currentRevision"] != status["updateRevision"]
            }
            "DaemonSet" => {
                let wanted = number(&status["desiredNumberScheduled"]);
                !is_on_delete(spec) && number(&status["updatedNumberScheduled"]) < wanted
            }
            _ => false,
        }
    }

    /// A change that comes with a new pod alone.
    fn holds_an_update_back(&self) -> bool {
        let (spec, status) = (&self.object["spec"], &self.object["status"]);
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        is_on_delete(spec)
            && match self.controller.kind {
                // Older versions of Kubernetes keep the old revision for the current one when all pods are new.
                "StatefulSet" => {
                    status["currentRevision"] != status["updateRevision"]
                        && number(&status["updatedReplicas"]) < number(&spec["replicas"])
                }
                "DaemonSet" => {
                    let wanted = number(&status["desiredNumberScheduled"]);
                    number(&status["updatedNumberScheduled"]) < wanted
                }
                _ => false,
            }
    }
}

/// Whether Kubernetes takes it for the name of an object: others are put into no path.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (1..=253).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.')
}

fn is_ending(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn is_on_delete(spec: &Value) -> bool {
    spec["updateStrategy"]["type"] == "OnDelete"
}

/// A number of pods, or a share of them, rounded down as the Deployment's controller has it. Nothing where it can't be read; a quarter where nobody said.
fn share(value: &Value, of: u64) -> Option<u64> {
    match value {
        Value::Null => Some(of / 4),
        Value::Number(number) => number.as_u64(),
        Value::String(text) => {
            let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
            Some(of.saturating_mul(percent) / 100)
        }
        _ => None,
    }
}

/// Whether a pod is ready to serve.
#[must_use]
pub fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
}

fn controller_of(object: &Value) -> Option<&Value> {
    let mut owners = object["metadata"]["ownerReferences"].as_array()?.iter();
    owners.find(|owner| owner["controller"] == true)
}
