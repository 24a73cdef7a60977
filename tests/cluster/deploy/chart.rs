//! The Helm chart, installed on a real API server as a user does it.

use super::cluster::Cluster;
use super::kubectl::Kubectl;
use super::suite;
use crate::support::{Helm, chart};

/// Neither as the manifests have it.
const HOME: &str = "security";
const RELEASE: &str = "identity";

fn helm(kubectl: &Kubectl, command: &str, more: &[&str]) {
    let chart = chart();
    let mut args = vec![command, RELEASE, &chart, "--namespace", HOME];
    args.extend(more);
    Helm::of(kubectl.kubeconfig()).run(&args).unwrap();
}

#[tokio::test]
async fn the_chart_gives_roles_and_stops_nobody_until_it_is_told_to() {
    let mut cluster = Cluster::local(HOME, |kubectl| {
        helm(kubectl, "install", &["--create-namespace"]);
    })
    .await;
    suite::keeps_every_ca_bundle(&mut cluster, 1).await;
    suite::confines_its_replicas(&cluster).await;
    suite::gives_roles(&mut cluster).await;
    suite::lets_pods_pass_while_it_is_away(&mut cluster).await;

    let closed = "--set=failClosed.enabled=true";
    cluster.apply(|kubectl| helm(kubectl, "upgrade", &[closed])).await;
    suite::keeps_every_ca_bundle(&mut cluster, 3).await;
    suite::fails_closed_for_what_is_labelled(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);
}

#[tokio::test]
async fn the_chart_gives_roles_with_certificates_of_others() {
    let mut cluster = Cluster::local(HOME, |kubectl| {
        let existing = "--set=certificates.mode=existing-secret,certificates.secretName=mine,\
            webhook.annotations.example\\.com/injected=yes";
        helm(kubectl, "install", &["--create-namespace", existing]);
    })
    .await;
    suite::gives_roles(&mut cluster).await;
    assert_eq!(cluster.forbidden(), []);
}
