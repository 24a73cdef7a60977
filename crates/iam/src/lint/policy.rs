//! One policy: its shape, its texts, and what its kind asks for.

use super::{arns, permissions, trust};
use crate::finding::{Code, Finding};
use crate::near::nearest;
use crate::node::{Kind, Node};
use crate::policy::{Policy, Principals, Text};
use crate::reader::{self, PolicyKind};

pub(super) fn findings(node: &Node, kind: PolicyKind) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut node = node.clone();
    // Mended first: a Version with dashes that are none would be told twice.
    mend_dashes(&mut node, &mut found);
    let (policy, shape) = reader::read(&node, kind);
    found.extend(shape);
    for text in texts(&policy) {
        if let Some(finding) = arns::check(text) {
            found.push(finding);
        }
    }
    for statement in &policy.statements {
        match kind {
            PolicyKind::Trust => found.extend(trust::findings(statement)),
            PolicyKind::Permissions => {
                found.extend(permissions::no_arns(statement));
                found.extend(permissions::findings(statement));
            }
            // Those of some services have resources of their own making.
            PolicyKind::Resource => found.extend(permissions::findings(statement)),
        }
        found.extend(actions(statement));
    }
    found
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
                "{text:?} contains a dash instead of a hyphen (-), probably copied from a web page or a word processor"
            );
            found.push(Finding::new(Code::OddDash, at, message).fixed(format!("{mended:?}")));
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

fn actions(statement: &crate::policy::Statement) -> Vec<Finding> {
    const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";
    let mut found = Vec::new();
    for action in statement.actions.iter().chain(&statement.not_actions) {
        let name = action.as_str();
        if !action.is_known() || name == "*" {
            continue;
        }
        if name.contains(char::is_whitespace) {
            let message = format!("{name:?} contains white space, so it names no action");
            let fix = format!("{:?}", name.replace(char::is_whitespace, ""));
            found.push(Finding::new(Code::BadAction, action.at, message).fixed(fix));
        } else if !name.contains(':') {
            let message =
                format!("{name:?} is not an action; write SERVICE:NAME, such as {WEB_IDENTITY}");
            let finding = Finding::new(Code::BadAction, action.at, message);
            let meant = name.replacen('.', ":", 1);
            found.push(if meant.contains(':') {
                finding.fixed(format!("{meant:?}"))
            } else {
                finding
            });
        } else if let Some(meant) = nearest(name, &[WEB_IDENTITY])
            && !name.eq_ignore_ascii_case(meant)
        {
            let message = format!("{name:?} is not an action of STS; did you mean {meant}?");
            found.push(
                Finding::new(Code::BadAction, action.at, message).fixed(format!("{meant:?}")),
            );
        }
    }
    found
}
