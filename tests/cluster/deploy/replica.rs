//! What a replica that was taken over may try: requests with the rights of its `ServiceAccount`.

use anyhow::{Context as _, ensure};
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::support::{SOON, eventually};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// Says that it was refused by a policy, not for what it lacks.
pub const DENIED: &str = "denied request: the webhook may ";

/// Nothing that it tries is stored: all requests are dry runs, which admission sees like any other.
pub struct Replica {
    pub client: Client,
    pub namespace: String,
    pub account: String,
    pub configuration: String,
    pub secret: String,
}

pub type Tried = Result<Value, String>;

impl Replica {
    /// One of an installation that manages its certificates; nothing where it reads them from files.
    pub async fn of(cluster: &Cluster) -> Option<Self> {
        let pod = cluster.deployment().await.spec.template.spec.unwrap();
        let args = pod.containers[0].args.clone().unwrap_or_default();
        let secret = args.iter().find_map(|arg| arg.strip_prefix("--tls-secret="))?.to_owned();
        if args.iter().any(|arg| arg == "--in-cluster=false") {
            return None;
        }
        Some(Self {
            client: cluster.client.clone(),
            namespace: cluster.home.clone(),
            account: pod.service_account_name.expect("a ServiceAccount of its own"),
            configuration: cluster.configuration().await.metadata.name.unwrap(),
            secret,
        })
    }

    /// A JSON patch of the webhook configuration.
    pub async fn patch(&self, operations: Value) -> Tried {
        self.patch_as("application/json-patch+json", "", operations).await
    }

    /// The same by another kind of patch.
    pub async fn patch_as(&self, kind: &str, query: &str, patch: Value) -> Tried {
        let configuration = format!("{CONFIGURATIONS}/{}", self.configuration);
        self.send(Method::PATCH, &configuration, query, kind, patch).await
    }

    pub async fn create_configuration(&self, configuration: Value) -> Tried {
        self.send(Method::POST, CONFIGURATIONS, "", "application/json", configuration).await
    }

    pub async fn delete_configuration(&self) -> Tried {
        self.delete(&format!("{CONFIGURATIONS}/{}", self.configuration)).await
    }

    pub async fn delete_secret(&self) -> Tried {
        let (namespace, secret) = (&self.namespace, &self.secret);
        self.delete(&format!("/api/v1/namespaces/{namespace}/secrets/{secret}")).await
    }

    async fn delete(&self, path: &str) -> Tried {
        // Options in the body take the place of the query's.
        let options = json!({ "dryRun": ["All"] });
        self.send(Method::DELETE, path, "", "application/json", options).await
    }

    pub async fn create_secret(&self, secret: Value) -> Tried {
        let path = format!("/api/v1/namespaces/{}/secrets", self.namespace);
        self.send(Method::POST, &path, "", "application/json", secret).await
    }

    /// With the right of its audit.
    pub async fn create_lease(&self, name: &str) -> Tried {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace);
        let kind = ("coordination.k8s.io/v1", "Lease");
        let lease = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": name}});
        self.send(Method::POST, &path, "", "application/json", lease).await
    }

    pub async fn update_secret(&self, secret: Value) -> Tried {
        let path = format!("/api/v1/namespaces/{}/secrets/{}", self.namespace, self.secret);
        self.send(Method::PUT, &path, "", "application/json", secret).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &str,
        kind: &str,
        body: Value,
    ) -> Tried {
        let user = format!("system:serviceaccount:{}:{}", self.namespace, self.account);
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?dryRun=All&{query}"))
            .header("content-type", kind)
            .header("impersonate-user", user)
            .body(Body::from(serde_json::to_vec(&body).unwrap()));
        let answer = self.client.send(request.unwrap()).await.unwrap();
        let succeeded = answer.status().is_success();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if succeeded { Ok(body) } else { Err(body["message"].to_string()) }
    }

    /// The Secret as the webhook makes it.
    pub fn own_secret(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": self.secret,
                "labels": { "app.kubernetes.io/managed-by": "pod-identity-webhook" },
                "annotations": { "pod-identity.io/managed-by": "pod-identity-webhook" },
            },
            "data": { "tls.crt": "", "tls.key": "" },
        })
    }

    /// Waits until the API server has learned of the policies.
    pub async fn is_confined(&self) {
        let address = json!([
            { "op": "remove", "path": "/webhooks/0/clientConfig/service" },
            {
                "op": "add", "path": "/webhooks/0/clientConfig/url",
                "value": "https://elsewhere.example/mutate",
            },
        ]);
        eventually("the policies to be in force", SOON, || async {
            let tried = self.patch(address.clone()).await.err().context("the address changed")?;
            ensure!(tried.contains(DENIED), "{tried}");
            let token = self.create_secret(token_secret(&self.secret)).await;
            let token = token.err().context("a Secret for a token was made")?;
            ensure!(token.contains(DENIED), "{token}");
            Ok(())
        })
        .await;
        let bundle = json!([{
            "op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "",
        }]);
        self.patch(bundle).await.unwrap();
        let other = self.create_secret(token_secret("other")).await.unwrap_err();
        assert!(other.contains(DENIED), "{other}");
    }
}

/// Of the kind that Kubernetes writes a token into; who may read it has the token.
pub fn token_secret(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name, "annotations": { "kubernetes.io/service-account.name": "default" },
        },
    })
}
