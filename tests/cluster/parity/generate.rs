//! Pods of all kinds that both webhooks are to treat alike, each from its seed.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::{Namespace, overlaid};

/// With a role, each in its own way. `default` has none.
pub const ACCOUNTS: [&str; 5] = ["app", "audience", "expiring", "regional", "global"];

const PREFIX: &str = "eks.amazonaws.com";
const NAMES: [&str; 4] = ["one", "two", "three", "four"];

pub async fn service_accounts(namespace: &Namespace) {
    for account in ACCOUNTS {
        let more = match account {
            "audience" => Some(("audience", "elsewhere.example")),
            "expiring" => Some(("token-expiration", "7200")),
            "regional" => Some(("sts-regional-endpoints", "true")),
            "global" => Some(("sts-regional-endpoints", "false")),
            _ => None,
        };
        let role = format!("arn:aws:iam::111122223333:role/{account}");
        let annotations = [Some(("role-arn", role.as_str())), more];
        let annotations: Vec<_> = annotations
            .into_iter()
            .flatten()
            .map(|(key, value)| (format!("{PREFIX}/{key}"), value))
            .collect();
        let annotations: Vec<_> =
            annotations.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        namespace.service_account(account, &annotations).await;
    }
}

pub fn pod(seed: u64) -> Value {
    let mut rng = Rng::with_seed(seed);
    let mut names = NAMES.to_vec();
    rng.shuffle(&mut names);
    let inits = rng.usize(0..=1);
    let regular = rng.usize(1..=2);
    let account = if rng.u8(..) < 30 { "default" } else { ACCOUNTS[rng.usize(..ACCOUNTS.len())] };
    let mut containers = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| container(&mut rng, name)).collect()
    };
    let init_containers = containers(&names[..inits]);
    let regular = containers(&names[inits..inits + regular]);
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": format!("pod-{seed}")},
        "spec": {"serviceAccountName": account, "containers": regular, "volumes": volumes(&mut rng)},
    });
    if inits > 0 {
        pod["spec"]["initContainers"] = init_containers.into();
    }
    let mut annotations = json!({});
    if rng.bool() {
        let some = &names[..rng.usize(1..=2)];
        annotations[format!("{PREFIX}/skip-containers")] = some.join(",").into();
    }
    if rng.bool() {
        let values = ["3600", "600", "599", "86400", "soon", "-1"];
        annotations[format!("{PREFIX}/token-expiration")] =
            values[rng.usize(..values.len())].into();
    }
    if rng.bool() {
        pod = overlaid(pod, &json!({"metadata": {"annotations": annotations}}));
    }
    if rng.u8(..) < 50 {
        let label = ["kubernetes.io/os", "beta.kubernetes.io/os"][rng.usize(..2)];
        let system = ["windows", "linux"][rng.usize(..2)];
        pod["spec"]["nodeSelector"] = json!({ label: system });
    }
    pod
}

fn container(rng: &mut Rng, name: &str) -> Value {
    let mut container = json!({"name": name, "image": "registry.example/app:1"});
    let own = [
        "PLAIN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_STS_REGIONAL_ENDPOINTS",
    ];
    let own: Vec<_> = own.iter().filter(|_| rng.u8(..) < 70).collect();
    if !own.is_empty() {
        container["env"] = own.iter().map(|name| json!({"name": name, "value": "own"})).collect();
    }
    match rng.u8(..4) {
        0 => container["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]),
        1 => container["resources"] = json!({"requests": {"cpu": "10m"}}),
        2 => container["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]),
        _ => {}
    }
    container
}

/// `data` is always there: a container may mount it.
fn volumes(rng: &mut Rng) -> Value {
    let mut volumes = vec![json!({"name": "data", "emptyDir": {}})];
    if rng.bool() {
        volumes.insert(0, json!({"name": "settings", "configMap": {"name": "settings"}}));
    }
    volumes.into()
}
