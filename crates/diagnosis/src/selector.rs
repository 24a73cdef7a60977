//! Label selectors, as the API server evaluates them.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A `LabelSelector`; an empty one selects everything.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    #[serde(default)]
    match_labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    match_expressions: Option<Vec<Requirement>>,
}

#[derive(Debug, Deserialize)]
struct Requirement {
    key: String,
    operator: String,
    #[serde(default)]
    values: Option<Vec<String>>,
}

/// What of a selector keeps `labels` out, in words; nothing where it selects
/// them.
pub(super) fn keeps_out(selector: &Value, labels: &BTreeMap<String, String>) -> Option<String> {
    // What the API server stored can be read; a selector that can't is none of its.
    let selector: Selector = Option::deserialize(selector).ok().flatten().unwrap_or_default();
    let label = |key: &str| labels.get(key).map(String::as_str);
    let is = |key: &str| match label(key) {
        Some(value) => format!("{key} is {value:?}"),
        None => format!("there is no label {key}"),
    };
    for (key, value) in selector.match_labels.iter().flatten() {
        if label(key) != Some(value) {
            return Some(format!("it wants {key}={value}, and {}", is(key)));
        }
    }
    for Requirement { key, operator, values } in selector.match_expressions.iter().flatten() {
        let values = values.as_deref().unwrap_or_default();
        let listed = label(key).is_some_and(|value| values.iter().any(|it| it == value));
        let (holds, wants) = match operator.as_str() {
            "In" => (listed, format!("{key} in ({})", values.join(", "))),
            "NotIn" => (!listed, format!("{key} not in ({})", values.join(", "))),
            "Exists" => (label(key).is_some(), format!("a label {key}")),
            "DoesNotExist" => (label(key).is_none(), format!("no label {key}")),
            _ => continue,
        };
        if !holds {
            return Some(format!("it wants {wants}, and {}", is(key)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            assert_eq!(keeps_out(&selector, &labels).is_none(), selects, "{selector}");
        }
    }

    #[test]
    fn says_which_label_keeps_out() {
        let selector = json!({"matchLabels": {"app": "api"}});
        let labels: BTreeMap<_, _> = [("app".to_owned(), "web".to_owned())].into();
        let text = keeps_out(&selector, &labels).expect("kept out");
        assert_eq!(text, "it wants app=api, and app is \"web\"");
    }
}
