//! The ways in which a workload differs from one that is restarted without more ado.

use diagnosis::{Fact, Reason, ReasonKind};
use serde_json::{Value, json};

use super::{Scene, budget};

/// A change of a Deployment of three pods that lack their role.
type Case = (&'static str, fn(&mut Scene));

/// Another workload: its kind, its API version, and what is in its object.
type Kind = (&'static str, &'static str, &'static str, fn() -> Value);

const STAYS: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

pub(super) const CASES: &[Case] = &[
    ("all is well", |_| {}),
    ("its namespace is the webhook's", |s| "home".clone_into(&mut s.namespace)),
    ("its namespace is kube-system", |s| "kube-system".clone_into(&mut s.namespace)),
    ("no webhook is registered", |s| s.webhooks = Fact::Known(json!({"items": []}))),
    ("something else is not known", |s| s.incomplete = true),
    ("one pod must not be evicted", |s| {
        s.pods[0]["metadata"]["annotations"] = json!({STAYS: "false"});
    }),
    ("one pod is on its way out", |s| {
        s.pods[0]["metadata"]["deletionTimestamp"] = "2026-12-25T00:00:00Z".into();
    }),
    ("one pod has no controller", |s| s.pods[0]["metadata"]["ownerReferences"] = Value::Null),
    ("the controller has gone", |s| s.workloads.clear()),
    ("the ReplicaSet is of an Argo Rollout", |s| {
        s.workloads[0]["metadata"]["ownerReferences"] =
            super::owned("Rollout", "argoproj.io/v1alpha1", "app");
    }),
    ("it has access keys", |s| {
        each(s, |pod| {
            let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
            pod["spec"]["containers"][0]["env"] =
                keys.map(|name| json!({"name": name, "value": "x"})).as_slice().into();
        });
    }),
    ("its role is known only when it runs", |s| {
        each(s, |pod| {
            pod["spec"]["containers"][0]["env"] = json!([
                {"name": "AWS_ROLE_ARN", "valueFrom": {"secretKeyRef": {}}},
                {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/token"},
            ]);
        });
    }),
    ("it has a single replica", single),
    ("it has a single replica, and downtime is allowed", |s| {
        single(s);
        s.options.allow_downtime = true;
    }),
    ("it has a single replica and a budget", |s| {
        single(s);
        budgets(s, vec![budget("app", &json!({}))]);
    }),
    ("only one of its pods is ready", |s| s.workloads[1]["status"]["readyReplicas"] = 1.into()),
    ("none of its pods is ready", |s| {
        s.workloads[1]["status"]["readyReplicas"] = 0.into();
        each(s, |pod| pod["status"]["conditions"] = json!([]));
    }),
    ("how many pods it has is not known", |s| s.workloads[1]["spec"]["replicas"] = Value::Null),
    ("budgets are those of others", |s| {
        let other = json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}});
        budgets(
            s,
            vec![budget("other", &other), budget("none", &json!({"spec": {"selector": null}}))],
        );
    }),
    ("it has two budgets", |s| {
        let all = json!({"spec": {"selector": {"matchLabels": null}}});
        budgets(s, vec![budget("a", &json!({})), budget("b", &all)]);
    }),
    ("its budget is used up", |s| {
        budgets(s, vec![budget("app", &json!({"status": {"disruptionsAllowed": 0}}))]);
    }),
    ("its budget never allows a disruption", |s| budgets(s, vec![strict(&json!({}))])),
    ("its budget never allows one of a ready pod", |s| {
        each(s, |pod| pod["status"]["conditions"] = json!([]));
        budgets(s, vec![strict(&json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}))]);
    }),
    ("its budget's state is older than the budget", |s| {
        budgets(s, vec![strict(&json!({"metadata": {"generation": 2}}))]);
    }),
    ("its budget's selector can't be read", |s| {
        let odd =
            json!({"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}});
        budgets(s, vec![budget("app", &odd)]);
    }),
    ("its budgets are not known", |s| {
        let message = "poddisruptionbudgets is forbidden".to_owned();
        s.budgets = Fact::Unknown(Reason { kind: ReasonKind::Forbidden, message });
    }),
    ("a rollout is under way", |s| s.workloads[1]["status"]["updatedReplicas"] = 2.into()),
    ("a change has not been seen by its controller", |s| {
        s.workloads[1]["metadata"]["generation"] = 2.into();
    }),
    ("a rollout hangs on pods that are not ready", |s| {
        s.workloads[1]["status"]["updatedReplicas"] = 2.into();
        each(s, |pod| pod["status"]["conditions"] = json!([]));
    }),
    ("by rollout", rolled),
    ("by rollout: it has a single replica", |s| {
        rolled(s);
        single(s);
    }),
    ("by rollout: it has a single replica, and no room for a second", |s| {
        rolled(s);
        single(s);
        s.workloads[1]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = 0.into();
    }),
    ("by rollout: half of its pods may end first", |s| {
        rolled(s);
        s.workloads[1]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = "50%".into();
    }),
    ("by rollout: all of its pods may end first", |s| {
        rolled(s);
        s.workloads[1]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = "100%".into();
    }),
    ("by rollout: all of its pods end first", |s| {
        rolled(s);
        s.workloads[1]["spec"]["strategy"] = json!({"type": "Recreate"});
    }),
    ("by rollout: it is paused", |s| {
        rolled(s);
        s.workloads[1]["spec"]["paused"] = true.into();
    }),
    ("by rollout: another one is under way", |s| {
        rolled(s);
        s.workloads[1]["status"]["updatedReplicas"] = 2.into();
    }),
    ("by rollout: one pod must not be evicted", |s| {
        rolled(s);
        s.pods[0]["metadata"]["annotations"] = json!({STAYS: "false"});
    }),
    ("by rollout: the template says that its pods must not be evicted", |s| {
        rolled(s);
        s.workloads[1]["spec"]["template"]["metadata"]["annotations"] = json!({STAYS: "false"});
    }),
];

pub(super) const KINDS: &[Kind] = &[
    ("a Job", "Job", "batch/v1", || json!({})),
    ("a CloneSet", "CloneSet", "apps.kruise.io/v1alpha1", || json!({})),
    ("a StatefulSet of somebody else", "StatefulSet", "apps.kruise.io/v1beta1", || json!({})),
    ("a ReplicationController", "ReplicationController", "v1", || json!({})),
    ("a ReplicaSet", "ReplicaSet", "apps/v1", || json!({})),
    ("a StatefulSet", "StatefulSet", "apps/v1", || {
        revisions("b", &json!({"type": "RollingUpdate"}))
    }),
    ("a StatefulSet that is rolling out", "StatefulSet", "apps/v1", || {
        revisions("a", &json!({"type": "RollingUpdate"}))
    }),
    ("a StatefulSet with a partition", "StatefulSet", "apps/v1", || {
        revisions("a", &json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}))
    }),
    ("a StatefulSet whose change waits", "StatefulSet", "apps/v1", || {
        revisions("a", &json!({"type": "OnDelete"}))
    }),
    ("a StatefulSet that changes by hand, and has no change", "StatefulSet", "apps/v1", || {
        revisions("b", &json!({"type": "OnDelete"}))
    }),
    ("a StatefulSet whose pods were all changed by hand", "StatefulSet", "apps/v1", || {
        let mut all = revisions("a", &json!({"type": "OnDelete"}));
        all["status"]["updatedReplicas"] = 3.into();
        all
    }),
    (
        "a StatefulSet that is being deleted",
        "StatefulSet",
        "apps/v1",
        || json!({"metadata": {"deletionTimestamp": "2026-12-25T00:00:00Z"}}),
    ),
    ("a DaemonSet", "DaemonSet", "apps/v1", || nodes(3, 3, "RollingUpdate")),
    ("a DaemonSet that is rolling out", "DaemonSet", "apps/v1", || nodes(3, 2, "RollingUpdate")),
    ("a DaemonSet whose change waits", "DaemonSet", "apps/v1", || nodes(3, 2, "OnDelete")),
    ("a DaemonSet of one node", "DaemonSet", "apps/v1", || nodes(1, 1, "RollingUpdate")),
];

fn each(scene: &mut Scene, change: fn(&mut Value)) {
    scene.pods.iter_mut().for_each(change);
}

fn budgets(scene: &mut Scene, budgets: Vec<Value>) {
    scene.budgets = Fact::Known(budgets);
}

/// Wants all of its pods healthy.
fn strict(more: &Value) -> Value {
    let mut found =
        budget("app", &json!({"status": {"desiredHealthy": 3, "disruptionsAllowed": 0}}));
    json_patch::merge(&mut found, more);
    found
}

fn single(scene: &mut Scene) {
    scene.pods.truncate(1);
    for workload in &mut scene.workloads {
        workload["spec"]["replicas"] = 1.into();
        workload["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1});
    }
}

fn rolled(scene: &mut Scene) {
    scene.options.rollout = true;
}

fn revisions(current: &str, strategy: &Value) -> Value {
    let updated = if current == "b" { 3 } else { 1 };
    let status =
        json!({"currentRevision": current, "updateRevision": "b", "updatedReplicas": updated});
    json!({"spec": {"updateStrategy": strategy}, "status": status})
}

fn nodes(wanted: u64, updated: u64, strategy: &str) -> Value {
    let status = json!({"desiredNumberScheduled": wanted, "numberReady": wanted, "updatedNumberScheduled": updated});
    json!({"spec": {"updateStrategy": {"type": strategy}}, "status": status})
}
