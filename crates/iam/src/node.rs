//! A document of JSON or YAML with the places of its parts, members in order.

use std::ops::Range;

use super::place::{Position, Source};

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    /// Where it stands in its [`super::place::Source`].
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// `!Sub` and its like, without the mark.
    pub(super) tag: Option<String>,
}

/// The parts of a text that are not known here, as ranges of bytes.
pub(super) type Unknown = Vec<Range<usize>>;

/// Of a text of which nothing is known.
pub(super) fn all_of(text: &str) -> Unknown {
    let all = 0..text.len();
    std::iter::once(all).collect()
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    /// Text as it is written, with the parts that only CloudFormation, Terraform or whoever
    /// fills in a template knows: `${Issuer}:sub`.
    Open(String, Unknown),
    /// A value of which not even the type is known here: how it is written.
    Unknown(String),
    /// One of these, or nothing at all: `Fn::If`, `? :`.
    Either(Vec<Node>),
    List(Vec<Node>),
    Map(Vec<Member>),
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    /// The parts of the key that are not known here.
    pub(super) key_unknown: Unknown,
    pub(super) key_at: Position,
    /// What makes of the key more than text, which CloudFormation does not allow: `!Sub`.
    pub(super) key_tag: Option<String>,
    pub(super) value: Node,
}

impl Member {
    pub(super) fn new(key: impl Into<String>, key_at: Position, value: Node) -> Self {
        Self { key: key.into(), key_unknown: Vec::new(), key_at, key_tag: None, value }
    }

    /// From now on, nothing of its key is known.
    pub(super) fn forget_key(&mut self) {
        self.key_unknown = all_of(&self.key);
    }

    /// `Fn::Transform`, `Fn::ForEach`, ... and `merge()`: in their place come members.
    pub(super) fn adds_more(&self) -> bool {
        self.key.starts_with("Fn::") || (self.key.is_empty() && self.value.is_unknown())
    }
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// By a path of keys.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Map(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; nothing where it is none.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The items of a list, or the value itself; with everything that a choice leaves open.
    pub(super) fn each(&self) -> Vec<&Node> {
        let mut all = Vec::new();
        self.add_each(&mut all);
        all
    }

    fn add_each<'a>(&'a self, all: &mut Vec<&'a Node>) {
        match &self.kind {
            Kind::List(items) => {
                for item in items {
                    match &item.kind {
                        Kind::Either(choices) => choices.iter().for_each(|it| it.add_each(all)),
                        _ => all.push(item),
                    }
                }
            }
            Kind::Either(choices) => choices.iter().for_each(|choice| choice.add_each(all)),
            _ => all.push(self),
        }
    }

    /// Whether it may be anything, or one of several.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown(_) | Kind::Either(_))
    }

    /// Whether there may be more members or items than those that are here.
    pub(super) fn may_have_more(&self) -> bool {
        match &self.kind {
            Kind::Map(members) => members.iter().any(Member::adds_more),
            Kind::List(items) => items.iter().any(Node::is_unknown),
            Kind::Unknown(_) | Kind::Either(_) => true,
            _ => false,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    /// What it is, in a word.
    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) | Kind::Open(..) => "text",
            Kind::Unknown(_) | Kind::Either(_) => "a value that is not known here",
            Kind::List(_) => "a list",
            Kind::Map(_) => "an object",
        }
    }

    /// With what stood there for each character that stands for something.
    pub(super) fn fill(&mut self, source: &Source) {
        if !source.has_holes() {
            return;
        }
        match &mut self.kind {
            Kind::Text(text) => {
                let (text, unknown) = source.filled(text);
                if !unknown.is_empty() {
                    self.kind = Kind::Open(text, unknown);
                }
            }
            Kind::List(items) | Kind::Either(items) => {
                for item in items {
                    item.fill(source);
                }
            }
            Kind::Map(members) => {
                for member in members {
                    (member.key, member.key_unknown) = source.filled(&member.key);
                    member.value.fill(source);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Open(..) | Kind::Unknown(_) => {}
        }
    }

    /// As serde's value, to compare.
    #[cfg(test)]
    pub(super) fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            Kind::Text(text) | Kind::Open(text, _) | Kind::Unknown(text) => {
                Value::String(text.clone())
            }
            Kind::Either(items) | Kind::List(items) => items.iter().map(Node::to_value).collect(),
            Kind::Map(members) => {
                members.iter().map(|member| (member.key.clone(), member.value.to_value())).collect()
            }
        }
    }
}

/// The document inside a text value, URL-encoded or not. What is not known of the text
/// stands in it as a hole.
pub(super) fn inner_source(source: &Source, node: &Node, text: &str) -> Source {
    let inner = source.embedded(node.span.clone(), text);
    if let Kind::Open(text, unknown) = &node.kind {
        // Counted on from part to part: a text may be long and full of them.
        let mut counted = (0, 0);
        let mut count = |bytes: usize| {
            counted = (bytes, counted.1 + chars_between(text, counted.0, bytes));
            counted.1
        };
        let parts: Vec<Range<usize>> =
            unknown.iter().map(|part| count(part.start)..count(part.end)).collect();
        return inner.with_holes(&parts).unwrap_or(inner);
    }
    if text.trim_start().starts_with("%7B") || text.trim_start().starts_with("%7b") {
        inner.percent_decoded()
    } else {
        inner
    }
}

fn chars_between(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(0, |between| between.chars().count())
}
