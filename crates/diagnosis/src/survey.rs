//! All `ServiceAccount`s with a role at once: which of them have something wrong.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::audit::{Auditor, Sources, account_name, has_ended};
use super::check::{Check, Checks, Finding, Status};
use super::registration::text_labels;
use super::state::{Assessment, PodState};
use super::webhook::Selection;
use super::{
    Case, Fact, Facts, Redacted, Subject, WebhookSettings, entries, issuer, listed, token_audience,
};
use certificates::Crypto;

/// What came of all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// The result of all checks together.
    #[serde(skip)]
    pub result: Status,
    /// The checks of the cluster and the webhook.
    pub checks: Vec<Check>,
    /// The `ServiceAccount`s, the worst first.
    pub service_accounts: Vec<SurveyedAccount>,
    /// What was not known, or not as the command line says.
    pub notes: Vec<String>,
}

/// What came of one `ServiceAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveyedAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The result of its checks together.
    #[serde(rename = "status")]
    pub result: Status,
    /// How many of its pods are in each state.
    pub pods: BTreeMap<PodState, usize>,
    /// Its checks that did not pass.
    pub checks: Vec<Check>,
}

/// Takes `ServiceAccount`s and pods one by one, and keeps little of each.
#[derive(Debug)]
pub struct Surveyor<'a> {
    auditor: Auditor<'a>,
    settings: &'a WebhookSettings,
    found: BTreeMap<(String, String), Pods>,
    incomplete: bool,
}

/// The pods of one `ServiceAccount`.
#[derive(Debug, Default)]
struct Pods {
    states: BTreeMap<PodState, usize>,
    /// The worst of them.
    worst: Option<(String, Assessment)>,
    /// The labels of the first one.
    labels: Option<BTreeMap<String, String>>,
}

impl<'a> Surveyor<'a> {
    /// With no namespace and no `ServiceAccount` yet.
    #[must_use]
    pub fn new(sources: &Sources, settings: &'a WebhookSettings) -> Self {
        let auditor = Auditor::new(sources, settings);
        Self { auditor, settings, found: BTreeMap::new(), incomplete: false }
    }

    /// The auditor, for what it takes: namespaces and notes.
    pub fn auditor(&mut self) -> &mut Auditor<'a> {
        &mut self.auditor
    }

    /// Pods could not be listed.
    pub fn without_pods(&mut self, why: String) {
        self.incomplete = true;
        self.auditor.not_known(why);
    }

    /// Takes a `ServiceAccount`; all of them come before the first pod.
    pub fn account(&mut self, account: &Value) {
        self.auditor.account(account);
        let text =
            |member: &str| account["metadata"][member].as_str().unwrap_or_default().to_owned();
        let key = (text("namespace"), text("name"));
        let lookup = self.auditor.lookup(&key.0, &key.1);
        let has_role = !matches!(lookup.identity(&self.settings.policy.defaults), Ok(None));
        if has_role || !lookup.warnings().is_empty() {
            self.found.insert(key, Pods::default());
        }
    }

    /// Looks at a pod that has not ended.
    pub fn pod(&mut self, pod: &Value) {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let key = (namespace.to_owned(), account_name(pod));
        let Some(found) = self.found.get_mut(&key).filter(|_| !has_ended(pod)) else { return };
        let Some(assessed) = self.auditor.assess(pod, &key.0, &key.1) else { return };
        *found.states.entry(assessed.state).or_default() += 1;
        if found.labels.is_none() {
            let mut labels = text_labels(&pod["metadata"]["labels"]);
            let wanted = self.auditor.registration().pod_labels();
            labels.retain(|key, _| wanted.contains(key.as_str()));
            found.labels = Some(labels);
        }
        if found.worst.as_ref().is_none_or(|(_, worst)| assessed.state > worst.state) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            found.worst = Some((name.to_owned(), assessed));
        }
    }

    /// The `ServiceAccount`s, for who asks more about each.
    #[must_use]
    pub fn subjects(&self, at: i64) -> Vec<Subject> {
        let subjects = self.found.iter().map(|((namespace, name), pods)| Subject {
            namespace: namespace.clone(),
            object: format!("serviceaccount/{name}"),
            service_account: name.clone(),
            labels: pods.labels.clone().unwrap_or_default(),
            at,
        });
        subjects.collect()
    }

    /// Whether a pod that is made for the subject by dry run is one that the webhook is called
    /// for: without running pods nobody knows the labels of its pods.
    #[must_use]
    pub fn can_be_tried(&self, subject: &Subject) -> bool {
        let pod = serde_json::json!({"metadata": {"labels": subject.labels}});
        !matches!(self.auditor.selection(&subject.namespace, &pod), Selection::KeptOut(_))
    }

    /// The checks of one `ServiceAccount`; `asked` is what was asked for it alone.
    #[must_use]
    pub fn assess(&self, mut asked: Facts, deep: bool, crypto: Crypto) -> SurveyedAccount {
        let Subject { namespace, service_account, .. } = &asked.subject;
        asked.container_credentials = self.auditor.listed(namespace, service_account);
        let asked = Redacted::of(asked, self.settings);
        let facts = asked.facts();
        let Subject { namespace, service_account: name, .. } = facts.subject.clone();
        let mut lookup = self.auditor.lookup(&namespace, &name);
        lookup.container_credentials = listed(facts).unwrap_or_default();
        let issuer = if deep {
            issuer::checks(facts, &token_audience(facts, self.settings))
        } else {
            Vec::new()
        };
        let case =
            Case { facts, settings: self.settings, entries: Vec::new(), lookup, crypto, issuer };
        let pods = self.found.get(&(namespace.clone(), name.clone()));
        let mut checks = Checks::default();
        checks.run("role-annotation", &[], || case.listed_or(case.role_annotation()));
        checks.run("partition", &["role-annotation"], || case.listed_or(case.partition()));
        checks.run("webhook-selectors", &["role-annotation"], || self.selectors(&namespace));
        if deep {
            checks.run("dry-run", &["webhook-selectors"], || match facts.dry_run {
                Fact::NotAsked => Finding::Nothing(
                    "an objectSelector wants labels that none of its pods shows".to_owned(),
                ),
                _ => case.dry_run(),
            });
            checks.run("token", &[], || case.token());
            checks.run("discovery", &["token"], || case.discovery());
            checks.run("jwks", &["discovery"], || case.jwks());
            checks.run("audience", &["token"], || case.audience());
        }
        checks.run("running-pod", &["dry-run"], || running(pods));
        let mut report = checks.report(String::new(), String::new());
        report.checks.retain(Check::is_worth_a_word);
        let states = pods.map(|it| it.states.clone()).unwrap_or_default();
        SurveyedAccount {
            namespace,
            name,
            result: report.result,
            pods: states,
            checks: report.checks,
        }
    }

    fn selectors(&self, namespace: &str) -> Finding {
        match self.auditor.namespace_selection(namespace) {
            Selection::Selected => Finding::pass("the namespace is selected"),
            Selection::KeptOut(why) => Finding::fail(why, "change the label or the selector"),
            Selection::Unknown(why) => Finding::Unknown(why),
        }
    }

    /// What came of all; `facts` are those of the cluster and of the webhook.
    #[must_use]
    pub fn finish(
        mut self,
        facts: Facts,
        mut accounts: Vec<SurveyedAccount>,
        crypto: Crypto,
    ) -> Survey {
        let facts = Redacted::of(facts, self.settings);
        let facts = facts.facts();
        let entries = facts.webhooks.known().map(|it| entries(it, &self.settings.configurations));
        let case = Case {
            facts,
            settings: self.settings,
            entries: entries.unwrap_or_default(),
            lookup: self.auditor.lookup("", ""),
            crypto,
            issuer: Vec::new(),
        };
        let mut checks = Checks::default();
        checks.run("api-server", &[], || case.api_server());
        checks.run("webhook-registered", &["api-server"], || case.registered());
        checks.run("webhook-reachable", &["webhook-registered"], || case.reachable());
        checks.run("webhook-chain", &["webhook-reachable"], || case.chain());
        let report = checks.report(String::new(), String::new());
        accounts.sort_by(|one, other| {
            let wrong = |it: &SurveyedAccount| -> usize {
                it.pods.iter().filter(|(state, _)| state.is_wrong()).map(|(_, count)| count).sum()
            };
            let rank = |it: &SurveyedAccount| (it.result.rank(), wrong(it));
            let by_name = |it: &SurveyedAccount| (it.namespace.clone(), it.name.clone());
            rank(other).cmp(&rank(one)).then_with(|| by_name(one).cmp(&by_name(other)))
        });
        if let Fact::Unknown(why) = &facts.webhook_flags {
            self.auditor.without_flags(why);
        }
        let audit = self.auditor.finish();
        let unknown = (self.incomplete || audit.incomplete).then_some(Status::Unknown);
        let results = accounts.iter().map(|it| it.result).chain([report.result]).chain(unknown);
        let result = results.max_by_key(|it| it.rank()).unwrap_or(Status::Pass);
        let (checks, notes) = (report.checks, audit.notes);
        Survey { result, checks, service_accounts: accounts, notes }
    }
}

fn running(pods: Option<&Pods>) -> Finding {
    let Some((pods, (name, worst))) = pods.and_then(|it| Some((it, it.worst.as_ref()?))) else {
        return Finding::Nothing("no pods are running".to_owned());
    };
    let all: usize = pods.states.values().sum();
    let count = pods.states.get(&worst.state).copied().unwrap_or_default();
    let seen = format!(
        "{count} of {all} pods: {}: for example pod {name}: {}",
        worst.state.as_str(),
        worst.why
    );
    match worst.state {
        PodState::Fine | PodState::Foreign => Finding::pass(seen),
        PodState::Unknown => Finding::Unknown(seen),
        _ => Finding::fail(seen, worst.next.clone()),
    }
}
