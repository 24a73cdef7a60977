//! All pods at once: those that run without what they would get now.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use text::Line;

use super::pod::lacks;
use super::{Fact, Facts, Settings, Subject, lookup};

/// Takes a pod out of the webhook's sight, in the shipped configuration.
const SKIPPED_BY: &str = "eks.amazonaws.com/skip-pod-identity-webhook";

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Pods that were looked at.
    pub pods: usize,
    pub found: Vec<Lacking>,
}

/// A pod to be started anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lacking {
    pub namespace: String,
    pub pod: String,
    pub service_account: String,
    pub why: String,
}

/// Looks at each pod that has not ended, with the `ServiceAccount`s of all and
/// the `ConfigMap`.
#[must_use]
pub fn audit(
    pods: &[Value],
    accounts: &[Value],
    config_map: &Fact<Value>,
    settings: &Settings,
) -> Audit {
    let text = |object: &Value, member: &str| {
        object["metadata"][member].as_str().unwrap_or_default().to_owned()
    };
    let key = |account: &Value| (text(account, "namespace"), text(account, "name"));
    let accounts: BTreeMap<_, _> = accounts.iter().map(|it| (key(it), it)).collect();
    let mut audit = Audit::default();
    for pod in pods.iter().filter(|pod| is_looked_at(pod)) {
        audit.pods += 1;
        let named = pod["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty());
        let (namespace, name) = (text(pod, "namespace"), named.unwrap_or("default").to_owned());
        let account = accounts.get(&(namespace.clone(), name.clone())).copied();
        let facts = Facts {
            subject: Subject {
                namespace: namespace.clone(),
                service_account: name.clone(),
                ..Subject::default()
            },
            service_account: account.cloned().map_or(Fact::Absent, Fact::Known),
            config_map: config_map.clone(),
            ..Facts::default()
        };
        if let Some(why) = lacks(pod, &namespace, account, &lookup(&facts, settings), settings) {
            let pod = text(pod, "name");
            audit.found.push(Lacking { namespace, pod, service_account: name, why });
        }
    }
    audit
}

fn is_looked_at(pod: &Value) -> bool {
    let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let skipped = pod["metadata"]["labels"].get(SKIPPED_BY).is_some();
    !ended && !skipped
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Lacking { namespace, pod, why, .. } in &self.found {
            write!(f, "{}", Line(format_args!("{namespace}/{pod} {why}")))?;
        }
        let found = self.found.len();
        writeln!(f, "{} pods run, {found} of them to be started anew", self.pods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_pods_that_lack_what_they_should_have_and_no_others() {
        let account = json!({"metadata": {"namespace": "demo", "name": "app", "annotations":
            {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/app"}}});
        let pod = |name: &str, namespace: &str, account: &str| {
            json!({
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"serviceAccountName": account, "containers": [{"name": "c"}]},
            })
        };
        let mut ended = pod("ended", "demo", "app");
        ended["status"]["phase"] = "Succeeded".into();
        let mut skipped = pod("skipped", "demo", "app");
        skipped["metadata"]["labels"] = json!({SKIPPED_BY: "true"});
        let mut mirror = pod("mirror", "demo", "app");
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        let pods = [
            pod("bare", "demo", "app"),
            pod("other", "demo", "default"),
            pod("elsewhere", "shop", "app"),
            ended,
            skipped,
            mirror,
        ];
        let audit = audit(&pods, &[account], &Fact::NotAsked, &Settings::default());
        let found: Vec<_> = audit.found.iter().map(|it| it.pod.as_str()).collect();
        assert_eq!((audit.pods, found), (4, vec!["bare"]));
    }
}
