//! CloudFormation: names that a template uses and does not have.

use std::collections::BTreeSet;

use crate::finding::{Code, Finding};
use crate::near::nearest;
use crate::node::{Member, Node};
use crate::place::Position;

/// Names that are used, and nowhere to be found.
pub(super) fn references(root: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    // Macros, modules and loops make resources whose names only AWS knows.
    let names = |section: &str| root.get(section).map(Node::members).unwrap_or_default();
    let is_open = root.get("Transform").is_some()
        || names("Resources").iter().any(|Member { key, value, .. }| {
            let kind = value.get("Type").and_then(Node::text).unwrap_or_default();
            key.starts_with("Fn::") || kind.ends_with("::MODULE")
        });
    if is_open {
        return found;
    }
    let resources: Vec<&str> = names("Resources").iter().map(|m| m.key.as_str()).collect();
    let is_resource: BTreeSet<&str> = resources.iter().copied().collect();
    let parameters = names("Parameters").iter().map(|m| m.key.as_str());
    let known: BTreeSet<&str> = is_resource.iter().copied().chain(parameters).collect();
    let known: Vec<&str> = known.into_iter().collect();
    for resource in names("Resources") {
        let depends = resource.value.get("DependsOn").map(Node::each).unwrap_or_default();
        for name in depends {
            if let Some(text) = name.text()
                && !is_resource.contains(text)
            {
                found.push(depends_on(text, name.at, &resources));
            }
        }
    }
    for section in ["Resources", "Outputs"] {
        if let Some(node) = root.get(section) {
            uses(node, &known, &mut found);
        }
    }
    found
}

pub(super) fn depends_on(name: &str, at: Position, resources: &[&str]) -> Finding {
    let shown = match resources.get(..12) {
        Some(some) => some.join(", ") + ", ...",
        None => resources.join(", "),
    };
    let message = format!(
        "DependsOn names {name:?}, which is not a resource of the template ({shown}): CloudFormation rejects it"
    );
    let finding = Finding::new(Code::UnknownReference, at, message);
    match nearest(name, resources) {
        Some(meant) => finding.fixed(format!("DependsOn: {meant}")),
        None => finding,
    }
}

/// `known` is sorted.
fn uses(node: &Node, known: &[&str], found: &mut Vec<Finding>) {
    let function = node.tag.as_deref().map(|tag| (tag, node)).or_else(|| match node.members() {
        [only] => Some((only.key.strip_prefix("Fn::").unwrap_or(&only.key), &only.value)),
        _ => None,
    });
    match function {
        Some(("Ref", argument)) => {
            if let Some(name) = argument.text() {
                missing("Ref", name, argument.at, known, found);
            }
        }
        Some(("GetAtt", argument)) => {
            let first = argument.items().first().unwrap_or(argument).text().unwrap_or_default();
            missing(
                "GetAtt",
                first.split('.').next().unwrap_or_default(),
                argument.at,
                known,
                found,
            );
        }
        Some(("Sub", argument)) => {
            let own: Vec<&str> = match argument.items() {
                [_, values] => values.members().iter().map(|member| member.key.as_str()).collect(),
                _ => Vec::new(),
            };
            let first = argument.items().first().unwrap_or(argument);
            for name in placeholders(first.text().unwrap_or_default()) {
                let name = name.split('.').next().unwrap_or_default();
                if !own.contains(&name) {
                    missing("Sub", name, first.at, known, found);
                }
            }
        }
        _ => {}
    }
    node.items().iter().for_each(|item| uses(item, known, found));
    node.members().iter().for_each(|member| uses(&member.value, known, found));
}

fn missing(function: &str, name: &str, at: Position, known: &[&str], found: &mut Vec<Finding>) {
    if name.is_empty()
        || name.starts_with("AWS::")
        || name.contains("${")
        || known.binary_search(&name).is_ok()
    {
        return;
    }
    let message = format!(
        "{function} names {name:?}, which is not a resource or parameter of the template: CloudFormation rejects it"
    );
    let finding = Finding::new(Code::UnknownReference, at, message);
    found.push(match nearest(name, known) {
        Some(meant) => finding.fixed(meant),
        None => finding,
    });
}

/// The names in `${}`; `${!x}` is text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('!'))
}
