//! Conditions of one statement that no token meets together: IAM asks for all of them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::claims::{Key, bare};
use super::shown;
use crate::condition::{Operator, Test, Truth, Variables};
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Effect, Principals, Statement, Text};
use crate::request::Known;
use crate::write::{list, member, object, text};

/// More statements than this are not written out.
const MOST_STATEMENTS: usize = 8;

/// More values are not compared with each other.
const MOST_COMPARISONS: usize = 10_000;

/// A condition on a claim.
struct OnClaim<'a> {
    condition: &'a Condition,
    operator: Operator,
    /// Whether it fails where the token has no such claim.
    is_required: bool,
    /// The provider's name, as it is written and as it is compared.
    name: &'a str,
    provider: String,
    claim: String,
}

pub(super) fn findings(statement: &Statement) -> Option<Finding> {
    let claims: Vec<OnClaim<'_>> = statement.conditions.iter().filter_map(OnClaim::read).collect();
    issuers(statement, &claims)
        .or_else(|| left_out(statement, &claims))
        .or_else(|| values(&claims))
        .or_else(|| unknown_issuers(statement))
}

/// A provider that is a principal, where all conditions are on tokens of another.
fn left_out(statement: &Statement, claims: &[OnClaim<'_>]) -> Option<Finding> {
    if statement.effect != Effect::Allow {
        return None;
    }
    let principals = || statement.principals_of("Federated").map(|it| &it.name);
    let names = || principals().filter_map(|it| Some((it, provider(it)?)));
    let tested = claims.iter().find(|it| it.is_required)?;
    // What the keys name is told elsewhere where it is none of them.
    if principals().any(|it| !it.is_known()) || !names().any(|(_, name)| name == tested.provider) {
        return None;
    }
    let (other, _) = names().find(|(_, name)| *name != tested.provider)?;
    let message = format!(
        "no token of this provider matches: the conditions are on tokens of {}, and all conditions of a statement have to hold; write a statement for each provider",
        shown(tested.name)
    );
    Some(Finding::new(Code::ProviderMismatch, other.at, message))
}

/// The name in a provider's ARN, as it is compared.
fn provider(arn: &Text) -> Option<String> {
    let (_, name) = arn.value.trim().split_once(":oidc-provider/")?;
    Some(bare(name).to_ascii_lowercase())
}

impl<'a> OnClaim<'a> {
    fn read(condition: &'a Condition) -> Option<Self> {
        let operator = Operator::parse(&condition.operator.value).ok()?;
        let key = Key::read(&condition.key)?;
        let is_known = condition.key.is_known() && condition.operator.is_known();
        (is_known && operator.test != Test::Null && !key.provider.contains("://")).then(|| Self {
            condition,
            operator,
            is_required: !operator.holds_without_key(),
            name: bare(key.provider),
            provider: bare(key.provider).to_ascii_lowercase(),
            claim: key.claim.to_ascii_lowercase(),
        })
    }
}

/// A token has one issuer, and with it the keys of one provider.
fn issuers(statement: &Statement, claims: &[OnClaim<'_>]) -> Option<Finding> {
    let principals: Vec<&Text> = statement.principals_of("Federated").map(|p| &p.name).collect();
    let all_known = principals.iter().all(|name| name.is_known());
    let principal_names: HashSet<String> =
        principals.iter().filter_map(|name| provider(name)).collect();
    // A key of a provider that is no principal has been reported with its corrected text.
    let counts = |it: &&OnClaim<'_>| {
        it.is_required
            && (!all_known || principal_names.is_empty() || principal_names.contains(&it.provider))
    };
    let mut names: Vec<&str> = Vec::new();
    let mut second: Option<&Text> = None;
    for it in claims.iter().filter(counts) {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(it.name)) {
            names.push(it.name);
            if names.len() == 2 {
                second = Some(&it.condition.key);
            }
            if names.len() > MOST_STATEMENTS {
                break;
            }
        }
    }
    let at = second?.at;
    let message = format!(
        "the conditions are on tokens of several issuers ({}): all conditions of a statement have to hold, and a token has one issuer; write a statement for each",
        names[..2].join(", ")
    );
    let finding = Finding::new(Code::IssuersCombined, at, message);
    Some(match each_issuer(statement, &names) {
        Some(statements) => finding.fixed(statements),
        None => finding,
    })
}

/// One claim of two providers whose names only Terraform or CloudFormation knows. They may be one,
/// though then nobody would test the claim twice.
fn unknown_issuers(statement: &Statement) -> Option<Finding> {
    let mut first: BTreeMap<String, Cow<'_, str>> = BTreeMap::new();
    for condition in &statement.conditions {
        let operator = Operator::parse(&condition.operator.value).ok()?;
        let Some(key) = Key::read(&condition.key) else { continue };
        if operator.holds_without_key() || operator.test == Test::Null {
            continue;
        }
        let provider = Cow::Borrowed(bare(key.provider));
        let other = first.entry(key.claim.to_ascii_lowercase()).or_insert_with(|| provider.clone());
        if other.eq_ignore_ascii_case(&provider) || condition.key.is_known() {
            continue;
        }
        let message = format!(
            "the conditions are on :{} of {} and of {}: if these are two issuers, no token matches, since all conditions of a statement have to hold",
            key.claim,
            super::shown(other),
            super::shown(&provider)
        );
        return Some(Finding::new(Code::IssuersLikelyCombined, condition.key.at, message));
    }
    None
}

/// The statement once for each provider; nothing where not all of it is known.
fn each_issuer(statement: &Statement, names: &[&str]) -> Option<String> {
    let principals = match &statement.principals {
        Some(Principals::Of(all)) if names.len() <= MOST_STATEMENTS => all,
        _ => return None,
    };
    let mut all = principals.iter().map(|it| &it.name).chain(&statement.actions);
    let values = || statement.conditions.iter().flat_map(|it| &it.values);
    let keys = || statement.conditions.iter().map(|it| &it.key);
    let is_known = all.all(Text::is_known) && values().chain(keys()).all(Text::is_known);
    let is_plain = is_known
        && !statement.more_conditions
        && statement.not_principals.is_none()
        && statement.not_actions.is_empty()
        && statement.resources.is_empty()
        && statement.not_resources.is_empty();
    if !is_plain {
        return None;
    }
    let effect = match statement.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
        Effect::Unknown => return None,
    };
    let mut statements = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let is_its = |arn: &str| {
            arn.split_once(":oidc-provider/").is_some_and(|(_, it)| it.eq_ignore_ascii_case(name))
        };
        let arns: Vec<&str> = principals
            .iter()
            .filter(|it| it.kind.value == "Federated" && is_its(&it.name.value))
            .map(|it| it.name.as_str())
            .collect();
        let conditions: Vec<&Condition> = statement
            .conditions
            .iter()
            .filter(|it| {
                Key::read(&it.key).is_none_or(|key| bare(key.provider).eq_ignore_ascii_case(name))
            })
            .collect();
        if arns.is_empty() {
            return None;
        }
        let mut members = Vec::new();
        // A Sid may occur only once.
        if let Some(sid) = statement.sid.as_ref().filter(|it| index == 0 && !it.value.is_empty()) {
            members.push(member("Sid", &text(sid.as_str())));
        }
        members.push(member("Effect", &text(effect)));
        members.push(member("Principal", &object(&[member("Federated", &list(&arns))])));
        let actions: Vec<&str> = statement.actions.iter().map(Text::as_str).collect();
        members.push(member("Action", &list(&actions)));
        members.push(member("Condition", &written(&conditions)));
        statements.push(object(&members));
    }
    Some(statements.join(",\n"))
}

/// Conditions as an object of operators.
fn written(conditions: &[&Condition]) -> String {
    let mut operators: Vec<(&str, Vec<String>)> = Vec::new();
    for condition in conditions {
        let values: Vec<&str> = condition.values.iter().map(Text::as_str).collect();
        let key = member(condition.key.as_str(), &list(&values));
        let operator = condition.operator.as_str();
        match operators.iter_mut().find(|(name, _)| *name == operator) {
            Some((_, keys)) => keys.push(key),
            None => operators.push((operator, vec![key])),
        }
    }
    let operators: Vec<String> =
        operators.iter().map(|(name, keys)| member(name, &object(keys))).collect();
    object(&operators)
}

/// Two conditions on one claim, of which the values of one don't pass the other.
fn values(claims: &[OnClaim<'_>]) -> Option<Finding> {
    let mut of_claim: BTreeMap<(&str, &str), Vec<&OnClaim<'_>>> = BTreeMap::new();
    for it in claims {
        of_claim.entry((&it.provider, &it.claim)).or_default().push(it);
    }
    of_claim.values().find_map(|claims| exclusive(claims))
}

/// Conditions on one claim of which no value of the first plain list passes all.
fn exclusive(claims: &[&OnClaim<'_>]) -> Option<Finding> {
    let size = |it: &&OnClaim<'_>| it.condition.values.len();
    let plain = claims.iter().find(|it| is_equals(it) && size(it) > 0)?;
    // Else a token without the claim meets all of them.
    claims.iter().find(|it| it.is_required)?;
    // Long lists would be compared with long lists.
    let work = size(plain).saturating_mul(claims.iter().map(size).sum());
    if claims.len() < 2 || work > MOST_COMPARISONS {
        return None;
    }
    let passes = |value: &Text| {
        let known = Known::Values(vec![value.value.clone()]);
        let holds = |it: &&OnClaim<'_>| {
            let wanted: Vec<&Text> = it.condition.values.iter().collect();
            it.operator.evaluate(&wanted, &known, Variables::Unknown) != Truth::False
        };
        !value.is_known() || claims.iter().all(holds)
    };
    if plain.condition.values.iter().any(passes) {
        return None;
    }
    let last = claims.iter().map(|it| &it.condition.key).max_by_key(|key| key.at)?;
    let message = format!(
        "the conditions on {} exclude each other: all conditions of a statement have to hold, so no token matches; list the values under one operator",
        super::shown(last.as_str())
    );
    let finding = Finding::new(Code::ConditionsExclude, last.at, message);
    Some(match one_operator(claims) {
        Some(fix) => finding.fixed(fix),
        None => finding,
    })
}

fn is_equals(it: &OnClaim<'_>) -> bool {
    it.operator.test == Test::Equals && !it.operator.is_negated()
}

/// The values of all of them, any of which will do.
fn one_operator(claims: &[&OnClaim<'_>]) -> Option<String> {
    let is_text = |it: &&OnClaim<'_>| {
        matches!(it.operator.test, Test::Equals | Test::Like) && !it.operator.is_negated()
    };
    let values = || claims.iter().flat_map(|it| &it.condition.values);
    if !claims.iter().all(is_text) || !values().all(Text::is_known) {
        return None;
    }
    let all_equal = claims.iter().all(|it| is_equals(it));
    let name = if all_equal { "StringEquals" } else { "StringLike" };
    let values: Vec<&str> = values().map(Text::as_str).collect();
    let key = member(claims.first()?.condition.key.as_str(), &list(&values));
    Some(member(name, &object(&[key])))
}
