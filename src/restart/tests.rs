//! Against an API server in memory, which a test can change or break between two requests. It is its own controllers:
//! what is evicted or rolled out is replaced at once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diagnosis::{Auditor, Commands, Controller, Fact, Owner, Sources, StepPod, WebhookSettings};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SAFE: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const PODS: &str = "/api/v1/namespaces/demo/pods";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/demo/deployments/app";

/// What a request gets instead of what it should.
enum Reply {
    Status(u16),
    /// It is done, and the response is lost.
    DoneBut(u16),
    Never,
}

type Hook = Box<dyn FnMut(&mut World, &str) -> Option<Reply> + Send>;

struct World {
    pods: Vec<Value>,
    deployment: Value,
    budgets: Vec<Value>,
    /// Such as `POST /api/v1/…`, without the query.
    asked: Vec<String>,
    hook: Option<Hook>,
    stop: Stop,
    count: usize,
}

fn owned(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}])
}

fn pod(name: &str, has_role: bool) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "demo", "uid": name, "resourceVersion": "1",
            "labels": {"app": "app"}, "ownerReferences": owned("ReplicaSet", "app-1")},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    });
    if has_role {
        let folder = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
        pod["spec"]["volumes"] = json!([{"name": "aws-iam-token", "projected": {"sources": [
            {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}]}}]);
        pod["spec"]["containers"] = json!([{
            "name": "app",
            "env": [{"name": "AWS_ROLE_ARN", "value": ROLE},
                {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": format!("{folder}/token")}],
            "volumeMounts": [{"name": "aws-iam-token", "mountPath": folder, "readOnly": true}],
        }]);
    }
    pod
}

impl World {
    /// Three pods of a Deployment that are older than their role.
    fn new() -> Self {
        let selector = json!({"matchLabels": {"app": "app"}});
        Self {
            pods: (0..3).map(|number| pod(&format!("old-{number}"), false)).collect(),
            deployment: json!({
                "metadata": {"name": "app", "uid": "app", "generation": 1, "resourceVersion": "1"},
                "spec": {"replicas": 3, "selector": selector, "template": {"metadata": {}}},
                "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3,
                    "availableReplicas": 3},
            }),
            budgets: Vec::new(),
            asked: Vec::new(),
            hook: None,
            stop: Stop::new(),
            count: 0,
        }
    }

    fn hooked(hook: impl FnMut(&mut Self, &str) -> Option<Reply> + Send + 'static) -> Self {
        Self { hook: Some(Box::new(hook)), ..Self::new() }
    }

    fn new_pod(&mut self) -> Value {
        self.count += 1;
        let mut pod = pod(&format!("new-{}", self.count), true);
        pod["metadata"]["annotations"] =
            self.deployment["spec"]["template"]["metadata"]["annotations"].clone();
        pod
    }

    fn sent(&self, beginning: &str) -> usize {
        self.asked.iter().filter(|it| it.starts_with(beginning)).count()
    }

    /// What it is asked to do.
    fn done(&mut self, asked: &str, body: &Value) -> (u16, Value) {
        let failed =
            |code: u16| (code, json!({"kind": "Status", "status": "Failure", "code": code}));
        let list = |items: &[Value]| (200, json!({"metadata": {}, "items": items}));
        let (method, path) = asked.split_once(' ').unwrap_or_default();
        let replica_set = json!({
            "metadata": {"name": "app-1", "uid": "app-1", "ownerReferences": owned("Deployment", "app")},
            "spec": {"replicas": self.deployment["spec"]["replicas"], "selector": self.deployment["spec"]["selector"]},
        });
        match (method, path) {
            ("GET", "/api/v1/namespaces/demo/serviceaccounts/app") => (
                200,
                json!({"metadata": {"namespace": "demo", "name": "app",
                    "annotations": {"eks.amazonaws.com/role-arn": ROLE}}}),
            ),
            ("GET", "/apis/policy/v1/namespaces/demo/poddisruptionbudgets") => list(&self.budgets),
            ("GET", PODS) => list(&self.pods),
            ("GET", "/apis/apps/v1/namespaces/demo/replicasets/app-1") => (200, replica_set),
            ("GET", DEPLOYMENT) => (200, self.deployment.clone()),
            ("PATCH", DEPLOYMENT) => {
                let version = &self.deployment["metadata"]["resourceVersion"];
                if body["metadata"]["resourceVersion"] != *version {
                    return failed(409);
                }
                json_patch::merge(&mut self.deployment, body);
                self.deployment["metadata"]["resourceVersion"] = "2".into();
                self.deployment["metadata"]["generation"] = 2.into();
                self.deployment["status"]["observedGeneration"] = 2.into();
                self.pods = (0..3).map(|_| self.new_pod()).collect();
                (200, self.deployment.clone())
            }
            ("POST", path) if path.ends_with("/eviction") => {
                let conditions = &body["deleteOptions"]["preconditions"];
                let name = path.split('/').rev().nth(1).unwrap_or_default();
                let Some(at) = self.pods.iter().position(|it| it["metadata"]["name"] == name)
                else {
                    return failed(404);
                };
                let metadata = &self.pods[at]["metadata"];
                let is = |member: &str| conditions[member] == metadata[member];
                if !is("uid") || !is("resourceVersion") {
                    return failed(409);
                }
                self.pods.remove(at);
                let new = self.new_pod();
                self.pods.push(new);
                (201, json!({"kind": "Status", "status": "Success"}))
            }
            _ => failed(404),
        }
    }
}

fn client(world: Arc<Mutex<World>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let world = Arc::clone(&world);
        async move {
            let asked = format!("{} {}", request.method(), request.uri().path());
            let has_body = request.method() != Method::GET;
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = if has_body { serde_json::from_slice(&body).unwrap() } else { Value::Null };
            let answer = {
                let mut world = world.lock().unwrap();
                world.asked.push(asked.clone());
                let mut hook = world.hook.take();
                let reply = hook.as_mut().and_then(|hook| hook(&mut world, &asked));
                world.hook = hook;
                let failed = |code: u16| {
                    Some((
                        code,
                        json!({"kind": "Status", "status": "Failure", "code": code, "message": "no luck"}),
                    ))
                };
                match reply {
                    None => Some(world.done(&asked, &body)),
                    Some(Reply::Status(code)) => failed(code),
                    Some(Reply::DoneBut(code)) => {
                        world.done(&asked, &body);
                        failed(code)
                    }
                    Some(Reply::Never) => None,
                }
            };
            let Some((code, body)) = answer else { std::future::pending().await };
            let body = Full::new(Bytes::from(body.to_string()));
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

/// What came of a plan for the three pods, and how long it took.
async fn carried(world: World, action: Action) -> (Carried, World, Duration) {
    let kind = if action == Action::Rollout { "Deployment" } else { "ReplicaSet" };
    let name = if action == Action::Rollout { "app" } else { "app-1" };
    let pods = world.pods.iter().map(|pod| StepPod {
        name: name_of(pod),
        uid: name_of(pod),
        state: PodState::Missing,
    });
    let step = Step {
        action,
        namespace: "demo".to_owned(),
        owner: Owner::of(&pod("old-0", false)),
        service_account: "demo/app".to_owned(),
        controller: Controller {
            namespace: "demo".to_owned(),
            kind,
            name: name.to_owned(),
            uid: name.to_owned(),
        },
        pods: pods.collect(),
        budget: None,
    };
    let plan = RestartPlan { steps: vec![step], refused: Vec::new() };
    let sources = Sources {
        webhooks: Fact::Known(json!({"items": [{
            "metadata": {"name": "pod-identity-webhook"},
            "webhooks": [{
                "name": "a.b.c",
                "clientConfig": {"service": {"namespace": "home", "name": "webhook"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }],
        }]})),
        ..Sources::default()
    };
    let settings = WebhookSettings::default();
    let mut auditor = Auditor::new(&sources, &settings);
    let wish = world.stop.clone();
    let world = Arc::new(Mutex::new(world));
    let client = client(Arc::clone(&world));
    let mut restarter = Restarter {
        client: &client,
        auditor: &mut auditor,
        commands: &Commands::default(),
        options: RestartOptions::default(),
        pace: Duration::ZERO,
        patience: Duration::from_mins(10),
        stop: &wish,
        state: State::default(),
    };
    let began = Instant::now();
    let carried = restarter.carry_out(&plan, &mut |_| {}).await;
    let mut world = world.lock().unwrap();
    let world = std::mem::replace(&mut *world, World::new());
    (carried, world, began.elapsed())
}

fn name_of(pod: &Value) -> String {
    pod["metadata"]["name"].as_str().unwrap().to_owned()
}

/// In one word each.
fn outcomes(carried: &Carried) -> Vec<&'static str> {
    let word = |it: &Done| match &it.outcome {
        Outcome::Replaced(_) => "replaced",
        Outcome::RolledOut => "rolled-out",
        Outcome::Gone => "gone",
        Outcome::NotNeeded => "not-needed",
        Outcome::NotWanted => "not-wanted",
        Outcome::Skipped(why) => why.id(),
    };
    carried.done.iter().map(word).collect()
}

fn is_eviction(asked: &str) -> bool {
    asked.ends_with("/eviction")
}

#[tokio::test(start_paused = true)]
async fn replaces_one_pod_after_the_other() {
    let (carried, world, _) = carried(World::new(), Action::Evict).await;
    assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
    assert_eq!((carried.ended, world.sent("POST")), (Ended::Complete, 3));
}

/// The eviction says as what the pod was seen.
#[tokio::test(start_paused = true)]
async fn does_not_evict_a_pod_that_changed_between_the_last_look_and_the_request() {
    let world = World::hooked(move |world, asked| {
        if is_eviction(asked) && world.sent("POST") == 1 {
            let metadata = &mut world.pods[0]["metadata"];
            metadata["annotations"] = json!({SAFE: "false"});
            metadata["resourceVersion"] = "2".into();
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["not-safe-to-evict", "replaced", "replaced"], "{carried:?}");
    assert_eq!((carried.ended, world.sent("POST")), (Ended::Complete, 3));
    assert_eq!(world.pods[0]["metadata"]["name"], "old-0");
}

#[tokio::test(start_paused = true)]
async fn looks_at_everything_again_before_each_pod() {
    type Change = fn(&mut World);
    let scale: Change = |world| world.deployment["spec"]["replicas"] = 1.into();
    let roll: Change = |world| world.deployment["metadata"]["generation"] = 2.into();
    let budgets: Change = |world| {
        let budget = |name: &str| json!({"metadata": {"name": name}, "spec": {"selector": {}}});
        world.budgets = vec![budget("a"), budget("b")];
    };
    let delete: Change = |world| world.deployment["metadata"]["uid"] = "another".into();
    for (change, reason) in [
        (scale, "downtime"),
        (roll, "rolling-out"),
        (budgets, "many-budgets"),
        (delete, "not-known"),
    ] {
        let world = World::hooked(move |world, asked| {
            if is_eviction(asked) {
                change(world);
            }
            None
        });
        let (carried, world, took) = carried(world, Action::Evict).await;
        assert_eq!(outcomes(&carried), ["replaced", reason, reason], "{carried:?}");
        assert_eq!((&carried.ended, world.sent("POST")), (&Ended::Complete, 1));
        assert!(took < Duration::from_mins(2), "{reason} stalls the run: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn gives_controllers_time_to_write_their_status() {
    let mut looks = 0;
    let world = World::hooked(move |world, asked| {
        let ready = &mut world.deployment["status"]["readyReplicas"];
        if is_eviction(asked) {
            (looks, *ready) = (0, 1.into());
        } else if asked.ends_with("/deployments/app") {
            looks += 1;
            if looks > 3 {
                *ready = 3.into();
            }
        }
        None
    });
    let (carried, ..) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_a_while_for_what_comes_in_place_of_a_pod_that_somebody_else_deletes() {
    let ending = |ends_with_look: usize| {
        let mut looks = 0;
        let mut world = World::hooked(move |world, asked| {
            if asked == format!("GET {PODS}") {
                looks += 1;
                if looks == ends_with_look {
                    world.pods[0] = world.new_pod();
                }
            }
            None
        });
        world.pods[0]["metadata"]["deletionTimestamp"] = "2026-12-25T00:00:00Z".into();
        world
    };
    for (look, most, outcome) in
        [(4, Duration::from_secs(10), "gone"), (usize::MAX, Duration::from_mins(2), "ending")]
    {
        let (carried, world, took) = carried(ending(look), Action::Evict).await;
        assert_eq!(outcomes(&carried), [outcome, "replaced", "replaced"], "{carried:?}");
        assert!(took < most, "{took:?}");
        assert_eq!(world.sent(&format!("POST {PODS}/old-0/")), 0, "{:?}", world.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn evicts_no_pod_before_one_has_come_for_another_that_somebody_else_deleted() {
    let (mut is_planned, mut looks) = (true, 0);
    let world = World::hooked(move |world, asked| {
        if std::mem::take(&mut is_planned) {
            world.pods.remove(0);
        }
        looks += usize::from(asked == format!("GET {PODS}"));
        if looks == 4 && world.pods.len() == 2 {
            let new = world.new_pod();
            world.pods.push(new);
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["gone", "replaced", "replaced"], "{carried:?}");
    let first = world.asked.iter().position(|it| is_eviction(it)).unwrap();
    let looks = world.asked[..first].iter().filter(|it| **it == format!("GET {PODS}")).count();
    assert!(looks >= 4, "{:?}", world.asked);
}

#[tokio::test(start_paused = true)]
async fn looks_for_itself_where_the_answer_to_an_eviction_is_lost() {
    for (is_done, evictions) in [(true, 3), (false, 4)] {
        let mut is_lost = false;
        let world = World::hooked(move |_, asked| {
            if !is_eviction(asked) || std::mem::replace(&mut is_lost, true) {
                return None;
            }
            Some(if is_done { Reply::DoneBut(504) } else { Reply::Status(503) })
        });
        let (carried, world, _) = carried(world, Action::Evict).await;
        assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
        assert_eq!(world.sent("POST"), evictions, "{:?}", world.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn takes_no_other_pod_for_a_replacement_where_none_is_wanted_any_more() {
    let world = World::hooked(|world, asked| {
        // Two have gone after the eviction, and none comes.
        if asked == format!("GET {PODS}") && world.sent("POST") == 1 {
            world.deployment["spec"]["replicas"] = 2.into();
            world.pods.retain(|pod| pod["metadata"]["name"] != "new-1");
        }
        None
    });
    let (carried, ..) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried)[0], "not-wanted", "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn goes_on_where_the_workload_is_deleted_while_its_pod_is_replaced() {
    let world = World::hooked(|world, asked| {
        if world.sent("POST") == 0 || is_eviction(asked) {
            return None;
        }
        world.pods.retain(|pod| pod["metadata"]["name"] == "old-2");
        (asked.ends_with("/replicasets/app-1") || asked.ends_with("/deployments/app"))
            .then_some(Reply::Status(404))
    });
    let (carried, _, took) = carried(world, Action::Evict).await;
    let reason = "no-controller";
    assert_eq!(outcomes(&carried), ["not-wanted", reason, reason], "{carried:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
}

/// A pod that was waited for in vain leaves no less time for the API server.
#[tokio::test(start_paused = true)]
async fn one_failed_request_ends_nothing() {
    let mut last = None;
    let world = World::hooked(move |world, asked| {
        world.deployment["metadata"]["generation"] = 2.into();
        if asked != format!("GET {PODS}") {
            return None;
        }
        // The first look at the second pod, for which nothing is waited.
        let now = Instant::now();
        let fails = last.replace(now) == Some(now) && world.sent("failed") == 0;
        fails.then(|| {
            world.asked.push("failed".to_owned());
            Reply::Status(500)
        })
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["rolling-out"; 3], "{carried:?}");
    assert_eq!(world.sent("failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn ends_where_the_api_server_does_not_answer_for_a_while() {
    let world = World::hooked(|world, asked| {
        (world.sent("POST") > 0 && asked.starts_with("GET") && world.count > 1)
            .then_some(Reply::Status(500))
    });
    let (carried, world, took) = carried(world, Action::Evict).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("no luck"), "{why}");
    assert!(world.sent("POST") < 3 && took < Duration::from_mins(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn sends_nothing_once_it_was_asked_to_stop() {
    for action in [Action::Evict, Action::Rollout] {
        // In the middle of a look.
        let world = World::hooked(|world, asked| {
            if asked == format!("GET {PODS}") {
                world.stop.request();
            }
            None
        });
        let (carried, world, _) = carried(world, action).await;
        assert_eq!(carried.ended, Ended::Interrupted { under_way: None });
        assert_eq!((world.sent("POST"), world.sent("PATCH")), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn ends_at_once_when_it_is_asked_twice_whatever_it_waits_for() {
    let never = |at: &'static str| {
        World::hooked(move |world, asked| {
            if !asked.starts_with(at) {
                return None;
            }
            world.stop.request();
            world.stop.request();
            Some(Reply::Never)
        })
    };
    for (at, action, is_under_way) in [
        ("GET", Action::Evict, false),
        ("POST", Action::Evict, true),
        ("GET", Action::Rollout, false),
        ("PATCH", Action::Rollout, true),
    ] {
        let (carried, _, took) = carried(never(at), action).await;
        let Ended::Interrupted { under_way } = &carried.ended else { panic!("{carried:?}") };
        assert_eq!((under_way.is_some(), took), (is_under_way, Duration::ZERO), "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn finds_out_whether_a_rollout_has_begun_where_the_answer_is_lost() {
    for (is_done, patches) in [(true, 1), (false, 2)] {
        let mut is_lost = false;
        let world = World::hooked(move |_, asked| {
            if !asked.starts_with("PATCH") || std::mem::replace(&mut is_lost, true) {
                return None;
            }
            Some(if is_done { Reply::DoneBut(504) } else { Reply::Status(504) })
        });
        let (carried, world, _) = carried(world, Action::Rollout).await;
        assert_eq!(outcomes(&carried), ["rolled-out"], "{carried:?}");
        assert_eq!(world.sent("PATCH"), patches);
    }
    let world = World::hooked(|_, asked| asked.starts_with("PATCH").then_some(Reply::Status(504)));
    let (carried, ..) = carried(world, Action::Rollout).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("not known") && why.contains("rollout undo deployment/app"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn begins_no_rollout_that_is_not_needed_or_not_allowed_any_more() {
    type Change = fn(&mut World);
    let fine: Change = |world| world.pods = (0..3).map(|_| world.new_pod()).collect();
    let paused: Change = |world| world.deployment["spec"]["paused"] = true.into();
    let kept: Change = |world| world.pods[2]["metadata"]["annotations"] = json!({SAFE: "false"});
    for (change, reason) in [(fine, "not-needed"), (paused, "paused"), (kept, "not-safe-to-evict")]
    {
        let world = World::hooked(move |world, _| {
            change(world);
            None
        });
        let (carried, world, _) = carried(world, Action::Rollout).await;
        assert_eq!((outcomes(&carried), world.sent("PATCH")), (vec![reason], 0), "{carried:?}");
    }
}

/// Between the last look and the request.
#[tokio::test(start_paused = true)]
async fn begins_no_rollout_of_a_deployment_that_has_just_been_paused() {
    let world = World::hooked(|world, asked| {
        if asked.starts_with("PATCH") {
            world.deployment["spec"]["paused"] = true.into();
            world.deployment["metadata"]["resourceVersion"] = "2".into();
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Rollout).await;
    assert_eq!((outcomes(&carried), world.sent("PATCH")), (vec!["paused"], 1), "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_no_rollout_complete_before_all_its_pods_were_looked_at() {
    // One pod's namesake is still the old one, and lists fail for a while.
    let mut lists = 0;
    let world = World::hooked(move |world, asked| {
        if asked != format!("GET {PODS}") || world.sent("PATCH") == 0 {
            return None;
        }
        lists += 1;
        match lists {
            1..=3 => return Some(Reply::Status(403)),
            4 => drop(world.pods.pop()),
            7 => {
                let mut late = world.new_pod();
                late["spec"] =
                    json!({"serviceAccountName": "app", "containers": [{"name": "app"}]});
                world.pods.push(late);
            }
            _ => {}
        }
        None
    });
    let (carried, ..) = carried(world, Action::Rollout).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("new-4 is missing"), "{why}");
}
