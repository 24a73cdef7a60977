//! CloudFormation's functions, replaced by what is known of their results.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use std::collections::HashMap;

use super::node::{Kind, Member, Node, Unknown};

/// Stands in an unknown value for what has no name.
pub(super) const NAMELESS: &str = "${?}";

/// The document with CloudFormation's functions resolved as far as their results are known:
/// text, text with unknown parts, one of several, or unknown. Other documents stay as they are.
pub(super) fn resolve(node: &Node) -> Node {
    Resolver { loops: Vec::new(), providers: providers(node) }.node(node)
}

/// What a template's OpenID Connect providers are called, and the ARN of each as far as it is
/// known. They are in the same account and partition as the stack.
fn providers(template: &Node) -> HashMap<&str, Kind> {
    let of = |member: &'_ Member| {
        let is_one = member.value.get("Type")?.text()? == "AWS::IAM::OIDCProvider";
        let url = member.value.find(&["Properties", "Url"]).filter(|_| is_one)?;
        // A function of its own: `!Sub`.
        let url = match function(url) {
            Some(("Sub", text)) => substituted(text.text()?),
            Some(_) => return None,
            None => url.kind.clone(),
        };
        let (name, mut unknown) = match url {
            Kind::Text(url) => (url.strip_prefix("https://")?.to_owned(), Unknown::new()),
            Kind::Open(url, unknown) => {
                let name = url.strip_prefix("https://")?;
                let before = url.len() - name.len();
                let moved = unknown.iter().map(|it| it.start - before..it.end - before);
                (name.to_owned(), moved.collect())
            }
            _ => return None,
        };
        let start = format!("arn:{PARTITION}:iam::{ACCOUNT}:oidc-provider/");
        for part in &mut unknown {
            *part = part.start + start.len()..part.end + start.len();
        }
        for part in [ACCOUNT, PARTITION] {
            let at = start.find(part)?;
            unknown.insert(0, at..at + part.len());
        }
        Some(Kind::Open(start + &name, unknown))
    };
    let resources = template.get("Resources").map(Node::members).unwrap_or_default();
    resources.iter().filter_map(|it| Some((it.key.as_str(), of(it)?))).collect()
}

const PARTITION: &str = "${AWS::Partition}";
const ACCOUNT: &str = "${AWS::AccountId}";

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
    /// The template's providers, by their names in it.
    providers: HashMap<&'a str, Kind>,
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
        let named = |name: &str| self.named(name);
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
            ("Sub", []) => argument.text().map_or_else(unknown, |text| self.substituted(text)),
            ("Sub", [text, given @ ..]) => {
                let Some(text) = text.text() else { return Some(unknown()) };
                match given.first().map(|given| self.node(given)) {
                    Some(given) => given_to(text, &given),
                    None => self.substituted(text),
                }
            }
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

    /// What a name of the template stands for.
    fn named(&self, name: &str) -> Kind {
        let logical = name.strip_suffix(".Arn").unwrap_or(name);
        let provider = self.providers.get(logical);
        provider.cloned().unwrap_or_else(|| Kind::Unknown(format!("${{{name}}}")))
    }

    fn substituted(&self, text: &str) -> Kind {
        let only = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
        match only.filter(|name| self.providers.contains_key(name.trim_end_matches(".Arn"))) {
            Some(name) => self.named(name),
            None => substituted(text),
        }
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

/// Of a longer text, nothing is filled in: one value may stand in it many times.
const LONGEST: usize = 1 << 16;

/// `Fn::Sub` with values of its own for some names.
fn given_to(text: &str, given: &Node) -> Kind {
    let open = substituted(text);
    let Kind::Open(written, unknown) = &open else { return open };
    // Of a document, the places would no longer be its own.
    if text.contains('\n') {
        return open;
    }
    let given: HashMap<&str, &Kind> =
        given.members().iter().map(|it| (it.key.as_str(), &it.value.kind)).collect();
    let (mut filled, mut still, mut next) = (String::new(), Unknown::new(), 0);
    for part in unknown {
        filled.push_str(written.get(next..part.start).unwrap_or_default());
        next = part.end;
        let shown = written.get(part.clone()).unwrap_or_default();
        let name = shown.trim_start_matches("${").trim_end_matches('}');
        let start = filled.len();
        if start > LONGEST {
            return open;
        }
        match given.get(name) {
            Some(Kind::Text(text) | Kind::Number(text)) => filled.push_str(text),
            Some(Kind::Open(text, unknown)) => {
                filled.push_str(text);
                still.extend(unknown.iter().map(|it| it.start + start..it.end + start));
            }
            _ => {
                filled.push_str(shown);
                still.push(start..filled.len());
            }
        }
    }
    filled.push_str(written.get(next..).unwrap_or_default());
    if still.is_empty() { Kind::Text(filled) } else { Kind::Open(filled, still) }
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
