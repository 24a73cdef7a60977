//! What `audit --restart` plans, and why it leaves pods as they are, in `restart.txt`.

mod cases;

use std::fmt::Write as _;

use diagnosis::{
    Auditor, Controller, Fact, Owner, Refused, RestartFacts, RestartOptions, RestartPlan, Sources,
    WebhookSettings, candidates,
};
use serde_json::{Value, json};

use cases::{CASES, KINDS};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const READY: &str = r#"[{"type": "Ready", "status": "True"}]"#;

/// Three pods of a Deployment, all of which lack their role, and a budget.
pub(crate) struct Scene {
    pub(crate) namespace: String,
    pub(crate) pods: Vec<Value>,
    pub(crate) budgets: Fact<Vec<Value>>,
    pub(crate) workloads: Vec<Value>,
    pub(crate) webhooks: Fact<Value>,
    pub(crate) options: RestartOptions,
    /// Something else is not known.
    pub(crate) incomplete: bool,
}

pub(crate) fn owned(kind: &str, version: &str, name: &str) -> Value {
    json!([{"apiVersion": version, "kind": kind, "name": name, "uid": format!("uid-of-{name}"), "controller": true}])
}

pub(crate) fn pod(name: &str, owners: &Value) -> Value {
    let ready: Value = serde_json::from_str(READY).unwrap();
    json!({
        "metadata": {
            "name": name, "namespace": "demo", "uid": format!("uid-of-{name}"), "ownerReferences": owners,
            "labels": {"app": "app", "pod-template-hash": "5d5c"},
        },
        "spec": {"serviceAccountName": "app", "containers": [{"name": "c"}]},
        "status": {"phase": "Running", "conditions": ready},
    })
}

pub(crate) fn workload(kind: &str, name: &str, more: &Value) -> Value {
    let mut object = json!({
        "kind": kind,
        "metadata": {"name": name, "uid": format!("uid-of-{name}"), "generation": 1},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "app"}}, "template": {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"serviceAccountName": "app", "containers": [{"name": "c"}]},
        }},
        "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3},
    });
    json_patch::merge(&mut object, more);
    object
}

pub(crate) fn budget(name: &str, more: &Value) -> Value {
    let mut object = json!({
        "metadata": {"name": name, "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "app"}}},
        "status": {"observedGeneration": 1, "disruptionsAllowed": 1, "desiredHealthy": 2, "expectedPods": 3},
    });
    json_patch::merge(&mut object, more);
    object
}

impl Scene {
    pub(crate) fn new() -> Self {
        let owners = owned("ReplicaSet", "apps/v1", "app-5d5c");
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        let replica_set = workload(
            "ReplicaSet",
            "app-5d5c",
            &json!({
                "metadata": {"ownerReferences": owned("Deployment", "apps/v1", "app")},
            }),
        );
        Self {
            namespace: "demo".to_owned(),
            pods: (1..=3).map(|number| pod(&format!("app-5d5c-{number}"), &owners)).collect(),
            budgets: Fact::Known(Vec::new()),
            workloads: vec![
                replica_set,
                workload("Deployment", "app", &json!({"spec": {"strategy": strategy}})),
            ],
            webhooks: Fact::Known(json!({"items": [{
                "metadata": {"name": "pod-identity-webhook"},
                "webhooks": [{
                    "name": "a.b.c",
                    "clientConfig": {"service": {"namespace": "home", "name": "webhook"}},
                    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                }],
            }]})),
            options: RestartOptions::default(),
            incomplete: false,
        }
    }

    /// One workload of another kind.
    pub(crate) fn of(kind: &str, version: &str, more: &Value) -> Self {
        let pods = (0..3).map(|number| pod(&format!("app-{number}"), &owned(kind, version, "app")));
        let pods = pods.collect();
        Self { pods, workloads: vec![workload(kind, "app", more)], ..Self::new() }
    }

    pub(crate) fn plan(&self) -> RestartPlan {
        let settings = WebhookSettings::default();
        let sources = Sources { webhooks: self.webhooks.clone(), ..Sources::default() };
        let mut auditor = Auditor::new(&sources, &settings);
        auditor.account(&json!({"metadata": {"namespace": self.namespace, "name": "app",
            "annotations": {"eks.amazonaws.com/role-arn": ROLE}}}));
        let pods = self.pods.iter().cloned().map(|mut pod| {
            pod["metadata"]["namespace"] = self.namespace.as_str().into();
            pod
        });
        let pods: Vec<Value> = pods.collect();
        for pod in &pods {
            auditor.pod(pod);
        }
        if self.incomplete {
            auditor.not_known("who knows".to_owned());
        }
        let audit = auditor.finish();
        let mut facts = RestartFacts::new(&self.webhooks, &[]);
        for (namespace, names) in candidates(&audit) {
            let wanted = |pod: &&Value| names.iter().any(|name| pod["metadata"]["name"] == *name);
            for pod in &pods {
                facts.see_pod(pod);
            }
            let kept = pods.iter().filter(wanted).map(RestartFacts::kept_pod).collect();
            facts.take_pods(namespace, Fact::Known(kept));
            facts.take_budgets(namespace, self.budgets.clone());
        }
        let known = |controller: &Controller| {
            let found =
                self.workloads.iter().find(|it| it["metadata"]["uid"] == controller.uid.as_str());
            found.cloned().map_or(Fact::Absent, Fact::Known)
        };
        for controller in facts.controllers() {
            let object = known(&controller);
            if let Some(deployment) =
                object.known().and_then(|it| Controller::deployment_of(it, &controller.namespace))
            {
                let object = known(&deployment);
                facts.take_workload(deployment, object);
            }
            facts.take_workload(controller, object);
        }
        RestartPlan::of(&audit, &facts, self.options)
    }

    /// The steps and refusals, with what to do instead.
    fn planned(&self) -> String {
        let (plan, mut text) = (self.plan(), String::new());
        for step in &plan.steps {
            let action = step.action.as_str();
            let object = step.controller.object();
            writeln!(text, "  {action} {} of {object}: {}", step.pods.len(), step.why()).unwrap();
        }
        for it in &plan.refused {
            let (id, object, why) = (it.why.id(), it.owner.object(), it.why.message());
            writeln!(text, "  none, {id}, {} of {object}: {why}", it.pods.len()).unwrap();
            if let Some(next) = it.why.next(&it.owner) {
                writeln!(text, "    next: {next}").unwrap();
            }
        }
        text
    }
}

#[test]
fn restart_plans_what_stands_in_the_file() {
    let mut all = String::new();
    for (what, change) in CASES {
        let mut scene = Scene::new();
        change(&mut scene);
        writeln!(all, "{what}\n{}", scene.planned()).unwrap();
    }
    for (what, kind, version, more) in KINDS {
        let mut scene = Scene::of(kind, version, &more());
        let evicted = scene.planned();
        writeln!(all, "{what}\n{evicted}").unwrap();
        scene.options.rollout = true;
        assert_eq!(scene.planned(), evicted, "{what}: no Deployment is rolled out");
    }
    super::golden("restart.txt", &all);
}

#[test]
fn restart_advises_a_rollout_for_deployments_alone() {
    for (kind, is_rolled_out) in
        [("Deployment", true), ("StatefulSet", false), ("DaemonSet", false)]
    {
        let owner = Owner { kind: kind.to_owned(), name: "app".to_owned(), is_builtin: true };
        for why in
            [Refused::BudgetAllowsNone("a".to_owned()), Refused::ManyBudgets("a, b".to_owned())]
        {
            let next = why.next(&owner).unwrap();
            assert_eq!(next.contains("--rollout"), is_rolled_out, "{kind}: {next}");
        }
    }
}

#[test]
fn restart_begins_with_the_last_pod_of_a_stateful_set() {
    let mut scene = Scene::of("StatefulSet", "apps/v1", &json!({"spec": {"replicas": 12}}));
    let owners = owned("StatefulSet", "apps/v1", "app");
    scene.pods = [0, 2, 10].map(|it| pod(&format!("app-{it}"), &owners)).into();
    let plan = scene.plan();
    let names: Vec<_> = plan.steps[0].pods.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["app-10", "app-2", "app-0"]);
}

/// A `StatefulSet` makes no pod before those of lower numbers are ready; and names may be anything.
#[test]
fn restart_begins_with_pods_that_are_not_ready() {
    let owners = owned("StatefulSet", "apps/v1", "app");
    let mut scene = Scene::of("StatefulSet", "apps/v1", &json!({"spec": {"replicas": 40}}));
    let odd = (0..20).map(|it| format!("app-{it}x"));
    let names: Vec<String> = (0..20).map(|it| format!("app-{it}")).chain(odd).collect();
    scene.pods = names.iter().map(|name| pod(name, &owners)).collect();
    for at in [3, 12] {
        scene.pods[at]["status"]["conditions"] = json!([]);
    }
    let plan = scene.plan();
    let found: Vec<_> = plan.steps[0].pods.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(found[..2], ["app-3", "app-12"]);
    let numbered = found.iter().filter(|it| !it.ends_with('x'));
    assert_eq!(numbered.copied().nth(2), Some("app-19"));
    assert_eq!(found.len(), 40);
}
