//! The policies of `deploy/base/policy.yaml`: what is left to a replica that was taken over. Every field that
//! the API server knows is tried, so that one which Kubernetes adds later makes this fail until it is known
//! what becomes of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::ensure;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::fields::{Fate, fields, metadata, metadata_fates, places, pointer};
use super::kubectl::Kubectl;
use super::replica::{DENIED, Replica, Tried, token_secret};
use crate::support::{ControlPlane, SOON, Scratch, apply, control_plane, eventually, overlaid};

/// `fail-closed` in another namespace and by other names, as kustomize gives them. RBAC's names it does not change.
fn renamed(control_plane: &ControlPlane, suffix: &str) -> Replica {
    let folder = Scratch::new().unwrap();
    let up = "../".repeat(folder.path().components().count() - 1);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).strip_prefix("/").unwrap();
    let configuration = format!("new-pod-identity-webhook-{suffix}");
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "namespace": format!("home-{suffix}"), "namePrefix": "new-", "nameSuffix": format!("-{suffix}"),
        "labels": [{ "pairs": { "team": "platform" }, "includeSelectors": true }],
        "resources": [format!("{up}{}/deploy/overlays/fail-closed", repository.display())],
        "patches": [{
            "target": { "kind": "ClusterRole" },
            "patch": json!([
                { "op": "test", "path": "/rules/2/resources/0", "value": "mutatingwebhookconfigurations" },
                { "op": "replace", "path": "/rules/2/resourceNames", "value": [configuration] },
            ]).to_string(),
        }],
    });
    folder.write("kustomization.yaml", kustomization.to_string()).unwrap();
    let kubectl = Kubectl::new(control_plane.kubeconfig());
    let folder = folder.path().to_str().unwrap();
    kubectl.run(&["apply", "--validate=strict", "-k", folder]);
    Replica {
        client: control_plane.client(),
        namespace: format!("home-{suffix}"),
        account: format!("new-pod-identity-webhook-{suffix}"),
        configuration,
        secret: "pod-identity-webhook".to_owned(),
    }
}

/// Gives it every metadata, the first entry every field, and the last one an address.
async fn filled_in(client: &Client, name: &str) -> Value {
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let entry = json!({
        "matchLabels": { "example.com/label": "old" },
        "matchExpressions": [{ "key": "example.com/key", "operator": "In", "values": ["old"] }],
    });
    let patch = json!([
        { "op": "add", "path": "/webhooks/0/namespaceSelector", "value": entry },
        { "op": "add", "path": "/webhooks/0/objectSelector", "value": entry },
        { "op": "replace", "path": "/webhooks/2/clientConfig", "value": { "url": "https://old.example/" } },
    ]);
    let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
    let metadata = Patch::Merge(json!({ "metadata": metadata() }));
    let stored = api.patch(name, &PatchParams::default(), &metadata).await.unwrap();
    let mut stored = serde_json::to_value(stored).unwrap();
    stored["apiVersion"] = "admissionregistration.k8s.io/v1".into();
    stored["kind"] = "MutatingWebhookConfiguration".into();
    stored
}

fn configuration_fates() -> Vec<(&'static str, Fate, Value)> {
    use Fate::{Changed, Denied};
    let mut fates = metadata_fates();
    fates.extend([
        ("webhooks[].admissionReviewVersions", Denied, json!(["v1"])),
        ("webhooks[].clientConfig.caBundle", Changed, json!("")),
        ("webhooks[].clientConfig.service.name", Denied, json!("new")),
        ("webhooks[].clientConfig.service.namespace", Denied, json!("new")),
        ("webhooks[].clientConfig.service.path", Denied, json!("/new")),
        ("webhooks[].clientConfig.service.port", Denied, json!(7)),
        ("webhooks[].clientConfig.url", Denied, json!("https://elsewhere.example/")),
        ("webhooks[].failurePolicy", Denied, json!("Fail")),
        ("webhooks[].matchConditions[].expression", Denied, json!("true")),
        ("webhooks[].matchConditions[].name", Denied, json!("new")),
        ("webhooks[].matchPolicy", Denied, json!("Exact")),
        ("webhooks[].name", Denied, json!("elsewhere.example.com")),
        ("webhooks[].namespaceSelector.matchExpressions[].key", Denied, json!("new")),
        ("webhooks[].namespaceSelector.matchExpressions[].operator", Denied, json!("NotIn")),
        ("webhooks[].namespaceSelector.matchExpressions[].values", Denied, json!(["new"])),
        ("webhooks[].namespaceSelector.matchLabels", Denied, json!({})),
        ("webhooks[].objectSelector.matchExpressions[].key", Denied, json!("new")),
        ("webhooks[].objectSelector.matchExpressions[].operator", Denied, json!("NotIn")),
        ("webhooks[].objectSelector.matchExpressions[].values", Denied, json!(["new"])),
        ("webhooks[].objectSelector.matchLabels", Denied, json!({})),
        ("webhooks[].reinvocationPolicy", Denied, json!("Never")),
        ("webhooks[].rules[].apiGroups", Denied, json!(["*"])),
        ("webhooks[].rules[].apiVersions", Denied, json!(["*"])),
        ("webhooks[].rules[].operations", Denied, json!(["*"])),
        ("webhooks[].rules[].resources", Denied, json!(["secrets"])),
        ("webhooks[].rules[].scope", Denied, json!("*")),
        ("webhooks[].sideEffects", Denied, json!("NoneOnDryRun")),
        ("webhooks[].timeoutSeconds", Denied, json!(30)),
    ]);
    fates
}

fn is_complete(fates: &[(&'static str, Fate, Value)], published: &BTreeSet<String>) {
    let known: BTreeSet<_> = fates.iter().map(|(field, ..)| (*field).to_owned()).collect();
    let unknown: Vec<_> = published.difference(&known).collect();
    assert!(unknown.is_empty(), "say what becomes of these fields of Kubernetes: {unknown:?}");
    // Those that an older Kubernetes has not.
    let gone: Vec<_> = known.difference(published).collect();
    assert!(gone.len() < 5, "{gone:?}");
}

/// Without what may change, and what nothing acts on.
fn compared(object: &Value) -> Value {
    let mut object = object.clone();
    for ignored in ["managedFields", "resourceVersion", "generation"] {
        object["metadata"].as_object_mut().unwrap().remove(ignored);
    }
    let entries = object.get_mut("webhooks").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        entry["clientConfig"].as_object_mut().unwrap().remove("caBundle");
    }
    for own in ["data", "stringData"] {
        object.as_object_mut().unwrap().remove(own);
    }
    object
}

fn has_the_fate(field: &str, fate: Fate, new: &Value, stored: &Value, tried: &Tried) {
    match (fate, tried) {
        (Fate::Changed, Ok(_)) => {}
        (Fate::Denied, Err(error)) => assert!(error.contains(DENIED), "{field}: {error}"),
        (Fate::Kept, Err(error)) => assert!(!error.contains(DENIED), "{field}: {error}"),
        (Fate::Kept, Ok(object)) => {
            assert_ne!(object.pointer(&pointer(field)), Some(new), "{field}");
            assert_eq!(compared(object), compared(stored), "{field}");
        }
        (_, tried) => panic!("{field}: {fate:?}, but {tried:?}"),
    }
}

#[tokio::test]
async fn a_replica_changes_the_ca_bundle_of_its_configuration_and_nothing_else() {
    let control_plane = control_plane().await;
    let replica = renamed(control_plane, "configuration");
    let published = fields(
        &replica.client,
        "apis/admissionregistration.k8s.io/v1",
        "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
    )
    .await;
    let fates = configuration_fates();
    is_complete(&fates, &published);
    let stored = filled_in(&replica.client, &replica.configuration).await;
    replica.is_confined().await;

    for (field, fate, new) in fates.iter().filter(|(_, fate, _)| *fate != Fate::Bookkeeping) {
        let mut operations = vec![json!({ "op": "add", "path": pointer(field), "value": new })];
        if *field == "webhooks[].clientConfig.url" {
            operations.push(json!({ "op": "remove", "path": "/webhooks/0/clientConfig/service" }));
        }
        let tried = replica.patch(operations.into()).await;
        has_the_fate(field, *fate, new, &stored, &tried);
    }
    // To take something away is a change, too, unless it comes back by itself.
    for place in places(&published) {
        let taken = replica.patch(json!([{ "op": "remove", "path": place }])).await;
        if let Ok(object) = taken {
            assert_eq!(compared(&object), compared(&stored), "{place}");
        }
    }

    let entry = stored["webhooks"][0].clone();
    let (mut renamed, mut rule) = (entry.clone(), entry["rules"][0].clone());
    renamed["name"] = "more.example.com".into();
    rule["resources"] = json!(["secrets"]);
    let mut other = stored.clone();
    other["webhooks"] = json!([renamed]);
    for operations in [
        json!([{ "op": "add", "path": "/webhooks/-", "value": renamed }]),
        json!([{ "op": "add", "path": "/webhooks/0", "value": renamed }]),
        json!([{ "op": "remove", "path": "/webhooks/2" }]),
        json!([{ "op": "remove", "path": "/webhooks" }]),
        json!([{ "op": "replace", "path": "/webhooks", "value": [] }]),
        json!([{
            "op": "replace", "path": "/webhooks/2/clientConfig/url",
            "value": "https://elsewhere.example/",
        }]),
        json!([{ "op": "move", "from": "/webhooks/1", "path": "/webhooks/2" }]),
        json!([{ "op": "add", "path": "/webhooks/0/rules/-", "value": rule }]),
        json!([{ "op": "remove", "path": "/webhooks/0/rules/1" }]),
        json!([{ "op": "replace", "path": "", "value": other }]),
        // What is allowed does not carry along what is not.
        json!([
            { "op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "" },
            { "op": "add", "path": "/webhooks/1/clientConfig/service/path", "value": "/new" },
        ]),
    ] {
        let tried = replica.patch(operations.clone()).await.expect_err("it was refused");
        assert!(tried.contains(DENIED), "{operations}: {tried}");
    }
    let mut applied = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": { "name": replica.configuration }, "webhooks": [renamed],
    });
    let path = json!({ "name": entry["name"], "clientConfig": { "service": { "path": "/new" } } });
    for (kind, query, patch) in [
        ("application/apply-patch+yaml", "fieldManager=new&force=true", applied.clone()),
        ("application/merge-patch+json", "", json!({ "webhooks": [renamed] })),
        ("application/strategic-merge-patch+json", "", json!({ "webhooks": [path] })),
    ] {
        let tried = replica.patch_as(kind, query, patch).await.expect_err("it was refused");
        assert!(tried.contains(DENIED), "{kind}: {tried}");
    }

    // By mistake it may have more rights than it needs.
    grant_everything(control_plane, &replica).await;
    let tried = replica.delete_configuration().await.expect_err("it was refused");
    assert!(tried.contains(DENIED), "{tried}");
    applied["metadata"]["name"] = "new".into();
    let tried = replica.create_configuration(applied).await.expect_err("it was refused");
    assert!(tried.contains(DENIED), "{tried}");
}

#[tokio::test]
async fn a_replica_makes_its_own_secret_and_changes_nothing_but_its_data() {
    let control_plane = control_plane().await;
    let replica = renamed(control_plane, "secret");
    replica.is_confined().await;

    let own = replica.own_secret();
    replica.create_secret(own.clone()).await.unwrap();
    for change in [
        json!({ "metadata": { "name": "other" } }),
        json!({ "metadata": { "name": null, "generateName": "pod-identity-webhook" } }),
        json!({ "metadata": { "labels": { "new": "label" } } }),
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "Helm" } } }),
        json!({ "metadata": { "annotations": { "new": "annotation" } } }),
        json!({ "metadata": { "finalizers": ["example.com/new"] } }),
        json!({ "metadata": { "ownerReferences": metadata()["ownerReferences"] } }),
        json!({ "immutable": true }),
        json!({ "type": "Opaque" }),
        json!({ "type": "helm.sh/release.v1" }),
    ] {
        let secret = overlaid(own.clone(), &change);
        let tried = replica.create_secret(secret).await.expect_err("it was refused");
        assert!(tried.contains(DENIED), "{change}: {tried}");
    }

    let published = fields(&replica.client, "api/v1", "io.k8s.api.core.v1.Secret").await;
    let mut fates = metadata_fates();
    fates.extend([
        ("data", Fate::Changed, json!({ "tls.crt": "", "tls.key": "", "new": "bmV3" })),
        ("immutable", Fate::Denied, json!(true)),
        ("stringData", Fate::Changed, json!({ "new": "new" })),
        ("type", Fate::Kept, json!("Opaque")),
    ]);
    is_complete(&fates, &published);
    let secrets: Api<Secret> = Api::namespaced(replica.client.clone(), &replica.namespace);
    let filled = overlaid(own, &json!({ "metadata": metadata() }));
    let filled = serde_json::from_value(filled).unwrap();
    let stored = secrets.create(&PostParams::default(), &filled).await.unwrap();
    let stored = serde_json::to_value(stored).unwrap();
    for (field, fate, new) in fates.iter().filter(|(_, fate, _)| *fate != Fate::Bookkeeping) {
        let change = json!([{ "op": "add", "path": pointer(field), "value": new }]);
        let tried = replica.update_secret(patched(&stored, change)).await;
        has_the_fate(field, *fate, new, &stored, &tried);
    }
    for place in places(&published) {
        if stored.pointer(&place).is_none() {
            continue;
        }
        let removal = json!([{ "op": "remove", "path": place }]);
        if let Ok(object) = replica.update_secret(patched(&stored, removal)).await {
            assert_eq!(compared(&object), compared(&stored), "{place}");
        }
    }

    grant_everything(control_plane, &replica).await;
    let tried = replica.delete_secret().await.expect_err("it was refused");
    assert!(tried.contains(DENIED), "{tried}");
}

/// Whoever is not the webhook is not concerned, in its namespace or elsewhere.
#[tokio::test]
async fn nobody_else_is_limited() {
    let control_plane = control_plane().await;
    let webhook = renamed(control_plane, "others");
    webhook.is_confined().await;
    let client = control_plane.client();
    let home = crate::support::Namespace::existing(client.clone(), &webhook.namespace).await;
    home.service_account("other", &[]).await;
    let other = Replica { account: "other".to_owned(), ..webhook };
    grant_everything(control_plane, &other).await;
    other.create_secret(token_secret("other")).await.unwrap();
    other.patch(json!([{ "op": "remove", "path": "/webhooks/0" }])).await.unwrap();
    other.delete_configuration().await.unwrap();
}

fn patched(object: &Value, patch: Value) -> Value {
    let mut object = object.clone();
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    json_patch::patch(&mut object, &patch).unwrap();
    object
}

/// Every right on webhook configurations and Secrets.
async fn grant_everything(control_plane: &ControlPlane, replica: &Replica) {
    let group = "rbac.authorization.k8s.io";
    let name = format!("everything-{}", replica.account);
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": { "name": name },
        "rules": [{
            "apiGroups": ["", "admissionregistration.k8s.io"],
            "resources": ["secrets", "mutatingwebhookconfigurations"], "verbs": ["*"],
        }],
    });
    let subject = json!({
        "kind": "ServiceAccount", "name": replica.account, "namespace": replica.namespace,
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
        "metadata": { "name": name }, "subjects": [subject],
        "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": name },
    });
    apply(control_plane, role).await;
    apply(control_plane, binding).await;
    eventually("the rights to be in force", SOON, || async {
        let tried = replica.delete_configuration().await.err().unwrap_or_default();
        ensure!(!tried.contains(" cannot "), "{tried}");
        Ok(())
    })
    .await;
}
