//! The pod that comes next, and a rollout.

use serde_json::{Value, json};

use super::*;

fn pod(name: &str) -> Value {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    json!({
        "metadata": {"name": name, "uid": format!("uid-of-{name}")},
        "status": {"phase": "Running", "conditions": ready},
    })
}

fn workload(more: &Value) -> Value {
    let mut object = json!({
        "metadata": {"name": "app", "uid": "1", "generation": 1},
        "spec": {"replicas": 3, "template": {
            "metadata": {"labels": {"app": "app"}},
            "spec": {"serviceAccountName": "app", "containers": [{"name": "c"}]},
        }},
        "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3},
    });
    json_patch::merge(&mut object, more);
    object
}

#[test]
fn makes_the_pod_that_the_workload_would_make() {
    let object = workload(&json!({"spec": {
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        "template": {
            "metadata": {"annotations": {"a": "b"}},
            "spec": {"volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]},
        },
    }}));
    let controller = Controller {
        namespace: "demo".to_owned(),
        kind: "StatefulSet",
        name: "app".to_owned(),
        uid: "1".to_owned(),
    };
    let pod = replacement(&controller, &object).expect("a pod");
    assert_eq!(pod["metadata"]["labels"], json!({"app": "app"}));
    assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
    assert!(controller.owns(&pod));
    assert_eq!(pod["spec"]["serviceAccountName"], "app");
    let claim = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-app-0"}});
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "tmp", "emptyDir": {}}, claim]));
    assert_eq!(replacement(&controller, &json!({"spec": {}})), None);
}

#[test]
fn takes_no_pod_for_a_replacement_that_was_there_before_or_is_on_its_way_out() {
    let old = pod("old");
    let before = ["uid-of-old".to_owned()].into();
    let with = |change: fn(&mut Value)| {
        let mut new = pod("new");
        change(&mut new);
        [old.clone(), new]
    };
    let found = |pods: &[Value]| match Replaced::of(pods, &before, "ReplicaSet", &old) {
        Replaced::NotYet => "not yet",
        Replaced::NotReady(_) => "not ready",
        Replaced::Ready(_) => "ready",
        Replaced::Failed(_) => "failed",
    };
    assert_eq!(found(std::slice::from_ref(&old)), "not yet");
    assert_eq!(found(&with(|_| {})), "ready");
    assert_eq!(found(&with(|pod| pod["status"] = json!({"phase": "Pending"}))), "not ready");
    assert_eq!(found(&with(|pod| pod["status"]["phase"] = "Failed".into())), "failed");
    let ends =
        |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = "2026-12-25T00:00:00Z".into();
    assert_eq!(found(&with(ends)), "not yet");
}

#[test]
fn takes_for_a_replacement_what_is_in_the_place_of_the_old_pod() {
    let on = |name: &str, uid: &str, node: &str, is_ready: bool| {
        let mut new = pod(name);
        new["metadata"]["uid"] = uid.into();
        new["spec"] = json!({"nodeName": node});
        if !is_ready {
            new["status"]["conditions"] = json!([]);
            new["spec"] = json!({"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]},
                ]},
            }}});
        }
        new
    };
    let old = on("app-0", "old", "a", true);
    let before = ["old".to_owned()].into();
    let found = |kind: &str, pods: &[Value]| match Replaced::of(pods, &before, kind, &old) {
        Replaced::NotYet => ("not yet", 0),
        Replaced::NotReady(new) => ("not ready", new.len()),
        Replaced::Ready(new) => ("ready", new.len()),
        Replaced::Failed(_) => ("failed", 1),
    };
    // Another one has come meanwhile, of a node or a scale that is new.
    let other = on("app-3", "other", "b", true);
    let late = [other.clone(), on("app-0", "new", "a", false)];
    let there = [other.clone(), on("app-0", "new", "a", true)];
    for kind in ["StatefulSet", "DaemonSet"] {
        assert_eq!(found(kind, std::slice::from_ref(&other)), ("not yet", 0), "{kind}");
        assert_eq!(found(kind, &late), ("not ready", 1), "{kind}");
        assert_eq!(found(kind, &there), ("ready", 1), "{kind}");
    }
    assert_eq!(found("ReplicaSet", &late), ("not ready", 2));
    assert_eq!(found("ReplicaSet", &there), ("ready", 2));
}

#[test]
fn finds_a_role_that_no_sts_would_take() {
    let with = |role: &str| {
        let env = json!([{"name": "A", "value": "x"}, {"name": "AWS_ROLE_ARN", "value": role}]);
        odd_role(&json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "env": env}]}}))
    };
    for role in ["arn:aws:iam::111122223333:role/app", "arn:minio:iam:::role/idmp-app"] {
        assert_eq!(with(role), None);
    }
    for role in ["app", "", "arn:aws:iam::111122223333:app", "arn:aws:iam::111122223333:role/a b"] {
        assert_eq!(with(role).as_deref(), Some(role));
    }
    let elsewhere = json!([{"name": "AWS_ROLE_ARN", "valueFrom": {}}]);
    assert_eq!(odd_role(&json!({"spec": {"initContainers": [{"env": elsewhere}]}})), None);
    assert_eq!(odd_role(&json!({})), None);
}

/// What was true of a workload when the plan was made may not be true when its turn comes.
#[test]
fn checks_each_pod_and_rollout_by_what_is_known_when_its_turn_comes() {
    let controller = Controller {
        namespace: "demo".to_owned(),
        kind: "StatefulSet",
        name: "app".to_owned(),
        uid: "1".to_owned(),
    };
    let deployment = Controller { kind: "Deployment", ..controller.clone() };
    let step = |controller: &Controller| Step {
        action: Action::Evict,
        namespace: "demo".to_owned(),
        owner: Owner::of(&pod("app-0")),
        service_account: "demo/app".to_owned(),
        controller: controller.clone(),
        pods: Vec::new(),
        budget: None,
    };
    let facts = |controller: &Controller, object: Fact<Value>, budgets: Vec<Value>| {
        let mut facts = RestartFacts::default();
        facts.take_workload(controller.clone(), object);
        facts.take_budgets("demo", Fact::Known(budgets));
        facts
    };
    let options = RestartOptions::default();
    let ready = ["app-0", "app-2"].map(str::to_owned).into();
    let of = |object: Fact<Value>, pod: &Value, budgets: Vec<Value>| {
        let facts = facts(&controller, object, budgets);
        check_eviction(&step(&controller), pod, &ready, &facts, options).map_err(|why| why.id())
    };
    let given = |more: Value| Fact::Known(workload(&more));
    let with = |more: Value| {
        let mut pod = pod("app-0");
        json_patch::merge(&mut pod, &more);
        pod
    };
    let plain = with(json!({}));
    assert_eq!(of(given(json!({})), &plain, Vec::new()), Ok(()));
    let scaled = json!({"spec": {"replicas": 1}});
    assert_eq!(of(given(scaled), &plain, Vec::new()), Err("downtime"));
    let behind = json!({"status": {"readyReplicas": 1}});
    assert_eq!(of(given(behind), &plain, Vec::new()), Err("downtime"));
    let changed = json!({"metadata": {"generation": 2}});
    assert_eq!(of(given(changed), &plain, Vec::new()), Err("rolling-out"));
    let ends = json!({"metadata": {"deletionTimestamp": "2026-12-25T00:00:00Z"}});
    assert_eq!(of(given(ends.clone()), &plain, Vec::new()), Err("ending"));
    // Without app-1, no app-2 would come.
    let last = with(json!({"metadata": {"name": "app-2"}}));
    assert_eq!(of(given(json!({})), &last, Vec::new()), Err("behind"));
    let parallel = json!({"spec": {"podManagementPolicy": "Parallel"}});
    assert_eq!(of(given(parallel), &last, Vec::new()), Ok(()));
    let from_2 = json!({"spec": {"ordinals": {"start": 2}}});
    assert_eq!(of(given(from_2), &last, Vec::new()), Ok(()));
    let held = |updated: u64| {
        given(json!({
            "spec": {"updateStrategy": {"type": "OnDelete"}},
            "status": {"currentRevision": "a", "updateRevision": "b", "updatedReplicas": updated},
        }))
    };
    assert_eq!(of(held(2), &plain, Vec::new()), Err("held-update"));
    assert_eq!(of(held(3), &plain, Vec::new()), Ok(()));
    assert_eq!(of(Fact::Absent, &plain, Vec::new()), Err("no-controller"));
    assert_eq!(of(Fact::Unknown("503".into()), &plain, Vec::new()), Err("not-known"));
    let budget = |name: &str| json!({"metadata": {"name": name}, "spec": {"selector": {}}});
    assert_eq!(of(given(json!({})), &plain, vec![budget("a"), budget("b")]), Err("many-budgets"));
    for (more, why) in [
        (json!({"deletionTimestamp": "2026-12-25T00:00:00Z"}), "ending"),
        (
            json!({"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}),
            "not-safe-to-evict",
        ),
        (json!({"labels": {"app.kubernetes.io/name": "pod-identity-webhook"}}), "own-namespace"),
    ] {
        let pod = with(json!({"metadata": more}));
        assert_eq!(of(given(json!({})), &pod, Vec::new()), Err(why));
    }

    let rolls = |object: Fact<Value>, pods: &[Value]| {
        let facts = facts(&deployment, object, Vec::new());
        check_rollout(&step(&deployment), pods, &facts, options).map_err(|why| why.id())
    };
    assert_eq!(rolls(given(json!({})), &[]), Ok(()));
    assert_eq!(rolls(given(json!({"spec": {"paused": true}})), &[]), Err("paused"));
    assert_eq!(rolls(given(ends), &[]), Err("ending"));
    let kept = with(
        json!({"metadata": {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}}),
    );
    assert_eq!(rolls(given(json!({})), &[kept]), Err("not-safe-to-evict"));
}

/// A URL does not say where the webhook runs: its pods do.
#[test]
fn knows_the_webhooks_own_namespace_by_its_pods_where_it_is_called_by_a_url() {
    let config = |client: Value| {
        Fact::Known(json!({"items": [{
            "metadata": {"name": "pod-identity-webhook"},
            "webhooks": [{"name": "a.b.c", "clientConfig": client, "rules": [{"apiGroups": [""],
                "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}],
        }]}))
    };
    let mut own = pod("webhook");
    own["metadata"]["namespace"] = "home".into();
    own["metadata"]["labels"] = json!({"app.kubernetes.io/name": "pod-identity-webhook"});
    let name = ["pod-identity-webhook".to_owned()];
    let mut facts = RestartFacts::new(&config(json!({"url": "https://a.example"})), &name);
    facts.see_pod(&own);
    assert!(facts.own_namespaces.contains("home"));
}

/// A status that is older than the change says nothing of it.
#[test]
fn follows_the_rollout_that_it_began_and_no_other() {
    let deployment = |more: &Value| {
        let mut object = workload(&json!({
            "metadata": {"generation": 2},
            "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}},
            "status": {"observedGeneration": 2, "availableReplicas": 3},
        }));
        json_patch::merge(&mut object, more);
        Rollout::of(&object, 2, "now")
    };
    assert_eq!(deployment(&json!({})), Rollout::Complete { wanted: 3 });
    let old = json!({"status": {"observedGeneration": 1}});
    assert_eq!(deployment(&old), Rollout::Going { available: 0, wanted: 3 });
    let going = json!({"status": {"updatedReplicas": 1, "replicas": 4}});
    assert_eq!(deployment(&going), Rollout::Going { available: 1, wanted: 3 });
    let surplus = json!({"status": {"replicas": 4}});
    assert_eq!(deployment(&surplus), Rollout::Going { available: 3, wanted: 3 });
    let late = json!({"status": {"updatedReplicas": 1, "conditions": [
        {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "it has timed out"}]}});
    assert_eq!(deployment(&late), Rollout::Failed("it has timed out".to_owned()));
    let other = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "later"}}}}});
    assert_eq!(deployment(&other), Rollout::Changed);
}
