//! Events on `ServiceAccount`s that are wrong, from two replicas.

use k8s_openapi::api::core::v1::{Event, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use super::{ROLE, ROLE_ARN, metric, ready};
use crate::support::{ControlPlane, Namespace, Options, SOON, Webhook, eventually, pod};

/// An annotation that is not the one, though it looks like it.
const ALMOST: &str = "eks.amazon.com/role-arn";

/// A control plane of its own: the webhooks of the other tests would send Events as well.
#[tokio::test]
async fn are_one_for_each_change_however_many_replicas_watch_and_none_from_an_admission() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("events").await;
    let odd = namespace.service_account("odd", &[(ROLE_ARN, "odd")]).await;
    namespace.service_account("good", &[(ROLE_ARN, ROLE)]).await;
    let replicas = [ready(&control_plane, &[]).await, ready(&control_plane, &[]).await];

    let events = all_told(&replicas, &namespace, 1).await;
    let event = &events[0];
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.reason.as_deref(), Some("PodIdentityRoleArn"));
    assert_eq!(event.involved_object.uid, odd.metadata.uid);
    assert_eq!(event.involved_object.kind.as_deref(), Some("ServiceAccount"));
    let message = event.message.as_deref().unwrap();
    assert!(message.contains(r#"role "odd" does not look like arn:"#), "{message}");

    namespace.service_account("almost", &[(ALMOST, ROLE)]).await;
    let events = all_told(&replicas, &namespace, 2).await;
    let event = events.iter().find(|it| it.involved_object.name.as_deref() == Some("almost"));
    let message = event.unwrap().message.as_deref().unwrap();
    assert!(message.contains("did you mean eks.amazonaws.com/role-arn?"), "{message}");

    // The same wrong role is told once, another one anew.
    annotate(&namespace, "odd", "unrelated", "x").await;
    annotate(&namespace, "odd", ROLE_ARN, "other").await;
    all_told(&replicas, &namespace, 3).await;

    replicas[0].register(&control_plane, &namespace).await;
    for (number, name) in ["odd", "almost", "odd", "almost"].into_iter().enumerate() {
        let admitted = namespace.admit_pod(&pod(&format!("app-{number}"), name), false).await;
        let warnings = admitted.unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
    }
    // What an admission had sent would be in the queue before this one.
    annotate(&namespace, "odd", ROLE_ARN, "last").await;
    all_told(&replicas, &namespace, 4).await;

    // One that starts later finds what is there.
    let later = [ready(&control_plane, &[]).await];
    let pages = settled(&later, 2).await;
    assert_eq!(told(&pages[0], "present"), 2, "odd and almost, as they are now");
    assert_eq!(listed(&namespace).await.len(), 4);
}

/// Waits until each replica has told what is wrong so many times, and gives the Events: as many.
async fn all_told(replicas: &[Webhook], namespace: &Namespace, times: usize) -> Vec<Event> {
    let pages = settled(replicas, times).await;
    let sum = |result| pages.iter().map(|page| told(page, result)).sum::<usize>();
    assert_eq!((sum("sent"), sum("dropped")), (times, 0));
    let events = listed(namespace).await;
    assert_eq!(events.len(), times, "{events:?}");
    events
}

/// The replicas' metrics, once each has tried to send so many Events.
async fn settled(replicas: &[Webhook], times: usize) -> Vec<String> {
    let mut pages = Vec::new();
    for replica in replicas {
        let what = format!("{times} Events sent or found");
        let page = eventually(&what, SOON, || async {
            let page = replica.metrics().await;
            let tried = metric(&page, "pod_identity_events_total");
            anyhow::ensure!(tried >= times, "{tried}");
            Ok(page)
        });
        pages.push(page.await);
    }
    for page in &pages {
        assert_eq!(metric(page, "pod_identity_events_total"), times);
    }
    pages
}

fn told(page: &str, result: &str) -> usize {
    metric(page, &format!(r#"pod_identity_events_total{{result="{result}"}}"#))
}

async fn listed(namespace: &Namespace) -> Vec<Event> {
    namespace.api::<Event>().list(&ListParams::default()).await.unwrap().items
}

async fn annotate(namespace: &Namespace, service_account: &str, key: &str, value: &str) {
    let accounts = namespace.api::<ServiceAccount>();
    let change = Patch::Merge(json!({"metadata": {"annotations": {key: value}}}));
    accounts.patch(service_account, &PatchParams::default(), &change).await.unwrap();
}
