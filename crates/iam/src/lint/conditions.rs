//! Conditions one by one: whether the key is one, and whether the operator goes with it. What the
//! claims of tokens hold is told in `claims`.

use std::collections::HashMap;

use super::context_keys::{self, ContextKey, Lookup, Type};
use super::value_types::{self, Family};
use super::{claims, shown};
use crate::condition::Operator;
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Effect, Statement, Text};
use crate::write::{list, member, object, text as quoted};

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    for condition in &statement.conditions {
        found.extend(format(&condition.key));
        // An unknown operator has been reported.
        let Ok(operator) = Operator::parse(&condition.operator.value) else { continue };
        found.extend(value_types::findings(condition));
        if !condition.key.is_known() {
            continue;
        }
        let lookup = Lookup::of(&condition.key.value);
        found.extend(name(&condition.key, &lookup));
        if let Lookup::Known(key) = lookup {
            found.extend(of_type(condition, key));
        }
        found.extend(qualifier(statement.effect, condition, operator, &lookup));
    }
    found.extend(in_two_cases(statement));
    found
}

/// `SERVICE:NAME`
fn format(key: &Text) -> Option<Finding> {
    let text = key.as_str();
    if !key.is_known() || text.contains("://") {
        return None;
    }
    let (service, name) = text.split_once(':').unwrap_or_default();
    // A tag's key may have spaces.
    let stem = text.split('/').next().unwrap_or_default();
    let has_space = stem.contains(char::is_whitespace) || text != text.trim();
    if !service.is_empty() && !name.is_empty() && !has_space {
        return None;
    }
    // The name of one, without its service.
    let bare = ["aws", "sts"].iter().map(|service| format!("{service}:{text}"));
    let meant =
        bare.into_iter().find(|it| !text.contains(':') && context_keys::known(it).is_some());
    if let Some(meant) = meant {
        let message =
            format!("{} lacks its service: no request has it; did you mean {meant}?", shown(text));
        let finding = Finding::new(Code::ConditionKeyMisspelt, key.at, message);
        return Some(finding.fixed(quoted(&meant)));
    }
    let message = format!(
        "{} is not a condition key, which is SERVICE:NAME such as aws:SourceIp: no request has it",
        shown(text)
    );
    let finding = Finding::new(Code::ConditionKey, key.at, message);
    let dense = text.replace(char::is_whitespace, "");
    let is_mended = has_space && matches!(Lookup::of(&dense), Lookup::Known(_));
    Some(if is_mended { finding.fixed(quoted(&dense)) } else { finding })
}

fn name(key: &Text, lookup: &Lookup) -> Option<Finding> {
    let text = shown(key.as_str());
    Some(match lookup {
        // Told as a key with white space.
        Lookup::Misspelt(_) if key.value.contains(char::is_whitespace) => return None,
        Lookup::Misspelt(meant) => {
            let message =
                format!("{text} is not a condition key: no request has it; did you mean {meant}?");
            Finding::new(Code::ConditionKeyMisspelt, key.at, message).fixed(quoted(meant))
        }
        Lookup::Tagless(name) => {
            let message = format!("{text} lacks the key of a tag: write {name}TAG_KEY");
            Finding::new(Code::ConditionKey, key.at, message)
        }
        Lookup::Replaced(by) => {
            let message = format!("{text} is an old key; AWS documents {by} in its place");
            Finding::new(Code::ConditionKey, key.at, message).fixed(quoted(by))
        }
        Lookup::Undocumented if !key.value.contains(char::is_whitespace) => {
            let message = format!(
                "{text} is none of the condition keys that AWS documents: likely no request has it"
            );
            Finding::new(Code::ConditionKey, key.at, message)
        }
        Lookup::Undocumented | Lookup::Known(_) | Lookup::Other => return None,
    })
}

/// The operators for the key's type.
fn of_type(condition: &Condition, key: ContextKey) -> Option<Finding> {
    let used = Family::of(condition.operator.as_str())?;
    let has_variable = condition.values.iter().any(|it| it.value.contains("${") || !it.is_known());
    let (wanted, named) = match key.of {
        // Anything may be written into a tag.
        Type::Text if key.name.ends_with('/') => return None,
        Type::Text => (Family::Text, "String"),
        // Text is compared as well as ARNs are.
        Type::Arn if used == Family::Text => return None,
        Type::Arn => (Family::Arn, "Arn"),
        Type::Boolean => (Family::Boolean, "Bool"),
        Type::Number => (Family::Number, "Numeric"),
        Type::Seconds if used == Family::Number => return None,
        Type::Date | Type::Seconds => (Family::Date, "Date"),
        // A variable can't stand under another.
        Type::Address if used == Family::Text && has_variable => return None,
        Type::Address => (Family::Address, "IpAddress"),
    };
    if used == wanted || used == Family::Null {
        return None;
    }
    let operator = condition.operator.as_str();
    let message = format!(
        "{} holds {}, which {operator} is not for: use an operator that begins with {named}",
        condition.key.value,
        key.of.described()
    );
    let finding = Finding::new(Code::KeyType, condition.key.at, message);
    let fits = |it: &Text| it.is_known() && value_types::fits(wanted, it.as_str());
    let meant = in_family(operator, wanted).filter(|_| condition.values.iter().all(fits));
    Some(match meant {
        Some(meant) => finding.fixed(moved(condition, &meant)),
        None => finding,
    })
}

/// The operator of the family in the place of one that compares texts for being equal.
fn in_family(operator: &str, wanted: Family) -> Option<String> {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (format!("{set}:"), rest),
        None => (String::new(), operator),
    };
    let (base, suffix) =
        rest.strip_suffix("IfExists").map_or((rest, ""), |base| (base, "IfExists"));
    let is_negated = match base {
        "StringEquals"
        | "StringEqualsIgnoreCase"
        | "StringLike"
        | "ArnEquals"
        | "ArnLike"
        | "NumericEquals"
        | "DateEquals" => false,
        "StringNotEquals"
        | "StringNotEqualsIgnoreCase"
        | "StringNotLike"
        | "ArnNotEquals"
        | "ArnNotLike"
        | "NumericNotEquals"
        | "DateNotEquals" => true,
        _ => return None,
    };
    let meant = match (wanted, is_negated) {
        (Family::Text, false) => "StringEquals",
        (Family::Text, true) => "StringNotEquals",
        (Family::Boolean, false) => "Bool",
        (Family::Number, false) => "NumericEquals",
        (Family::Number, true) => "NumericNotEquals",
        (Family::Date, false) => "DateEquals",
        (Family::Date, true) => "DateNotEquals",
        (Family::Address, false) => "IpAddress",
        (Family::Address, true) => "NotIpAddress",
        _ => return None,
    };
    Some(format!("{set}{meant}{suffix}"))
}

/// The condition under another operator.
fn moved(condition: &Condition, operator: &str) -> String {
    let values: Vec<&str> = condition.values.iter().map(Text::as_str).collect();
    member(operator, &object(&[member(condition.key.as_str(), &list(&values))]))
}

/// `ForAnyValue:` and `ForAllValues:` are for keys with several values, and for those alone.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
fn qualifier(
    effect: Effect,
    condition: &Condition,
    operator: Operator,
    lookup: &Lookup,
) -> Option<Finding> {
    let Text { value: written, at, .. } = &condition.operator;
    let key = shown(condition.key.as_str());
    let (set, base) = match written.split_once(':') {
        Some((set, base)) => (set, base),
        None => ("", written.as_str()),
    };
    if Family::of(base) == Some(Family::Null) {
        let holds = match set {
            "ForAllValues" => "always holds",
            "ForAnyValue" => "never holds",
            _ => return None,
        };
        let message =
            format!("{written} {holds}, whatever the request has; write Null without {set}");
        return Some(Finding::new(Code::Qualifier, *at, message).fixed(quoted(base)));
    }
    let claim = claims::Key::read(&condition.key);
    let is_claim = |wanted: &str| claim.is_some_and(|it| it.claim.eq_ignore_ascii_case(wanted));
    let is_multivalued = match lookup {
        Lookup::Known(key) => key.is_multivalued,
        _ if is_claim("amr") => true,
        // What `claims` tells of them is more than this.
        _ => return None,
    };
    match (is_multivalued, set) {
        (true, "") => {
            let message = format!(
                "a request may have several values of {key}, which {written} does not compare: it needs ForAnyValue: or ForAllValues:"
            );
            // Several keys may stand under one operator.
            let finding = Finding::new(Code::Qualifier, condition.key.at, message);
            let is_plain = effect == Effect::Allow && !operator.is_negated();
            let is_known = condition.values.iter().all(Text::is_known);
            Some(if is_plain && is_known {
                finding.fixed(moved(condition, &format!("ForAnyValue:{written}")))
            } else {
                finding
            })
        }
        // Those of tokens are told with the claim.
        (false, "ForAllValues") if !is_claim("sub") && !is_claim("aud") => {
            let message = format!(
                "ForAllValues also holds if the request has no {key}; the key has one value, so use {base}"
            );
            let finding = Finding::new(Code::ForAllValues, condition.key.at, message);
            let is_known = condition.values.iter().all(Text::is_known);
            Some(if is_known { finding.fixed(moved(condition, base)) } else { finding })
        }
        _ => None,
    }
}

/// One key twice under one operator, in upper and in lower case: keys are compared without
/// regard to case.
fn in_two_cases(statement: &Statement) -> Vec<Finding> {
    let mut first: HashMap<(&str, String), &Text> = HashMap::new();
    let mut found = Vec::new();
    for Condition { operator, key, .. } in
        statement.conditions.iter().filter(|it| it.key.is_known())
    {
        let other = first.entry((operator.as_str(), key.value.to_lowercase())).or_insert(key);
        if other.value != key.value {
            let message = format!(
                "{} and {} are one condition key, since its case does not matter; merge the two",
                shown(other.as_str()),
                shown(key.as_str())
            );
            found.push(Finding::new(Code::DuplicateKey, key.at, message));
        }
    }
    found
}
