//! What a `ServiceAccount` with fewer rights is told.

use certificates::Lifetimes;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::scene::{Replica, Scene};
use crate::support::SOON;

impl Scene {
    /// A replica that runs as the namespace's `default` `ServiceAccount`.
    async fn start_with_own_rights(&self) -> Replica {
        let namespace = self.namespace.name();
        let kubeconfig =
            self.control_plane.kubeconfig_for_service_account(namespace, "default").await;
        self.start_with(self.control_plane.client_for(&kubeconfig).await)
    }

    async fn grant_secrets(&self) {
        let rules = json!([
            { "apiGroups": [""], "resources": ["secrets"], "verbs": ["create"] },
            {
                "apiGroups": [""], "resources": ["secrets"],
                "resourceNames": [self.params.secret], "verbs": ["get", "list", "watch", "update"],
            },
        ]);
        let role = json!({ "metadata": { "name": "certificates" }, "rules": rules });
        self.namespace.create_object::<Role>(&role).await.unwrap();
        let binding = self.binding("certificates", "Role");
        self.namespace.create_object::<RoleBinding>(&binding).await.unwrap();
    }

    async fn grant_configuration(&self, verbs: &[&str]) -> String {
        let name = format!("{}-{}", self.name, verbs.len());
        let client = self.control_plane.client();
        let role = json!({
            "metadata": { "name": name },
            "rules": [{
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["mutatingwebhookconfigurations"],
                "resourceNames": [self.name], "verbs": verbs,
            }],
        });
        let role: ClusterRole = serde_json::from_value(role).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &role).await.unwrap();
        let binding: ClusterRoleBinding =
            serde_json::from_value(self.binding(&name, "ClusterRole")).unwrap();
        Api::all(client).create(&PostParams::default(), &binding).await.unwrap();
        name
    }

    fn binding(&self, name: &str, kind: &str) -> Value {
        json!({
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name },
            "subjects": [{
                "kind": "ServiceAccount", "name": "default", "namespace": self.namespace.name(),
            }],
        })
    }
}

#[tokio::test]
async fn without_any_right_each_missing_rule_is_named() {
    let scene = Scene::new("powerless", Lifetimes::default()).await;
    let replica = scene.start_with_own_rights().await;
    let namespace = format!("namespace {}", scene.namespace);
    replica
        .complains(&[
            "not allowed to watch Secret",
            &namespace,
            "resourceNames [certificates], verbs [get, list, watch, update]",
            "--in-cluster=false",
        ])
        .await;
    let names = format!("resourceNames [{}]", scene.name);
    replica
        .complains(&["resources [mutatingwebhookconfigurations]", &names, "--in-cluster=false"])
        .await;
    assert!(!replica.ready() && replica.leaf().is_none());
}

#[tokio::test]
async fn the_rights_that_are_asked_for_are_enough() {
    let scene = Scene::new("least", Lifetimes::default()).await;
    scene.grant_secrets().await;
    scene.grant_configuration(&["get", "list", "watch", "patch"]).await;
    let replica = scene.start_with_own_rights().await;
    scene.all_ready(std::slice::from_ref(&replica)).await;
    scene.delete_secret().await;
    crate::support::eventually("the Secret again", SOON, || async {
        scene.state().await.map(drop)
    })
    .await;
    // The rights to write were needed, and no other failed.
    assert_eq!(replica.certificates.stats.failures().into_iter().next(), None);
}

#[tokio::test]
async fn a_right_granted_later_is_used_without_a_restart() {
    let scene = Scene::new("late", Lifetimes::default()).await;
    scene.grant_secrets().await;
    let read = scene.grant_configuration(&["get", "list", "watch"]).await;
    let replica = scene.start_with_own_rights().await;
    replica
        .complains(&["not allowed to patch", &scene.name, "verbs [get, list, watch, patch]"])
        .await;
    // The Secret is managed all the same.
    scene.state().await.unwrap();
    assert!(!replica.ready());
    scene.grant_configuration(&["get", "list", "watch", "patch"]).await;
    scene.all_ready(&[replica]).await;
    let bindings: Api<ClusterRoleBinding> = Api::all(scene.control_plane.client());
    bindings.delete(&read, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_missing_namespace_is_named() {
    let mut scene = Scene::new("nowhere", Lifetimes::default()).await;
    "no-such-namespace".clone_into(&mut scene.params.names.namespace);
    let replica = scene.start();
    replica.complains(&["failed to create Secret no-such-namespace/", "not found"]).await;
}
