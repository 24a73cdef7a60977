//! The webhook as users run it: a process, registered with a real API server.

mod away;
mod client_certificates;
mod config_map;
mod container_credentials;
mod containers;
mod drop_in;
mod events;
mod freshness;
mod in_the_wild;
mod manifests;
mod reviews;
mod rights;
mod scale;
mod silence;

use crate::support::{ControlPlane, Namespace, Webhook};
use serde_json::Value;

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const ANNOTATED: &[(&str, &str)] = &[(ROLE_ARN, ROLE)];

/// A webhook that watches this control plane, ready.
async fn ready(control_plane: &ControlPlane, args: &[&str]) -> Webhook {
    let args = args.iter().copied();
    let webhook =
        Webhook::builder().kubeconfig(control_plane.kubeconfig()).args(args).start().await;
    webhook.ready().await;
    webhook
}

/// The same, registered for the pods of a namespace of its own.
async fn registered(control_plane: &ControlPlane, args: &[&str]) -> (Webhook, Namespace) {
    let webhook = ready(control_plane, args).await;
    let namespace = control_plane.namespace("test").await;
    webhook.register(control_plane, &namespace).await;
    (webhook, namespace)
}

/// The names of the containers in `list` that have the role and the mounted token.
fn with_identity(pod: &Value, list: &str) -> Vec<String> {
    let has = |items: &Value, member: &str, wanted: &str| {
        let mut items = items.as_array().into_iter().flatten();
        items.any(|item| item[member] == wanted)
    };
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    containers
        .filter(|it| {
            has(&it["env"], "name", "AWS_ROLE_ARN")
                && has(&it["env"], "name", "AWS_WEB_IDENTITY_TOKEN_FILE")
                && has(&it["volumeMounts"], "name", "aws-iam-token")
                && has(&pod["spec"]["volumes"], "name", "aws-iam-token")
        })
        .map(|it| it["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The role that the first container was given.
fn role(pod: &Value) -> Option<&str> {
    let env = pod["spec"]["containers"][0]["env"].as_array()?;
    env.iter().find(|it| it["name"] == "AWS_ROLE_ARN")?["value"].as_str()
}

/// The sum of a metric's series; the one series where the name has its labels.
fn metric(page: &str, name: &str) -> usize {
    let lines = page
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    let values: Vec<usize> =
        lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    assert!(!values.is_empty(), "no metric {name} in\n{page}");
    values.iter().sum()
}
