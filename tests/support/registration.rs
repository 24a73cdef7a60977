//! A webhook's registration with a control plane, as a user's manifest would do it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::ensure;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use super::{
    control_plane::ControlPlane,
    namespace::{Namespace, pod},
    poll::{SOON, poll},
};

/// What a test may choose; the default is what the shipped manifest has, but for the timeout.
#[derive(Clone)]
pub struct Registration {
    pub path: String,
    pub failure_policy: &'static str,
    pub reinvocation_policy: &'static str,
    pub review_versions: &'static [&'static str],
    pub timeout_seconds: u8,
    /// JSON merged over the one entry of `webhooks`: an objectSelector, matchConditions, …
    pub entry_overlay: Value,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            path: "/mutate".to_owned(),
            failure_policy: "Ignore",
            reinvocation_policy: "IfNeeded",
            review_versions: &["v1", "v1beta1"],
            // What is late on a busy machine is not lost.
            timeout_seconds: 30,
            entry_overlay: json!({}),
        }
    }
}

/// Registers the server at `base_url` for the pods of one namespace, and waits until the API server
/// calls it: it learns of a configuration from a watch, a moment after it was stored. Gives the
/// configuration's name.
///
/// The waiting creates pods by dry run, which the server sees like any other, so a test that counts
/// takes its base line afterwards.
///
/// Configurations are called in the order of their names: those of one process in the order in which
/// they were registered.
pub async fn register(
    control_plane: &ControlPlane,
    namespace: &Namespace,
    base_url: &str,
    ca_pem: &str,
    registration: Registration,
) -> String {
    let (name, webhook) = store(control_plane, namespace, base_url, ca_pem, registration).await;
    let in_force = poll("the API server to call the webhook", SOON, || async {
        // It fails while the API server can't reach the webhook, if that is the failure policy.
        namespace.admit_pod(&pod("registration-probe", "default"), true).await?;
        let metrics = control_plane.get_text("/metrics").await?;
        ensure!(answered(&metrics, &webhook), "it has not answered a call of the API server");
        Ok(())
    })
    .await;
    in_force.unwrap_or_else(|error| panic!("{base_url} is registered without effect: {error:#}"));
    name
}

/// As `register`, without waiting: for a server that does not answer the API server. Gives the names of
/// the configuration and of the webhook in it.
pub async fn store(
    control_plane: &ControlPlane,
    namespace: &Namespace,
    base_url: &str,
    ca_pem: &str,
    registration: Registration,
) -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{number:04}-{namespace}");
    let webhook = format!("{name}.pod-identity.test");
    let configuration = configuration(&name, &webhook, namespace, base_url, ca_pem, &registration);
    let configuration = serde_json::from_value(configuration).expect("a valid registration");
    let api: Api<MutatingWebhookConfiguration> = Api::all(control_plane.client());
    let created = api.create(&PostParams::default(), &configuration).await;
    created.unwrap_or_else(|error| panic!("failed to register {base_url}: {error}"));
    (name, webhook)
}

fn configuration(
    name: &str,
    webhook: &str,
    namespace: &Namespace,
    base_url: &str,
    ca_pem: &str,
    registration: &Registration,
) -> Value {
    let mut entry = json!({
        "name": webhook,
        "clientConfig": {
            "url": format!("{base_url}{}", registration.path),
            "caBundle": STANDARD.encode(ca_pem),
        },
        "rules": [
            { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] },
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["UPDATE"],
                "resources": ["pods/ephemeralcontainers"],
            },
        ],
        // No test sees the webhooks of another.
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace.name() } },
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "failurePolicy": registration.failure_policy,
        "reinvocationPolicy": registration.reinvocation_policy,
        "timeoutSeconds": registration.timeout_seconds,
        "admissionReviewVersions": registration.review_versions,
    });
    json_patch::merge(&mut entry, &registration.entry_overlay);
    json!({ "metadata": { "name": name }, "webhooks": [entry] })
}

/// Whether the API server's metrics have a call of this webhook that was answered.
fn answered(metrics: &str, webhook: &str) -> bool {
    let name = format!("name=\"{webhook}\"");
    metrics
        .lines()
        .filter(|line| line.starts_with("apiserver_admission_webhook_request_total{"))
        .any(|line| line.contains(&name) && line.contains("code=\"200\""))
}
