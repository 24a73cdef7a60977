//! What the webhook itself runs with: its workload's command line, and the file that lists who
//! gets container credentials.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::Value;

use super::ask;
use crate::config::webhook_flags;
use diagnosis::{
    Address, Fact, Reason, ReasonKind, WebhookFlags, command_line, config_map_behind, entries,
    has_labels,
};
use injection::identity::ContainerCredentialsKeys;

/// The kinds of workloads that a webhook runs as.
const KINDS: [(&str, &str); 2] = [("deployment", "deployments"), ("daemonset", "daemonsets")];

/// The most workloads of a Service that are looked at.
const MOST: usize = 8;

/// The flag that names the file.
const LIST: &str = "watch-container-credentials-config";

/// Where the webhook has the file.
#[derive(Debug, PartialEq)]
enum List<'a> {
    None,
    At(&'a str),
    /// Where it is, or whether there is one, is not known.
    Hidden,
}

impl<'a> List<'a> {
    fn of(flags: &'a WebhookFlags) -> Self {
        match flags.flags.get(LIST) {
            _ if flags.is_unsure(LIST) => Self::Hidden,
            Some(path) => Self::At(path),
            None => Self::None,
        }
    }
}

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Installed {
    pub flags: Fact<WebhookFlags>,
    pub container_credentials: Fact<ContainerCredentialsKeys>,
}

/// By the Services of the webhook's entries.
pub(crate) async fn installed(
    client: &Client,
    webhooks: &Fact<Value>,
    configurations: &[String],
) -> Installed {
    let list = match webhooks {
        Fact::Known(list) => list,
        Fact::Unknown(why) => return not_known(why.clone()),
        Fact::Absent | Fact::NotAsked => return Installed::default(),
    };
    let entries = entries(list, configurations);
    let services = entries.iter().filter_map(|entry| match entry.address() {
        Address::Service { namespace, name } => Some((namespace, name)),
        Address::Url(_) => None,
    });
    let Some((namespace, name)) = services.min() else {
        return if entries.is_empty() {
            Installed::default()
        } else {
            let message = "the webhook is registered by URL".to_owned();
            not_known(Reason { kind: ReasonKind::ByUrl, message })
        };
    };
    match workload(client, &namespace, &name).await {
        Ok((of, workload)) => read(client, of, &workload, &namespace).await,
        Err(why) => not_known(why),
    }
}

/// Where the flags could not be asked for, nobody knows whether they name a list. Of a webhook that is nowhere in the
/// cluster the command line says both.
fn not_known(why: Reason) -> Installed {
    let container_credentials = match why.kind {
        ReasonKind::ByUrl | ReasonKind::NoWorkload => Fact::NotAsked,
        _ => Fact::Unknown(why.clone()),
    };
    Installed { flags: Fact::Unknown(why), container_credentials }
}

/// The Deployment or `DaemonSet` whose pods a Service selects, and what it is called.
async fn workload(
    client: &Client,
    namespace: &str,
    service: &str,
) -> Result<(String, Value), Reason> {
    let path = format!("/api/v1/namespaces/{namespace}/services/{service}");
    let selector: BTreeMap<String, String> = match ask::get(client, &path).await {
        Fact::Known(service) => {
            serde_json::from_value(service["spec"]["selector"].clone()).unwrap_or_default()
        }
        Fact::Unknown(why) => return Err(why),
        Fact::Absent | Fact::NotAsked => {
            return Err(no_workload(format!(
                "Service {service} in namespace {namespace} does not exist"
            )));
        }
    };
    if selector.is_empty() {
        return Err(no_workload(format!(
            "Service {service} in namespace {namespace} has no selector"
        )));
    }
    let mut failed = None;
    for (kind, kinds) in KINDS {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{kinds}");
        let mut found = Vec::new();
        let listed = ask::list(client, &path, "", |workload| {
            let labels = &workload["spec"]["template"]["metadata"]["labels"];
            if found.len() < MOST && has_labels(labels, &selector) {
                found.push(workload);
            }
            Ok(())
        });
        if let Fact::Unknown(why) = listed.await {
            failed = failed.or(Some(why));
        }
        let mut lines = found.iter().map(command_line);
        let first = lines.next();
        if lines.any(|line| Some(line) != first) {
            return Err(format!(
                "Service {service} in namespace {namespace} leads to several {kinds} with other arguments"
            )
            .into());
        }
        if let Some(workload) = found.into_iter().next() {
            let name = workload["metadata"]["name"].as_str().unwrap_or_default();
            return Ok((format!("{kind}/{name} in namespace {namespace}"), workload));
        }
    }
    Err(failed.unwrap_or_else(|| {
        no_workload(format!(
            "no Deployment or DaemonSet is behind Service {service} in namespace {namespace}"
        ))
    }))
}

fn no_workload(message: String) -> Reason {
    Reason { kind: ReasonKind::NoWorkload, message }
}

async fn read(client: &Client, of: String, workload: &Value, namespace: &str) -> Installed {
    let flags = match flags_of(of, workload) {
        Fact::Known(flags) => flags,
        Fact::Unknown(why) => return not_known(why),
        Fact::Absent | Fact::NotAsked => return Installed::default(),
    };
    let container_credentials = match List::of(&flags) {
        List::At(path) => listed(client, workload, namespace, path).await,
        List::Hidden => Fact::Unknown(format!("the value of --{LIST} is not known").into()),
        List::None => Fact::NotAsked,
    };
    Installed { flags: Fact::Known(flags), container_credentials }
}

/// The flags of a workload, or why they can't be read.
pub(super) fn flags_of(of: String, workload: &Value) -> Fact<WebhookFlags> {
    let Some(line) = command_line(workload) else {
        return Fact::Unknown(format!("no container of {of} is known to be the webhook's").into());
    };
    match webhook_flags(of, line) {
        Ok(flags) => Fact::Known(flags),
        Err(why) => Fact::Unknown(why.into()),
    }
}

/// The file, out of the `ConfigMap` that it is mounted from.
async fn listed(
    client: &Client,
    workload: &Value,
    namespace: &str,
    path: &str,
) -> Fact<ContainerCredentialsKeys> {
    let Some((map, key)) = config_map_behind(workload, path) else {
        return Fact::Unknown(format!("{path} is not from a ConfigMap of the webhook").into());
    };
    let url = format!("/api/v1/namespaces/{namespace}/configmaps/{map}");
    match ask::get(client, &url).await {
        Fact::Known(object) => keys(object["data"][&key].as_str().unwrap_or_default().as_bytes()),
        // A missing file lists nobody.
        Fact::Absent => Fact::Known(ContainerCredentialsKeys::default()),
        Fact::Unknown(why) => Fact::Unknown(why),
        Fact::NotAsked => Fact::NotAsked,
    }
}

/// What the text of the file says.
pub(crate) fn keys(text: &[u8]) -> Fact<ContainerCredentialsKeys> {
    match ContainerCredentialsKeys::parse(text) {
        Ok((keys, _)) => Fact::Known(keys),
        Err(error) => Fact::Unknown(error.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_whose_place_is_not_known_is_not_one_that_is_not_there() {
        let hidden = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        let secret = json!([{"name": "PATH_OF_IT", "valueFrom": hidden}]);
        let variable =
            json!([{"name": "PODID_WATCH_CONTAINER_CREDENTIALS_CONFIG", "valueFrom": hidden}]);
        let flag = format!("--{LIST}=$(PATH_OF_IT)");
        let given = format!("--{LIST}=/list.json");
        for (args, env, wanted) in [
            (json!([]), json!([]), List::None),
            (json!([given]), json!([]), List::At("/list.json")),
            (json!([flag]), secret, List::Hidden),
            (json!([]), variable.clone(), List::Hidden),
            (json!([given]), variable, List::At("/list.json")),
            // Any variable may come from there, and any flag be in the argument.
            (
                json!(["$(PATH_OF_IT)"]),
                json!([{"name": "PATH_OF_IT", "valueFrom": hidden}]),
                List::Hidden,
            ),
        ] {
            let workload = json!({"spec": {"template": {"spec": {
                "containers": [{"name": "webhook", "args": args, "env": env}],
            }}}});
            let flags = flags_of("deployment/x".to_owned(), &workload);
            assert_eq!(List::of(flags.known().unwrap()), wanted, "{workload}");
        }
    }

    #[test]
    fn a_list_that_variables_from_elsewhere_may_name_is_not_known() {
        let from = json!([{"configMapRef": {"name": "c"}}]);
        let given = format!("--{LIST}=/list.json");
        for (args, wanted) in [(json!([]), List::Hidden), (json!([given]), List::At("/list.json"))]
        {
            let workload = json!({"spec": {"template": {"spec": {
                "containers": [{"name": "webhook", "args": args, "envFrom": from}],
            }}}});
            let flags = flags_of("deployment/x".to_owned(), &workload);
            assert_eq!(List::of(flags.known().unwrap()), wanted, "{workload}");
        }
    }

    #[test]
    fn who_is_listed_is_not_known_where_the_flags_are_not() {
        let reason = |kind| Reason { kind, message: "no".to_owned() };
        for kind in [ReasonKind::Forbidden, ReasonKind::Unauthorized, ReasonKind::Other] {
            let installed = not_known(reason(kind));
            assert_eq!(installed.container_credentials, Fact::Unknown(reason(kind)));
        }
        for kind in [ReasonKind::ByUrl, ReasonKind::NoWorkload] {
            let installed = not_known(reason(kind));
            assert_eq!(installed.container_credentials, Fact::NotAsked);
        }
    }
}
