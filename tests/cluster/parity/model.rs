//! What the Go webhook makes of a pod, as its source was read: no more than this comparison needs, and no
//! substitute for the program. It answers for the accounts of `generate` and the flags of this test.

use serde_json::{Value, json};

use super::generate::ACCOUNTS;

const REGION: &str = "eu-west-1";
const MOUNT_PATH: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
const VOLUME: &str = "aws-iam-token";
/// All that a container of the tests may have, and one thing that no version knows yet.
const UNKNOWN: &str = "ofNextYear";

/// It writes whole lists: its patch is no part of the model.
pub fn mutate(pod: &Value) -> Value {
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    if !ACCOUNTS.contains(&account) {
        return pod.clone();
    }
    let mut pod = pod.clone();
    let annotation =
        |name: &str| pod["metadata"]["annotations"][format!("eks.amazonaws.com/{name}")].as_str();
    let asked = annotation("token-expiration").and_then(|value| value.parse::<i64>().ok());
    let of_account = if account == "expiring" { 7200 } else { 86400 };
    let expiration = asked.map_or(of_account, |seconds| seconds.max(600));
    let skipped = annotation("skip-containers").map(csv_fields).unwrap_or_default();
    let audience = if account == "audience" { "elsewhere.example" } else { "sts.amazonaws.com" };

    let systems = ["kubernetes.io/os", "beta.kubernetes.io/os"];
    let is_windows = systems.iter().any(|label| pod["spec"]["nodeSelector"][label] == "windows");
    let mut token_file = format!("{MOUNT_PATH}/token");
    if is_windows {
        token_file = format!("C:{}", token_file.replace('/', "\\"));
    }
    for list in ["initContainers", "containers"] {
        for container in
            pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
        {
            container.as_object_mut().unwrap().remove(UNKNOWN);
            if !skipped.iter().any(|name| container["name"] == name.as_str()) {
                complete(container, account, &token_file);
            }
        }
    }
    let token = json!({"audience": audience, "expirationSeconds": expiration, "path": "token"});
    let volume =
        json!({"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}});
    let volumes = list_of(&mut pod["spec"], "volumes");
    if !volumes.iter().any(|it| it["name"] == VOLUME) {
        volumes.insert(0, volume);
    }
    pod
}

fn complete(container: &mut Value, account: &str, token_file: &str) {
    let env = list_of(container, "env");
    let has = |names: &[&str]| env.iter().any(|it| names.iter().any(|name| it["name"] == *name));
    let has_role = has(&["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
    let has_region = has(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
    let has_endpoints = has(&["AWS_STS_REGIONAL_ENDPOINTS"]);
    if has_role && has_region && has_endpoints {
        // The corner in which the mount is forgotten.
        return;
    }
    let mut add = |name: &str, value: &str| env.push(json!({"name": name, "value": value}));
    if !has_endpoints && account != "global" {
        add("AWS_STS_REGIONAL_ENDPOINTS", "regional");
    }
    if !has_region {
        add("AWS_DEFAULT_REGION", REGION);
        add("AWS_REGION", REGION);
    }
    if !has_role {
        add("AWS_ROLE_ARN", &format!("arn:aws:iam::111122223333:role/{account}"));
        add("AWS_WEB_IDENTITY_TOKEN_FILE", token_file);
    }
    let mounts = list_of(container, "volumeMounts");
    if !mounts.iter().any(|it| it["name"] == VOLUME) {
        mounts.push(json!({"name": VOLUME, "readOnly": true, "mountPath": MOUNT_PATH}));
    }
}

/// One line as Go's encoding/csv reads it: a space belongs to the name.
fn csv_fields(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let record = reader.records().next();
    record
        .into_iter()
        .flatten()
        .flat_map(|it| it.iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn list_of<'a>(object: &'a mut Value, member: &str) -> &'a mut Vec<Value> {
    let list = object.as_object_mut().unwrap().entry(member).or_insert_with(|| json!([]));
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap()
}
