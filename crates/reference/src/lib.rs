//! What the webhook does to a pod, as plainly as it can be written.
//!
//! Tests and fuzz targets hold `injection` to it. It works on a whole pod as a
//! [`Value`], looks at every list again for every question, and knows neither
//! patches nor warnings: slow, and easy to check against the README.

#![warn(missing_docs)]

use injection::identity::Identity;
use serde_json::{Value, json};

mod usable;

pub use usable::{Seen, seen};

const LABEL: &str = "eks.amazonaws.com/pod-identity";
const EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
const DEFAULT_EXPIRATION: i64 = 86_400;

/// Longest annotation value that is read, in bytes.
const MAX_VALUE: usize = 2048;

/// Which containers are mutated, by name, as the annotations `skip-containers` and
/// `include-containers` of the pod say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The containers that are left out, even if `included` names them.
    pub skipped: Vec<String>,
    /// If set, the only containers that are mutated.
    pub included: Option<Vec<String>>,
}

/// The pod as it is after the admission, with the flags' default names.
///
/// `before` is the pod before an update of `pods/ephemeralcontainers`; without
/// it the pod is being created. `jitter` is the number of seconds that the
/// default expiration of container credentials is brought forward by. The pod
/// is one that `injection` reads: lists hold objects, names are texts.
#[must_use]
pub fn mutated(
    pod: &Value,
    before: Option<&Value>,
    identity: &Identity<'_>,
    selection: &Selection,
    jitter: i64,
) -> Value {
    let mut after = pod.clone();
    let Names { base, token_path, mount_path, audience } = names_of(identity);
    let volumes = items(&pod["spec"]["volumes"]);
    let present = volumes.iter().find(|it| is_ours(it, base, token_path));
    if before.is_some() && present.is_none() {
        return after;
    }
    let volume = present.map_or_else(|| free_name(volumes, base), |it| text(&it["name"]));
    let variables = variables(pod, identity, &format!("{mount_path}/{token_path}"));

    let taking_part = taking_part(pod, before, selection);
    let mut mounted = false;
    for (list, index) in &taking_part {
        let container = &mut after["spec"][list][index];
        mounted |= complete(container, &variables, &volume, mount_path);
    }
    if before.is_some() || taking_part.is_empty() {
        return after;
    }
    let counts_on_it = ["initContainers", "containers"].iter().any(|list| {
        let mut mounts = items(&pod["spec"][list]).iter().flat_map(|it| items(&it["volumeMounts"]));
        mounts.any(|mount| mount["name"] == *volume)
    });
    if present.is_none() && (mounted || counts_on_it) {
        let token = json!({
            "audience": audience,
            "expirationSeconds": expiration(pod, identity, jitter),
            "path": token_path,
        });
        let volume = json!({
            "name": volume,
            "projected": {"sources": [{"serviceAccountToken": token}]},
        });
        push(&mut after["spec"]["volumes"], volume);
    }
    if matches!(identity, Identity::ContainerCredentials(_)) {
        let labels = &mut after["metadata"]["labels"];
        if labels.get(LABEL).is_none() {
            labels[LABEL] = json!("enabled");
        }
    }
    after
}

/// The names of an identity's volume, path and audience.
struct Names<'a> {
    base: &'static str,
    token_path: &'static str,
    mount_path: &'static str,
    audience: &'a str,
}

fn names_of<'a>(identity: &Identity<'a>) -> Names<'a> {
    match identity {
        Identity::WebIdentity(web) => Names {
            base: "aws-iam-token",
            token_path: "token",
            mount_path: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
            audience: web.audience,
        },
        Identity::ContainerCredentials(_) => Names {
            base: "eks-pod-identity-token",
            token_path: "eks-pod-identity-token",
            mount_path: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
            audience: "pods.eks.amazonaws.com",
        },
    }
}

/// The containers that take part, by their list and place in it.
fn taking_part(
    pod: &Value,
    before: Option<&Value>,
    selection: &Selection,
) -> Vec<(&'static str, usize)> {
    let lists: &[&str] = match before {
        None => &["initContainers", "containers"],
        Some(_) => &["ephemeralContainers"],
    };
    let fixed = before.map(|pod| names(&pod["spec"]["ephemeralContainers"])).unwrap_or_default();
    let mut found = Vec::new();
    for list in lists {
        for (index, container) in items(&pod["spec"][list]).iter().enumerate() {
            let name = text(&container["name"]);
            let included = selection.included.as_ref().is_none_or(|it| it.contains(&name));
            if !fixed.contains(&name) && !selection.skipped.contains(&name) && included {
                found.push((*list, index));
            }
        }
    }
    found
}

/// A group of variables: added together where the container has none of
/// `unless`.
struct Group {
    unless: Vec<&'static str>,
    add: Vec<Value>,
}

fn variables(pod: &Value, identity: &Identity<'_>, token_file: &str) -> Vec<Group> {
    let token_file = if is_windows(pod) {
        format!("C:{}", token_file.replace('/', "\\"))
    } else {
        token_file.to_owned()
    };
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut groups = Vec::new();
    if identity.shared().regional_sts {
        let name = "AWS_STS_REGIONAL_ENDPOINTS";
        groups.push(Group { unless: vec![name], add: vec![variable(name, "regional")] });
    }
    if let Some(region) = identity.shared().region {
        let names = ["AWS_DEFAULT_REGION", "AWS_REGION"];
        let add = names.map(|name| variable(name, region)).to_vec();
        groups.push(Group { unless: names.to_vec(), add });
    }
    let pair = match identity {
        Identity::WebIdentity(web) => {
            [("AWS_ROLE_ARN", web.role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file)]
        }
        Identity::ContainerCredentials(_) => [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token_file),
        ],
    };
    groups.push(Group {
        unless: pair.map(|(name, _)| name).to_vec(),
        add: pair.map(|(name, value)| variable(name, value)).to_vec(),
    });
    if let Identity::WebIdentity(web) = identity
        && web.session_name
    {
        let explicit = text(&pod["metadata"]["name"]);
        // STS takes 2 to 64 characters; a generated name always fits.
        if explicit.is_empty() || (2..=64).contains(&explicit.len()) {
            let name = "AWS_ROLE_SESSION_NAME";
            let from = json!({"fieldRef": {"fieldPath": "metadata.name"}});
            let add = vec![json!({"name": name, "valueFrom": from})];
            groups.push(Group { unless: vec![name], add });
        }
    }
    if let Identity::WebIdentity(web) = identity
        && let Some(url) = web.sts_endpoint_url
    {
        let name = "AWS_ENDPOINT_URL_STS";
        groups.push(Group { unless: vec![name], add: vec![variable(name, url)] });
    }
    groups
}

/// Adds what the container lacks, and says whether that was the mount too.
fn complete(container: &mut Value, groups: &[Group], volume: &str, mount_path: &str) -> bool {
    let own = names(&container["env"]);
    for group in groups {
        if !group.unless.iter().any(|name| own.iter().any(|own| own == name)) {
            for variable in &group.add {
                push(&mut container["env"], variable.clone());
            }
        }
    }
    let taken = items(&container["volumeMounts"]).iter().any(|mount| {
        text(&mount["mountPath"]).trim_end_matches('/') == mount_path.trim_end_matches('/')
    });
    if !taken {
        let mount = json!({"mountPath": mount_path, "name": volume, "readOnly": true});
        push(&mut container["volumeMounts"], mount);
    }
    !taken
}

fn expiration(pod: &Value, identity: &Identity<'_>, jitter: i64) -> i64 {
    let own = text(&pod["metadata"]["annotations"][EXPIRATION]);
    let whole = own.strip_prefix(['-', '+']).unwrap_or(&own);
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number && own.len() <= MAX_VALUE {
        // What is longer than this has all its digits beyond the bounds anyway.
        let parsed = own.parse::<i64>();
        parsed.unwrap_or(if own.starts_with('-') { 0 } else { i64::MAX })
    } else {
        identity.shared().token_expiration.seconds()
    };
    let seconds = seconds.clamp(600, 1 << 32);
    match identity {
        Identity::ContainerCredentials(_) if seconds == DEFAULT_EXPIRATION => seconds - jitter,
        _ => seconds,
    }
}

/// Named `base` or `base-NUMBER`, with a service-account token at the path.
fn is_ours(volume: &Value, base: &str, token_path: &str) -> bool {
    let name = text(&volume["name"]);
    let numbered = name
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    let mut sources = items(&volume["projected"]["sources"]).iter();
    (name == base || numbered)
        && sources.any(|source| source["serviceAccountToken"]["path"] == *token_path)
}

fn free_name(volumes: &[Value], base: &str) -> String {
    let taken = |name: &str| volumes.iter().any(|volume| text(&volume["name"]) == name);
    if !taken(base) {
        return base.to_owned();
    }
    let mut numbered = (1_usize..).map(|number| format!("{base}-{number}"));
    // There are more numbers than volumes.
    numbered.find(|name| !taken(name)).unwrap_or_default()
}

fn is_windows(pod: &Value) -> bool {
    const LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
    let spec = &pod["spec"];
    let os = text(&spec["os"]["name"]);
    if !os.is_empty() {
        return os == "windows";
    }
    if LABELS.iter().any(|label| spec["nodeSelector"][label] == "windows") {
        return true;
    }
    let required =
        &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms: Vec<&Value> = items(&required["nodeSelectorTerms"])
        .iter()
        .filter(|term| {
            ["matchExpressions", "matchFields"].iter().any(|it| !items(&term[it]).is_empty())
        })
        .collect();
    let only_windows = |term: &&Value| {
        items(&term["matchExpressions"]).iter().any(|expression| {
            let values: Vec<String> = items(&expression["values"]).iter().map(text).collect();
            LABELS.contains(&&*text(&expression["key"]))
                && match &*text(&expression["operator"]) {
                    "In" => !values.is_empty() && values.iter().all(|value| value == "windows"),
                    "NotIn" => values.iter().any(|value| value == "linux"),
                    _ => false,
                }
        })
    };
    !terms.is_empty() && terms.iter().all(only_windows)
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn names(list: &Value) -> Vec<String> {
    items(list).iter().map(|item| text(&item["name"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}
