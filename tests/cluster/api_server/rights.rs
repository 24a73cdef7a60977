//! The shipped rights and nothing else.

use serde_json::{Value, json};

use super::{ANNOTATED, ROLE, ROLE_ARN, metric, role};
use crate::support::{
    ControlPlane, SOON, Webhook, apply, control_plane, eventually, grant_shipped, pod,
};

#[tokio::test]
async fn works_with_the_shipped_rights_and_nothing_else() {
    let control_plane = control_plane().await;
    let home = control_plane.namespace("home").await;
    grant_shipped(control_plane, &home, &[]).await;
    let kubeconfig =
        control_plane.kubeconfig_for_service_account(home.name(), "pod-identity-webhook").await;
    let webhook = Webhook::builder()
        .kubeconfig(&kubeconfig)
        .args(["--watch-config-map", &format!("--namespace={home}")])
        .start()
        .await;
    webhook.ready().await;
    let namespace = control_plane.namespace("rights").await;
    webhook.register(control_plane, &namespace).await;
    // Unknown to the watch or known, both need a right.
    namespace.service_account("app", ANNOTATED).await;
    let stored = namespace.admit_pod(&pod("app", "app"), false).await.unwrap().object;
    assert_eq!(role(&stored), Some(ROLE));
    assert_eq!(control_plane.refused(home.name(), "pod-identity-webhook"), []);
}

#[tokio::test]
async fn says_once_that_events_are_forbidden_and_does_all_the_rest() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("no-events").await;
    namespace.service_account("odd", &[(ROLE_ARN, "odd")]).await;
    let user = namespace.name();
    grant_reading(control_plane, user).await;
    let kubeconfig = control_plane.kubeconfig_for(user, &[]);
    let webhook = Webhook::builder().kubeconfig(&kubeconfig).start().await;
    webhook.ready().await;
    let line = webhook.logged("that Events are off", |line| said(line, "Events")).await;
    assert!(line.to_string().contains("grant the webhook create on events"), "{line}");

    webhook.register(control_plane, &namespace).await;
    let admitted = namespace.admit_pod(&pod("app", "odd"), false).await.unwrap();
    assert_eq!(role(&admitted.object), Some("odd"));
    assert_eq!(admitted.warnings.len(), 1, "{:?}", admitted.warnings);
    // Another one that is wrong costs no second line.
    namespace.service_account("odd-too", &[(ROLE_ARN, "odd")]).await;
    let admitted = namespace.admit_pod(&pod("app-too", "odd-too"), false).await.unwrap();
    assert_eq!(role(&admitted.object), Some("odd"));
    let mut told = webhook.log_values();
    told.retain(|line| line["level"] != "INFO" && line["message"] != "admission");
    assert_eq!(told.len(), 1, "{told:?}");
    let dropped = r#"pod_identity_events_total{result="dropped"}"#;
    assert!(metric(&webhook.metrics().await, dropped) >= 1);
}

#[tokio::test]
async fn is_not_ready_and_says_why_without_any_right_until_it_has_them() {
    const MISSING: &str = "grant the webhook get, list and watch on serviceaccounts";
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("no-rights").await;
    namespace.service_account("app", ANNOTATED).await;
    let user = namespace.name();
    let webhook =
        Webhook::builder().kubeconfig(&control_plane.kubeconfig_for(user, &[])).start().await;

    let line = webhook.logged("why the watch fails", |line| said(line, "watch failed")).await;
    assert!(line.to_string().contains(MISSING), "{line}");
    let readiness = webhook.get_admin("/readyz").await.unwrap();
    assert_eq!(readiness.status, 503);
    assert!(readiness.text().contains("service-accounts"), "{}", readiness.text());
    let answer = webhook.review(&namespace, &pod("app", "app")).await;
    assert_eq!(answer.reply.status, 503);
    assert!(answer.reply.text().contains(MISSING), "{}", answer.reply.text());
    // It goes on trying, and does not repeat itself.
    eventually("the third attempt", SOON, || async {
        let errors = r#"pod_identity_watch_errors_total{resource="service-accounts"}"#;
        anyhow::ensure!(metric(&webhook.metrics().await, errors) >= 3, "fewer");
        Ok(())
    })
    .await;
    let mut lines = webhook.log_values();
    lines.retain(|line| line["level"] != "INFO" && line["message"] != "admission");
    assert_eq!(lines.len(), 1, "{lines:?}");

    grant_reading(control_plane, user).await;
    webhook.ready().await;
    let answer = webhook.review(&namespace, &pod("app", "app")).await;
    assert_eq!(answer.outcome(), "mutated");
}

fn said(line: &Value, what: &str) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains(what))
}

/// The least that the webhook is of use with: no Events, no `ConfigMap`.
async fn grant_reading(control_plane: &ControlPlane, user: &str) {
    let group = "rbac.authorization.k8s.io";
    let verbs = ["get", "list", "watch"];
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": user},
        "rules": [{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": verbs}],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    });
    apply(control_plane, role).await;
    apply(control_plane, binding).await;
}
