//! Reviews as an API server sends them, of any size.
//!
//! A pod as a Deployment makes one: an application and a sidecar, the larger ones an init container too, with probes, resources and
//! variables, and the managed fields of it all, which are a third of the bytes. Larger ones have more variables.

use serde_json::{Map, Value, json};

/// The namespace of every review.
pub const NAMESPACE: &str = "demo";

/// The review of a pod's creation, `bytes` long or a little more.
#[must_use]
pub fn review(bytes: usize, service_account: &str) -> Vec<u8> {
    let variables = |count: usize| review_of(&pod(bytes, service_account, count));
    let empty = variables(0).len();
    // Each variable and its managed fields are of one length, nearly.
    let each = (variables(100).len() - empty) / 100;
    variables(bytes.saturating_sub(empty).div_ceil(each))
}

/// The review of a pod of 6 KB with an annotation that makes it `bytes` long: JSON in a string, as `kubectl apply` keeps what
/// it applied. Every seventh of its bytes or so is a backslash.
#[must_use]
pub fn review_with_annotation(bytes: usize, service_account: &str) -> Vec<u8> {
    let small = review(6_000, service_account).len();
    let mut applied = pod(6_000, service_account, 20).to_string();
    while applied.len() + applied.matches('"').count() + small < bytes {
        applied.push_str(&pod(6_000, service_account, 20).to_string());
    }
    let mut pod = pod(6_000, service_account, 0);
    // To the byte: what is escaped counts twice.
    let mut left = bytes.saturating_sub(small);
    let cut = applied.char_indices().find(|(_, it)| {
        let length = if *it == '"' { 2 } else { it.len_utf8() };
        let fits = left >= length;
        left = left.saturating_sub(length);
        !fits
    });
    applied.truncate(cut.map_or(applied.len(), |(at, _)| at));
    pod["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        applied.into();
    review_of(&pod)
}

fn review_of(pod: &Value) -> Vec<u8> {
    let review = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "f3a9c7a0-7d6b-4b8a-9d6e-0c1b2d3e4f50",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1f0e5b7c-2c1d-4f7e-8a55-6a0f2f8f4f11"]},
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    });
    review.to_string().into_bytes()
}

fn pod(bytes: usize, service_account: &str, variables: usize) -> Value {
    let small = bytes < 4 << 10;
    let mut containers = vec![container("app", small)];
    let mut init_containers = Vec::new();
    if !small {
        containers.push(container("proxy", true));
    }
    if bytes > 8 << 10 {
        init_containers.push(container("init", true));
    }
    for number in 0..variables {
        let at = number % containers.len();
        if let Some(env) = containers[at]["env"].as_array_mut() {
            env.push(json!({"name": format!("SETTING_{number}"), "value": format!("value-of-setting-{number}")}));
        }
    }
    let mut spec = json!({
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": service_account,
        "serviceAccount": service_account,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "volumes": [{"name": "kube-api-access-8xk2p", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]}}],
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
    });
    if !init_containers.is_empty() {
        spec["initContainers"] = init_containers.into();
    }
    let fields = json!({"f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}},
        "f:ownerReferences": {".": {}, "k:{\"uid\":\"2d3e4f50-7d6b-4b8a-9d6e-0c1b2d3e4f50\"}": {}}}, "f:spec": fields(&spec)});
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "shop-7d4b9c6f5d-",
            "namespace": NAMESPACE,
            "creationTimestamp": null,
            "labels": {"app": "shop", "pod-template-hash": "7d4b9c6f5d"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-7d4b9c6f5d",
                "uid": "2d3e4f50-7d6b-4b8a-9d6e-0c1b2d3e4f50", "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                "time": "2026-11-01T12:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}],
        },
        "spec": spec,
        "status": {},
    })
}

fn container(name: &str, small: bool) -> Value {
    let mut container = json!({
        "name": name,
        "image": format!("registry.example.com/shop/{name}:v1.42.0"),
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "volumeMounts": [{"name": "kube-api-access-8xk2p", "readOnly": true,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    });
    if !small {
        container["ports"] = json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]);
        container["resources"] = json!({"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}});
        container["securityContext"] = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}});
        for probe in ["livenessProbe", "readinessProbe"] {
            container[probe] = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
        }
        if let Some(env) = container["env"].as_array_mut() {
            env.push(json!({"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}));
        }
    }
    container
}

/// The managed fields of a value, in the form that the API server gives them.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (format!("f:{name}"), fields(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => {
            let mut all = Map::new();
            for item in items {
                if let Some(name) = item.get("name") {
                    let Value::Object(mut own) = fields(item) else { continue };
                    own.insert(".".to_owned(), json!({}));
                    all.insert(format!("k:{{\"name\":{name}}}"), Value::Object(own));
                }
            }
            Value::Object(all)
        }
        _ => json!({}),
    }
}
