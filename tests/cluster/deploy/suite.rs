//! What every installation has to do. Pods are created by dry run: nothing is left, no image is pulled.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Event, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::replica::Replica;
use crate::support::{Namespace, eventually, overlaid, pod};

const SOON: Duration = Duration::from_mins(2);
const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const SKIP: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
const REQUIRED: &str = "pod-identity.io/required";

/// A namespace with two accounts, `app` with a role and `bare` without.
async fn apps(cluster: &Cluster, labels: Value) -> Namespace {
    let namespace = cluster.namespace("apps", labels).await;
    namespace.service_account("app", &[(ROLE_ARN, ROLE)]).await;
    namespace.service_account("bare", &[]).await;
    namespace
}

fn labels(label: &str, value: &str) -> Value {
    json!({ "metadata": { "labels": { label: value } } })
}

fn labelled(service_account: &str, label: &str, value: &str) -> Value {
    overlaid(pod("probe", service_account), &labels(label, value))
}

/// As a kubelet shows its static pods.
fn mirror() -> Value {
    let mirror = json!({
        "metadata": { "annotations": { "kubernetes.io/config.mirror": "0" } },
        "spec": { "nodeName": "node", "serviceAccountName": null },
    });
    overlaid(pod("probe", "default"), &mirror)
}

/// What the `restricted` standard of the webhook's own namespace asks for.
fn restricted(pod: Value) -> Value {
    let context = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] }, "seccompProfile": { "type": "RuntimeDefault" },
    });
    let mut pod = pod;
    pod["spec"]["containers"][0]["securityContext"] = context;
    pod
}

/// The role of the pod that the API server admits.
async fn admitted(namespace: &Namespace, pod: &Value) -> anyhow::Result<Option<String>> {
    let admitted = namespace.admit_pod(pod, true).await?.object;
    let env = admitted["spec"]["containers"][0]["env"].as_array();
    let role = env.into_iter().flatten().find(|it| it["name"] == "AWS_ROLE_ARN");
    Ok(role.and_then(|role| role["value"].as_str()).map(str::to_owned))
}

pub async fn gets_the_role(namespace: &Namespace, pod: &Value) {
    assert_eq!(admitted(namespace, pod).await.unwrap().as_deref(), Some(ROLE), "{pod}");
}

async fn is_admitted_as_it_is(namespace: &Namespace, pod: &Value) {
    assert_eq!(admitted(namespace, pod).await.unwrap(), None, "{namespace}: {pod}");
}

async fn is_refused(namespace: &Namespace, pod: &Value, says: &[&str]) {
    let refusal = admitted(namespace, pod).await.map(|role| panic!("{namespace}: {pod}: {role:?}"));
    let refusal = refusal.unwrap_err().to_string();
    for words in says {
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}

/// Waits for the configuration to be in force, the caBundle included.
async fn in_force(namespace: &Namespace) {
    eventually("a pod that gets its role", SOON, || async {
        let role = admitted(namespace, &pod("probe", "app")).await?;
        role.map(drop).context("it was admitted without")
    })
    .await;
}

/// The entry that every installation has.
pub async fn gives_roles(cluster: &mut Cluster) {
    let apps = apps(cluster, json!({})).await;
    in_force(&apps).await;
    is_admitted_as_it_is(&apps, &pod("probe", "bare")).await;
    is_admitted_as_it_is(&apps, &labelled("app", SKIP, "true")).await;
    is_admitted_as_it_is(&apps, &mirror()).await;
    // Add-ons in kube-system are main users.
    let system = cluster.existing("kube-system").await;
    system.service_account("pod-identity-test", &[(ROLE_ARN, ROLE)]).await;
    gets_the_role(&system, &pod("probe", "pod-identity-test")).await;
    let accounts = system.api::<ServiceAccount>();
    accounts.delete("pod-identity-test", &DeleteParams::default()).await.unwrap();
    // What is wrong with a ServiceAccount is told where its owner looks.
    apps.service_account("odd", &[(ROLE_ARN, "odd")]).await;
    eventually("an Event on the ServiceAccount", SOON, || async {
        let events = apps.api::<Event>().list(&ListParams::default()).await?.items;
        let mut of = events.iter().filter_map(|event| event.involved_object.name.as_deref());
        ensure!(of.any(|name| name == "odd"), "none of {}", events.len());
        Ok(())
    })
    .await;
    // The API server did not even ask about the mirror pod.
    assert_eq!(counted(cluster, "mutate", "mirror-pod").await, 0);
    apps.delete().await;
}

/// Certificates managed by the webhook: its rights go no further than that needs.
pub async fn confines_its_replicas(cluster: &Cluster) {
    Replica::of(cluster).await.expect("managed certificates").is_confined().await;
}

/// Nobody asked for more: pods start without a role while the webhook is away.
pub async fn lets_pods_pass_while_it_is_away(cluster: &mut Cluster) {
    let apps = apps(cluster, json!({ REQUIRED: "true" })).await;
    in_force(&apps).await;
    cluster.stop().await;
    is_admitted_as_it_is(&apps, &pod("probe", "app")).await;
    is_admitted_as_it_is(&apps, &labelled("app", REQUIRED, "true")).await;
    cluster.start().await;
    in_force(&apps).await;
    apps.delete().await;
}

/// The entries of `fail-closed`.
pub async fn fails_closed_for_what_is_labelled(cluster: &mut Cluster) {
    let some = apps(cluster, json!({})).await;
    let all = apps(cluster, json!({ REQUIRED: "true" })).await;
    in_force(&some).await;
    in_force(&all).await;
    exempts(cluster, &all).await;

    let (with, without) = (labelled("app", REQUIRED, "true"), labelled("bare", REQUIRED, "true"));
    gets_the_role(&some, &with).await;
    gets_the_role(&all, &with).await;
    gets_the_role(&all, &pod("probe", "app")).await;
    for (namespace, pod) in [(&some, &without), (&all, &without), (&all, &pod("probe", "bare"))] {
        let account = format!("ServiceAccount {namespace}/bare has no role");
        let says = ["must not run without an AWS identity", &account, "annotate it"];
        is_refused(namespace, pod, &says).await;
    }
    is_admitted_as_it_is(&some, &pod("probe", "bare")).await;
    is_admitted_as_it_is(&some, &labelled("bare", REQUIRED, "false")).await;
    // Whoever was admitted had its identity from the first entry: the others sent no patch.
    assert!(counted(cluster, "required", "already-complete").await >= 3);
    assert_eq!(counted(cluster, "required", "mutated").await, 0);

    cluster.stop().await;
    is_admitted_as_it_is(&some, &pod("probe", "app")).await;
    let away = ["failed calling webhook", "required.pod-identity-webhook"];
    is_refused(&some, &with, &away).await;
    is_refused(&all, &with, &away).await;
    is_refused(&all, &pod("probe", "app"), &away).await;
    exempts(cluster, &all).await;
    cluster.start().await;
    in_force(&some).await;
    gets_the_role(&all, &with).await;
    some.delete().await;
    all.delete().await;
}

/// Whatever the webhook itself may need to start, and who opted out, is never refused.
async fn exempts(cluster: &Cluster, all: &Namespace) {
    let without = labelled("default", REQUIRED, "true");
    is_admitted_as_it_is(&cluster.existing("kube-system").await, &without).await;
    let home = cluster.existing(&cluster.home).await;
    is_admitted_as_it_is(&home, &restricted(without.clone())).await;
    is_admitted_as_it_is(all, &mirror()).await;
    is_admitted_as_it_is(all, &overlaid(mirror(), &labels(REQUIRED, "true"))).await;
    let ours = labelled("default", "app.kubernetes.io/name", "pod-identity-webhook");
    for exempt in [labelled("default", SKIP, "true"), ours] {
        // Required by its namespace, and by its own label too.
        is_admitted_as_it_is(all, &exempt).await;
        is_admitted_as_it_is(all, &overlaid(without.clone(), &exempt)).await;
    }
}

/// Certificates managed by the webhook: every entry has the caBundle, and has it again when someone
/// overwrites it.
pub async fn keeps_every_ca_bundle(cluster: &mut Cluster, entries: usize) {
    let bundles = eventually("a caBundle in each entry", SOON, || cluster.bundles()).await;
    assert_eq!(bundles.len(), entries);
    assert!(bundles.iter().all(|bundle| *bundle == bundles[0]), "they differ");
    let name = cluster.configuration().await.metadata.name.unwrap();
    let api: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    for index in 0..entries {
        let bundle = format!("/webhooks/{index}/clientConfig/caBundle");
        let removal = json!([{ "op": "remove", "path": bundle }]);
        let removal = Patch::Json::<()>(serde_json::from_value(removal).unwrap());
        api.patch(&name, &PatchParams::default(), &removal).await.unwrap();
        eventually("the caBundle again", SOON, || async {
            ensure!(cluster.bundles().await? == bundles, "they differ");
            Ok(())
        })
        .await;
    }
}

/// How many admissions of an endpoint ended so, over all replicas.
async fn counted(cluster: &Cluster, endpoint: &str, outcome: &str) -> u64 {
    let series =
        format!("pod_identity_admissions_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}} ");
    let pages = cluster.metrics().await;
    let values = pages.iter().map(|page| {
        let line = page.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap_or_else(|| panic!("no {series}in {page}")).parse::<u64>().unwrap()
    });
    values.sum()
}
