//! The fields of an object, as the API server publishes them.

use std::collections::BTreeSet;

use axum::http::Request;
use kube::Client;
use serde_json::{Value, json};

/// The innermost fields of a kind: `webhooks[].clientConfig.url`.
pub async fn fields(client: &Client, path: &str, schema: &str) -> BTreeSet<String> {
    let request = Request::get(format!("/openapi/v3/{path}")).body(Vec::new()).unwrap();
    let published: Value = client.request(request).await.unwrap();
    let schemas = &published["components"]["schemas"];
    let mut found = BTreeSet::new();
    collect(schemas, &schemas[schema], String::new(), &mut found);
    assert!(found.len() > 10, "{schema}: {found:?}");
    found
}

fn collect(schemas: &Value, schema: &Value, path: String, into: &mut BTreeSet<String>) {
    let schema = resolved(schemas, schema);
    let items = resolved(schemas, &schema["items"]);
    if let Some(members) = schema["properties"].as_object() {
        for (name, member) in members {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(schemas, member, path, into);
        }
    } else if items["properties"].is_object() {
        collect(schemas, items, format!("{path}[]"), into);
    } else {
        into.insert(path);
    }
}

/// What a schema refers to, itself where it does not.
fn resolved<'a>(schemas: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    match reference {
        Some(reference) => &schemas[reference.rsplit('/').next().unwrap_or_default()],
        None => schema,
    }
}

/// Where a field is in an object: in the first item of each list.
pub fn pointer(field: &str) -> String {
    format!("/{}", field.replace("[]", "/0").replace('.', "/"))
}

/// Where the fields are, and all that they are in.
pub fn places(fields: &BTreeSet<String>) -> BTreeSet<String> {
    let pointers = fields.iter().map(|field| pointer(field));
    let places = pointers.flat_map(|whole| {
        let ends: Vec<_> = whole.match_indices('/').map(|(at, _)| at).skip(1).collect();
        let outer: Vec<_> = ends.into_iter().map(|end| whole[..end].to_owned()).collect();
        outer.into_iter().chain([whole])
    });
    places.collect()
}

/// What has every metadata that a user can set.
pub fn metadata() -> Value {
    json!({
        "labels": { "example.com/label": "old" },
        "annotations": { "example.com/annotation": "old" },
        "finalizers": ["example.com/old"],
        "ownerReferences": [{
            "apiVersion": "v1", "kind": "Node", "name": "old",
            "uid": "00000000-0000-0000-0000-000000000001",
            "controller": false, "blockOwnerDeletion": false,
        }],
    })
}

/// What becomes of a field that a replica tries to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may.
    Changed,
    /// A policy refuses it.
    Denied,
    /// The API server sets it, whoever asks.
    Kept,
    /// Who changed what, for people and for server-side apply; nothing acts on it.
    Bookkeeping,
}

/// For the metadata of any kind.
pub fn metadata_fates() -> Vec<(&'static str, Fate, Value)> {
    use Fate::{Bookkeeping, Denied, Kept};
    vec![
        ("apiVersion", Kept, json!("example.com/v1")),
        ("kind", Kept, json!("Other")),
        ("metadata.annotations", Denied, json!({ "example.com/annotation": "new" })),
        ("metadata.creationTimestamp", Kept, json!("2020-01-01T00:00:00Z")),
        ("metadata.deletionGracePeriodSeconds", Kept, json!(7)),
        ("metadata.deletionTimestamp", Kept, json!("2020-01-01T00:00:00Z")),
        ("metadata.finalizers", Denied, json!(["example.com/old", "example.com/new"])),
        ("metadata.generateName", Denied, json!("new-")),
        ("metadata.generation", Kept, json!(77)),
        ("metadata.labels", Denied, json!({})),
        ("metadata.managedFields[].apiVersion", Bookkeeping, Value::Null),
        ("metadata.managedFields[].fieldsType", Bookkeeping, Value::Null),
        ("metadata.managedFields[].fieldsV1", Bookkeeping, Value::Null),
        ("metadata.managedFields[].manager", Bookkeeping, Value::Null),
        ("metadata.managedFields[].operation", Bookkeeping, Value::Null),
        ("metadata.managedFields[].subresource", Bookkeeping, Value::Null),
        ("metadata.managedFields[].time", Bookkeeping, Value::Null),
        ("metadata.name", Kept, json!("new")),
        ("metadata.namespace", Kept, json!("new")),
        ("metadata.ownerReferences[].apiVersion", Denied, json!("apps/v1")),
        ("metadata.ownerReferences[].blockOwnerDeletion", Denied, json!(true)),
        ("metadata.ownerReferences[].controller", Denied, json!(true)),
        ("metadata.ownerReferences[].kind", Denied, json!("Pod")),
        ("metadata.ownerReferences[].name", Denied, json!("new")),
        ("metadata.ownerReferences[].uid", Denied, json!("00000000-0000-0000-0000-000000000002")),
        ("metadata.resourceVersion", Kept, json!("1")),
        ("metadata.selfLink", Denied, json!("/new")),
        ("metadata.uid", Kept, json!("00000000-0000-0000-0000-000000000003")),
    ]
}
