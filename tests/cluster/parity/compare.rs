//! Two pods, and what of their differences is wanted.

use std::fmt;

use serde_json::{Map, Value};

/// Lists of things with names, whose order means nothing.
const NAMED: [&str; 3] = ["volumes", "containers", "initContainers"];

/// One place where the two differ; null where one has nothing.
#[derive(Debug)]
pub struct Difference {
    pub path: Vec<String>,
    pub peer: Value,
    pub ours: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}: the peer {}, ours {}", self.path.join("/"), self.peer, self.ours)
    }
}

pub fn differences(peer: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), &plain(peer), &plain(ours), &mut found);
    found
}

/// Why docs/migrate.md wants a difference of a generated pod. (Where the volume stands among the others is wanted
/// too: it is not even compared.)
pub fn explained(difference: &Difference, pod: &Value) -> Option<&'static str> {
    let Difference { path, peer, ours } = difference;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["spec", "volumes"] | ["spec", "volumes", "aws-iam-token"] if ours.is_null() => {
            Some("the volume where no container takes part")
        }
        ["spec", list, name, "volumeMounts"] => {
            let mut with_mount = peer.as_array().cloned().unwrap_or_default();
            let theirs = ours.as_array()?;
            with_mount.push(theirs.last()?.clone());
            let has_all = has_variables_of_its_own(pod, list, name);
            (has_all && with_mount == *theirs)
                .then_some("a container with its own region, STS and role variables")
        }
        _ => None,
    }
}

fn has_variables_of_its_own(pod: &Value, list: &str, name: &str) -> bool {
    let mut containers = pod["spec"][list].as_array().into_iter().flatten();
    let Some(container) = containers.find(|it| it["name"] == name) else { return false };
    let has = |names: &[&str]| {
        let mut env = container["env"].as_array().into_iter().flatten();
        env.any(|it| names.iter().any(|name| it["name"] == *name))
    };
    has(&["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"])
        && has(&["AWS_REGION", "AWS_DEFAULT_REGION"])
        && has(&["AWS_STS_REGIONAL_ENDPOINTS"])
}

/// Without what means nothing: members that are empty, as Go writes them, and the order of named things.
fn plain(value: &Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| match value {
                Value::Array(items) if NAMED.contains(&key.as_str()) => (key, named(items)),
                value => (key, plain(value)),
            });
            let members = members.filter(|(_, value)| !is_empty(value));
            members.map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        value => value.clone(),
    }
}

fn named(items: &[Value]) -> Value {
    let mut members = Map::new();
    for item in items {
        let name = item["name"].as_str().unwrap_or_default().to_owned();
        assert!(members.insert(name, plain(item)).is_none(), "two have one name: {item}");
    }
    members.into()
}

fn walk(path: &mut Vec<String>, peer: &Value, ours: &Value, found: &mut Vec<Difference>) {
    match (peer, ours) {
        (Value::Object(members), Value::Object(other)) => {
            let more = other.keys().filter(|key| !members.contains_key(*key));
            for key in members.keys().chain(more) {
                path.push(key.clone());
                walk(path, &peer[key], &ours[key], found);
                path.pop();
            }
        }
        _ if peer == ours => {}
        _ => {
            found.push(Difference { path: path.clone(), peer: peer.clone(), ours: ours.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod_with(mounts: &Value, volumes: &Value) -> Value {
        json!({"spec": {"containers": [{"name": "app", "volumeMounts": mounts}], "volumes": volumes}})
    }

    #[test]
    fn order_of_volumes_and_empty_members_are_no_difference() {
        let peer = json!({"spec": {
            "containers": [{"name": "app", "resources": {}, "env": []}],
            "volumes": [{"name": "a"}, {"name": "b"}],
        }});
        let ours = json!({"spec": {"containers": [{"name": "app"}], "volumes": [{"name": "b"}, {"name": "a"}]}});
        assert_eq!(differences(&peer, &ours).len(), 0);
    }

    #[test]
    fn order_of_variables_is_one() {
        let env = |names: [&str; 2]| {
            let env = names.map(|name| json!({"name": name}));
            json!({"spec": {"containers": [{"name": "app", "env": env}]}})
        };
        let found = differences(&env(["A", "B"]), &env(["B", "A"]));
        assert_eq!(found[0].path, ["spec", "containers", "app", "env"]);
        assert_eq!(explained(&found[0], &json!({})), None);
    }

    #[test]
    fn a_volume_without_use_is_explained_and_a_missing_one_is_not() {
        let with = pod_with(&json!([]), &json!([{"name": "data"}, {"name": "aws-iam-token"}]));
        let without = pod_with(&json!([]), &json!([{"name": "data"}]));
        let found = differences(&with, &without);
        assert!(explained(&found[0], &without).is_some(), "{}", found[0]);
        let found = differences(&without, &with);
        assert!(explained(&found[0], &without).is_none(), "{}", found[0]);
    }

    #[test]
    fn a_dropped_mount_is_explained_where_the_container_has_all_variables() {
        let mount = json!({"name": "aws-iam-token", "mountPath": "/token"});
        let peer = pod_with(&json!([]), &json!([]));
        let ours = pod_with(&json!([mount]), &json!([]));
        let found = differences(&peer, &ours);
        assert!(explained(&found[0], &peer).is_none(), "{}", found[0]);
        let names = ["AWS_ROLE_ARN", "AWS_REGION", "AWS_STS_REGIONAL_ENDPOINTS"];
        let mut pod = peer.clone();
        pod["spec"]["containers"][0]["env"] =
            names.map(|name| json!({"name": name})).into_iter().collect();
        assert!(explained(&found[0], &pod).is_some(), "{}", found[0]);
    }
}
