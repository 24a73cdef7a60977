//! For which pods the API server calls the webhook, by its registered entries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::selector::LabelSelector;
use super::webhook::{Entry, Selection};
use super::{Fact, WebhookSettings, entries};

/// Takes a pod out of the webhook's sight, in the shipped configuration.
pub(super) const SKIPPED_BY: &str = "eks.amazonaws.com/skip-pod-identity-webhook";

/// The label that each namespace has, with its name as value.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The selectors of the webhook's entries that are called when pods are created.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    entries: Vec<Selectors>,
    /// Why the shipped configuration's selector is taken in their place.
    assumed: Option<String>,
    /// It is known that there are none.
    is_missing: bool,
}

#[derive(Clone, Debug)]
struct Selectors {
    /// CONFIGURATION/ENTRY.
    name: String,
    namespace: Option<LabelSelector>,
    pod: Option<LabelSelector>,
    has_conditions: bool,
}

impl Registration {
    /// Of the cluster's `MutatingWebhookConfiguration`s. Where they are not known, or
    /// none is this webhook's, the selector of the shipped configuration counts.
    #[must_use]
    pub fn of(webhooks: &Fact<Value>, settings: &WebhookSettings) -> Self {
        let assumed =
            |why: String| Self { entries: Vec::new(), assumed: Some(why), is_missing: false };
        let list = match webhooks {
            Fact::Known(list) => list,
            Fact::Unknown(why) => {
                return assumed(format!("the webhook's selectors are not known: {why}"));
            }
            Fact::Absent | Fact::NotAsked => {
                return assumed("the webhook's selectors are not known".to_owned());
            }
        };
        let entries: Vec<_> = entries(list, &settings.configurations)
            .iter()
            .filter(|entry| entry.is_called_for_pods())
            .map(Selectors::of)
            .collect();
        if entries.is_empty() {
            let assumed = assumed(
                "no MutatingWebhookConfiguration calls this webhook for pods; if its configuration \
                 has another name, pass --webhook-config-name"
                    .to_owned(),
            );
            return Self { is_missing: true, ..assumed };
        }
        Self { entries, assumed: None, is_missing: false }
    }

    /// Whether the API server calls the webhook for no pod at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Why the shipped configuration's selector is taken for the webhook's, if it is.
    #[must_use]
    pub fn assumed(&self) -> Option<&str> {
        self.assumed.as_deref()
    }

    /// The labels of namespaces that the selectors name.
    #[must_use]
    pub fn namespace_labels(&self) -> BTreeSet<&str> {
        self.entries
            .iter()
            .filter_map(|it| it.namespace.as_ref())
            .flat_map(LabelSelector::keys)
            .collect()
    }

    /// The labels of pods that the selectors name.
    pub(super) fn pod_labels(&self) -> BTreeSet<&str> {
        self.entries.iter().filter_map(|it| it.pod.as_ref()).flat_map(LabelSelector::keys).collect()
    }

    /// Whether some pod of a namespace may be one that the webhook is called for.
    pub(super) fn namespace_selection(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
    ) -> Selection {
        let (mut unknown, mut kept_out) = (None, None);
        for entry in &self.entries {
            match entry.namespace_selection(namespace, labels) {
                Selection::Selected => return Selection::Selected,
                Selection::Unknown(why) => unknown = unknown.or(Some(why)),
                Selection::KeptOut(why) => kept_out = kept_out.or(Some(why)),
            }
        }
        match (unknown, kept_out) {
            (Some(why), _) => Selection::Unknown(why),
            (None, Some(why)) => Selection::KeptOut(why),
            (None, None) => Selection::Selected,
        }
    }

    /// Whether a pod of a namespace is one that the webhook is called for; `labels` are
    /// the namespace's, where they are known.
    #[must_use]
    pub fn selection(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
        pod: &Value,
    ) -> Selection {
        let pod_labels = &pod["metadata"]["labels"];
        if self.assumed.is_some() {
            return match pod_labels.get(SKIPPED_BY) {
                Some(_) => Selection::KeptOut(format!("it has the label {SKIPPED_BY}")),
                None => Selection::Selected,
            };
        }
        let pod_labels = text_labels(pod_labels);
        let (mut unknown, mut kept_out) = (None, None);
        for entry in &self.entries {
            match entry.selection(namespace, labels, &pod_labels) {
                Selection::Selected => return Selection::Selected,
                Selection::Unknown(why) => unknown = unknown.or(Some(why)),
                Selection::KeptOut(why) => kept_out = kept_out.or(Some(why)),
            }
        }
        match (unknown, kept_out) {
            (Some(why), _) => Selection::Unknown(why),
            (None, why) => Selection::KeptOut(why.unwrap_or_default()),
        }
    }
}

/// Labels as they are compared.
pub(super) fn text_labels(labels: &Value) -> BTreeMap<String, String> {
    let labels = labels.as_object().into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether an object's labels have all of these, as a Service selects.
#[must_use]
pub fn has_labels(labels: &Value, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels[key].as_str() == Some(value))
}

impl Selectors {
    fn of(entry: &Entry<'_>) -> Self {
        let [namespace, pod] =
            entry.selectors().map(|(_, selector)| LabelSelector::read(selector).ok());
        let has_conditions = entry.has_unknown_conditions();
        Self { name: entry.to_string(), namespace, pod, has_conditions }
    }

    fn namespace_selection(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
    ) -> Selection {
        let name = &self.name;
        let Some(selector) = &self.namespace else {
            let why = format!("the namespaceSelector of {name} can't be evaluated here");
            return Selection::Unknown(why);
        };
        let by_name: BTreeMap<_, _> = [(NAME_LABEL.to_owned(), namespace.to_owned())].into();
        let labels = match labels {
            Some(labels) => labels,
            None if selector.keys().all(|key| key == NAME_LABEL) => &by_name,
            None => {
                return Selection::Unknown(format!(
                    "the labels of namespace {namespace} are not known"
                ));
            }
        };
        match selector.mismatch(labels) {
            Some(why) => {
                Selection::KeptOut(format!("namespaceSelector of {name} excludes it: {why}"))
            }
            None => Selection::Selected,
        }
    }

    fn selection(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
        pod: &BTreeMap<String, String>,
    ) -> Selection {
        let name = &self.name;
        let not_read = |what: &str| Some(format!("the {what} of {name} can't be evaluated here"));
        let mut unknown = match self.namespace_selection(namespace, labels) {
            Selection::Selected => None,
            Selection::Unknown(why) => Some(why),
            kept_out @ Selection::KeptOut(_) => return kept_out,
        };
        match self.pod.as_ref().map(|selector| selector.mismatch(pod)) {
            Some(Some(why)) => {
                return Selection::KeptOut(format!("objectSelector of {name}: {why}"));
            }
            Some(None) => {}
            None => unknown = unknown.or(not_read("objectSelector")),
        }
        if self.has_conditions {
            unknown = unknown.or(not_read("matchConditions"));
        }
        unknown.map_or(Selection::Selected, Selection::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn registration(entries: &[Value]) -> Registration {
        let rule = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]);
        let webhooks: Vec<_> = entries
            .iter()
            .map(|entry| {
                let mut entry = entry.clone();
                entry["name"] = "pod-identity-webhook.amazonaws.com".into();
                entry["rules"] = rule.clone();
                entry
            })
            .collect();
        let list = json!({"items": [{"metadata": {"name": "pod-identity-webhook"}, "webhooks": webhooks}]});
        Registration::of(&Fact::Known(list), &WebhookSettings::default())
    }

    fn word(selection: &Selection) -> &'static str {
        match selection {
            Selection::Selected => "selected",
            Selection::KeptOut(_) => "kept out",
            Selection::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn selects_a_pod_by_every_selector_that_can_be_evaluated() {
        let team = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
        let by_name = json!({"namespaceSelector": {"matchLabels": {NAME_LABEL: "demo"}}});
        let opted_in = json!({"objectSelector": {"matchLabels": {"aws": "yes"}}});
        let shipped = json!({"matchConditions": [{"name": "x", "expression":
            "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"}]});
        let other = json!({"matchConditions": [{"name": "x", "expression": "object.metadata.name == 'x'"}]});
        let unreadable =
            json!({"objectSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}});
        let both = |one: &Value, two: &Value| [one.clone(), two.clone()];
        let labels = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let (a, b) = (labels("team", "a"), labels("team", "b"));
        for (entries, namespace, pod, wanted) in [
            (vec![json!({})], None, json!({}), "selected"),
            (vec![team.clone()], Some(&a), json!({}), "selected"),
            (vec![team.clone()], Some(&b), json!({}), "kept out"),
            (vec![team.clone()], None, json!({}), "unknown"),
            (vec![by_name], None, json!({}), "selected"),
            (vec![opted_in.clone()], None, json!({"aws": "yes"}), "selected"),
            (vec![opted_in.clone()], None, json!({}), "kept out"),
            (vec![shipped], None, json!({}), "selected"),
            (vec![other.clone()], None, json!({}), "unknown"),
            (vec![unreadable], None, json!({}), "unknown"),
            (both(&opted_in, &other).to_vec(), None, json!({}), "unknown"),
            (both(&opted_in, &other).to_vec(), None, json!({"aws": "yes"}), "selected"),
            (both(&team, &opted_in).to_vec(), Some(&b), json!({}), "kept out"),
        ] {
            let pod = json!({"metadata": {"labels": pod}});
            let found = registration(&entries).selection("demo", namespace, &pod);
            assert_eq!(word(&found), wanted, "{entries:?} {namespace:?} {pod}: {found:?}");
        }
    }

    #[test]
    fn takes_the_shipped_label_where_the_entries_are_not_known() {
        let skipped = json!({"metadata": {"labels": {SKIPPED_BY: ""}}});
        for webhooks in
            [Fact::NotAsked, Fact::Unknown("forbidden".into()), Fact::Known(json!({"items": []}))]
        {
            let registration = Registration::of(&webhooks, &WebhookSettings::default());
            assert!(registration.assumed().is_some());
            assert_eq!(word(&registration.selection("demo", None, &json!({}))), "selected");
            assert_eq!(word(&registration.selection("demo", None, &skipped)), "kept out");
        }
    }
}
