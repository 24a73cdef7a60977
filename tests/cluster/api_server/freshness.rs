//! A `ServiceAccount` that came a moment ago: no pod of it may lose.

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{ANNOTATED, ROLE, ROLE_ARN, registered, role};
use crate::support::{Namespace, control_plane, pod};

const TIMES: usize = 500;
const AT_ONCE: usize = 8;

#[tokio::test]
async fn service_account_and_pod_created_back_to_back_500_times_are_mutated_500_times() {
    let (_webhook, namespace) = registered(control_plane().await, &[]).await;
    let mutated = count(|n| {
        let namespace = &namespace;
        async move {
            let name = format!("back-to-back-{n}");
            namespace.service_account(&name, ANNOTATED).await;
            is_mutated(namespace, &name).await
        }
    });
    assert_eq!(mutated.await, TIMES);
}

#[tokio::test]
async fn service_account_created_then_annotated_then_used_500_times_is_mutated_500_times() {
    let (_webhook, namespace) = registered(control_plane().await, &[]).await;
    let annotation = json!({"metadata": {"annotations": {ROLE_ARN: ROLE}}});
    let mutated = count(|n| {
        let (namespace, annotation) = (&namespace, &annotation);
        async move {
            let name = format!("annotated-later-{n}");
            namespace.service_account(&name, &[]).await;
            // Once looked up without a role, so that this answer is remembered too.
            assert!(!is_mutated(namespace, &name).await, "{name} has no role yet");
            let accounts = namespace.api::<ServiceAccount>();
            let patch = Patch::Merge(annotation);
            accounts.patch(&name, &PatchParams::default(), &patch).await.unwrap();
            is_mutated(namespace, &name).await
        }
    });
    assert_eq!(mutated.await, TIMES);
}

async fn count<F: Future<Output = bool>>(attempt: impl Fn(usize) -> F) -> usize {
    let attempts = stream::iter(0..TIMES).map(attempt).buffer_unordered(AT_ONCE);
    attempts.filter(|mutated| std::future::ready(*mutated)).count().await
}

async fn is_mutated(namespace: &Namespace, service_account: &str) -> bool {
    let asked = pod(&format!("{service_account}-pod"), service_account);
    let stored = namespace.admit_pod(&asked, true).await.unwrap().object;
    role(&stored) == Some(ROLE)
}
