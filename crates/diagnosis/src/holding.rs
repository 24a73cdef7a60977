//! What a container has: the variables that its manifest spells out, and the
//! token that is mounted where one of them says.

use std::collections::HashMap;

use serde_json::Value;

/// The longest path in bytes that is taken apart.
const MAX_PATH: usize = 4_096;

/// One container, and its pod's volumes by name.
#[derive(Clone, Copy)]
pub(super) struct Holding<'a> {
    pub(super) container: &'a Value,
    pub(super) volumes: &'a HashMap<&'a str, &'a Value>,
}

/// What is at a path of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held<'a> {
    /// A service-account token.
    Token { volume: &'a str, audience: &'a str, seconds: Option<i64> },
    /// A mount; nobody knows what is in it.
    Mounted,
    /// No mount is above it.
    NotMounted,
}

/// The volumes of a pod, by name.
pub(super) fn volumes(pod: &Value) -> HashMap<&str, &Value> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|it| Some((it["name"].as_str()?, it))).collect()
}

impl<'a> Holding<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.container["name"].as_str().unwrap_or_default()
    }

    /// Whether the manifest sets the variable, to whatever.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variable(name).is_some()
    }

    /// The value of a variable, where the manifest spells it out. One without a
    /// value is empty.
    pub(super) fn literal(&self, name: &str) -> Option<&'a str> {
        let variable = self.variable(name).filter(|it| !it["valueFrom"].is_object())?;
        Some(variable["value"].as_str().unwrap_or_default())
    }

    /// Of two with one name Kubernetes takes the last.
    fn variable(&self, name: &str) -> Option<&'a Value> {
        self.container["env"].as_array()?.iter().rfind(|it| it["name"] == name)
    }

    fn mounts(&self) -> impl Iterator<Item = &'a Value> {
        self.container["volumeMounts"].as_array().into_iter().flatten()
    }

    /// Whether it mounts a volume that may be the webhook's, by its name.
    pub(super) fn mounts_ours(&self, base: &str) -> bool {
        let mut names = self.mounts().filter_map(|it| it["name"].as_str());
        names.any(|name| {
            name.strip_prefix(base).is_some_and(|it| it.is_empty() || it.starts_with('-'))
        })
    }

    /// What is at a path: the deepest mount above it counts.
    pub(super) fn token(&self, path: &str, windows: bool) -> Held<'a> {
        let Some(path) = parts(path, windows) else { return Held::Mounted };
        let above = self.mounts().filter_map(|mount| {
            let folder = parts(mount["mountPath"].as_str()?, windows)?;
            path.starts_with(&folder).then_some((folder.len(), mount))
        });
        let Some((depth, mount)) = above.max_by_key(|(depth, _)| *depth) else {
            return Held::NotMounted;
        };
        let is_sub_path = ["subPath", "subPathExpr"]
            .iter()
            .any(|it| mount[it].as_str().is_some_and(|it| !it.is_empty()));
        let volume = mount["name"].as_str().unwrap_or_default();
        let rest = path.get(depth..).unwrap_or_default();
        match self.volumes.get(volume) {
            Some(value) if !is_sub_path => projected(value, volume, rest).unwrap_or(Held::Mounted),
            _ => Held::Mounted,
        }
    }
}

/// The token that a volume projects at a path.
fn projected<'a>(value: &'a Value, volume: &'a str, path: &[String]) -> Option<Held<'a>> {
    let sources = value["projected"]["sources"].as_array()?.iter();
    let mut tokens = sources.map(|it| &it["serviceAccountToken"]);
    let token = tokens.find(|it| {
        let at = it["path"].as_str().and_then(|at| parts(&format!("/{at}"), false));
        at.is_some_and(|at| at == path)
    })?;
    Some(Held::Token {
        volume,
        audience: token["audience"].as_str().unwrap_or_default(),
        seconds: token["expirationSeconds"].as_i64(),
    })
}

/// The names on the way to a path; `/var/run` leads to `/run` in nearly every image. None of a
/// path that depends on the working directory.
fn parts(path: &str, windows: bool) -> Option<Vec<String>> {
    let path = if windows { of_windows(path) } else { path.to_owned() };
    if !path.starts_with('/') || path.len() > MAX_PATH || path.contains("$(") {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part.to_owned()),
        }
    }
    if let ([var, run, ..], false) = (parts.as_slice(), windows)
        && (var.as_str(), run.as_str()) == ("var", "run")
    {
        parts.remove(0);
    }
    Some(parts)
}

fn of_windows(path: &str) -> String {
    let path = path.replace('\\', "/").to_lowercase();
    match path.strip_prefix("c:") {
        Some(rest) => rest.to_owned(),
        None => path,
    }
}
