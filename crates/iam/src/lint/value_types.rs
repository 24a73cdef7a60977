//! Values of conditions that the operator can't compare, or compares otherwise than it looks.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use super::{addresses, shown};
use crate::condition::typed::{self, Network};
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Text};
use crate::write::text as quoted;

/// The operators that compare values of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Text,
    Arn,
    Boolean,
    Number,
    Date,
    Address,
    Binary,
    Null,
}

/// How their names begin.
const BEGINNINGS: [(&str, Family); 9] = [
    ("String", Family::Text),
    ("Arn", Family::Arn),
    ("Bool", Family::Boolean),
    ("Numeric", Family::Number),
    ("Date", Family::Date),
    ("IpAddress", Family::Address),
    ("NotIpAddress", Family::Address),
    ("Binary", Family::Binary),
    ("Null", Family::Null),
];

impl Family {
    /// That of an operator, with or without its modifiers.
    pub(super) fn of(operator: &str) -> Option<Self> {
        let base = operator.split_once(':').map_or(operator, |(_, base)| base);
        BEGINNINGS.iter().find(|(it, _)| base.starts_with(it)).map(|(_, family)| *family)
    }
}

/// The mistakes in the values of one condition whose operator is one.
pub(super) fn findings(condition: &Condition) -> Vec<Finding> {
    let Some(family) = Family::of(condition.operator.as_str()) else { return Vec::new() };
    let known = || condition.values.iter().filter(|value| value.is_known() && !has_variable(value));
    let mut found: Vec<Finding> =
        known().filter_map(|value| wrong_type(family, condition, value)).collect();
    match family {
        Family::Boolean | Family::Null => found.extend(both(family, condition)),
        Family::Date if !condition.key.value.eq_ignore_ascii_case("aws:EpochTime") => {
            found.extend(known().filter_map(seconds));
        }
        Family::Address => {
            found.extend(known().filter_map(addresses::bits_behind_the_mask));
            found.extend(addresses::private(condition));
        }
        Family::Number => found.extend(one_of_several(condition)),
        _ => {}
    }
    found
}

/// What has one is told with the variable.
fn has_variable(value: &Text) -> bool {
    value.value.contains("${")
}

/// Whether the operators of this family can compare the value.
pub(super) fn fits(family: Family, text: &str) -> bool {
    match family {
        Family::Boolean | Family::Null => typed::boolean(text).is_some(),
        Family::Number => typed::number(text).is_some(),
        Family::Date => typed::time(text).is_some(),
        Family::Address => Network::read(text).is_some(),
        Family::Binary => typed::bytes(text).is_some(),
        Family::Text | Family::Arn => true,
    }
}

fn wrong_type(family: Family, condition: &Condition, value: &Text) -> Option<Finding> {
    let text = value.as_str();
    let wanted = match family {
        Family::Boolean | Family::Null => "true or false",
        Family::Number => "a number",
        Family::Date => "a date such as 2026-01-31T00:00:00Z",
        Family::Address => "an IP address or a range such as 203.0.113.0/24",
        Family::Binary => "Base64",
        Family::Text | Family::Arn => return None,
    };
    if fits(family, text) {
        return None;
    }
    let operator = condition.operator.as_str();
    let message = format!(
        "{} is not {wanted}, which {operator} compares: the condition does not do what it says",
        shown(text)
    );
    let finding = Finding::new(Code::ValueType, value.at, message);
    Some(match mended(family, text) {
        Some(mended) => finding.fixed(quoted(&mended)),
        None => finding,
    })
}

/// White space around it, or a word for it.
fn mended(family: Family, text: &str) -> Option<String> {
    let trimmed = text.trim();
    let word = match (family, trimmed.to_ascii_lowercase().as_str()) {
        (Family::Boolean | Family::Null, "yes" | "1" | "on") => "true",
        (Family::Boolean | Family::Null, "no" | "0" | "off") => "false",
        _ => trimmed,
    };
    if fits(family, word) {
        return Some(word.to_owned());
    }
    let in_utc = format!("{trimmed}Z");
    if family == Family::Date && trimmed.contains('T') && fits(family, &in_utc) {
        return Some(in_utc);
    }
    let dashed = trimmed.replace('/', "-");
    (family == Family::Date && dashed.len() == 10 && fits(family, &dashed)).then_some(dashed)
}

/// Seconds since 1970, and no year.
fn is_seconds(text: &str) -> bool {
    text.len() != 4 && text.len() <= 13 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `true` and `false` together, which each request that has the key meets.
fn both(family: Family, condition: &Condition) -> Option<Finding> {
    let has = |wanted: &str| {
        condition.values.iter().any(|it| it.is_known() && it.value.eq_ignore_ascii_case(wanted))
    };
    let second = condition.values.get(1)?;
    if !(has("true") && has("false")) {
        return None;
    }
    let operator = condition.operator.as_str();
    let what = if family == Family::Null {
        "whether or not the request has the key"
    } else {
        "whatever the key's value"
    };
    let message = format!("{operator} with both true and false holds {what}; write one of them");
    Some(Finding::new(Code::ValueType, second.at, message))
}

/// Seconds since 1970 as a date: read, though not by all of AWS's tools.
fn seconds(value: &Text) -> Option<Finding> {
    let seconds: i64 = is_seconds(value.as_str()).then(|| value.value.parse().ok())??;
    let date = jiff::Timestamp::from_second(seconds).ok()?;
    let message = format!(
        "{} are seconds since 1970, which may not be the time that was meant; write the date",
        value.value
    );
    Some(Finding::new(Code::ValueDoubtful, value.at, message).fixed(quoted(&date.to_string())))
}

/// Of several limits, the widest counts: any of the values will do.
fn one_of_several(condition: &Condition) -> Option<Finding> {
    let base = condition.operator.value.trim_end_matches("IfExists");
    let is_least = base.contains("GreaterThan");
    if !(is_least || base.contains("LessThan")) || condition.values.len() < 2 {
        return None;
    }
    let numbers: Option<Vec<(f64, &Text)>> = condition
        .values
        .iter()
        .map(|it| Some((it.value.parse().ok().filter(|_| it.is_known())?, it)))
        .collect();
    let numbers = numbers?;
    let compare = |one: &&(f64, &Text), other: &&(f64, &Text)| one.0.total_cmp(&other.0);
    let counts =
        if is_least { numbers.iter().min_by(compare) } else { numbers.iter().max_by(compare) };
    let (_, counts) = counts?;
    let (_, other) = numbers.iter().find(|(_, it)| it.at != counts.at)?;
    let message = format!(
        "any of the values will do, so {} alone counts under {}",
        shown(counts.as_str()),
        condition.operator.value
    );
    Some(Finding::new(Code::ValueDoubtful, other.at, message))
}
