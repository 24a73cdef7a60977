//! More pods at once than an API server has connections for otherwise: it takes all of a small machine.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::Value;

use crate::alone;
use crate::support::{Namespace, Webhook, control_plane, pod};

const MOST: usize = 2000;
const FIRST: usize = 200;
/// However slow the machine: more than the 1,024 connections that a lower limit of the webhook would hold.
const LEAST: usize = 1200;

/// A third of the longest that an API server waits for a webhook: it is itself the slowest here, and what it
/// gave up says nothing about the webhook.
const TIME: Duration = Duration::from_secs(10);

/// Has each of so many pods at once its role? Of as many as this machine gets done in `TIME`, by what it took for
/// the first few.
async fn burst(has_role: impl AsyncFn(usize) -> bool) {
    let begun = Instant::now();
    let (mut asked, mut with_role) = (0, 0);
    let mut pods = FIRST;
    for _ in 0..2 {
        let range = asked..asked + pods;
        asked = range.end;
        let answers = join_all(range.map(|number| has_role(number))).await;
        with_role += answers.into_iter().filter(|has_role| *has_role).count();
        let faster = TIME.as_millis() / begun.elapsed().as_millis().max(1);
        pods = FIRST.saturating_mul(usize::try_from(faster).unwrap()).clamp(LEAST, MOST);
    }
    eprintln!("measured: {asked} pods, all but {FIRST} of them at once");
    assert_eq!(with_role, asked);
}

#[tokio::test]
async fn gives_each_pod_of_a_burst_its_identity() {
    let _alone = alone().await;
    let control_plane = control_plane().await;
    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.ready().await;
    let namespace = control_plane.namespace("burst").await;
    let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");
    namespace.service_account("app", &[role]).await;
    webhook.register(control_plane, &namespace).await;
    // An administrator's, whom the API server does not queue: each has a connection of its own.
    burst(async |number| admitted_with_role(&namespace, &format!("pod-{number}"), "app").await)
        .await;
}

/// Each with a `ServiceAccount` of its own, made a moment before: what the watch has not brought yet is asked for.
#[tokio::test]
async fn gives_each_pod_of_a_fresh_service_account_its_identity() {
    let _alone = alone().await;
    let control_plane = control_plane().await;
    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.ready().await;
    let namespace = control_plane.namespace("fresh").await;
    webhook.register(control_plane, &namespace).await;
    burst(async |number| {
        let name = format!("app-{number}");
        let role = format!("arn:aws:iam::111122223333:role/{name}");
        namespace.service_account(&name, &[("eks.amazonaws.com/role-arn", &role)]).await;
        admitted_with_role(&namespace, &name, &name).await
    })
    .await;
}

async fn admitted_with_role(namespace: &Namespace, name: &str, service_account: &str) -> bool {
    let admitted = namespace.admit_pod(&pod(name, service_account), true).await;
    admitted.is_ok_and(|admitted| has_role(&admitted.object))
}

fn has_role(pod: &Value) -> bool {
    let env = pod["spec"]["containers"][0]["env"].as_array();
    env.is_some_and(|env| env.iter().any(|it| it["name"] == "AWS_ROLE_ARN"))
}
