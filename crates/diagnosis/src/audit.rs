//! All pods at once: in which state each of them is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::check::Status;
use super::owner::Owner;
use super::pod::written;
use super::registration::{Registration, text_labels};
use super::state::{Assessment, PodState, Remedy, WouldGet, assess};
use super::webhook::Selection;
use super::{
    Fact, Reason, ReasonKind, WebhookSettings, annotations, config_map_entries, config_map_entry,
    flags_not_known, listing_not_known,
};
use injection::identity::{
    self, ConfigMapIdentities, ContainerCredentialsKeys, Identity, Key, Lookup, ServiceAccount,
};

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Pods that were looked at.
    pub pods: usize,
    /// How many of them are in each state. Those that would get no identity and have none are in none.
    pub states: BTreeMap<PodState, usize>,
    /// The pods that are not fine, the worst first; none where pods were only counted
    /// ([`Auditor::counting`]).
    #[serde(rename = "findings")]
    pub found: Vec<AuditedPod>,
    /// What was not known, or not as the command line says.
    pub notes: Vec<String>,
    /// Something could not be looked at.
    #[serde(skip)]
    pub incomplete: bool,
}

/// A pod that is not fine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditedPod {
    /// Its state, in one word.
    #[serde(rename = "id")]
    pub state: PodState,
    /// The same in the words of all checks.
    pub status: Status,
    /// Why it is in that state, in one line.
    #[serde(rename = "message")]
    pub why: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// Namespace of the pod and its ServiceAccount.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// What the pod was made from.
    pub owner: Owner,
    /// NAMESPACE/NAME of its ServiceAccount.
    pub service_account: String,
    /// The role that the pod would get if it were created now; empty without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The node that it runs on; empty before it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// What mends it.
    #[serde(skip)]
    pub remedy: Remedy,
}

/// The pods of one workload that are in the same state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedWorkload<'a> {
    /// One of them: what differs between them is of no importance here.
    pub first: &'a AuditedPod,
    /// All of them, in the order of their names.
    pub pods: Vec<&'a AuditedPod>,
}

/// What there is in the cluster beside `ServiceAccount`s and pods.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `MutatingWebhookConfiguration`s.
    pub webhooks: Fact<Value>,
    /// The `ConfigMap` of identities.
    pub config_map: Fact<Value>,
    /// Who is listed to get container credentials.
    pub container_credentials: Fact<ContainerCredentialsKeys>,
}

/// Where a pod that is started anew would get nothing.
const NOT_REGISTERED: &str = "install the webhook or register it, then restart: no \
                              MutatingWebhookConfiguration calls it for pods now";

/// Checks pods one by one, so that none has to stay in memory.
#[derive(Debug)]
pub struct Auditor<'a> {
    settings: &'a WebhookSettings,
    registration: Registration,
    /// The labels of namespaces that selectors name.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    accounts: BTreeMap<(String, String), Account>,
    entries: Result<ConfigMapIdentities, Arc<str>>,
    container_credentials: Fact<ContainerCredentialsKeys>,
    /// Pods are counted, and nothing else is kept of them.
    counts: bool,
    /// The labels of namespaces count, and they could not be read.
    lacks_labels: bool,
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
    /// With no namespace and no `ServiceAccount` yet.
    #[must_use]
    pub fn new(sources: &Sources, settings: &'a WebhookSettings) -> Self {
        let registration = Registration::of(&sources.webhooks, settings);
        let mut auditor = Self {
            settings,
            namespaces: BTreeMap::new(),
            accounts: BTreeMap::new(),
            entries: config_map_entries(&sources.config_map, settings),
            container_credentials: sources.container_credentials.clone(),
            counts: false,
            lacks_labels: false,
            audit: Audit::default(),
            registration,
        };
        let assumed = auditor.registration.assumed().map(str::to_owned);
        auditor.audit.notes = settings.notes.iter().cloned().chain(assumed).collect();
        // What is called for which pods, nobody knows.
        auditor.audit.incomplete = matches!(sources.webhooks, Fact::Unknown(_));
        if let Fact::Unknown(why) = &sources.config_map {
            auditor.not_known(format!(
                "failed to get the webhook's ConfigMap: {why}; its roles are not known"
            ));
        } else if let Err(why) = &auditor.entries {
            auditor.not_known(format!("{why}; its roles are not known"));
        }
        if let Fact::Unknown(why) = &sources.container_credentials {
            auditor.not_known(listing_not_known(why));
        }
        auditor
    }

    /// The same, but pods are only counted by their state: however many are not fine, nothing is
    /// kept of them.
    #[must_use]
    pub fn counting(self) -> Self {
        Self { counts: true, ..self }
    }

    /// Something that could not be looked at.
    pub fn not_known(&mut self, why: String) {
        self.audit.incomplete = true;
        self.audit.notes.push(why);
    }

    /// The webhook's own flags could not be read, so that nobody knows what pods would get. Where
    /// there are none in the cluster, those of the command line count.
    pub fn without_flags(&mut self, why: &Reason) {
        self.audit.incomplete |= why.kind != ReasonKind::ByUrl;
        self.audit.notes.push(flags_not_known(why));
    }

    /// The labels of namespaces could not be read. Where they decide about a pod, it is in state
    /// `unknown`, and the audit is not complete.
    pub fn without_namespaces(&mut self, why: &str) {
        self.lacks_labels = true;
        self.audit.notes.push(format!("the labels of namespaces are not known: {why}"));
    }

    /// Whether the labels of namespaces count.
    #[must_use]
    pub fn needs_namespaces(&self) -> bool {
        !self.registration.namespace_labels().is_empty()
    }

    /// Takes a `Namespace`; all of them come before the first pod.
    pub fn namespace(&mut self, namespace: &Value) {
        let wanted = self.registration.namespace_labels();
        let mut labels = text_labels(&namespace["metadata"]["labels"]);
        labels.retain(|key, _| wanted.contains(key.as_str()));
        self.namespaces.insert(text(namespace, "name"), labels);
    }

    /// Takes a `ServiceAccount`, in place of what it was before; all of them come before the first pod.
    pub fn account(&mut self, account: &Value) {
        let key = (text(account, "namespace"), text(account, "name"));
        let Some(read) = self.settings.reader.read(annotations(account)) else {
            self.accounts.remove(&key);
            return;
        };
        let role_arn = &self.settings.policy.settings.keys.role_arn;
        let written = written(account, role_arn).map(str::to_owned);
        self.accounts.insert(key, Account { read: Arc::new(read), written });
    }

    /// Looks at a pod that has not ended.
    pub fn pod(&mut self, pod: &Value) {
        if has_ended(pod) {
            return;
        }
        self.audit.pods += 1;
        let (namespace, account) = (text(pod, "namespace"), account_name(pod));
        let Some(assessment) = self.assess(pod, &namespace, &account) else { return };
        let Assessment { state, why, next, remedy } = assessment;
        *self.audit.states.entry(state).or_default() += 1;
        if state != PodState::Fine && !self.counts {
            self.audit.found.push(AuditedPod {
                state,
                status: state.status(),
                why,
                next,
                pod: text(pod, "name"),
                owner: Owner::of(pod),
                service_account: format!("{namespace}/{account}"),
                role: self.role(&namespace, &account),
                node: pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned(),
                remedy,
                namespace,
            });
        }
    }

    pub(super) fn assess(&self, pod: &Value, namespace: &str, name: &str) -> Option<Assessment> {
        let account = self.accounts.get(&(namespace.to_owned(), name.to_owned()));
        let lookup = self.lookup(namespace, name);
        let not_known = match &self.container_credentials {
            Fact::Unknown(why) => Some(listing_not_known(why)),
            _ => None,
        };
        let selection = self.selection(namespace, pod);
        let now = WouldGet {
            lookup: &lookup,
            policy: &self.settings.policy,
            may_complete_names: self.settings.may_complete_names(),
            written: account.and_then(|it| it.written.as_deref()),
            selection: &selection,
            not_known: not_known.as_deref(),
        };
        let assessed = assess(pod, namespace, &now)?;
        let assessed = assessed.advised(pod, namespace, &self.settings.commands);
        if !self.registration.is_missing() {
            return Some(assessed);
        }
        Some(match assessed.remedy {
            Remedy::Restart => {
                let (next, remedy) = (NOT_REGISTERED.to_owned(), Remedy::Register);
                Assessment { next, remedy, ..assessed }
            }
            Remedy::Manifest => {
                let next = format!("{}; first install or register the webhook", assessed.next);
                Assessment { next, ..assessed }
            }
            Remedy::Nothing | Remedy::Register | Remedy::Ask => assessed,
        })
    }

    /// The role that pods of a `ServiceAccount` get.
    fn role(&self, namespace: &str, name: &str) -> String {
        let lookup = self.lookup(namespace, name);
        match lookup.identity(&self.settings.policy.defaults) {
            Ok(Some(Identity::WebIdentity(web))) => web.role_arn.to_owned(),
            _ => String::new(),
        }
    }

    /// Whether a `ServiceAccount` is listed to get container credentials.
    pub(super) fn listed(&self, namespace: &str, name: &str) -> Fact<bool> {
        self.container_credentials.as_ref().map(|it| it.contains(Key { namespace, name }))
    }

    /// What the sources say of a `ServiceAccount`.
    pub(super) fn lookup(&self, namespace: &str, name: &str) -> Lookup {
        let key = Key { namespace, name };
        let account = self.accounts.get(&(namespace.to_owned(), name.to_owned()));
        Lookup {
            container_credentials: self.listed(namespace, name) == Fact::Known(true),
            service_account: observed(account.map(|it| &it.read)),
            config_map_entry: config_map_entry(&self.entries, key),
        }
    }

    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(super) fn selection(&self, namespace: &str, pod: &Value) -> Selection {
        self.registration.selection(namespace, self.namespaces.get(namespace), pod)
    }

    pub(super) fn namespace_selection(&self, namespace: &str) -> Selection {
        self.registration.namespace_selection(namespace, self.namespaces.get(namespace))
    }

    /// What one pod comes to, which is not counted; nothing of one that would get nothing and has nothing.
    #[must_use]
    pub fn state_of(&self, pod: &Value) -> Option<Assessment> {
        self.assess(pod, &text(pod, "namespace"), &account_name(pod))
    }

    /// What came of it.
    #[must_use]
    pub fn finish(mut self) -> Audit {
        self.take()
    }

    /// What came of it. The auditor stays, for pods that come later.
    pub fn take(&mut self) -> Audit {
        self.audit.incomplete |= self.lacks_labels && self.audit.has(PodState::Unknown);
        self.audit.found.sort_by(|one, other| {
            let key = |it: &AuditedPod| (Reverse(it.state), it.namespace.clone(), it.pod.clone());
            key(one).cmp(&key(other))
        });
        std::mem::take(&mut self.audit)
    }
}

impl Audit {
    /// Whether somebody has to do something about a pod.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        PodState::ALL.into_iter().any(|state| state.is_wrong() && self.has(state))
    }

    fn has(&self, state: PodState) -> bool {
        self.states.get(&state).is_some_and(|count| *count > 0)
    }

    /// The pods that are not fine by what they were made from, the worst first.
    #[must_use]
    pub fn workloads(&self) -> Vec<AuditedWorkload<'_>> {
        let mut rows: BTreeMap<_, AuditedWorkload<'_>> = BTreeMap::new();
        for pod in &self.found {
            let key = (Reverse(pod.state), &pod.namespace, &pod.owner, &pod.service_account);
            let row = rows.entry(key).or_insert(AuditedWorkload { first: pod, pods: Vec::new() });
            row.pods.push(pod);
        }
        rows.into_values().collect()
    }

    /// How many pods were looked at, and in which states they are, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let states = PodState::ALL.into_iter().filter_map(|it| Some((it, self.states.get(&it)?)));
        let counts: Vec<_> =
            states.map(|(state, count)| format!("{count} {}", state.as_str())).collect();
        let counts =
            if counts.is_empty() { "none with an identity".to_owned() } else { counts.join(", ") };
        let plural = if self.pods == 1 { "" } else { "s" };
        format!("{} pod{plural} checked: {counts}", self.pods)
    }

    /// Whether something could not be looked at.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.incomplete || self.has(PodState::Unknown)
    }
}

pub(super) fn observed<T>(of: Option<&Arc<T>>) -> identity::Observed<Arc<T>> {
    of.map_or(identity::Observed::Absent, |it| identity::Observed::Known(Arc::clone(it)))
}

fn text(object: &Value, member: &str) -> String {
    object["metadata"][member].as_str().unwrap_or_default().to_owned()
}

/// The name of a pod's `ServiceAccount`, or of a template's.
#[must_use]
pub fn account_name(pod: &Value) -> String {
    let mut members = ["serviceAccountName", "serviceAccount"].into_iter();
    let account = members.find_map(|it| pod["spec"][it].as_str().filter(|name| !name.is_empty()));
    account.unwrap_or("default").to_owned()
}

pub(super) fn has_ended(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

#[cfg(test)]
mod tests;
