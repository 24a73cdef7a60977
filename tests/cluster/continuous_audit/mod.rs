//! The audit of all pods by one of several replicas, on control planes of its own: other tests' pods would be counted
//! as well, and their replicas would send Events.

mod events;
mod lease;
mod rounds;

use std::str::FromStr;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{ControlPlane, Namespace, SOON, Webhook, eventually, pod};

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const NAME: &str = "pod-identity-webhook-audit";
const STATES: [&str; 8] = [
    "fine",
    "missing",
    "stale-role",
    "stale-token",
    "stale-endpoint",
    "no-usable-identity",
    "foreign",
    "unknown",
];

/// A namespace with the webhook's Lease, which somebody has given back: the first replica takes it at once.
async fn home(control_plane: &ControlPlane) -> Namespace {
    let home = control_plane.namespace("home").await;
    let lease = json!({"metadata": {"name": NAME}, "spec": {"leaseDurationSeconds": 1}});
    home.create_object::<Lease>(&lease).await.unwrap();
    home
}

/// A namespace with a pod that lacks its role, and one that needs none.
async fn missed(control_plane: &ControlPlane) -> Namespace {
    let namespace = control_plane.namespace("missed").await;
    namespace.service_account("app", &[(ROLE_ARN, ROLE)]).await;
    namespace.service_account("bare", &[]).await;
    namespace.pod(&pod("app", "app")).await;
    namespace.pod(&pod("bare", "bare")).await;
    namespace
}

async fn replica(kubeconfig: &std::path::Path, home: &Namespace) -> Webhook {
    let args = ["--audit-interval=10s".to_owned(), format!("--namespace={home}")];
    let args = args.into_iter().chain(["--shutdown-delay=0s".to_owned()]);
    let builder = Webhook::builder().kubeconfig(kubeconfig).args(args);
    let webhook = builder.env("POD_NAME", "the-pod").start().await;
    webhook.ready().await;
    webhook
}

/// The value of a series, if it is there.
fn value<T: FromStr>(page: &str, series: &str) -> Option<T> {
    let mut lines = page.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).and_then(|(_, value)| value.parse().ok())
}

fn pods(page: &str, state: &str) -> Option<f64> {
    value(page, &format!(r#"pod_identity_pods{{state="{state}"}}"#))
}

fn rounds(page: &str, result: &str) -> f64 {
    value(page, &format!(r#"pod_identity_audit_rounds_total{{result="{result}"}}"#)).unwrap()
}

fn holds(page: &str) -> bool {
    value(page, "pod_identity_audit_lease_held") == Some(1.0)
}

/// Its page once it has audited, and found so many pods that lack their role.
async fn audited(webhook: &Webhook, missing: f64) -> String {
    eventually("the result of an audit", SOON, || async {
        let page = webhook.metrics().await;
        let found = pods(&page, "missing").context("no audit yet")?;
        ensure!(holds(&page) && found.total_cmp(&missing).is_eq(), "{found}");
        Ok(page)
    })
    .await
}

/// That a replica that does not hold the Lease shows nothing that only its holder knows.
fn shows_nothing(page: &str) {
    assert!(!holds(page), "{page}");
    for name in [
        "pod_identity_pods",
        "pod_identity_audit_last_complete_timestamp_seconds",
        "pod_identity_audit_duration_seconds",
    ] {
        assert!(!page.contains(name), "{page}");
    }
    assert_eq!(value(page, "pod_identity_audit_interval_seconds"), Some(10.0));
}

/// Writes into the Lease by hand.
async fn edit(home: &Namespace, spec: Value) {
    let change = Patch::Merge(json!({ "spec": spec }));
    home.api::<Lease>().patch(NAME, &PatchParams::default(), &change).await.unwrap();
}
