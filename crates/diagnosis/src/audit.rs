//! All pods at once: those that run without what they would get now.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use text::Line;

use super::pod::{lacks, written};
use super::{Fact, WebhookSettings, annotations, config_map_entries};
use injection::identity::{self, ConfigMapIdentities, Key, Lookup, ServiceAccount};

/// Takes a pod out of the webhook's sight, in the shipped configuration.
pub(super) const SKIPPED_BY: &str = "eks.amazonaws.com/skip-pod-identity-webhook";

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Pods that were looked at.
    pub pods: usize,
    /// The pods that lack what the webhook would add now.
    pub found: Vec<Lacking>,
}

/// A pod that lacks what it would get if created now; restarting it helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lacking {
    /// Namespace of the pod and its ServiceAccount.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of its ServiceAccount.
    pub service_account: String,
    /// What the pod lacks, in one line.
    pub why: String,
}

/// Checks pods one by one, so that none has to stay in memory.
#[derive(Debug)]
pub struct Auditor<'a> {
    settings: &'a WebhookSettings,
    accounts: BTreeMap<(String, String), Account>,
    entries: Option<ConfigMapIdentities>,
    audit: Audit,
}

/// A `ServiceAccount` whose annotations mean something.
#[derive(Debug)]
struct Account {
    read: Arc<ServiceAccount>,
    /// When its role was written.
    written: Option<String>,
}

impl<'a> Auditor<'a> {
    /// With the `ConfigMap`, and no `ServiceAccount` yet.
    #[must_use]
    pub fn new(config_map: &Fact<Value>, settings: &'a WebhookSettings) -> Self {
        let entries = config_map_entries(config_map, settings);
        Self { settings, accounts: BTreeMap::new(), entries, audit: Audit::default() }
    }

    /// Takes a `ServiceAccount`; all of them come before the first pod.
    pub fn account(&mut self, account: &Value) {
        let Some(read) = self.settings.reader.read(annotations(account)) else { return };
        let key = (text(account, "namespace"), text(account, "name"));
        let role_arn = &self.settings.policy.settings.keys.role_arn;
        let written = written(account, role_arn).map(str::to_owned);
        self.accounts.insert(key, Account { read: Arc::new(read), written });
    }

    /// Looks at a pod that has not ended.
    pub fn pod(&mut self, pod: &Value) {
        if !is_looked_at(pod) {
            return;
        }
        self.audit.pods += 1;
        let named = pod["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty());
        let key = (text(pod, "namespace"), named.unwrap_or("default").to_owned());
        let account = self.accounts.get(&key);
        let (namespace, service_account) = key;
        let entry = self
            .entries
            .as_ref()
            .and_then(|entries| entries.get(Key { namespace: &namespace, name: &service_account }));
        let lookup = Lookup {
            container_credentials: false,
            service_account: fact(account.map(|it| &it.read)),
            config_map_entry: fact(entry),
        };
        let written = account.and_then(|it| it.written.as_deref());
        if let Some(why) = lacks(pod, &namespace, written, &lookup, self.settings) {
            let pod = text(pod, "name");
            self.audit.found.push(Lacking { namespace, pod, service_account, why });
        }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Audit {
        self.audit
    }
}

fn fact<T>(of: Option<&Arc<T>>) -> identity::Observed<Arc<T>> {
    of.map_or(identity::Observed::Absent, |it| identity::Observed::Known(Arc::clone(it)))
}

fn text(object: &Value, member: &str) -> String {
    object["metadata"][member].as_str().unwrap_or_default().to_owned()
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
        writeln!(f, "{} pods checked, {found} to be restarted", self.pods)
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
        let settings = WebhookSettings::default();
        let mut auditor = Auditor::new(&Fact::NotAsked, &settings);
        auditor.account(&account);
        for pod in &pods {
            auditor.pod(pod);
        }
        let audit = auditor.finish();
        let found: Vec<_> = audit.found.iter().map(|it| it.pod.as_str()).collect();
        assert_eq!((audit.pods, found), (4, vec!["bare"]));
    }
}
