//! One right after the other is missing.

use serde_json::{Value, json};

use super::ran;
use crate::support::{
    ControlPlane, Namespace, Options, SOON, Webhook, apply, eventually, grant_shipped, pod,
};

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// What the commands ask for: group, resource, verbs.
const RIGHTS: [(&str, &str, &[&str]); 13] = [
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &["get", "list"]),
    ("", "namespaces", &["get", "list"]),
    ("", "serviceaccounts", &["get", "list"]),
    ("", "serviceaccounts/token", &["create"]),
    ("", "pods", &["get", "list"]),
    ("", "services", &["get", "list"]),
    ("", "secrets", &["get", "list"]),
    ("", "configmaps", &["get", "list"]),
    ("apps", "deployments", &["get", "list"]),
    ("apps", "daemonsets", &["get", "list"]),
    ("apps", "replicasets", &["get", "list"]),
    ("discovery.k8s.io", "endpointslices", &["get", "list"]),
    // The dry run; of a resource that has other verbs, so it comes last.
    ("", "pods", &["create"]),
];

async fn grant(control_plane: &ControlPlane, user: &str, without: Option<usize>) {
    let group = "rbac.authorization.k8s.io";
    let rules: Vec<Value> = RIGHTS
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != without)
        .map(|(_, (group, resource, verbs))| {
            json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
        })
        .collect();
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": user}, "rules": rules,
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    });
    apply(control_plane, role).await;
    apply(control_plane, binding).await;
}

/// A webhook behind a Service with a Deployment, as it is installed, that all pods of `namespace` go through.
async fn installed(
    control_plane: &ControlPlane,
    home: &Namespace,
    namespace: &Namespace,
) -> Webhook {
    grant_shipped(control_plane, home, &[]).await;
    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.ready().await;
    webhook.register(control_plane, namespace).await;
    webhook
}

/// For each right: neither command ends with 0 unless it had no need of it, and says so as kubectl's users know it.
#[tokio::test]
async fn tells_nothing_as_being_well_that_a_missing_right_hides() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = control_plane.namespace("home").await;
    let namespace = control_plane.namespace("app").await;
    let _webhook = installed(&control_plane, &home, &namespace).await;
    namespace.service_account("app", &[(ROLE_ARN, ROLE)]).await;
    namespace.pod(&pod("app", "app")).await;
    for (index, (_, resource, verbs)) in RIGHTS.iter().enumerate() {
        let what = format!("{} {resource}", verbs.join(","));
        let user = format!("without-{index}");
        grant(&control_plane, &user, Some(index)).await;
        let kubeconfig = control_plane.kubeconfig_for(&user, &[]);
        let probe = RIGHTS[usize::from(index == 0)].1;
        eventually("the other rights to be in force", SOON, || async {
            let client = control_plane.client_for(&kubeconfig).await;
            let path = if probe == "namespaces" {
                "/api/v1/namespaces".to_owned()
            } else {
                format!("/apis/admissionregistration.k8s.io/v1/{probe}")
            };
            let request = axum::http::Request::get(path).body(Vec::new())?;
            client.request_text(request).await?;
            Ok(())
        })
        .await;
        let audit = ran(&kubeconfig, &["audit", "-n", namespace.name(), "-o", "json"]).await;
        let is_needed = matches!(
            (*resource, *verbs),
            ("mutatingwebhookconfigurations" | "serviceaccounts", _) | ("pods", ["get", "list"])
        );
        assert_eq!(audit.exit, if is_needed { 2 } else { 0 }, "{what}: {audit:?}");
        if is_needed {
            let said = format!("{}{}", audit.out, audit.errors);
            assert!(said.contains("forbidden"), "{what}: {said}");
        }
        for target in ["pod/app", "sa/app"] {
            let doctor =
                ran(&kubeconfig, &["doctor", target, "-n", namespace.name(), "-o", "json"]).await;
            assert_ne!(doctor.exit, 0, "{what} {target}: {doctor:?}");
            if doctor.out.is_empty() {
                assert!(doctor.exit == 2 && doctor.errors.contains("403 Forbidden"), "{doctor:?}");
                continue;
            }
            let report = doctor.json();
            let status = |id: &str| {
                let checks = report["checks"].as_array().unwrap().iter();
                checks
                    .clone()
                    .find(|it| it["id"] == id)
                    .map(|it| it["status"].as_str().unwrap().to_owned())
            };
            // The checks that go by what is hidden.
            let hidden: &[&str] = match (*resource, *verbs) {
                ("mutatingwebhookconfigurations", _) => {
                    &["webhook-registered", "webhook-selectors"]
                }
                ("serviceaccounts", _) => &["service-account", "role-annotation", "running-pod"],
                ("serviceaccounts/token", _) => &["token"],
                ("pods", ["create"]) => &["dry-run"],
                _ => &[],
            };
            for id in hidden {
                let status = status(id);
                assert!(
                    status.as_deref() != Some("pass") && status.as_deref() != Some("fail"),
                    "{what} {target} {id}: {report:#}"
                );
            }
        }
    }
}

/// Where no webhook is registered, a pod that is started anew gets nothing.
#[tokio::test]
async fn advises_no_restart_where_no_webhook_is_registered() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("app").await;
    namespace.service_account("app", &[(ROLE_ARN, ROLE)]).await;
    namespace.pod(&pod("app", "app")).await;
    for args in [&["audit", "-n"][..], &["doctor", "-n"]] {
        let said = ran(control_plane.kubeconfig(), &[args, &[namespace.name()]].concat()).await;
        assert_eq!(said.exit, 1, "{said:?}");
        assert!(said.out.contains("install the webhook or register it"), "{args:?}: {said:?}");
        assert!(!said.out.contains("rollout restart"), "{args:?}: {said:?}");
    }
}
