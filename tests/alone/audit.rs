//! The memory of `audit` and `doctor` on a large cluster: that of a page of pods, and of what is not fine.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response};
use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::alone;
use crate::support::Scratch;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
/// Each `ServiceAccount` has as many pods.
const PODS_OF_ONE: usize = 50;
const PAGE: usize = 500;

/// A cluster that nobody has to fill: the lists are made page by page, as they are asked for.
pub struct Cluster {
    pods: usize,
    pod: String,
    /// The program whose memory is looked at, at each request.
    pub program: AtomicU32,
    /// Its peak in KiB at each page of pods.
    peaks: Mutex<Vec<u64>>,
    /// What it had used of the processor by the last of them, in hundredths of a second.
    ticks: AtomicU64,
    /// What it has answered so far.
    pub bytes: AtomicU64,
    /// As the webhook writes it.
    lease: Mutex<Value>,
}

/// A pod as a Deployment's are on a cluster of a cloud provider: some 6 KB.
fn a_pod(has_identity: bool) -> Value {
    let long =
        |number: usize| json!({"name": format!("SETTING_{number}"), "value": "x".repeat(80)});
    let mut env: Vec<Value> = (0..16).map(long).collect();
    let mut mounts = vec![
        json!({"name": "api", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}),
    ];
    let mut volumes = vec![json!({"name": "api", "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt"}},
    ]}})];
    if has_identity {
        let folder = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
        env.push(json!({"name": "AWS_ROLE_ARN", "value": ROLE}));
        env.push(
            json!({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": format!("{folder}/token")}),
        );
        mounts.push(json!({"name": "aws-iam-token", "mountPath": folder, "readOnly": true}));
        volumes.push(
            json!({"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken":
            {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}]}}),
        );
    }
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example/team/app:1.2.3", "env": env, "volumeMounts": mounts,
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
        })
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-11-01T00:00:00Z"});
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let fields = json!({"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:env": {}}}}})
        .to_string()
        .repeat(8);
    json!({
        "metadata": {
            "name": "@POD@", "namespace": "@NAMESPACE@", "uid": "0b6f8a3e-0000-4000-8000-000000000000",
            "labels": {"app": "app", "pod-template-hash": "6d5f7c8b9"},
            "annotations": {"example.com/notes": fields},
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {
            "serviceAccountName": "@ACCOUNT@",
            "containers": [container("app"), container("sidecar")],
            "volumes": volumes,
            "nodeName": "node-1",
        },
        "status": {
            "phase": "Running",
            "conditions": conditions,
        },
    })
}

impl Cluster {
    pub fn new(pods: usize, has_identity: bool) -> Arc<Self> {
        let pod = a_pod(has_identity).to_string();
        Arc::new(Self {
            pods,
            pod,
            program: AtomicU32::new(0),
            peaks: Mutex::default(),
            ticks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            lease: Mutex::new(
                json!({"metadata": {"uid": "u"}, "spec": {"leaseDurationSeconds": 1}}),
            ),
        })
    }

    fn answer(&self, path: &str, query: &str) -> Option<String> {
        let from = query.split('&').find_map(|it| it.strip_prefix("continue="));
        let from: usize = from.and_then(|it| it.parse().ok()).unwrap_or_default();
        match path {
            "/version" => Some(json!({"gitVersion": "v1.34.1"}).to_string()),
            "/api/v1/serviceaccounts" => {
                Some(list(self.pods.div_ceil(PODS_OF_ONE), from, |number| {
                    account(number).to_string()
                }))
            }
            "/api/v1/pods" => {
                self.peaks.lock().unwrap().push(self.peak());
                self.ticks.store(self.processor(), Ordering::SeqCst);
                Some(list(self.pods, from, |number| {
                    let account = number / PODS_OF_ONE;
                    let pod = self.pod.replace("@POD@", &format!("app-6d5f7c8b9-{number}"));
                    let pod = pod.replace("@NAMESPACE@", &namespace(account));
                    pod.replace("@ACCOUNT@", &format!("app-{account}"))
                }))
            }
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations" => {
                let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
                let entry = json!({
                    "name": "pod-identity-webhook.amazonaws.com", "rules": rules,
                    "clientConfig": {"url": "https://127.0.0.1:1/mutate"}, "timeoutSeconds": 1,
                });
                let item =
                    json!({"metadata": {"name": "pod-identity-webhook"}, "webhooks": [entry]});
                Some(list(1, 0, |_| item.to_string()))
            }
            _ => None,
        }
    }

    fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.program.load(Ordering::SeqCst));
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok());
        peak.unwrap_or_default()
    }

    /// User and system time; the name before them may have spaces.
    pub fn processor(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.program.load(Ordering::SeqCst));
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum()
    }

    async fn answered(&self, request: Request<Incoming>) -> hyper::http::Result<Response<Answer>> {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let response = Response::builder().header("content-type", "application/json");
        if query.contains("watch=true") {
            return response.body(self.watched(query));
        }
        let answer = if path.contains("/leases/") {
            let written = body.collect().await.unwrap().to_bytes();
            Some(self.leased(&written))
        } else {
            self.answer(path, query)
        };
        let status = if answer.is_some() { 200 } else { 404 };
        let missing = json!({"kind": "Status", "code": 404, "reason": "NotFound"});
        let answer = answer.unwrap_or_else(|| missing.to_string());
        self.bytes.fetch_add(answer.len() as u64, Ordering::SeqCst);
        response.status(status).body(Full::new(Bytes::from(answer)).boxed_unsync())
    }

    /// All `ServiceAccount`s, and nothing ever after.
    fn watched(&self, query: &str) -> Answer {
        let mut lines = String::new();
        if query.contains("sendInitialEvents=true") {
            for number in 0..self.pods.div_ceil(PODS_OF_ONE) {
                let _ = writeln!(lines, "{}", json!({"type": "ADDED", "object": account(number)}));
            }
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            let metadata = json!({"resourceVersion": "1", "annotations": annotations});
            let end = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
            let _ = writeln!(lines, "{}", json!({"type": "BOOKMARK", "object": end}));
        }
        let lines = std::iter::once(Ok(Frame::data(Bytes::from(lines))));
        let lines = futures::stream::iter(lines).chain(futures::stream::pending());
        StreamBody::new(lines).boxed_unsync()
    }

    /// Stores what is written, if something is.
    fn leased(&self, written: &[u8]) -> String {
        let mut lease = self.lease.lock().unwrap();
        if !written.is_empty() {
            *lease = serde_json::from_slice(written).unwrap();
        }
        let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or("0");
        let version = version.parse::<u64>().unwrap() + 1;
        lease["metadata"]["resourceVersion"] = version.to_string().into();
        lease.to_string()
    }

    /// Ends with the test's runtime.
    pub async fn serve(self: Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let cluster = Arc::clone(&self);
                let answer = service_fn(move |request: Request<Incoming>| {
                    let cluster = Arc::clone(&cluster);
                    async move { cluster.answered(request).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        address
    }

    /// Has a command look at it. Gives its exit code, what it printed last, and its peak in KiB
    /// after each page.
    async fn looked_at(self: &Arc<Self>, command: &str) -> (i32, String, Vec<u64>) {
        let server = Arc::clone(self).serve().await;
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{server}")}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        let scratch = Scratch::new().unwrap();
        let kubeconfig = scratch.write("kubeconfig", kubeconfig.to_string()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
        program.args([command, "-A", &format!("--kubeconfig={}", kubeconfig.display())]);
        program.env_clear().env("HOME", "/nowhere").stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = program.spawn().unwrap();
        self.program.store(child.id(), Ordering::SeqCst);
        let ended = tokio::task::spawn_blocking(|| child.wait_with_output());
        let ended = tokio::time::timeout(Duration::from_mins(10), ended).await;
        let output = ended.expect("it ends in ten minutes").unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().last().unwrap_or(&errors).to_owned();
        let peaks = std::mem::take(&mut *self.peaks.lock().unwrap());
        let peak = peaks.last().copied().unwrap_or_default() / 1024;
        eprintln!(
            "measured: {command}, {} pods of {} bytes: {last}: peak {peak} MiB, {} ms of CPU time",
            self.pods,
            self.pod.len(),
            self.ticks.load(Ordering::SeqCst) * 10,
        );
        (output.status.code().unwrap(), last, peaks)
    }
}

type Answer = UnsyncBoxBody<Bytes, std::convert::Infallible>;

fn account(number: usize) -> Value {
    json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {
        "namespace": namespace(number), "name": format!("app-{number}"), "uid": format!("{number}"),
        "resourceVersion": "1", "annotations": {"eks.amazonaws.com/role-arn": ROLE},
    }})
}

fn namespace(account: usize) -> String {
    format!("team-{}", account % 100)
}

/// A page of a list of so many.
fn list(all: usize, from: usize, item: impl Fn(usize) -> String) -> String {
    let to = all.min(from + PAGE);
    let next = if to < all { to.to_string() } else { String::new() };
    let mut text = format!("{{\"metadata\":{{\"continue\":\"{next}\"}},\"items\":[");
    for number in from..to {
        let comma = if number == from { "" } else { "," };
        let _ = write!(text, "{comma}{}", item(number));
    }
    text.push_str("]}");
    text
}

pub fn pods() -> usize {
    std::env::var("AUDIT_PODS").ok().and_then(|it| it.parse().ok()).unwrap_or(5_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_are_fine_take_the_memory_of_a_page() {
    let _alone = alone().await;
    for command in ["audit", "doctor"] {
        let cluster = Cluster::new(pods(), true);
        let (exit, last, peaks) = cluster.looked_at(command).await;
        // The pods are fine, and nobody answers where the webhook is registered.
        let fails = command == "doctor";
        assert_eq!(exit, i32::from(fails), "{last}");
        assert_eq!(peaks.len(), pods().div_ceil(PAGE), "{last}");
        let (early, late) = (peaks[4], peaks[peaks.len() - 1]);
        assert!(late < 64 << 10, "{late} KiB");
        assert!(late - early < 4 << 10, "{early} KiB after four pages, {late} KiB after all");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_pods_that_are_not_fine_a_line_is_kept() {
    let _alone = alone().await;
    let cluster = Cluster::new(pods(), false);
    let (exit, last, peaks) = cluster.looked_at("audit").await;
    assert_eq!(exit, 1, "{last}");
    let (early, late) = (peaks[4], peaks[peaks.len() - 1]);
    let each = (late - early) * 1024 / u64::try_from((peaks.len() - 5) * PAGE).unwrap();
    assert!(each < 2_048, "{each} bytes for each pod");
    // Of ServiceAccounts the worst pod is kept, and a number.
    let (exit, last, peaks) = cluster.looked_at("doctor").await;
    assert_eq!(exit, 1, "{last}");
    let (early, late) = (peaks[4], peaks[peaks.len() - 1]);
    assert!(late - early < 4 << 10, "{early} KiB after four pages, {late} KiB after all");
}
