//! The pods of a workload: those that its controller owns. Its selector finds
//! them, and may find those of another team besides.

use std::collections::BTreeSet;

use kube::Client;
use serde_json::Value;

use super::ask;
use super::items::Kept;
use crate::config::{Kind, ObjectName};
use diagnosis::{Fact, LabelSelector, redacted_pod};
use injection::identity::AnnotationKeys;

/// The label that the Deployment's controller gives to what it makes.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Who may own the workload's pods.
enum Owners {
    /// By uid.
    Uids(BTreeSet<String>),
    /// The `ReplicaSet`s could not be listed: they are named after their
    /// Deployment and the hash of its template.
    OfDeployment(String),
}

/// The pods of `workload`, as much of them as the checks read.
pub(super) async fn pods(
    client: &Client,
    target: &ObjectName,
    workload: &Value,
    namespace: &str,
    keys: &AnnotationKeys,
) -> Fact<Vec<Value>> {
    let selector = match selector(target.kind, workload) {
        Ok(selector) => selector,
        Err(why) => return Fact::Unknown(why.into()),
    };
    let (uids, query) = (own_uid(workload), selector.to_query());
    let query = if selector.is_empty() { query } else { format!("labelSelector={query}") };
    let owners = match target.kind {
        Kind::Deployment => {
            let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
            match owned(client, &path, &query, &uids).await {
                Fact::Known(owned) => Owners::Uids(owned),
                Fact::Absent | Fact::Unknown(_) | Fact::NotAsked => {
                    Owners::OfDeployment(target.name.clone())
                }
            }
        }
        Kind::CronJob => {
            let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
            match owned(client, &path, "", &uids).await {
                Fact::Known(owned) => Owners::Uids(owned),
                other => return other.map(|_| Vec::new()),
            }
        }
        _ => Owners::Uids(uids),
    };
    // A pod that nobody owns is taken over by a controller whose selector finds it.
    let adopts = target.kind != Kind::CronJob && !selector.is_empty();
    let mut kept = Kept::default();
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let listed = ask::list(client, &path, &query, |pod| {
        let is_its = match controller(&pod) {
            Some(owner) => owners.include(owner, &pod),
            None => adopts,
        };
        if is_its { kept.push(redacted_pod(&pod, keys)) } else { Ok(()) }
    });
    listed.await.map(|()| kept.into_items())
}

fn selector(kind: Kind, workload: &Value) -> Result<LabelSelector, String> {
    let read = match kind {
        // A CronJob has none: its Jobs' pods have this label.
        Kind::CronJob => {
            let expression = serde_json::json!({"key": "job-name", "operator": "Exists"});
            LabelSelector::read(&serde_json::json!({"matchExpressions": [expression]}))
        }
        Kind::ReplicationController => LabelSelector::of_map(&workload["spec"]["selector"]),
        _ => LabelSelector::read(&workload["spec"]["selector"]),
    };
    read.map_err(|error| error.to_string())
}

fn own_uid(object: &Value) -> BTreeSet<String> {
    object["metadata"]["uid"].as_str().map(str::to_owned).into_iter().collect()
}

/// The objects of a list that one of `owners` controls, by uid.
async fn owned(
    client: &Client,
    path: &str,
    query: &str,
    owners: &BTreeSet<String>,
) -> Fact<BTreeSet<String>> {
    let mut uids = BTreeSet::new();
    let listed = ask::list(client, path, query, |object| {
        let owner = controller(&object).and_then(|owner| owner["uid"].as_str());
        if owner.is_some_and(|owner| owners.contains(owner)) {
            uids.append(&mut own_uid(&object));
        }
        Ok(())
    });
    listed.await.map(|()| uids)
}

/// The owner that manages an object, if one does.
fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object["metadata"]["ownerReferences"].as_array()?.iter();
    owners.find(|owner| owner["controller"] == true)
}

impl Owners {
    fn include(&self, owner: &Value, pod: &Value) -> bool {
        match self {
            Self::Uids(uids) => owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)),
            Self::OfDeployment(name) => {
                let hash = pod["metadata"]["labels"][TEMPLATE_HASH].as_str().unwrap_or_default();
                owner["kind"] == "ReplicaSet" && owner["name"] == format!("{name}-{hash}")
            }
        }
    }
}
