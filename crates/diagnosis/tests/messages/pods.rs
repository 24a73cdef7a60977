//! Pods other than those that the webhook leaves as they should be.

use serde_json::{Value, json};

use super::cases::OTHER_ROLE;
use super::scene::bare_pod;

/// Changes a pod that has what it would get.
type PodChange = fn(&mut Value);

/// Pods that `audit` tells of.
pub(crate) const PODS: &[(&str, PodChange)] = &[
    ("half-pair", |pod| drop(env(pod).pop())),
    ("own-keys", |pod| env(pod).push(json!({"name": "AWS_ACCESS_KEY_ID", "value": "x"}))),
    ("empty-keys", |pod| env(pod).push(json!({"name": "AWS_ACCESS_KEY_ID", "value": ""}))),
    ("other-audience", |pod| {
        pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"] =
            "vault".into();
    }),
    ("own-role", |pod| {
        pod["spec"]["volumes"][0]["name"] = "mine".into();
        pod["spec"]["containers"][0]["volumeMounts"][0]["name"] = "mine".into();
        env(pod)[1]["value"] = OTHER_ROLE.into();
    }),
    ("not-known", |pod| {
        env(pod)[1] = json!({"name": "AWS_ROLE_ARN", "valueFrom": {"secretKeyRef": {}}});
    }),
];

/// As the webhook leaves it where credentials come from the agent.
pub(crate) fn with_agent(mut pod: Value) -> Value {
    let folder = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
    let container = &mut pod["spec"]["containers"][0];
    container["env"] = json!([
        {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"},
        {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": format!("{folder}/eks-pod-identity-token")},
    ]);
    container["volumeMounts"] = json!([{"name": "eks-pod-identity-token", "mountPath": folder}]);
    pod["metadata"]["labels"] = json!({"eks.amazonaws.com/pod-identity": "enabled"});
    pod["spec"]["volumes"] = json!([{"name": "eks-pod-identity-token", "projected": {"sources": [
        {"serviceAccountToken": {"path": "eks-pod-identity-token", "audience": "pods.eks.amazonaws.com", "expirationSeconds": 86_400}},
    ]}}]);
    pod
}

pub(crate) fn of_account(account: &str, namespace: &str) -> Value {
    let mut pod = bare_pod();
    pod["metadata"]["namespace"] = namespace.into();
    pod["metadata"]["name"] = "stranger".into();
    pod["spec"]["serviceAccountName"] = account.into();
    pod
}

pub(crate) fn env(pod: &mut Value) -> &mut Vec<Value> {
    pod["spec"]["containers"][0]["env"].as_array_mut().expect("variables")
}
