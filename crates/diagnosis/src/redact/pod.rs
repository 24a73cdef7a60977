//! Pods: names, the AWS variables, mounts, the shapes of volumes.

use serde_json::{Map, Value, json};

use super::documents::LEFT_OUT;
use super::{documents, known_annotations, put, text_list, texts};
use crate::owner::OF_REPLICA_SETS;
use crate::registration::SKIPPED_BY;
use injection::identity::{AnnotationKeys, is_near_miss_on_pod};
use injection::mutation::LABEL;

/// Variables whose values the checks read. None is a secret: a role, a path,
/// a region, an address.
const WITH_VALUE: [&str; 6] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_REGION",
    CREDENTIALS_URI,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    STS_ENDPOINT,
];
const CREDENTIALS_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// Variables of which it counts whether they are there and empty.
const BY_NAME: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_DEFAULT_REGION",
    "AWS_STS_REGIONAL_ENDPOINTS",
];

/// What kubelet marks its picture of a static pod with.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What tells a Windows pod.
const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

/// Where variables may come from.
const SOURCES: [&str; 5] =
    ["secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef"];

/// What a volume may be; the others are of no kind that a check knows.
const VOLUMES: [&str; 24] = [
    "secret",
    "configMap",
    "downwardAPI",
    "image",
    "emptyDir",
    "hostPath",
    "persistentVolumeClaim",
    "csi",
    "nfs",
    "iscsi",
    "fc",
    "flexVolume",
    "cephfs",
    "rbd",
    "glusterfs",
    "cinder",
    "quobyte",
    "scaleIO",
    "storageos",
    "portworxVolume",
    "azureDisk",
    "azureFile",
    "awsElasticBlockStore",
    "gcePersistentDisk",
];

/// As much of a pod as the checks read.
#[must_use]
pub fn redacted_pod(pod: &Value, keys: &AnnotationKeys) -> Value {
    let (from, from_spec) = (&pod["metadata"], &pod["spec"]);
    let mut metadata = texts(from, &["name", "namespace", "creationTimestamp"]);
    let mut annotations = known_annotations(from, keys);
    if from["annotations"].get(MIRROR).is_some() {
        annotations.insert(MIRROR.to_owned(), "".into());
    }
    let all = from["annotations"].as_object().into_iter().flatten();
    for (key, _) in all.filter(|(key, value)| value.is_string() && is_near_miss_on_pod(keys, key)) {
        // Its name says enough.
        annotations.insert(key.clone(), "".into());
    }
    put(&mut metadata, "annotations", Value::Object(annotations));
    let [(hash, _), (rollouts_hash, _)] = OF_REPLICA_SETS;
    let labels = [SKIPPED_BY, LABEL, hash, rollouts_hash];
    put(&mut metadata, "labels", texts(&from["labels"], &labels));
    put(&mut metadata, "ownerReferences", owners(&from["ownerReferences"]));
    let mut spec = texts(from_spec, &["serviceAccountName", "serviceAccount"]);
    for list in ["initContainers", "containers"] {
        put(&mut spec, list, each(&from_spec[list], container));
    }
    put(&mut spec, "volumes", each(&from_spec["volumes"], volume));
    put(&mut spec, "os", texts(&from_spec["os"], &["name"]));
    put(&mut spec, "nodeSelector", texts(&from_spec["nodeSelector"], &OS_LABELS));
    put(&mut spec, "affinity", affinity(&from_spec["affinity"]));
    let mut kept = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    put(&mut kept, "status", texts(&pod["status"], &["phase"]));
    kept
}

/// The controller of a pod, which the command that restarts it names.
fn owners(list: &Value) -> Value {
    let mut all = list.as_array().into_iter().flatten();
    let Some(owner) = all.find(|owner| owner["controller"] == true) else { return Value::Null };
    let mut kept = texts(owner, &["apiVersion", "kind", "name"]);
    put(&mut kept, "controller", true.into());
    json!([kept])
}

fn each(list: &Value, keep: impl Fn(&Value) -> Value) -> Value {
    list.as_array().into_iter().flatten().map(keep).collect()
}

fn container(container: &Value) -> Value {
    let mut kept = texts(container, &["name"]);
    let env = container["env"].as_array().into_iter().flatten().filter_map(variable);
    put(&mut kept, "env", env.collect());
    put(&mut kept, "envFrom", each(&container["envFrom"], source));
    put(&mut kept, "volumeMounts", each(&container["volumeMounts"], mount));
    kept
}

/// Of what is taken over as a whole, which of the variables it may set.
fn source(source: &Value) -> Value {
    let Some(prefix) = source["prefix"].as_str() else { return json!({}) };
    let is_of_ours = WITH_VALUE.iter().chain(&BY_NAME).any(|name| name.starts_with(prefix));
    json!({"prefix": if is_of_ours { prefix } else { LEFT_OUT }})
}

fn variable(variable: &Value) -> Option<Value> {
    let name = variable["name"].as_str()?;
    let with_value = WITH_VALUE.contains(&name);
    if !with_value && !BY_NAME.contains(&name) {
        return None;
    }
    let mut kept = json!({"name": name});
    if let Some(value) = variable["value"].as_str() {
        let value = match value {
            "" => String::new(),
            value if [CREDENTIALS_URI, STS_ENDPOINT].contains(&name) => documents::endpoint(value),
            value if with_value => value.to_owned(),
            _ => LEFT_OUT.to_owned(),
        };
        put(&mut kept, "value", value.into());
    }
    if variable["valueFrom"].is_object() {
        let mut source = Map::new();
        for kind in SOURCES {
            if let Some(from) = variable["valueFrom"].get(kind) {
                let optional =
                    from["optional"].as_bool().map(|it| ("optional".to_owned(), it.into()));
                source.insert(kind.to_owned(), Value::Object(optional.into_iter().collect()));
            }
        }
        // An empty object is a source as well.
        if let Some(kept) = kept.as_object_mut() {
            kept.insert("valueFrom".to_owned(), Value::Object(source));
        }
    }
    Some(kept)
}

fn mount(mount: &Value) -> Value {
    let mut kept = texts(mount, &["name", "mountPath"]);
    if let Some(read_only) = mount["readOnly"].as_bool() {
        put(&mut kept, "readOnly", read_only.into());
    }
    for member in ["subPath", "subPathExpr"] {
        if mount[member].as_str().is_some_and(|path| !path.is_empty()) {
            put(&mut kept, member, LEFT_OUT.into());
        }
    }
    kept
}

fn volume(volume: &Value) -> Value {
    let mut kept = texts(volume, &["name"]);
    let Some(object) = kept.as_object_mut() else { return kept };
    if volume["projected"].is_object() {
        let sources = each(&volume["projected"]["sources"], projection);
        object.insert("projected".to_owned(), json!({"sources": sources}));
    }
    for kind in VOLUMES.into_iter().filter(|kind| volume[kind].is_object()) {
        let mut source = json!({});
        if let Some(read_only) = volume[kind]["readOnly"].as_bool() {
            put(&mut source, "readOnly", read_only.into());
        }
        object.insert(kind.to_owned(), source);
    }
    kept
}

fn projection(source: &Value) -> Value {
    let token = &source["serviceAccountToken"];
    if !token.is_object() {
        // It keeps its place among the others.
        return json!({});
    }
    let mut kept = texts(token, &["audience", "path"]);
    if let Some(seconds) = token["expirationSeconds"].as_i64() {
        put(&mut kept, "expirationSeconds", seconds.into());
    }
    json!({"serviceAccountToken": kept})
}

/// Required node affinity, with what it says of the system; terms keep their
/// place, as any one of them suffices for a node.
fn affinity(affinity: &Value) -> Value {
    let required = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let Some(terms) = required["nodeSelectorTerms"].as_array() else { return Value::Null };
    let terms = terms.iter().map(|term| {
        let mut kept = json!({});
        put(&mut kept, "matchExpressions", each(&term["matchExpressions"], expression));
        let fields = term["matchFields"].as_array().map_or(0, Vec::len);
        put(&mut kept, "matchFields", vec![json!({}); fields].into());
        kept
    });
    let terms = json!({"nodeSelectorTerms": terms.collect::<Vec<_>>()});
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})
}

fn expression(expression: &Value) -> Value {
    if !expression["key"].as_str().is_some_and(|key| OS_LABELS.contains(&key)) {
        return json!({});
    }
    let mut kept = texts(expression, &["key", "operator"]);
    put(&mut kept, "values", text_list(&expression["values"]));
    kept
}
