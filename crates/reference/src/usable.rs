//! Which containers run as somebody else, or as nobody, after the admission.

use injection::identity::Identity;
use serde_json::{Value, json};

use super::{Names, Selection, is_ours, is_windows, items, mutated, names_of, taking_part, text};

/// A container that takes part, as it is after the admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The container's name.
    pub container: String,
    /// The kinds of what is to be reported of it, in their order.
    pub kinds: Vec<&'static str>,
    /// Whether it has credentials, or it is not known that it has none.
    pub has_credentials: bool,
}

/// The containers that take part, with the same arguments as [`mutated`].
#[must_use]
pub fn seen(
    pod: &Value,
    before: Option<&Value>,
    identity: &Identity<'_>,
    selection: &Selection,
) -> Vec<Seen> {
    let after = mutated(pod, before, identity, selection, 0);
    let Names { base, token_path, .. } = names_of(identity);
    let has_volume = items(&pod["spec"]["volumes"]).iter().any(|it| is_ours(it, base, token_path));
    if before.is_some() && !has_volume {
        return Vec::new();
    }
    let all = taking_part(pod, before, selection).into_iter();
    all.map(|(list, index)| {
        let (own, container) = (&pod["spec"][list][index], &after["spec"][list][index]);
        look(own, container, &after, identity)
    })
    .collect()
}

/// At one container, before and after.
fn look(own: &Value, container: &Value, after: &Value, identity: &Identity<'_>) -> Seen {
    let Names { base, token_path, mount_path, audience } = names_of(identity);
    let windows = is_windows(after);
    let (names, first_is_enough) = match identity {
        Identity::WebIdentity(_) => (["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"], false),
        Identity::ContainerCredentials(_) => {
            (["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], true)
        }
    };
    let mut kinds = Vec::new();
    let mut has_credentials = true;

    let [first, second] = names.map(|name| value(container, name));
    let lacks = |value: &Known| matches!(value, Known::Absent | Known::Empty);
    let is_injected = !names.iter().any(|name| has(own, name));
    let file = file(container, names[1]);
    if lacks(&first) && lacks(&second) {
        kinds.push("empty-value");
    } else if lacks(&first) || (lacks(&second) && !first_is_enough) {
        kinds.push("half-pair");
    } else if second == Known::Set
        && let Some(file) = file.as_ref().filter(|it| !it.contains("$("))
        && let Some(path) = parts(file, windows)
        && !mount_paths(container).iter().any(|it| depth(it, &path, windows).is_some())
    {
        kinds.push("token-file-not-mounted");
    }
    has_credentials &= kinds.is_empty();

    let path = mount_path.trim_end_matches('/');
    let volumes = items(&after["spec"]["volumes"]);
    let mut mounts = items(&container["volumeMounts"]).iter();
    let at = mounts.find(|it| text(&it["mountPath"]).trim_end_matches('/') == path);
    let at = at.unwrap_or(&Value::Null);
    let of_that_name = || volumes.iter().filter(|it| it["name"] == at["name"]);
    let is_sub_path = ["subPath", "subPathExpr"].iter().any(|it| !text(&at[it]).is_empty());
    let is_taken = !of_that_name().any(|it| is_ours(it, base, token_path)) || is_sub_path;
    if is_taken {
        kinds.push("mount-path-taken");
        let token = of_that_name().find_map(|it| token(it, token_path));
        let has_token = token.as_deref() == Some(audience) && !is_sub_path;
        let ours = format!("{mount_path}/{token_path}");
        let ours = if windows { format!("C:{}", ours.replace('/', "\\")) } else { ours };
        let counts_on_it = is_injected || file.as_deref() == Some(&ours);
        has_credentials &= has_token || !counts_on_it;
    }

    let keys = value(container, "AWS_ACCESS_KEY_ID") == Known::Set;
    let token_file = value(container, "AWS_WEB_IDENTITY_TOKEN_FILE") == Known::Set;
    if keys || (first_is_enough && token_file) {
        kinds.push("own-credentials");
    }
    if !windows && !is_taken && is_obstructed(container, volumes, mount_path) {
        kinds.push("obstructed-mount");
    }
    Seen { container: text(&own["name"]), kinds, has_credentials: has_credentials || keys }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Absent,
    Empty,
    No,
    Set,
}

fn has(container: &Value, name: &str) -> bool {
    items(&container["env"]).iter().any(|it| it["name"] == name)
}

fn value(container: &Value, name: &str) -> Known {
    let mut known = Known::Absent;
    for variable in items(&container["env"]).iter().filter(|it| it["name"] == name) {
        let from = variable["valueFrom"].as_object();
        let optional = from.is_some_and(|it| {
            let references = ["secretKeyRef", "configMapKeyRef", "fileKeyRef"];
            references.iter().any(|name| it.get(*name).is_some_and(|it| it["optional"] == true))
        });
        known = match from {
            Some(_) if optional && known == Known::Set => Known::Set,
            Some(_) if optional => Known::No,
            None if text(&variable["value"]).is_empty() => Known::Empty,
            Some(_) | None => Known::Set,
        };
    }
    let mut prefixes = items(&container["envFrom"]).iter().map(|it| text(&it["prefix"]));
    let from = prefixes.any(|it| name.strip_prefix(&*it).is_some_and(|rest| !rest.is_empty()));
    if known == Known::Absent && from { Known::No } else { known }
}

/// The file that a variable names, where that is written down.
fn file(container: &Value, name: &str) -> Option<String> {
    let last = items(&container["env"]).iter().rfind(|it| it["name"] == name)?;
    let path = text(&last["value"]);
    (!path.is_empty()).then_some(path)
}

/// The names on the way to a path; nothing where it is not known where it leads.
fn parts(path: &str, windows: bool) -> Option<Vec<String>> {
    let mut path = path.to_owned();
    if windows {
        path = path.replace('\\', "/").to_ascii_lowercase();
        if let Some(rest) = path.strip_prefix("c:") {
            path = rest.to_owned();
        } else if path.starts_with(|c: char| c.is_ascii_lowercase()) && path[1..].starts_with(':') {
            path = format!("/{path}");
        }
    }
    if !path.starts_with('/') || path.len() > 4096 {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/').filter(|it| !it.is_empty() && *it != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part.to_owned());
        }
    }
    Some(parts)
}

/// How many names of the path a folder takes, where it is at it or above;
/// `/var/run` is `/run`, but not on Windows.
fn depth(folder: &str, path: &[String], windows: bool) -> Option<usize> {
    let folder = parts(folder, windows)?;
    let run = |parts: &[String]| match parts {
        [var, run, ..] if !windows && var == "var" && run == "run" => parts[1..].to_vec(),
        _ => parts.to_vec(),
    };
    (0..=path.len()).find(|&n| path[..n] == folder || run(&path[..n]) == run(&folder))
}

fn mount_paths(container: &Value) -> Vec<String> {
    items(&container["volumeMounts"]).iter().map(|it| text(&it["mountPath"])).collect()
}

fn is_obstructed(container: &Value, volumes: &[Value], mount_path: &str) -> bool {
    let Some(path) = parts(mount_path, false) else { return false };
    let mut nearest = None;
    for mount in items(&container["volumeMounts"]) {
        let depth = depth(&text(&mount["mountPath"]), &path, false);
        if depth.is_some_and(|it| it < path.len()) && depth >= nearest.map(|(depth, _)| depth) {
            nearest = depth.map(|depth| (depth, mount));
        }
    }
    let Some((_, mount)) = nearest else { return false };
    let mut named = volumes.iter().filter(|it| it["name"] == mount["name"]);
    mount["readOnly"] == true || named.any(is_read_only)
}

fn is_read_only(volume: &Value) -> bool {
    let kinds = ["secret", "configMap", "downwardAPI", "projected", "image"];
    let storage = [
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
    kinds.iter().any(|it| !volume[it].is_null())
        || storage.iter().any(|it| volume[it]["readOnly"] == true)
}

/// The audience of the first token at the path.
fn token(volume: &Value, path: &str) -> Option<String> {
    let mut sources = items(&volume["projected"]["sources"]).iter();
    let found = sources.find(|it| it["serviceAccountToken"]["path"] == json!(path))?;
    Some(text(&found["serviceAccountToken"]["audience"]))
}
