//! What a round says where it can't look at everything.

use anyhow::ensure;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{audited, holds, home, missed, pods, replica, rounds, value};
use crate::support::{ControlPlane, Namespace, Options, SOON, apply, eventually, pod};

const GROUP: &str = "rbac.authorization.k8s.io";
const ENDED: &str = "pod_identity_audit_last_complete_timestamp_seconds";

fn rule(group: &str, resource: &str, verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
}

fn watches() -> Value {
    rule("", "serviceaccounts", &["get", "list", "watch"])
}

fn audits() -> Vec<Value> {
    vec![
        rule("", "pods", &["list"]),
        rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &["list"]),
    ]
}

fn leases() -> Value {
    rule("coordination.k8s.io", "leases", &["get", "create", "update"])
}

/// A user of the namespace's name, with these rights.
async fn grant(control_plane: &ControlPlane, home: &Namespace, rules: Vec<Value>) {
    let name = home.name();
    let role = json!({"apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules});
    let binding = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": name}],
    });
    apply(control_plane, role).await;
    apply(control_plane, binding).await;
}

async fn replace(control_plane: &ControlPlane, home: &Namespace, rules: Vec<Value>) {
    let api: Api<ClusterRole> = Api::all(control_plane.client());
    let change = Patch::Merge(json!({ "rules": rules }));
    api.patch(home.name(), &PatchParams::default(), &change).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_looked_at_leaves_the_last_numbers_and_their_time() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = home(&control_plane).await;
    let namespace = missed(&control_plane).await;
    let all = || [vec![watches(), leases()], audits()].concat();
    grant(&control_plane, &home, all()).await;
    let kubeconfig = control_plane.kubeconfig_for(home.name(), &[]);
    let webhook = replica(&kubeconfig, &home).await;
    let page = audited(&webhook, 1.0).await;
    let ended: Option<f64> = value(&page, ENDED);
    assert_eq!((rounds(&page, "failed"), rounds(&page, "incomplete")), (0.0, 0.0));

    // Without pods a round fails, and without the configurations it is not complete.
    for (less, result) in [("pods", "failed"), ("mutatingwebhookconfigurations", "incomplete")] {
        let mut rules = all();
        rules.retain(|rule| rule["resources"][0] != less);
        replace(&control_plane, &home, rules).await;
        let page = eventually(result, SOON, || async {
            let page = webhook.metrics().await;
            ensure!(rounds(&page, result) >= 1.0, "not yet");
            Ok(page)
        });
        let page = page.await;
        assert!(holds(&page));
        assert_eq!(pods(&page, "missing"), Some(1.0), "{result}");
        assert_eq!(pods(&page, "unknown"), Some(0.0), "{result}");
        assert!(value(&page, ENDED) >= ended, "{result}");
        let message = format!("audit round {result}");
        let line = webhook.logged(&message, |line| line["message"] == *message).await;
        let wanted = if less == "pods" { "grant the right to list pods" } else { less };
        assert!(line.to_string().contains(wanted), "{line}");
    }

    // And it goes on by itself.
    namespace.pod(&pod("another", "app")).await;
    replace(&control_plane, &home, all()).await;
    let page = audited(&webhook, 2.0).await;
    assert!(value(&page, ENDED) > ended);
}

#[tokio::test]
async fn without_the_right_to_leases_nobody_audits_and_every_replica_sends_events() {
    let control_plane = ControlPlane::start(Options::default()).await;
    let home = home(&control_plane).await;
    let namespace = missed(&control_plane).await;
    namespace.service_account("odd", &[(super::ROLE_ARN, "odd")]).await;
    let rules = [vec![watches(), rule("", "events", &["create"])], audits()].concat();
    grant(&control_plane, &home, rules.clone()).await;
    let kubeconfig = control_plane.kubeconfig_for(home.name(), &[]);
    let replicas = [replica(&kubeconfig, &home).await, replica(&kubeconfig, &home).await];
    for replica in &replicas {
        let message = "failed to use audit Lease";
        let line = replica.logged(message, |line| line["message"] == message).await;
        assert!(line["advice"].as_str().unwrap().contains("deploy/components/audit"), "{line}");
        eventually("an Event, sent or found", SOON, || async {
            let page = replica.metrics().await;
            let told = ["sent", "present"].map(|result| {
                let series = format!(r#"pod_identity_events_total{{result="{result}"}}"#);
                value::<u64>(&page, &series).unwrap()
            });
            ensure!(told.iter().sum::<u64>() >= 1, "{told:?}");
            Ok(())
        })
        .await;
        let page = replica.metrics().await;
        super::shows_nothing(&page);
        let lines = replica.log_values().into_iter().filter(|line| line["level"] == "WARN");
        assert_eq!(lines.count(), 1);
    }
    // With the right, one of them begins, and the other one lets it.
    replace(&control_plane, &home, [rules, vec![leases()]].concat()).await;
    eventually("one of them to audit", SOON, || async {
        let pages = [replicas[0].metrics().await, replicas[1].metrics().await];
        ensure!(pages.iter().filter(|page| pods(page, "missing").is_some()).count() == 1, "none");
        Ok(())
    })
    .await;
    for replica in &replicas {
        let message = "audit Lease can be used again";
        replica.logged(message, |line| line["message"] == message).await;
    }
}
