//! A namespace for each test, and objects written as JSON.

use std::fmt;

use anyhow::Context as _;
use axum::http::Request;
use http_body_util::BodyExt as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{Namespace as NamespaceObject, Pod, ServiceAccount},
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, PostParams},
    client::Body,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A pod with one container, `app`.
pub fn pod(name: &str, service_account: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": {
            "serviceAccountName": service_account,
            "containers": [{ "name": "app", "image": "registry.example/app:1" }],
        },
    })
}

/// A `ServiceAccount` with these annotations.
pub fn service_account(name: &str, annotations: &[(&str, &str)]) -> Value {
    let annotations: serde_json::Map<String, Value> =
        annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": name, "annotations": annotations },
    })
}

/// `base` with `overlay` laid over it, as a JSON merge patch: objects member by member, null removes,
/// anything else (a list too) replaces.
pub fn overlaid(mut base: Value, overlay: &Value) -> Value {
    json_patch::merge(&mut base, overlay);
    base
}

/// What came of a creation: the object as the API server answered it, and the warnings it passed on.
#[derive(Debug)]
pub struct Admitted {
    pub object: Value,
    pub warnings: Vec<String>,
}

/// A namespace of the test's own. It is not deleted: its control plane goes with the test process.
pub struct Namespace {
    name: String,
    client: Client,
}

impl Namespace {
    /// `metadata` gives it a name, or has the API server make one; and labels.
    pub async fn create(client: Client, metadata: &Value) -> Self {
        let api: Api<NamespaceObject> = Api::all(client.clone());
        let wanted = serde_json::from_value(json!({ "metadata": metadata })).expect("a namespace");
        let made = api.create(&PostParams::default(), &wanted).await;
        let made = made.unwrap_or_else(|error| panic!("no namespace of {metadata}: {error}"));
        let name = made.metadata.name.expect("a stored namespace has a name");
        Self::existing(client, &name).await
    }

    /// One that is there already.
    pub async fn existing(client: Client, name: &str) -> Self {
        let namespace = Self { name: name.to_owned(), client };
        // Admission refuses pods whose ServiceAccount is missing. The controller that makes `default` may
        // not run, or be first.
        match namespace.create_object::<ServiceAccount>(&service_account("default", &[])).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => panic!("no ServiceAccount {namespace}/default: {error}"),
        }
        namespace
    }

    /// Asks for its end, for a cluster that outlives the tests.
    pub async fn delete(&self) {
        let api: Api<NamespaceObject> = Api::all(self.client.clone());
        let deleted = api.delete(&self.name, &DeleteParams::default()).await;
        deleted.unwrap_or_else(|error| panic!("failed to delete namespace {self}: {error}"));
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kinds in here, with all rights.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub async fn create_object<K>(&self, object: &Value) -> kube::Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Serialize
            + fmt::Debug,
    {
        let object: K = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        self.api().create(&PostParams::default(), &object).await
    }

    /// Creates a `ServiceAccount` with these annotations.
    pub async fn service_account(
        &self,
        name: &str,
        annotations: &[(&str, &str)],
    ) -> ServiceAccount {
        let made = self.create_object(&service_account(name, annotations)).await;
        made.unwrap_or_else(|error| panic!("no ServiceAccount {self}/{name}: {error}"))
    }

    /// Creates a pod, and panics where it is refused; `admit_pod` gives the refusal.
    pub async fn pod(&self, pod: &Value) -> Pod {
        let made = self.create_object(pod).await;
        made.unwrap_or_else(|error| panic!("{self}: no pod of {pod}: {error}"))
    }

    /// Has the API server say what a pod would become, without storing it.
    pub async fn dry_run_pod(&self, pod: &Value) -> Pod {
        let answer = self.admit_pod(pod, true).await;
        let answer = answer.unwrap_or_else(|error| panic!("{self}: no pod of {pod}: {error:#}"));
        serde_json::from_value(answer.object).expect("the API server answers with a pod")
    }

    /// Creates a pod from this very JSON, fields unknown to the client and all, and gives the warnings too.
    pub async fn admit_pod(&self, pod: &Value, dry_run: bool) -> anyhow::Result<Admitted> {
        let query = if dry_run { "?dryRun=All" } else { "" };
        let request = Request::post(format!("/api/v1/namespaces/{self}/pods{query}"))
            .header("content-type", "application/json")
            .body(Body::from(serde_json::to_vec(pod)?))?;
        let answer = self.client.send(request).await?;
        let status = answer.status();
        let warnings = answer
            .headers()
            .get_all("warning")
            .iter()
            .map(|value| warning_text(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let body = answer.into_body().collect().await?.to_bytes();
        let object: Value = serde_json::from_slice(&body)
            .with_context(|| format!("{status}: {}", String::from_utf8_lossy(&body)))?;
        anyhow::ensure!(status.is_success(), "{status}: {}", object["message"]);
        Ok(Admitted { object, warnings })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The text of a Warning header: `299 - "text"`, with `"` and `\` escaped in it.
fn warning_text(header: &str) -> String {
    let quoted =
        header.split_once('"').map_or(header, |(_, rest)| rest.strip_suffix('"').unwrap_or(rest));
    quoted.replace("\\\"", "\"").replace("\\\\", "\\")
}
