//! CloudFormation's functions, replaced by what is known of their results.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use super::node::{Kind, Member, Node, Unknown};

/// Stands in an unknown value for what has no name.
pub(super) const NAMELESS: &str = "${?}";

/// The document with CloudFormation's functions resolved as far as their results are known:
/// text, text with unknown parts, one of several, or unknown. Other documents stay as they are.
pub(super) fn resolve(node: &Node) -> Node {
    Resolver { loops: Vec::new() }.node(node)
}

/// The parts of text under `Fn::Sub` that CloudFormation fills in. `${!x}` is `${x}` to IAM.
pub(super) fn substituted(text: &str) -> Kind {
    let mut filled = String::with_capacity(text.len());
    let mut unknown: Unknown = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        let start = filled.len();
        if let Some(literal) = name.strip_prefix('!') {
            filled.extend(["${", literal, "}"]);
        } else {
            filled.extend(["${", name, "}"]);
            unknown.push(start..filled.len());
        }
        rest = behind;
    }
    filled.push_str(rest);
    if unknown.is_empty() { Kind::Text(filled) } else { Kind::Open(filled, unknown) }
}

/// Text that stood under `Fn::Sub`, by its look: it names parameters of CloudFormation's own.
pub(super) fn looks_substituted(node: &Node) -> bool {
    node.text().is_some_and(|text| text.contains("${AWS::"))
        || node.items().iter().any(looks_substituted)
        || node
            .members()
            .iter()
            .any(|member| member.key.contains("${AWS::") || looks_substituted(&member.value))
}

/// The same document with `${}` in all its texts as `Fn::Sub` reads it.
pub(super) fn substitute(node: &mut Node) {
    match &mut node.kind {
        Kind::Text(text) => node.kind = substituted(text),
        Kind::List(items) => items.iter_mut().for_each(substitute),
        Kind::Map(members) => {
            for member in members {
                if let Kind::Open(key, unknown) = substituted(&member.key) {
                    (member.key, member.key_unknown) = (key, unknown);
                }
                substitute(&mut member.value);
            }
        }
        _ => {}
    }
}

struct Resolver<'a> {
    /// The names that `Fn::ForEach` around has, as they are written in what it repeats.
    loops: Vec<&'a str>,
}

impl<'a> Resolver<'a> {
    fn node(&mut self, node: &'a Node) -> Node {
        self.present(node).unwrap_or_else(|| Node { kind: Kind::Null, tag: None, ..node.clone() })
    }

    /// Nothing for `AWS::NoValue`.
    fn present(&mut self, node: &'a Node) -> Option<Node> {
        let kind = match function(node) {
            Some((name, argument)) => self.function(name, argument)?,
            None => self.contents(node),
        };
        // `Fn::Sub` of a block: what is in it keeps its place.
        let of = match function(node) {
            Some(("Sub", argument)) => argument.items().first().unwrap_or(argument),
            _ => node,
        };
        Some(Node { at: of.at, span: of.span.clone(), kind, tag: None })
    }

    fn contents(&mut self, node: &'a Node) -> Kind {
        match &node.kind {
            Kind::List(items) => Kind::List(self.list(items)),
            Kind::Either(items) => Kind::Either(self.list(items)),
            Kind::Map(members) => self.map(members),
            Kind::Text(text) if !self.loops.is_empty() => self.looped(text),
            other => other.clone(),
        }
    }

    fn list(&mut self, items: &'a [Node]) -> Vec<Node> {
        items.iter().filter_map(|item| self.present(item)).collect()
    }

    fn map(&mut self, members: &'a [Member]) -> Kind {
        let mut resolved = Vec::with_capacity(members.len());
        for member in members {
            let looped = match (member.key.starts_with("Fn::ForEach::"), member.value.items()) {
                (true, [name, ..]) => name.text(),
                _ => None,
            };
            self.loops.extend(looped);
            let (key, key_unknown) = match self.looped(&member.key) {
                Kind::Open(key, unknown) => (key, unknown),
                _ => (member.key.clone(), member.key_unknown.clone()),
            };
            if let Some(value) = self.present(&member.value) {
                let key_tag = member.key_tag.clone();
                resolved.push(Member { key, key_unknown, key_at: member.key_at, key_tag, value });
            }
            if looped.is_some() {
                self.loops.pop();
            }
        }
        Kind::Map(resolved)
    }

    /// Text in a loop: `${Name}` and `&{Name}` are the loop's, without `Fn::Sub` too.
    fn looped(&self, text: &str) -> Kind {
        let mut unknown: Unknown = Vec::new();
        let mut next = 0;
        while let Some(start) = text[next..].find(['$', '&']).map(|found| next + found) {
            next = start + 1;
            let name = text[next..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
            if let Some((name, _)) = name
                && self.loops.contains(&name)
            {
                next = start + name.len() + 3;
                unknown.push(start..next);
            }
        }
        let text = text.to_owned();
        if unknown.is_empty() { Kind::Text(text) } else { Kind::Open(text, unknown) }
    }

    fn function(&mut self, name: &str, argument: &'a Node) -> Option<Kind> {
        let named = |name: &str| Kind::Unknown(format!("${{{name}}}"));
        Some(match (name, argument.items()) {
            ("Ref", _) => match argument.text() {
                Some("AWS::NoValue") => return None,
                Some(name) => named(name),
                None => unknown(),
            },
            ("GetAtt", []) => argument.text().map_or_else(unknown, named),
            ("GetAtt", parts) => {
                let parts: Vec<_> = parts.iter().filter_map(Node::text).collect();
                named(&parts.join("."))
            }
            ("Sub", []) => argument.text().map_or_else(unknown, substituted),
            ("Sub", [text, ..]) => text.text().map_or_else(unknown, substituted),
            ("Join", [between, parts]) => self.join(between, parts),
            ("If", [_, choices @ ..]) => Kind::Either(self.list(choices)),
            ("Select", [index, list]) => {
                let index = match &index.kind {
                    Kind::Number(text) | Kind::Text(text) => text.parse::<usize>().ok(),
                    _ => None,
                };
                let chosen = index.and_then(|index| self.node(list).items().get(index).cloned());
                chosen.map_or_else(unknown, |chosen| chosen.kind)
            }
            // A document as text.
            ("ToJsonString", _) if argument.tag.as_deref() == Some(name) => self.contents(argument),
            ("ToJsonString", _) => self.node(argument).kind,
            _ => unknown(),
        })
    }

    fn join(&mut self, between: &'a Node, parts: &'a Node) -> Kind {
        let (Some(between), Kind::List(parts)) = (between.text(), self.node(parts).kind) else {
            return unknown();
        };
        let mut text = String::new();
        let mut open: Unknown = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push_str(between);
            }
            let start = text.len();
            match &part.kind {
                Kind::Text(part) | Kind::Number(part) => text.push_str(part),
                Kind::Open(part, unknown) => {
                    text.push_str(part);
                    open.extend(unknown.iter().map(|it| it.start + start..it.end + start));
                }
                other => {
                    let shown = if let Kind::Unknown(shown) = other { shown } else { NAMELESS };
                    text.push_str(shown);
                    open.push(start..text.len());
                }
            }
        }
        if open.is_empty() { Kind::Text(text) } else { Kind::Open(text, open) }
    }
}

fn unknown() -> Kind {
    Kind::Unknown(NAMELESS.to_owned())
}

/// The name of the function that a value is, and its argument.
pub(super) fn function(node: &Node) -> Option<(&str, &Node)> {
    if let Some(tag) = &node.tag {
        return Some((tag, node));
    }
    match node.members() {
        [only] if only.key == "Ref" => Some(("Ref", &only.value)),
        [only] if only.key.starts_with("Fn::ForEach::") => None,
        [only] => only.key.strip_prefix("Fn::").map(|name| (name, &only.value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
