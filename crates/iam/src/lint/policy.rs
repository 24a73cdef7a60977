//! One policy: its shape, its texts, and what its kind asks for.

use std::collections::BTreeSet;

use super::probe::Denials;
use super::{
    actions, arns, broad, conditions, contradictions, elements, permissions, principal_names,
    resource_arns, shown, sts, trust, variables,
};
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::kind::PolicyKind;
use crate::node::{Kind, Node};
use crate::place::Position;
use crate::policy::{Condition, Policy, Principals, Statement, Text};
use crate::reader;
use crate::write::{list, member, object, text as quoted};

/// `account` is that of the role, where it is known.
pub(super) fn findings(node: &Node, kind: PolicyKind, account: Option<&str>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut node = node.clone();
    // Corrected first: a Version with wrong dashes would be reported twice.
    mend_dashes(&mut node, &mut found);
    let (policy, shape) = reader::read(&node, kind);
    found.extend(shape);
    for text in texts(&policy) {
        if let Some(finding) = arns::check(text) {
            found.push(finding);
        }
    }
    let denials = Denials::of(&policy);
    found.extend(elements::findings(&node));
    let has_no_version = node.get("Version").is_none() && !node.may_have_more();
    let is_old = policy.version.as_ref().map_or(has_no_version, |it| it.value == "2008-10-17");
    found.extend(variables::findings(&policy, is_old));
    // What others may have told already, with more.
    let mut also = Vec::new();
    for statement in &policy.statements {
        match kind {
            PolicyKind::Trust => {
                found.extend(trust::findings(&denials, statement));
                found.extend(account.into_iter().flat_map(|it| trust::of_others(statement, it)));
            }
            PolicyKind::Permissions => {
                found.extend(permissions::no_arns(statement));
                found.extend(permissions::findings(statement));
                found.extend(broad::permissions(statement));
            }
            // Those of some services have resources of their own making.
            PolicyKind::Resource => {
                found.extend(permissions::findings(statement));
                found.extend(broad::everybody_else(statement));
            }
        }
        found.extend(resource_arns::findings(statement));
        found.extend(broad::services(statement));
        found.extend(principal_names::findings(statement));
        found.extend(actions::findings(statement));
        found.extend(wildcards(statement));
        found.extend(contradictions::findings(statement));
        also.extend(conditions::findings(statement));
    }
    if kind == PolicyKind::Trust {
        found.extend(actions::without_tags(&policy));
        also.extend(sts::of_trust(&policy));
    }
    also.extend(sts::keys(&policy, kind == PolicyKind::Trust));
    found.extend(untold(&found, also));
    // Who fills it in may well see to the rest.
    if found.iter().any(|finding| finding.code == Code::Placeholder) {
        found.retain(|finding| finding.code != Code::AudienceNotTested);
    }
    found
}

/// Those of which nothing is told at the same place: of a claim without its provider, of a key
/// that a pod's call has not, and of `NotAction` that leaves out what a pod calls.
fn untold(found: &[Finding], also: Vec<Finding>) -> Vec<Finding> {
    let told: BTreeSet<(Code, Position)> = found.iter().map(|it| (it.code, it.at)).collect();
    let is_untold = |it: &Finding| match it.code {
        Code::ConditionKey | Code::KeyNotInCall => !told.contains(&(it.code, it.at)),
        Code::BroadAction => !told.contains(&(Code::WrongAction, it.at)),
        _ => true,
    };
    also.into_iter().filter(is_untold).collect()
}

/// The text with hyphens for the dashes that word processors make of them.
pub(super) fn straight(text: &str) -> String {
    text.chars().map(|c| if is_odd_dash(c) { '-' } else { c }).collect()
}

fn is_odd_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn mend_dashes(node: &mut Node, found: &mut Vec<Finding>) {
    let mut mend = |text: &mut String, at| {
        if text.contains(is_odd_dash) {
            let mended = straight(text);
            let message = format!(
                "{} contains a dash instead of a hyphen (-), probably copied from a web page or a word processor",
                shown(text)
            );
            found.push(Finding::new(Code::OddDash, at, message).fixed(quoted(&mended)));
            *text = mended;
        }
    };
    match &mut node.kind {
        Kind::Text(text) => mend(text, node.at),
        Kind::List(items) => items.iter_mut().for_each(|item| mend_dashes(item, found)),
        Kind::Map(members) => {
            for member in members {
                mend_dashes(&mut member.value, found);
                if member.key.contains(is_odd_dash) {
                    member.key = straight(&member.key);
                }
            }
        }
        Kind::Either(items) => items.iter_mut().for_each(|item| mend_dashes(item, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Open(..) | Kind::Unknown(_) => {}
    }
}

/// Every text in which names of AWS may stand.
fn texts(policy: &Policy) -> impl Iterator<Item = &Text> {
    policy.statements.iter().flat_map(|statement| {
        let principals = [&statement.principals, &statement.not_principals];
        let principals = principals.into_iter().flatten().flat_map(|principals| match principals {
            Principals::Of(all) => all.as_slice(),
            Principals::Any(_) | Principals::Unknown(_) => &[],
        });
        let conditions = statement
            .conditions
            .iter()
            .flat_map(|condition| std::iter::once(&condition.key).chain(&condition.values));
        principals
            .map(|principal| &principal.name)
            .chain(&statement.resources)
            .chain(&statement.not_resources)
            .chain(conditions)
    })
}

/// `*` in keys that are no claims: literal, and rarely meant to be.
fn wildcards(statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    for condition in &statement.conditions {
        let Condition { operator, key, values } = condition;
        // A claim's key begins with a host, and is reported with its claim.
        let service = key.value.split(':').next().unwrap_or_default();
        let is_claim = !key.is_known() || service.contains(['.', '/']);
        let is_equals = Operator::parse(operator.as_str()).is_ok_and(|it| it.test == Test::Equals);
        let is_literal = |value: &&Text| value.known().replace("${*}", "").contains('*');
        if is_claim || !is_equals {
            continue;
        }
        let Some(value) = values.iter().find(is_literal) else { continue };
        let like = operator.value.replacen("Equals", "Like", 1);
        let message = format!(
            "{operator} compares * literally; wildcards need {like}",
            operator = operator.value
        );
        let values: Vec<&str> = values.iter().map(Text::as_str).collect();
        let fix = member(&like, &object(&[member(key.as_str(), &list(&values))]));
        found.push(Finding::new(Code::WildcardLiteral, value.at, message).fixed(fix));
    }
    found
}
