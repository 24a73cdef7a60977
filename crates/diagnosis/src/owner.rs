//! What a pod was made from, and what makes it anew.

use serde::Serialize;
use serde_json::Value;

use super::redact::bounded;

/// The labels by which controllers of Deployments and of Argo Rollouts name the `ReplicaSet` of a pod.
pub(super) const OF_REPLICA_SETS: [(&str, &str); 2] =
    [("pod-template-hash", "Deployment"), ("rollouts-pod-template-hash", "Rollout")];

/// The object whose controller made a pod, or the one behind its `ReplicaSet`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Owner {
    /// Such as `Deployment`; `Pod` for one that nothing owns.
    pub kind: String,
    /// Its name, in the pod's namespace.
    pub name: String,
    /// Whether the kind is one of Kubernetes itself: others have kinds of the same names.
    #[serde(skip)]
    pub is_builtin: bool,
}

impl Owner {
    /// By what the pod says of itself: nothing is asked for. A pod without a controller is its own.
    #[must_use]
    pub fn of(pod: &Value) -> Self {
        let metadata = &pod["metadata"];
        let text = |value: &Value| bounded(value.as_str().unwrap_or_default());
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        let Some(owner) = owners.into_iter().find(|owner| owner["controller"] == true) else {
            return Self {
                kind: "Pod".to_owned(),
                name: text(&metadata["name"]),
                is_builtin: true,
            };
        };
        let (kind, name) = (text(&owner["kind"]), text(&owner["name"]));
        let version = owner["apiVersion"].as_str();
        let wanted = if kind == "ReplicationController" { "v1" } else { "apps/v1" };
        let is_builtin = version == Some(wanted);
        let behind = OF_REPLICA_SETS.into_iter().find_map(|(label, behind)| {
            let hash = metadata["labels"][label].as_str().filter(|hash| !hash.is_empty())?;
            let workload = name.strip_suffix(hash)?.strip_suffix('-')?;
            (is_builtin && kind == "ReplicaSet").then(|| Self {
                kind: behind.to_owned(),
                name: workload.to_owned(),
                is_builtin: behind == "Deployment",
            })
        });
        behind.unwrap_or(Self { kind, name, is_builtin })
    }

    /// Whether it is a Deployment, which `--rollout` restarts.
    #[must_use]
    pub fn is_deployment(&self) -> bool {
        self.is_builtin && self.kind == "Deployment"
    }

    /// Whether `kubectl rollout restart` makes its pods anew.
    #[must_use]
    pub fn can_be_restarted(&self) -> bool {
        self.is_builtin && matches!(self.kind.as_str(), "Deployment" | "DaemonSet" | "StatefulSet")
    }

    /// Whether a pod that is deleted is made anew at once.
    #[must_use]
    pub fn replaces_pods(&self) -> bool {
        self.is_builtin && matches!(self.kind.as_str(), "ReplicaSet" | "ReplicationController")
    }

    /// As kubectl takes it: `deployment/app`.
    #[must_use]
    pub fn object(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_the_workload_behind_a_replica_set_and_no_other() {
        let owned = |kind: &str, name: &str, label: &str| {
            json!({"metadata": {"name": "app-1", "labels": {label: "5d5c9f7c4b"}, "ownerReferences": [
                {"kind": "Other", "name": "no-controller"},
                {"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true},
            ]}})
        };
        let hash = "pod-template-hash";
        for (pod, object) in [
            (owned("ReplicaSet", "app-5d5c9f7c4b", hash), "deployment/app"),
            (owned("ReplicaSet", "app-5d5c9f7c4b", "rollouts-pod-template-hash"), "rollout/app"),
            (owned("ReplicaSet", "app-1", hash), "replicaset/app-1"),
            (owned("ReplicaSet", "5d5c9f7c4b", hash), "replicaset/5d5c9f7c4b"),
            (owned("StatefulSet", "app", hash), "statefulset/app"),
            (owned("Job", "app-28471230", "x"), "job/app-28471230"),
            (json!({"metadata": {"name": "app-1"}}), "pod/app-1"),
            (json!({}), "pod/"),
        ] {
            assert_eq!(Owner::of(&pod).object(), object);
        }
        for (kind, version, restarted, replaced) in [
            ("StatefulSet", "apps/v1", true, false),
            ("StatefulSet", "apps.kruise.io/v1beta1", false, false),
            ("ReplicaSet", "apps/v1", false, true),
            ("ReplicaSet", "example.com/v1", false, false),
            ("ReplicationController", "v1", false, true),
        ] {
            let mut pod = owned(kind, "app", hash);
            pod["metadata"]["ownerReferences"][1]["apiVersion"] = version.into();
            let workload = Owner::of(&pod);
            let found = (workload.can_be_restarted(), workload.replaces_pods());
            assert_eq!(found, (restarted, replaced), "{kind} of {version}");
        }
    }
}
