//! Against an API server in memory, which a test can change or break between two requests. It is its own controllers:
//! what is evicted or rolled out is replaced at once.

mod evictions;
mod rollouts;

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
