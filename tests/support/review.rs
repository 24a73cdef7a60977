//! Reviews sent straight to the webhook, as the API server would send them.

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    http::{Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    http::{Connection, Reply},
    namespace::Namespace,
    webhook::Webhook,
};

/// The review of a pod's creation.
pub fn review(namespace: &str, pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": namespace,
            "operation": "CREATE",
            "object": pod,
            "oldObject": null,
            "dryRun": false,
        },
    })
}

/// A request that posts `body` to `path`.
pub fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path)
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .body(body.into())
        .expect("a valid request")
}

/// What came of a review of a pod.
pub struct Answer {
    pub reply: Reply,
    pod: Value,
}

impl Answer {
    /// The `response` of the review; panics where the reply is an HTTP error.
    pub fn response(&self) -> Value {
        assert_eq!(self.reply.status, StatusCode::OK, "{}", self.reply.text());
        self.reply.json().expect("a review")["response"].take()
    }

    pub fn outcome(&self) -> String {
        self.response()["auditAnnotations"]["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// The pod with the answer's patch applied.
    pub fn patched(&self) -> Value {
        let mut pod = self.pod.clone();
        if let Some(patch) = self.response()["patch"].as_str() {
            let patch = STANDARD.decode(patch).expect("base64");
            let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a JSON patch");
            json_patch::patch(&mut pod, &patch).expect("a patch that applies");
        }
        pod
    }

    /// The first container's role.
    pub fn role(&self) -> Option<String> {
        let pod = self.patched();
        let env = pod["spec"]["containers"][0]["env"].as_array()?;
        let role = env.iter().find(|it| it["name"] == "AWS_ROLE_ARN")?;
        role["value"].as_str().map(str::to_owned)
    }
}

/// One kept-alive connection.
pub struct Reviewer {
    connection: Connection,
}

impl Reviewer {
    pub async fn connect(address: SocketAddr, ca_pem: &str) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open_tls(address, ca_pem).await? })
    }

    pub fn over(connection: Connection) -> Self {
        Self { connection }
    }

    pub async fn review(&mut self, namespace: &Namespace, pod: &Value) -> Answer {
        self.review_in(namespace.name(), pod).await
    }

    /// The same without a control plane, where a namespace is only a name.
    pub async fn review_in(&mut self, namespace: &str, pod: &Value) -> Answer {
        let body = review(namespace, pod).to_string();
        let reply = self.connection.send(post("/mutate", body)).await;
        let reply = reply.unwrap_or_else(|error| panic!("no answer: {error:#}"));
        Answer { reply, pod: pod.clone() }
    }
}

impl Webhook {
    /// Has it review a pod's creation, over a connection of its own.
    pub async fn review(&self, namespace: &Namespace, pod: &Value) -> Answer {
        self.reviewer().await.review(namespace, pod).await
    }

    pub async fn review_in(&self, namespace: &str, pod: &Value) -> Answer {
        self.reviewer().await.review_in(namespace, pod).await
    }

    pub async fn reviewer(&self) -> Reviewer {
        let reviewer = Reviewer::connect(self.https(), self.ca_pem()).await;
        reviewer.unwrap_or_else(|error| panic!("no connection: {error:#}"))
    }
}
