//! The webhook's own Deployment or `DaemonSet`: the command line that it runs with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::webhook::MARKS;

/// Stands for the variables that `envFrom` sets.
const ENV_FROM: &str = "envFrom";

/// Stands for an argument of which it is not known which flag it sets.
const ARGUMENT: &str = "an argument";

/// The flags of `serve` that a check reads, and that are saved.
pub const CHECKED_FLAGS: [&str; 20] = [
    "annotation-prefix",
    "token-audience",
    "token-mount-path",
    "token-expiration",
    "aws-default-region",
    "sts-regional-endpoint",
    "sts-endpoint-url",
    "allowed-sts-endpoint-urls",
    "compose-role-arn",
    "aws-account-id",
    "aws-partition",
    "watch-container-credentials-config",
    "container-credentials-audience",
    "container-credentials-token-mount-path",
    "container-credentials-token-volume-name",
    "container-credentials-token-path",
    "container-credentials-full-uri",
    "watch-config-map",
    "namespace",
    "tls-secret",
];

/// The flags of the webhook that the checks read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookFlags {
    /// Whose they are, such as `deployment/webhook in namespace eks`.
    pub of: String,
    /// Their values by name, without dashes; those that have their default are left out.
    pub flags: BTreeMap<String, String>,
    /// What could not be read of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_known: Vec<String>,
}

/// How a webhook is started, as its workload says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Without the program's own name.
    pub args: Vec<String>,
    /// The variables that the workload spells out.
    pub env: BTreeMap<String, String>,
    /// What is only known in the cluster, or not at all.
    pub not_known: Vec<String>,
}

impl WebhookFlags {
    /// Whether it is not known if the webhook has this flag, or which value. One that is given
    /// counts before what may come from elsewhere.
    #[must_use]
    pub fn is_unsure(&self, flag: &str) -> bool {
        let elsewhere = self.not_known.iter().any(|it| it == ENV_FROM || it == ARGUMENT);
        self.is_hidden(flag) || elsewhere && !self.flags.contains_key(flag)
    }

    /// Whether the webhook has this flag, with a value that is not known.
    #[must_use]
    pub fn is_hidden(&self, flag: &str) -> bool {
        let variable = format!("PODID_{}", flag.to_ascii_uppercase().replace('-', "_"));
        self.not_known.iter().any(|it| match it.strip_prefix("--") {
            Some(name) => name == flag,
            None => *it == variable && !self.flags.contains_key(flag),
        })
    }
}

/// What a workload starts the webhook with; nothing where no container is the webhook's.
#[must_use]
pub fn command_line(workload: &Value) -> Option<CommandLine> {
    let namespace = workload["metadata"]["namespace"].as_str().unwrap_or_default();
    let container = container(workload)?;
    let mut line = CommandLine::default();
    let mut hidden = Vec::new();
    for variable in container["env"].as_array().into_iter().flatten() {
        let Some(name) = variable["name"].as_str() else { continue };
        let field = &variable["valueFrom"]["fieldRef"]["fieldPath"];
        let value = match field.as_str() {
            Some("metadata.namespace") => Some(namespace.to_owned()),
            None if variable["valueFrom"].is_object() => None,
            Some(_) => None,
            None => expanded(variable["value"].as_str().unwrap_or_default(), &line.env, &hidden),
        };
        if let Some(value) = value {
            line.env.insert(name.to_owned(), value);
        } else {
            line.env.remove(name);
            hidden.push(name);
        }
    }
    for name in hidden.iter().filter(|name| name.starts_with("PODID_")) {
        line.not_known.push((*name).to_owned());
    }
    if container["envFrom"].as_array().is_some_and(|it| !it.is_empty()) {
        line.not_known.push(ENV_FROM.to_owned());
    }
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let words = texts(&container["command"]).into_iter().skip(1).chain(texts(&container["args"]));
    for word in words {
        if let Some(word) = expanded(&word, &line.env, &hidden) {
            line.args.push(word);
        } else {
            // Of other text it is not known what stands in it.
            let flag = word.split_once('=').map(|(flag, _)| flag);
            let flag = flag.filter(|it| it.starts_with("--") && !it.contains('$'));
            line.not_known.push(flag.unwrap_or(ARGUMENT).to_owned());
        }
    }
    Some(line)
}

/// The `ConfigMap` and the key in it that a file of the webhook's container comes from.
#[must_use]
pub fn config_map_behind(workload: &Value, path: &str) -> Option<(String, String)> {
    let container = container(workload)?;
    let mounts = container["volumeMounts"].as_array()?.iter();
    let below = mounts.filter_map(|mount| {
        let folder = mount["mountPath"].as_str()?.trim_end_matches('/');
        let rest = path.strip_prefix(folder)?;
        let file = match mount["subPath"].as_str().filter(|it| !it.is_empty()) {
            Some(file) if rest.is_empty() => file,
            Some(_) => return None,
            None => rest.strip_prefix('/')?,
        };
        Some((folder.len(), mount["name"].as_str()?, file))
    });
    let (_, volume, file) = below.max_by_key(|(depth, ..)| *depth)?;
    let mut volumes = workload["spec"]["template"]["spec"]["volumes"].as_array()?.iter();
    let map = &volumes.find(|it| it["name"] == volume)?["configMap"];
    let items = map["items"].as_array().into_iter().flatten();
    let mut keys = items.filter(|it| it["path"] == file).filter_map(|it| it["key"].as_str());
    let key = keys.next().or_else(|| map["items"].is_null().then_some(file))?;
    Some((map["name"].as_str()?.to_owned(), key.to_owned()))
}

/// The webhook's container: the only one, else the one that looks like it.
fn container(workload: &Value) -> Option<&Value> {
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array()?;
    if let [only] = containers.as_slice() {
        return Some(only);
    }
    let looks_like_it = |it: &&Value| {
        let mut texts = ["name", "image"].into_iter().filter_map(|member| it[member].as_str());
        texts.any(|text| MARKS.iter().any(|mark| text.contains(mark)))
    };
    let mut found = containers.iter().filter(looks_like_it);
    found.next().filter(|_| found.next().is_none())
}

/// With references to variables, `$(NAME)`, as kubelet replaces them: `$$` is a `$`, and what is
/// not defined stays. Nothing where a value is not known.
fn expanded(text: &str, env: &BTreeMap<String, String>, hidden: &[&str]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.strip_prefix('$').unwrap_or_default();
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) =
            after.strip_prefix('(').and_then(|it| it.split_once(')'))
        {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None if hidden.contains(&name) => return None,
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload(container: &Value) -> Value {
        json!({"metadata": {"namespace": "eks"}, "spec": {"template": {"spec": {
            "containers": [container],
            "volumes": [
                {"name": "all", "configMap": {"name": "identities"}},
                {"name": "some", "configMap": {"name": "identities", "items": [{"key": "k", "path": "list.json"}]}},
                {"name": "hidden", "secret": {"secretName": "identities"}},
            ],
        }}}})
    }

    #[test]
    fn reads_the_command_line_as_kubelet_does() {
        let line = command_line(&workload(&json!({
            "command": ["/webhook", "serve"],
            "args": ["--namespace=$(HOME_NS)", "--a=$$(HOME_NS)", "--b=$(NONE)$", "--token-audience=$(SECRET)"],
            "env": [
                {"name": "HOME_NS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "PODID_V", "value": "$(HOME_NS)-1"},
                {"name": "PODID_AWS_REGION", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "c"}}],
        })))
        .unwrap();
        assert_eq!(line.args, ["serve", "--namespace=eks", "--a=$(HOME_NS)", "--b=$(NONE)$"]);
        assert_eq!(line.env["PODID_V"], "eks-1");
        let not_known = ["PODID_AWS_REGION", "envFrom", "--token-audience"];
        assert_eq!(line.not_known, not_known);
    }

    #[test]
    fn is_unsure_of_what_may_come_from_elsewhere_and_sure_of_what_is_given() {
        let flags = |not_known: &str| WebhookFlags {
            flags: [("token-audience".to_owned(), "x".to_owned())].into(),
            not_known: vec![not_known.to_owned()],
            ..WebhookFlags::default()
        };
        for (not_known, given, other, hidden) in [
            (ENV_FROM, false, true, false),
            (ARGUMENT, false, true, false),
            ("--namespace", false, true, true),
            ("PODID_NAMESPACE", false, true, true),
            ("--token-audience", true, false, false),
            ("PODID_TOKEN_AUDIENCE", false, false, false),
        ] {
            let flags = flags(not_known);
            let unsure = (flags.is_unsure("token-audience"), flags.is_unsure("namespace"));
            assert_eq!(unsure, (given, other), "{not_known}");
            assert_eq!(flags.is_hidden("namespace"), hidden, "{not_known}");
        }
        let line = command_line(&workload(&json!({
            "args": ["$(SECRET)"],
            "env": [{"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        })));
        assert_eq!(line.unwrap().not_known, [ARGUMENT]);
    }

    #[test]
    fn finds_the_webhook_among_other_containers() {
        let mut both = workload(&json!({"name": "proxy", "args": ["proxy"]}));
        let containers = both["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
        containers.push(
            json!({"name": "x", "image": "a/amazon-eks-pod-identity-webhook:1", "args": ["-v=1"]}),
        );
        assert_eq!(command_line(&both).unwrap().args, ["-v=1"]);
        both["spec"]["template"]["spec"]["containers"][0]["image"] = "pod-identity-proxy".into();
        assert_eq!(command_line(&both), None);
    }

    #[test]
    fn finds_the_config_map_behind_a_file() {
        let mounted = |volume: &str, at: &str, sub_path: &str| {
            workload(
                &json!({"volumeMounts": [{"name": volume, "mountPath": at, "subPath": sub_path}]}),
            )
        };
        let behind = |volume: &str, at: &str, sub_path: &str, path: &str| {
            config_map_behind(&mounted(volume, at, sub_path), path).map(|(_, key)| key)
        };
        assert_eq!(behind("all", "/etc/x/", "", "/etc/x/a.json").as_deref(), Some("a.json"));
        assert_eq!(behind("some", "/etc/x", "", "/etc/x/list.json").as_deref(), Some("k"));
        assert_eq!(behind("some", "/etc/x", "", "/etc/x/a.json"), None);
        assert_eq!(
            behind("all", "/etc/a.json", "b.json", "/etc/a.json").as_deref(),
            Some("b.json")
        );
        assert_eq!(behind("hidden", "/etc/x", "", "/etc/x/a.json"), None);
        assert_eq!(behind("all", "/etc/x", "", "/etc/y/a.json"), None);
    }
}
