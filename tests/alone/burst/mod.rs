//! More pods at once than an API server has connections for otherwise: it takes all of a small machine.

use futures::future::join_all;
use serde_json::Value;

use crate::alone;
use crate::support::{Registration, Webhook, control_plane, pod};

const PODS: usize = 2000;

#[tokio::test]
async fn gives_each_pod_of_a_burst_its_identity() {
    let _alone = alone().await;
    let control_plane = control_plane().await;
    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.ready().await;
    let namespace = control_plane.namespace("burst").await;
    let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");
    namespace.service_account("app", &[role]).await;
    // As long as an API server ever waits: on a small machine it is itself the slowest.
    let patient = Registration { timeout_seconds: 30, ..Registration::default() };
    webhook.register_as(control_plane, &namespace, patient).await;

    // An administrator's, whom the API server does not queue: each has a connection of its own.
    let pods: Vec<Value> = (0..PODS).map(|number| pod(&format!("pod-{number}"), "app")).collect();
    let made = join_all(pods.iter().map(|pod| namespace.admit_pod(pod, true))).await;
    let with_role = made.iter().filter(|made| made.as_ref().is_ok_and(|it| has_role(&it.object)));
    assert_eq!(with_role.count(), PODS);
}

/// Each with a `ServiceAccount` of its own, made a moment before: what the watch has not brought yet is asked for.
#[tokio::test]
async fn gives_each_pod_of_a_fresh_service_account_its_identity() {
    let _alone = alone().await;
    let control_plane = control_plane().await;
    // As above: none is to be lost, however slow the machine.
    let webhook = Webhook::builder()
        .kubeconfig(control_plane.kubeconfig())
        .args(["--service-account-lookup-timeout", "30s"])
        .start()
        .await;
    webhook.ready().await;
    let namespace = control_plane.namespace("fresh").await;
    let patient = Registration { timeout_seconds: 30, ..Registration::default() };
    webhook.register_as(control_plane, &namespace, patient).await;
    let made = join_all((0..PODS).map(async |number| {
        let name = format!("app-{number}");
        let role = format!("arn:aws:iam::111122223333:role/{name}");
        namespace.service_account(&name, &[("eks.amazonaws.com/role-arn", &role)]).await;
        namespace.admit_pod(&pod(&name, &name), true).await
    }))
    .await;
    let with_role = made.iter().filter(|made| made.as_ref().is_ok_and(|it| has_role(&it.object)));
    assert_eq!(with_role.count(), PODS);
}

fn has_role(pod: &Value) -> bool {
    let env = pod["spec"]["containers"][0]["env"].as_array();
    env.is_some_and(|env| env.iter().any(|it| it["name"] == "AWS_ROLE_ARN"))
}
