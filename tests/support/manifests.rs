//! The shipped manifests, moved into a namespace of the test's own.

use std::path::Path;

use anyhow::Context as _;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    discovery::ApiResource,
};
use serde::Deserialize as _;
use serde_json::Value;

use super::{control_plane::ControlPlane, namespace::Namespace};

const WEBHOOK_CONFIGURATIONS: &str = "mutatingwebhookconfigurations";

/// What cluster-wide objects are called here: all tests share those names.
pub fn cluster_name(home: &Namespace) -> String {
    format!("pod-identity-webhook-{home}")
}

/// The objects of a file in `deploy/base`, theirs and their subjects' namespace being `home`.
pub fn shipped(file: &str, home: &Namespace) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base").join(file);
    let text = std::fs::read_to_string(file).expect("the manifest can be read");
    let text = text.replace("namespace: pod-identity-webhook", &format!("namespace: {home}"));
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("it is YAML");
    for object in &mut objects {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        if kind.starts_with("Cluster") || kind == "MutatingWebhookConfiguration" {
            object["metadata"]["name"] = cluster_name(home).into();
        }
        if kind == "ClusterRoleBinding" {
            object["roleRef"]["name"] = cluster_name(home).into();
        }
        for rule in rules(object).into_iter().flatten() {
            if rule["resources"][0] == WEBHOOK_CONFIGURATIONS {
                rule["resourceNames"] = vec![cluster_name(home)].into();
            }
        }
    }
    objects
}

/// Grants what `deploy/base/rbac.yaml` grants, but for the rules on the resources in `less`.
pub async fn grant_shipped(control_plane: &ControlPlane, home: &Namespace, less: &[&str]) {
    let objects = shipped("rbac.yaml", home);
    assert!(objects.len() >= 5, "{} documents", objects.len());
    for mut object in objects {
        if let Some(rules) = rules(&mut object) {
            rules.retain(|rule| !less.iter().any(|less| rule["resources"][0] == *less));
        }
        apply(control_plane, object).await;
    }
}

fn rules(object: &mut Value) -> Option<&mut Vec<Value>> {
    object.get_mut("rules")?.as_array_mut()
}

/// Server-side apply, refusing what the API server does not know.
pub async fn apply(control_plane: &ControlPlane, object: Value) {
    let applied = try_apply(control_plane, object, PatchParams::apply("test").force()).await;
    applied.unwrap_or_else(|error| panic!("{error:#}"));
}

/// As `apply`, without storing it, so that no other test sees it: gives what would be stored.
pub async fn accepted(control_plane: &ControlPlane, object: Value) -> anyhow::Result<Value> {
    try_apply(control_plane, object, PatchParams::apply("test").dry_run()).await
}

async fn try_apply(
    control_plane: &ControlPlane,
    object: Value,
    how: PatchParams,
) -> anyhow::Result<Value> {
    let object = DynamicObject::deserialize(object).expect("an object");
    let types = object.types.clone().expect("an object has a kind");
    let kind = GroupVersionKind::try_from(&types).expect("a kind has a version");
    let resource = ApiResource::from_gvk(&kind);
    let client = control_plane.client();
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let name = object.metadata.name.clone().expect("an object has a name");
    let applied = api.patch(&name, &how.validation_strict(), &Patch::Apply(&object)).await;
    let applied = applied.with_context(|| format!("{} {name}", kind.kind))?;
    Ok(serde_json::to_value(applied)?)
}
