//! Expressions, as far as their value stands in the file.

use std::collections::HashMap;
use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::expr::{Conditional, Expression, FuncCall, Object, ObjectKey};
use hcl_edit::structure::Body;
use hcl_edit::template::{Element, Template};

use super::names::Names;
use crate::node::{Kind, Member, Node, Unknown, all_of};
use crate::place::{Position, Source};

/// More of an expression is not shown.
const SHOWN: usize = 120;

/// No function makes a longer text: some have texts that grow with each of them.
const LONGEST: usize = 4096;

pub(super) struct Reader<'a> {
    source: &'a Source,
    text: &'a str,
    /// The characters before each byte, where they are not as many.
    chars: Option<Vec<usize>>,
    names: Names<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, text: &'a str, body: &'a Body) -> Self {
        let count = || {
            let mut chars = Vec::with_capacity(text.len() + 1);
            for (index, c) in text.chars().enumerate() {
                chars.resize(chars.len() + c.len_utf8(), index);
            }
            chars
        };
        let chars = (!text.is_ascii()).then(count);
        Self { source, text, chars, names: Names::of(body) }
    }

    fn char_index(&self, byte: usize) -> usize {
        match &self.chars {
            Some(chars) => chars.get(byte).copied().unwrap_or(self.source.len()),
            None => byte,
        }
    }

    fn bytes(of: &impl Span) -> Range<usize> {
        of.span().unwrap_or_default()
    }

    pub(super) fn at(&self, of: &impl Span) -> Position {
        self.source.at(self.char_index(Self::bytes(of).start))
    }

    pub(super) fn node(&self, of: &impl Span, kind: Kind) -> Node {
        let bytes = Self::bytes(of);
        let span = self.char_index(bytes.start)..self.char_index(bytes.end);
        Node { at: self.source.at(span.start), span, kind, tag: None }
    }

    /// As it is written.
    fn written(&self, of: &impl Span) -> &'a str {
        self.text.get(Self::bytes(of)).unwrap_or_default()
    }

    pub(super) fn expression(&self, expression: &Expression) -> Node {
        let kind = match expression {
            Expression::Null(_) => Kind::Null,
            Expression::Bool(value) => Kind::Bool(*value.value()),
            Expression::Number(_) => Kind::Number(self.written(expression).to_owned()),
            Expression::String(text) => Kind::Text(text.value().clone()),
            Expression::StringTemplate(template) => self.template(template),
            // What is in it has its places by what is written.
            Expression::HeredocTemplate(heredoc) => self.filled(&heredoc.template, false),
            Expression::Traversal(traversal) => {
                if let Some(value) = self.names.value(self, traversal) {
                    return value;
                }
                self.unknown(expression)
            }
            Expression::Array(array) => {
                Kind::List(array.iter().map(|item| self.expression(item)).collect())
            }
            Expression::Object(object) => self.object(object),
            Expression::Parenthesis(inner) => return self.expression(inner.inner()),
            Expression::Conditional(conditional) => self.conditional(conditional),
            Expression::FuncCall(call) => return self.call(expression, call),
            // As many of these as the list has items.
            Expression::ForExpr(each) if each.key_expr.is_none() => {
                Kind::List(vec![self.one_of(expression, vec![self.expression(&each.value_expr)])])
            }
            _ => self.unknown(expression),
        };
        self.node(expression, kind)
    }

    fn one_of(&self, of: &impl Span, choices: Vec<Node>) -> Node {
        self.node(of, Kind::Either(choices))
    }

    fn unknown(&self, of: &impl Span) -> Kind {
        let written = self.written(of);
        Kind::Unknown(written[..written.floor_char_boundary(SHOWN)].to_owned())
    }

    fn conditional(&self, conditional: &Conditional) -> Kind {
        let choices = [&conditional.true_expr, &conditional.false_expr];
        let choices = choices.into_iter().map(|choice| self.expression(choice));
        // `null` leaves an attribute out.
        Kind::Either(choices.filter(|choice| !matches!(choice.kind, Kind::Null)).collect())
    }

    fn object(&self, object: &Object) -> Kind {
        let members = object.iter().map(|(key, value)| {
            let value = self.expression(value.expr());
            let (text, key_unknown) = match key {
                ObjectKey::Ident(ident) => (ident.as_str().to_owned(), Vec::new()),
                ObjectKey::Expression(key) => match self.expression(key).kind {
                    Kind::Text(text) | Kind::Number(text) => (text, Vec::new()),
                    Kind::Open(text, unknown) => (text, unknown),
                    _ => {
                        let written = self.written(key);
                        (written.to_owned(), all_of(written))
                    }
                },
            };
            let key_at = self.at(key);
            Member { key_unknown, ..Member::new(text, key_at, value) }
        });
        Kind::Map(members.collect())
    }

    /// Text with what is put into it, as it is written there. `"${x}"` alone is x itself.
    fn template(&self, template: &Template) -> Kind {
        self.filled(template, true)
    }

    fn filled(&self, template: &Template, with_names: bool) -> Kind {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.expression(&only.expr).kind;
        }
        let mut text = String::new();
        let mut unknown: Unknown = Vec::new();
        for element in template {
            let known = match element {
                Element::Interpolation(it) if with_names => self.part(&it.expr),
                _ => None,
            };
            if let Element::Literal(literal) = element {
                text.push_str(literal.value());
            } else if let Some(known) = known {
                text.push_str(&known);
            } else {
                let start = text.len();
                text.push_str(self.written(element));
                unknown.push(start..text.len());
            }
        }
        if unknown.is_empty() { Kind::Text(text) } else { Kind::Open(text, unknown) }
    }

    /// The text of a part of another, where it is known.
    fn part(&self, expression: &Expression) -> Option<String> {
        let node = match expression {
            Expression::Traversal(traversal) => self.names.part(self, traversal)?,
            other => self.expression(other),
        };
        match node.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Functions whose result is their arguments, in another form.
    fn call(&self, of: &Expression, call: &FuncCall) -> Node {
        let arguments: Vec<&Expression> = call.args.iter().collect();
        let name = if call.name.is_namespaced() { "" } else { call.name.name.as_str() };
        let kind = match (name, arguments.as_slice()) {
            (
                "jsonencode" | "yamlencode" | "jsondecode" | "yamldecode" | "tolist" | "toset"
                | "tomap" | "tostring" | "trimspace" | "chomp" | "sensitive" | "nonsensitive"
                | "compact" | "distinct" | "sort" | "reverse",
                [only],
            ) => return self.expression(only),
            ("concat" | "setunion" | "flatten", lists) => {
                let items = lists.iter().flat_map(|list| self.items(list));
                Kind::List(items.flat_map(spliced).collect())
            }
            ("merge", maps) if !call.args.expand_final() => self.merged(maps),
            ("join", [between, parts]) => self.joined(of, between, parts),
            ("replace", [of_what, Expression::String(from), Expression::String(to)])
                // Between slashes stands a regular expression.
                if !from.value().starts_with('/')
                    && !from.value().is_empty()
                    && to.value().len() <= LONGEST =>
            {
                self.changed(of, of_what, |text| text.replace(from.value().as_str(), to.value()))
            }
            ("trimprefix", [of_what, Expression::String(start)]) => {
                let start = start.value().as_str();
                self.changed(of, of_what, |it| it.strip_prefix(start).unwrap_or(it).to_owned())
            }
            ("trimsuffix", [of_what, Expression::String(end)]) => {
                let end = end.value().as_str();
                self.changed(of, of_what, |it| it.strip_suffix(end).unwrap_or(it).to_owned())
            }
            ("format", [Expression::String(format), values @ ..]) => {
                let values = values.iter().map(|value| match self.part(value) {
                    Some(known) => Value::Known(known),
                    None => Value::Written(self.written(*value)),
                });
                formatted(format.value(), &values.collect::<Vec<_>>())
            }
            _ => self.unknown(of),
        };
        self.node(of, kind)
    }

    fn changed(&self, of: &Expression, text: &Expression, change: impl Fn(&str) -> String) -> Kind {
        let known = self.part(text).filter(|text| text.len() <= LONGEST).map(|text| change(&text));
        let known = known.filter(|text| text.len() <= LONGEST);
        known.map_or_else(|| self.unknown(of), Kind::Text)
    }

    fn items(&self, list: &Expression) -> Vec<Node> {
        let node = self.expression(list);
        match node.kind {
            Kind::List(items) => items,
            _ => vec![node],
        }
    }

    /// The members of all; of those with the same key the last. Those of what is not known
    /// stand behind a key without a name.
    fn merged(&self, maps: &[&Expression]) -> Kind {
        let mut merged: Vec<Option<Member>> = Vec::new();
        // Where the members of a key are.
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for map in maps {
            let node = self.expression(map);
            if let Kind::Map(members) = node.kind {
                for member in &members {
                    for earlier in places.remove(&member.key).unwrap_or_default() {
                        merged[earlier] = None;
                    }
                }
                for member in members {
                    places.entry(member.key.clone()).or_default().push(merged.len());
                    merged.push(Some(member));
                }
            } else {
                let unknown = Node { kind: self.unknown(*map), ..node };
                merged.push(Some(Member::new("", unknown.at, unknown)));
            }
        }
        Kind::Map(merged.into_iter().flatten().collect())
    }

    fn joined(&self, of: &Expression, between: &Expression, parts: &Expression) -> Kind {
        let (Expression::String(between), Kind::List(parts)) =
            (between, self.expression(parts).kind)
        else {
            return self.unknown(of);
        };
        let mut text = String::new();
        let mut unknown: Unknown = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push_str(between.value());
            }
            let start = text.len();
            match &part.kind {
                Kind::Text(part) | Kind::Number(part) => text.push_str(part),
                Kind::Open(part, open) => {
                    text.push_str(part);
                    unknown.extend(open.iter().map(|it| it.start + start..it.end + start));
                }
                // A list in the list, or one that may be missing.
                Kind::Unknown(part) => {
                    text.extend(["${", part, "}"]);
                    unknown.push(start..text.len());
                }
                _ => return self.unknown(of),
            }
        }
        if unknown.is_empty() { Kind::Text(text) } else { Kind::Open(text, unknown) }
    }
}

/// What `format` puts in.
enum Value<'a> {
    Known(String),
    Written(&'a str),
}

fn spliced(node: Node) -> Vec<Node> {
    match node.kind {
        Kind::List(items) => items,
        _ => vec![node],
    }
}

/// `format("arn:aws:s3:::%s/*", ...)`: what is put in and not known stands there as it would
/// in a template.
fn formatted(format: &str, values: &[Value]) -> Kind {
    let mut text = String::new();
    let mut unknown: Unknown = Vec::new();
    let mut rest = format;
    let mut values = values.iter();
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(behind) = after.strip_prefix('%') {
            text.push('%');
            rest = behind;
            continue;
        }
        let start = text.len();
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |end| end + 1);
        let is_plain = matches!(&after[..end], "s" | "v");
        rest = &after[end..];
        match values.next().filter(|_| end == 1) {
            Some(Value::Known(value)) if is_plain => {
                text.push_str(value);
                continue;
            }
            Some(Value::Known(value)) => text.push_str(value),
            Some(Value::Written(value)) => text.extend(["${", value, "}"]),
            None => text.extend(["%", &after[..end]]),
        }
        unknown.push(start..text.len());
    }
    text.push_str(rest);
    if unknown.is_empty() { Kind::Text(text) } else { Kind::Open(text, unknown) }
}
