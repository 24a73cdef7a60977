//! Elements of a statement that say nothing, and values whose types differ: what is gone once
//! a policy has been read.

use crate::finding::{Code, Finding};
use crate::kind::statements;
use crate::node::{Kind, Member, Node};
use crate::write::text as quoted;

pub(super) fn findings(policy: &Node) -> Vec<Finding> {
    let all = statements(policy).map(Node::each).unwrap_or_default();
    all.into_iter().flat_map(Node::members).flat_map(of_member).collect()
}

fn of_member(member: &Member) -> Vec<Finding> {
    let Member { key, value, .. } = member;
    match (key.as_str(), &value.kind) {
        ("Sid", Kind::Text(text)) if text.is_empty() => {
            let message = "the Sid is empty: leave it out, or name the statement";
            vec![Finding::new(Code::EmptyValue, value.at, message)]
        }
        ("Principal" | "NotPrincipal", Kind::Map(kinds)) => {
            empty_principal(key, value, kinds).into_iter().collect()
        }
        ("Condition", Kind::Map(operators)) if operators.is_empty() => {
            let message =
                "Condition is empty, so the statement has no condition: leave it out, or write one";
            vec![Finding::new(Code::EmptyValue, value.at, message)]
        }
        ("Condition", Kind::Map(operators)) => operators.iter().flat_map(of_operator).collect(),
        _ => Vec::new(),
    }
}

/// An empty object, or a kind without names.
fn empty_principal(name: &str, value: &Node, kinds: &[Member]) -> Option<Finding> {
    let is_empty = |node: &Node| matches!(&node.kind, Kind::List(items) if items.is_empty());
    let at = if kinds.is_empty() {
        value.at
    } else {
        kinds.iter().find(|it| is_empty(&it.value))?.value.at
    };
    let message =
        format!("{name} is empty, so the statement is about nobody: name who it is about");
    Some(Finding::new(Code::MemberMissing, at, message))
}

fn of_operator(operator: &Member) -> Vec<Finding> {
    let Kind::Map(keys) = &operator.value.kind else { return Vec::new() };
    if keys.is_empty() {
        let message = format!(
            "{} has no condition key, so it is no condition: leave it out, or write one",
            operator.key
        );
        return vec![Finding::new(Code::EmptyValue, operator.value.at, message)];
    }
    keys.iter().flat_map(|key| of_types(&key.value)).collect()
}

/// Texts, numbers and Booleans in one list: those that are no text.
fn of_types(values: &Node) -> Vec<Finding> {
    let kind = |node: &Node| match node.kind {
        Kind::Text(_) | Kind::Open(..) => Some("text"),
        Kind::Number(_) => Some("a number"),
        Kind::Bool(_) => Some("true or false"),
        _ => None,
    };
    let typed = || values.items().iter().filter_map(|it| Some((it, kind(it)?)));
    let first = typed().next().map(|(_, first)| first);
    if typed().all(|(_, it)| Some(it) == first) {
        return Vec::new();
    }
    let told = |(node, kind): (&Node, &str)| {
        let (Kind::Number(_) | Kind::Bool(_)) = node.kind else { return None };
        let message = format!(
            "the values of a condition have to be of one type, and this is {kind}: write all of them as text"
        );
        let finding = Finding::new(Code::WrongType, node.at, message);
        Some(match as_text(node) {
            Some(text) => finding.fixed(quoted(text)),
            None => finding,
        })
    };
    typed().filter_map(told).collect()
}

fn as_text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Number(text) => Some(text),
        Kind::Bool(true) => Some("true"),
        Kind::Bool(false) => Some("false"),
        _ => None,
    }
}
