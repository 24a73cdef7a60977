//! Label selectors, as the API server evaluates them.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A `LabelSelector` of `meta/v1`: all that it names must hold. An empty one
/// selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    match_labels: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    match_expressions: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Why a selector can't be evaluated: an operator that this program does not
/// know, or a member of another type.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the label selector: {0}")]
pub struct SelectorError(serde_json::Error);

impl LabelSelector {
    /// Absent and null are the empty selector.
    ///
    /// # Errors
    /// [`SelectorError`]: whether it selects anything is then not known.
    pub fn read(selector: &Value) -> Result<Self, SelectorError> {
        Ok(Option::deserialize(selector).map_err(SelectorError)?.unwrap_or_default())
    }

    /// A plain map of labels, which is what a `ReplicationController` has.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_map(labels: &Value) -> Result<Self, SelectorError> {
        let match_labels = Option::deserialize(labels).map_err(SelectorError)?;
        Ok(Self { match_labels, match_expressions: None })
    }

    /// Whether it names no label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }

    /// The labels that it names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let labels = self.match_labels.iter().flatten().map(|(key, _)| key.as_str());
        labels.chain(self.match_expressions.iter().flatten().map(|it| it.key.as_str()))
    }

    /// The value of the `labelSelector` query parameter, percent-encoded.
    #[must_use]
    pub fn to_query(&self) -> String {
        let equal = self.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
        let more = self.match_expressions.iter().flatten().map(Requirement::to_query);
        percent_encoded(&equal.chain(more).collect::<Vec<_>>().join(","))
    }

    /// The first requirement that `labels` do not meet, in words; nothing
    /// where it selects them.
    #[must_use]
    pub fn mismatch(&self, labels: &BTreeMap<String, String>) -> Option<String> {
        let label = |key: &str| labels.get(key).map(String::as_str);
        let is = |key: &str| match label(key) {
            Some(value) => format!("{key} is {value:?}"),
            None => format!("there is no label {key}"),
        };
        for (key, value) in self.match_labels.iter().flatten() {
            if label(key) != Some(value) {
                return Some(format!("it requires {key}={value}, but {}", is(key)));
            }
        }
        for Requirement { key, operator, values } in self.match_expressions.iter().flatten() {
            let values = values.as_deref().unwrap_or_default();
            let listed = label(key).is_some_and(|value| values.iter().any(|it| it == value));
            let (holds, wants) = match operator {
                Operator::In => (listed, format!("{key} in ({})", values.join(", "))),
                Operator::NotIn => (!listed, format!("{key} not in ({})", values.join(", "))),
                Operator::Exists => (label(key).is_some(), format!("a label {key}")),
                Operator::DoesNotExist => (label(key).is_none(), format!("no label {key}")),
            };
            if !holds {
                return Some(format!("it requires {wants}, but {}", is(key)));
            }
        }
        None
    }
}

impl Requirement {
    fn to_query(&self) -> String {
        let Self { key, operator, values } = self;
        let values = values.as_deref().unwrap_or_default().join(",");
        match operator {
            Operator::In => format!("{key} in ({values})"),
            Operator::NotIn => format!("{key} notin ({values})"),
            Operator::Exists => key.clone(),
            Operator::DoesNotExist => format!("!{key}"),
        }
    }
}

/// For a query: all but what RFC 3986 leaves alone everywhere.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(selector: &Value) -> LabelSelector {
        LabelSelector::read(selector).expect("a selector")
    }

    #[test]
    fn selects_as_the_api_server_does() {
        let labels: BTreeMap<_, _> = [("app".to_owned(), "web".to_owned())].into();
        let expression = |operator: &str, key: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (selector, selects) in [
            (Value::Null, true),
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "api"}}), false),
            (json!({"matchLabels": {"tier": "web"}}), false),
            (expression("In", "app", &["api", "web"]), true),
            (expression("In", "tier", &["x"]), false),
            (expression("NotIn", "app", &["web"]), false),
            (expression("NotIn", "tier", &["x"]), true),
            (expression("Exists", "app", &[]), true),
            (expression("Exists", "tier", &[]), false),
            (expression("DoesNotExist", "app", &[]), false),
            (expression("DoesNotExist", "tier", &[]), true),
        ] {
            assert_eq!(read(&selector).mismatch(&labels).is_none(), selects, "{selector}");
        }
    }

    #[test]
    fn says_which_label_keeps_out() {
        let selector = read(&json!({"matchLabels": {"app": "api"}}));
        let labels: BTreeMap<_, _> = [("app".to_owned(), "web".to_owned())].into();
        let text = selector.mismatch(&labels).expect("kept out");
        assert_eq!(text, "it requires app=api, but app is \"web\"");
    }

    #[test]
    fn does_not_know_what_it_can_not_read() {
        for selector in [
            json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
            json!({"matchLabels": ["a"]}),
            json!("a=b"),
        ] {
            assert!(LabelSelector::read(&selector).is_err(), "{selector}");
        }
    }

    #[test]
    fn asks_the_api_server_for_the_whole_selector() {
        let selector = read(&json!({
            "matchLabels": {"app.kubernetes.io/name": "web"},
            "matchExpressions": [
                {"key": "team", "operator": "In", "values": ["a", "b"]},
                {"key": "tier", "operator": "NotIn", "values": ["test"]},
                {"key": "live", "operator": "Exists"},
                {"key": "gone", "operator": "DoesNotExist"},
            ],
        }));
        assert_eq!(
            selector.to_query(),
            "app.kubernetes.io%2Fname%3Dweb%2Cteam%20in%20%28a%2Cb%29%2Ctier%20notin%20%28test%29%2C\
             live%2C%21gone"
        );
        let plain = LabelSelector::of_map(&json!({"app": "web"})).expect("a map");
        assert_eq!(plain.to_query(), "app%3Dweb");
    }
}
