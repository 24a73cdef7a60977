//! Conditions on one key that exclude each other, or of which one says nothing beside another. All
//! conditions of a statement have to hold. What holds for tokens' claims is told in `together`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>

use std::collections::{BTreeMap, HashSet};

use super::claims::Key;
use super::context_keys::Lookup;
use super::shown;
use crate::condition::{Comparison, Operator, Test, Truth, Variables, typed};
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Statement, Text};
use crate::request::Known;
use crate::write::{list, member};

/// More values are not compared with each other.
const MOST_COMPARISONS: usize = 10_000;

/// A condition with its operator.
struct Read<'a> {
    condition: &'a Condition,
    operator: Operator,
}

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    let mut of_key: BTreeMap<String, Vec<Read<'_>>> = BTreeMap::new();
    let mut found = Vec::new();
    for condition in &statement.conditions {
        let Ok(operator) = Operator::parse(condition.operator.as_str()) else { continue };
        if !condition.key.is_known() || !condition.operator.is_known() {
            continue;
        }
        found.extend(twice(condition));
        let key = condition.key.value.to_ascii_lowercase();
        of_key.entry(key).or_default().push(Read { condition, operator });
    }
    for (key, all) in &of_key {
        found.extend(absent(all));
        let is_claim = Key::read(&all[0].condition.key).is_some();
        let is_single = matches!(Lookup::of(key), Lookup::Known(known) if !known.is_multivalued);
        if all.len() > 1 && is_single && !is_claim {
            found.extend(exclusive(all).or_else(|| redundant(all)));
        }
    }
    found
}

/// A value that is listed twice.
fn twice(condition: &Condition) -> Option<Finding> {
    let mut there = HashSet::new();
    let again =
        condition.values.iter().filter(|it| it.is_known()).find(|it| !there.insert(it.as_str()))?;
    let message = format!("{} is listed twice; once is enough", shown(again.as_str()));
    let finding = Finding::new(Code::ConditionRedundant, again.at, message);
    let mut values: Vec<&str> = Vec::new();
    let mut there = HashSet::new();
    values.extend(condition.values.iter().map(Text::as_str).filter(|it| there.insert(*it)));
    let is_known = condition.values.iter().all(Text::is_known);
    Some(if is_known {
        finding.fixed(member(condition.key.as_str(), &list(&values)))
    } else {
        finding
    })
}

/// The request is not to have the key, and to have a value of it.
fn absent(all: &[Read<'_>]) -> Option<Finding> {
    let is = |it: &Read<'_>, wanted: &str| {
        let is_it = |value: &Text| value.is_known() && value.value.eq_ignore_ascii_case(wanted);
        it.condition.operator.value == "Null"
            && !it.condition.values.is_empty()
            && it.condition.values.iter().all(is_it)
    };
    all.iter().find(|it| is(it, "true"))?;
    let requires = |it: &&Read<'_>| {
        if it.operator.is_null() { is(it, "false") } else { !it.operator.holds_without_key() }
    };
    let other = all.iter().find(requires)?;
    let message = format!(
        "Null asks for a request without {}, and {} for one that has it: the statement never matches",
        shown(other.condition.key.as_str()),
        other.condition.operator.value
    );
    Some(Finding::new(Code::ConditionsExclude, other.condition.key.at, message))
}

/// No value passes all of them.
fn exclusive(all: &[Read<'_>]) -> Option<Finding> {
    let last = all.iter().map(|it| &it.condition.key).max_by_key(|key| key.at)?;
    let is_impossible = if let Some((plain, others)) = plain(all) {
        let values = &plain.condition.values;
        !values.iter().any(|value| others.iter().all(|it| it.passes(value) != Truth::False))
    } else {
        // Where none of them requires the key, all hold of a request without it.
        let is_required =
            |it: &Read<'_>| !it.operator.is_null() && !it.operator.holds_without_key();
        all.iter().any(is_required) && is_empty_range(all)
    };
    let message = format!(
        "the conditions on {} exclude each other: all conditions of a statement have to hold, so it never matches",
        shown(last.as_str())
    );
    is_impossible.then(|| Finding::new(Code::ConditionsExclude, last.at, message))
}

/// A condition that holds for each value that another asks for.
fn redundant(all: &[Read<'_>]) -> Option<Finding> {
    let (plain, others) = plain(all)?;
    let is_told = |it: &&&Read<'_>| {
        plain.condition.values.iter().all(|value| it.passes(value) == Truth::True)
    };
    let other = others.iter().find(is_told)?;
    let message = format!(
        "{} of {} holds for each value that {} asks for, so it adds nothing",
        other.condition.operator.value,
        shown(other.condition.key.as_str()),
        plain.condition.operator.value
    );
    Some(Finding::new(Code::ConditionRedundant, other.condition.key.at, message))
}

/// The first condition that asks for the key and names the values themselves, all of them known; and
/// the others.
fn plain<'r, 'a>(all: &'r [Read<'a>]) -> Option<(&'r Read<'a>, Vec<&'r Read<'a>>)> {
    let is_plain = |it: &Read<'_>| {
        let names = matches!(
            it.operator.test,
            Test::Equals | Test::Number(Comparison::Equal) | Test::Date(Comparison::Equal)
        );
        let is_whole = |value: &Text| value.is_known() && !value.value.contains("${");
        names
            && !it.operator.is_negated()
            && !it.operator.holds_without_key()
            && !it.condition.values.is_empty()
            && it.condition.values.iter().all(is_whole)
    };
    let index = all.iter().position(is_plain)?;
    let plain = &all[index];
    let tests = |it: &&Read<'_>| !it.operator.is_null();
    let others: Vec<&Read<'_>> = all
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != index)
        .map(|(_, it)| it)
        .filter(tests)
        .collect();
    let wanted: usize = others.iter().map(|it| it.condition.values.len()).sum();
    let is_short = plain.condition.values.len().saturating_mul(wanted) <= MOST_COMPARISONS;
    (is_short && !others.is_empty()).then_some((plain, others))
}

impl Read<'_> {
    fn passes(&self, value: &Text) -> Truth {
        let known = Known::Values(vec![value.value.clone()]);
        let wanted: Vec<&Text> = self.condition.values.iter().collect();
        self.operator.evaluate(&wanted, &known, Variables::Unknown)
    }

    /// The limit that it sets: of several values, the widest.
    fn limit(&self) -> Option<(Comparison, f64)> {
        let (Test::Number(comparison) | Test::Date(comparison)) = self.operator.test else {
            return None;
        };
        let number = |it: &Text| {
            let is_number = matches!(self.operator.test, Test::Number(_));
            let value = it.is_known().then_some(it.as_str())?;
            if is_number {
                typed::number(value)
            } else {
                typed::time(value).map(|time| time.as_duration().as_secs_f64())
            }
        };
        let numbers: Option<Vec<f64>> = self.condition.values.iter().map(number).collect();
        let numbers = numbers?.into_iter();
        let widest = match comparison {
            Comparison::Less | Comparison::LessOrEqual => numbers.reduce(f64::max),
            Comparison::Greater | Comparison::GreaterOrEqual => numbers.reduce(f64::min),
            Comparison::Equal => None,
        };
        widest.map(|limit| (comparison, limit))
    }
}

/// Whether what has to be greater than one limit has to be less than a lower one.
fn is_empty_range(all: &[Read<'_>]) -> bool {
    let limits = || all.iter().filter_map(Read::limit);
    let is_lower = |it: &Comparison| matches!(it, Comparison::Greater | Comparison::GreaterOrEqual);
    let lower = limits().filter(|(it, _)| is_lower(it));
    let upper = limits().filter(|(it, _)| !is_lower(it));
    let (Some(lower), Some(upper)) = (
        lower.max_by(|one, other| one.1.total_cmp(&other.1)),
        upper.min_by(|one, other| one.1.total_cmp(&other.1)),
    ) else {
        return false;
    };
    let is_open = lower.0 == Comparison::Greater || upper.0 == Comparison::Less;
    lower.1 > upper.1 || (is_open && lower.1 >= upper.1)
}
