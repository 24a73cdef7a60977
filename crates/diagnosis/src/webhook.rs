//! The webhook's registration: whether the API server calls it for this pod,
//! reaches it, and takes its certificate.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::selector::LabelSelector;
use super::{Case, DryRun, Fact, Finding, Probe, pod};
use certificates::{Bundle, Certificate};

/// One of the `webhooks` of a `MutatingWebhookConfiguration`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<'a> {
    /// Name of the `MutatingWebhookConfiguration`.
    pub configuration: &'a str,
    /// Name of the webhook in it.
    pub name: &'a str,
    value: &'a Value,
}

/// Where the API server calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `clientConfig.url`.
    Url(String),
    /// `clientConfig.service`.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Whether the selectors of an entry let a pod through to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// They do.
    Selected,
    /// They don't; in words: which selector, and why.
    KeptOut(String),
    /// That can't be evaluated here; why.
    Unknown(String),
}

/// The matchCondition of the shipped configuration, which the checks hold pods to themselves.
const NOT_A_MIRROR_POD: &str = "!has(object.metadata.annotations) || \
     !('kubernetes.io/config.mirror' in object.metadata.annotations)";

/// The member of a saved configuration whose entries were not saved.
pub(super) const LEFT_OUT: &str = "leftOut";

/// What its names have in them, in every installation known.
pub(super) const MARKS: [&str; 2] = ["pod-identity", "iam-for-pods"];

/// The entries of this webhook, by the names of their configurations, else by
/// what they look like.
#[must_use]
pub fn entries<'a>(list: &'a Value, configurations: &[String]) -> Vec<Entry<'a>> {
    let items = list["items"].as_array().into_iter().flatten();
    let mut entries = Vec::new();
    for item in items {
        let configuration = item["metadata"]["name"].as_str().unwrap_or_default();
        for value in item["webhooks"].as_array().into_iter().flatten() {
            let name = value["name"].as_str().unwrap_or_default();
            let service = value["clientConfig"]["service"]["name"].as_str().unwrap_or_default();
            let looks_like_it = || {
                [configuration, name, service]
                    .iter()
                    .any(|text| MARKS.iter().any(|mark| text.contains(mark)))
            };
            let is_it = match configurations {
                [] => looks_like_it(),
                named => named.iter().any(|named| named == configuration),
            };
            if is_it {
                entries.push(Entry { configuration, name, value });
            }
        }
    }
    entries
}

impl Entry<'_> {
    /// Where the API server calls it.
    #[must_use]
    pub fn address(&self) -> Address {
        let client = &self.value["clientConfig"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match client["url"].as_str() {
            Some(url) => Address::Url(url.to_owned()),
            None => Address::Service {
                namespace: text(&client["service"]["namespace"]),
                name: text(&client["service"]["name"]),
            },
        }
    }

    /// The entry's `caBundle`, in PEM; empty if it has none.
    #[must_use]
    pub fn ca_bundle(&self) -> Vec<u8> {
        let text = self.value["clientConfig"]["caBundle"].as_str().unwrap_or_default();
        STANDARD.decode(text).unwrap_or_default()
    }

    /// How long the API server waits for it.
    #[must_use]
    pub fn timeout_seconds(&self) -> u64 {
        self.value["timeoutSeconds"].as_u64().unwrap_or(10)
    }

    pub(super) fn is_called_for_pods(&self) -> bool {
        let has = |list: &Value, wanted: &str| {
            let mut items = list.as_array().into_iter().flatten();
            items.any(|item| item == wanted || item == "*")
        };
        let mut rules = self.value["rules"].as_array().into_iter().flatten();
        rules.any(|rule| {
            has(&rule["operations"], "CREATE")
                && has(&rule["apiGroups"], "")
                && has(&rule["apiVersions"], "v1")
                && ["pods", "pods/*", "*/*"].iter().any(|pods| has(&rule["resources"], pods))
                && rule["scope"] != "Cluster"
        })
    }

    /// As the API server wrote it.
    pub(super) fn value(&self) -> &Value {
        self.value
    }

    /// Its selectors of namespaces and of pods, by their names.
    pub(super) fn selectors(&self) -> [(&'static str, &Value); 2] {
        ["namespaceSelector", "objectSelector"].map(|name| (name, &self.value[name]))
    }

    fn selection(
        &self,
        namespace: &BTreeMap<String, String>,
        pod: &BTreeMap<String, String>,
    ) -> Selection {
        let mut unknown = None;
        for ((name, selector), labels) in self.selectors().into_iter().zip([namespace, pod]) {
            match LabelSelector::read(selector) {
                Ok(selector) => {
                    if let Some(why) = selector.mismatch(labels) {
                        let why = format!("{name} of {self} excludes the pod: {why}");
                        return Selection::KeptOut(why);
                    }
                }
                Err(_) => {
                    unknown =
                        Some(format!("{name} of {self} can't be evaluated here; see dry-run"));
                }
            }
        }
        unknown.map_or(Selection::Selected, Selection::Unknown)
    }

    fn has_conditions(&self) -> bool {
        self.value["matchConditions"].as_array().is_some_and(|all| !all.is_empty())
    }

    /// Whether it has a matchCondition that only the API server can evaluate.
    pub(super) fn has_unknown_conditions(&self) -> bool {
        let mut all = self.value["matchConditions"].as_array().into_iter().flatten();
        all.any(|condition| {
            condition["expression"].as_str().is_none_or(|it| !is_shipped_condition(it))
        })
    }

    fn fails_open(&self) -> bool {
        self.value["failurePolicy"] == "Ignore"
    }
}

/// Whether it is the matchCondition of the shipped configuration.
pub(super) fn is_shipped_condition(expression: &str) -> bool {
    expression.split_ascii_whitespace().eq(NOT_A_MIRROR_POD.split_ascii_whitespace())
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.configuration, self.name)
    }
}

impl Case<'_> {
    pub(super) fn registered(&self) -> Finding {
        match &self.facts.webhooks {
            Fact::Known(_) => {}
            Fact::Absent => {
                return Finding::Unknown(
                    "the API server has no MutatingWebhookConfigurations".to_owned(),
                );
            }
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::NotAsked => {
                return Finding::Unknown(
                    "the MutatingWebhookConfigurations are not given".to_owned(),
                );
            }
        }
        let Some(first) = self.entries.first() else {
            if let Some(name) = self.left_out() {
                return Finding::Unknown(format!(
                    "the entries of {name} were not saved; save again with --webhook-config-name"
                ));
            }
            return Finding::fail(
                "no MutatingWebhookConfiguration of this webhook was found",
                "install the webhook: deploy/install.yaml; if its configuration has another name, pass \
                 --webhook-config-name",
            );
        };
        match self.entries.iter().find(|entry| entry.is_called_for_pods()) {
            Some(entry) => Finding::pass(format!("{entry} is called when pods are created")),
            None => Finding::fail(
                format!("{first} is not called when pods are created"),
                "add the rule in deploy/base/webhook.yaml: CREATE of pods",
            ),
        }
    }

    pub(super) fn selectors(&self) -> Finding {
        if let Fact::Unknown(why) = &self.facts.webhooks {
            return Finding::Unknown(why.to_string());
        }
        let Some(namespace) = self.namespace_labels() else {
            return Finding::Unknown(match &self.facts.namespace {
                Fact::Unknown(why) => why.to_string(),
                _ => "the namespace's labels are not known".to_owned(),
            });
        };
        let called: Vec<_> = self.entries.iter().filter(|it| it.is_called_for_pods()).collect();
        let labels = &self.facts.subject.labels;
        let selections: Vec<_> =
            called.iter().map(|entry| entry.selection(&namespace, labels)).collect();
        if let Some(at) = selections.iter().position(|it| *it == Selection::Selected) {
            let entry = called[at];
            let open = if entry.fails_open() { " (failurePolicy: Ignore)" } else { "" };
            let conditions = if entry.has_conditions() {
                "; its matchConditions are not evaluated here, see dry-run"
            } else {
                ""
            };
            return Finding::pass(format!("{entry} selects the pod{open}{conditions}"));
        }
        let mut kept_out = None;
        for selection in selections {
            match selection {
                Selection::Unknown(why) => return Finding::Unknown(why),
                Selection::KeptOut(why) => kept_out = kept_out.or(Some(why)),
                Selection::Selected => {}
            }
        }
        match kept_out {
            Some(why) => Finding::fail(why, "change the label or the selector"),
            None => Finding::Unknown("no entry of the webhook is called for pods".to_owned()),
        }
    }

    pub(super) fn reachable(&self) -> Finding {
        self.best(|entry, probe| match probe {
            Probe::Answered { milliseconds } => {
                Finding::pass(format!("{entry} answered in {milliseconds} ms"))
            }
            Probe::Untrusted(_) => Finding::pass(format!("{entry} accepts connections")),
            Probe::Unfit(why) if self.is_mutated() => {
                Finding::pass(format!("{entry} answers the API server, but not this program: {why}"))
            }
            Probe::Unfit(why) => Finding::fail(
                format!("{entry}: {why}"),
                "check that the URL leads to this webhook, with the path /mutate or /mutate/required",
            ),
            Probe::Silent { milliseconds } => Finding::fail(
                format!(
                    "{entry} accepts connections, but did not answer within its timeoutSeconds \
                     ({milliseconds} ms)"
                ),
                "check what is between it and the API server (a proxy, a NetworkPolicy), and its \
                 metrics; if it is only slow, raise timeoutSeconds",
            ),
            Probe::Unreachable(why) if self.is_mutated() => {
                Finding::pass(format!("the API server reaches {entry}, this program does not: {why}"))
            }
            Probe::Unreachable(why) => Finding::fail(
                format!("{entry} is unreachable: {why}"),
                "check that the webhook runs, and that no firewall or NetworkPolicy blocks it",
            ),
            Probe::Service { ready_endpoints: Fact::Known(0), .. } => Finding::fail(
                format!("the Service of {entry} has no ready pod"),
                format!(
                    "find out why the webhook's pods are not ready: {kubectl} get pods, {kubectl} logs",
                    kubectl = self.settings.commands.kubectl()
                ),
            ),
            Probe::Service { ready_endpoints: Fact::Known(ready), .. } => {
                let pods = if *ready == 1 { "pod" } else { "pods" };
                Finding::pass(format!("the Service of {entry} has {ready} ready {pods}"))
            }
            Probe::Service { ready_endpoints: Fact::Absent, .. } => Finding::fail(
                format!("the Service of {entry} does not exist"),
                "create it: deploy/base/service.yaml",
            ),
            Probe::Service { ready_endpoints: Fact::Unknown(why), .. } => {
                Finding::Unknown(why.to_string())
            }
            Probe::Service { ready_endpoints: Fact::NotAsked, .. } => {
                Finding::Nothing("the Service's endpoints are not given".to_owned())
            }
        })
    }

    pub(super) fn chain(&self) -> Finding {
        self.best(|entry, probe| match probe {
            Probe::Untrusted(why) => Finding::fail(
                format!("the caBundle of {entry} does not verify the served certificate: {why}"),
                "with managed certificates, the webhook writes the caBundle: check its log and its \
                 rights; with your own certificates, put their CA into the caBundle",
            ),
            Probe::Answered { .. } | Probe::Silent { .. } | Probe::Unfit(_) => {
                Finding::pass(format!("the caBundle of {entry} verifies the served certificate"))
            }
            Probe::Unreachable(_) => {
                Finding::Nothing("not tested directly; see dry-run".to_owned())
            }
            Probe::Service { certificate, .. } => self.chain_of_service(entry, certificate),
        })
    }

    fn chain_of_service(&self, entry: &Entry<'_>, certificate: &Fact<String>) -> Finding {
        let bundle = entry.ca_bundle();
        if bundle.is_empty() {
            return Finding::fail(
                format!("{entry} has no caBundle"),
                "with managed certificates, the webhook writes the caBundle: check its log and its \
                 rights; with your own certificates, put their CA into the caBundle",
            );
        }
        let pem = match certificate {
            Fact::Known(pem) => pem,
            // The API server verified it when it called the webhook.
            Fact::Unknown(why) if !self.is_mutated() => return Finding::Unknown(why.to_string()),
            _ => return Finding::Nothing("not tested directly; see dry-run".to_owned()),
        };
        let (Address::Service { namespace, name }, Ok(chain)) =
            (entry.address(), Certificate::from_pem(pem.as_bytes()))
        else {
            return Finding::Nothing("the Secret has no certificate".to_owned());
        };
        let Ok(now) = Timestamp::from_second(self.facts.subject.at) else {
            return Finding::Nothing("the time of the check is not known".to_owned());
        };
        let host = format!("{name}.{namespace}.svc");
        match chain.first() {
            Some(leaf) if Bundle::parse(&bundle).verifies(leaf, &host, now, self.crypto) => {
                Finding::pass(format!("the caBundle of {entry} verifies the Secret's certificate"))
            }
            Some(leaf) if leaf.expired(now) => Finding::fail(
                format!("the certificate of {entry} expired at {}", leaf.not_after()),
                "check the webhook's log for why it was not renewed",
            ),
            Some(_) => Finding::fail(
                format!(
                    "the caBundle of {entry} does not verify the Secret's certificate for {host}"
                ),
                "check the webhook's log: it updates the caBundle if it has the right to",
            ),
            None => Finding::Nothing("the Secret has no certificate".to_owned()),
        }
    }

    pub(super) fn is_mutated(&self) -> bool {
        matches!(&self.facts.dry_run, Fact::Known(DryRun::Admitted { pod, .. })
            if pod::given(pod).is_some())
    }

    fn namespace_labels(&self) -> Option<BTreeMap<String, String>> {
        let labels = self.facts.namespace.known()?["metadata"]["labels"].as_object();
        let labels = labels.into_iter().flatten();
        Some(
            labels
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        )
    }

    fn selected(&self, namespace: &BTreeMap<String, String>) -> Vec<Entry<'_>> {
        let labels = &self.facts.subject.labels;
        let entries = self.entries.iter().filter(|entry| entry.is_called_for_pods());
        let may_be = |entry: &&Entry<'_>| {
            !matches!(entry.selection(namespace, labels), Selection::KeptOut(_))
        };
        entries.filter(may_be).copied().collect()
    }

    /// A configuration that the command line names and whose entries were not
    /// saved: it was none of the webhook's then.
    fn left_out(&self) -> Option<&str> {
        let list = self.facts.webhooks.known()?["items"].as_array()?;
        let named = |name: &&str| self.settings.configurations.iter().any(|it| it == name);
        let left_out = list.iter().filter(|it| it[LEFT_OUT] == true);
        left_out.filter_map(|it| it["metadata"]["name"].as_str()).find(named)
    }

    /// How an entry was reached. An older build saved it under the entry's name
    /// alone, which two configurations may have.
    fn probe<'p>(
        &self,
        probes: &'p BTreeMap<String, Probe>,
        entry: &Entry<'_>,
    ) -> Option<&'p Probe> {
        probes.get(&entry.to_string()).or_else(|| {
            let same_name = self.entries.iter().filter(|it| it.name == entry.name);
            if same_name.count() == 1 { probes.get(entry.name) } else { None }
        })
    }

    /// The first failure among the entries that select the pod, else the first
    /// finding: each of them is called.
    fn best(&self, look: impl Fn(&Entry<'_>, &Probe) -> Finding) -> Finding {
        let probes = match &self.facts.probes {
            Fact::Known(probes) => probes,
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::Absent | Fact::NotAsked => {
                return Finding::Nothing("not tested directly; see dry-run".to_owned());
            }
        };
        let selected = self.namespace_labels().map(|labels| self.selected(&labels));
        let selected = selected.unwrap_or_else(|| self.entries.clone());
        let looked = selected.iter().filter_map(|it| Some((it, self.probe(probes, it)?)));
        let findings: Vec<_> = looked.map(|(entry, probe)| look(entry, probe)).collect();
        let failed = findings.iter().find(|it| matches!(it, Finding::Fail { .. }));
        failed
            .or(findings.first())
            .cloned()
            .unwrap_or_else(|| Finding::Nothing("not tested directly; see dry-run".to_owned()))
    }
}
