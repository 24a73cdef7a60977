//! Every overlay, applied to a real API server as a user does it: `kubectl apply -k`.

use std::process::Command;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;

use super::cluster::Cluster;
use super::kubectl::Kubectl;
use super::suite;

const HOME: &str = "pod-identity-webhook";

/// What kOps' add-on has under the names of ours, as far as that can get into the way.
const ADD_ON: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: pod-identity-webhook, namespace: kube-system}
spec:
  selector: {matchLabels: {app: pod-identity-webhook}}
  template:
    metadata: {labels: {app: pod-identity-webhook}}
    spec: {containers: [{name: pod-identity-webhook, image: the-go-webhook}]}
---
apiVersion: v1
kind: Service
metadata: {name: pod-identity-webhook, namespace: kube-system}
spec:
  selector: {app: pod-identity-webhook}
  ports: [{port: 443, targetPort: 443}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pod-identity-webhook, namespace: kube-system}
spec:
  selector: {matchLabels: {app: pod-identity-webhook}}
  maxUnavailable: 50%
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: pod-identity-webhook
  annotations: {cert-manager.io/inject-ca-from: kube-system/pod-identity-webhook}
webhooks:
- name: pod-identity-webhook.amazonaws.com
  failurePolicy: Fail
  clientConfig: {service: {name: pod-identity-webhook, namespace: kube-system, path: /mutate}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
  sideEffects: None
  admissionReviewVersions: [v1beta1]
"#;

pub fn apply(kubectl: &Kubectl, overlay: &str) {
    let folder = format!("deploy/overlays/{overlay}");
    kubectl.run(&["apply", "--validate=strict", "-k", &folder]);
}

#[tokio::test]
async fn the_one_file_gives_roles_and_stops_nobody() {
    let mut cluster = Cluster::local(HOME, |kubectl| {
        kubectl.run(&["apply", "--validate=strict", "-f", "deploy/install.yaml"]);
        // The same as the default overlay.
        assert_eq!(kubectl.run(&["diff", "-k", "deploy/overlays/self-managed"]), "");
    })
    .await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    suite::confines_its_replicas(&cluster).await;
    suite::gives_roles(&mut cluster).await;
    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);

    cluster.apply(|kubectl| apply(kubectl, "network-policy")).await;
    let policies: Api<NetworkPolicy> = Api::namespaced(cluster.client.clone(), HOME);
    policies.get("pod-identity-webhook").await.unwrap();
}

#[tokio::test]
async fn fail_closed_over_the_default_refuses_what_is_labelled_and_nothing_else() {
    let mut cluster = Cluster::local(HOME, |kubectl| apply(kubectl, "self-managed")).await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    cluster.apply(|kubectl| apply(kubectl, "fail-closed")).await;
    let entries = cluster.configuration().await.webhooks.unwrap();
    let policies: Vec<_> = entries.iter().filter_map(|it| it.failure_policy.as_deref()).collect();
    assert_eq!(policies, ["Ignore", "Fail", "Fail"], "in the order in which they are called");
    suite::keeps_every_ca_bundle(&mut cluster, 3).await;
    suite::confines_its_replicas(&cluster).await;
    suite::gives_roles(&mut cluster).await;
    suite::fails_closed_for_what_is_labelled(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);
    // And back.
    cluster.apply(|kubectl| apply(kubectl, "self-managed")).await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
}

#[tokio::test]
async fn cert_manager_gives_roles_with_fewer_rights() {
    let mut cluster = Cluster::local(HOME, |kubectl| {
        // As cert-manager publishes them: a field that it does not know is refused.
        let definitions = Command::new("tests/tools/crds/print.sh").output().unwrap();
        assert!(definitions.status.success(), "{}", String::from_utf8_lossy(&definitions.stderr));
        let definitions = String::from_utf8(definitions.stdout).unwrap();
        kubectl.run_on(&definitions, &["apply", "--server-side", "-f", "-"]);
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        apply(kubectl, "cert-manager");
        let may = |verb: &str, what: &str| {
            let webhook = "--as=system:serviceaccount:pod-identity-webhook:pod-identity-webhook";
            // It fails where the answer is no.
            let rights = ["auth", "can-i", "--list", "-n", HOME, webhook];
            let rights = kubectl.run(&rights);
            let mut lines = rights.lines().filter(|line| line.starts_with(what));
            lines.any(|line| line.contains(verb))
        };
        assert!(may("watch", "serviceaccounts") && may("create", "events"));
        assert!(may("watch", "configmaps"));
        assert!(!may("create", "secrets") && !may("get", "secrets"));
        assert!(!may("patch", "mutatingwebhookconfigurations"));
    })
    .await;
    suite::gives_roles(&mut cluster).await;
    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);
}

#[tokio::test]
async fn kops_takes_the_place_of_the_add_on_in_kube_system() {
    let mut cluster = Cluster::local("kube-system", |kubectl| {
        kubectl.run_on(ADD_ON, &["apply", "--server-side", "-f", "-"]);
        // As docs/migrate.md says.
        kubectl.run(&["delete", "mutatingwebhookconfiguration", "pod-identity-webhook"]);
        let gone = "deployment,service,poddisruptionbudget";
        kubectl.run(&["delete", "-n", "kube-system", gone, "pod-identity-webhook"]);
        let config = r#"{"demo/external":{"RoleARN":"arn:aws:iam::111122223333:role/app"}}"#;
        let literal = format!("--from-literal=config={config}");
        let name = "pod-identity-webhook";
        kubectl.run(&["create", "configmap", "-n", "kube-system", name, &literal]);
        kubectl.run(&["create", "namespace", "demo"]);
        kubectl.run(&["create", "serviceaccount", "-n", "demo", "external"]);
        apply(kubectl, "kops");
    })
    .await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    suite::confines_its_replicas(&cluster).await;
    suite::gives_roles(&mut cluster).await;
    let demo = cluster.existing("demo").await;
    suite::gets_the_role(&demo, &crate::support::pod("probe", "external")).await;
    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);
}
