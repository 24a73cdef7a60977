//! What names stand for whose values are in the file: locals, and providers.

use std::cell::Cell;
use std::collections::HashMap;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::structure::{BlockLabel, Body, Structure};

use super::expression::Reader;
use crate::node::{Kind, Node};
use crate::provider::name_of_issuer;

/// The resource that is an OpenID Connect provider.
const PROVIDER: &str = "aws_iam_openid_connect_provider";

/// Locals whose values name locals, and so on: no further.
const DEEPEST: usize = 4;

/// All values that names stand for are no larger than this, each time that they stand there, and
/// neither are the expressions that they come of: a local may name another twice, which names
/// another twice, ...; and a function may make little of much.
const LARGEST: usize = 1 << 20;

pub(super) struct Names<'a> {
    /// Nothing for one that is defined twice.
    locals: HashMap<&'a str, Option<&'a Expression>>,
    /// The URLs of providers.
    urls: HashMap<&'a str, Option<&'a Expression>>,
    depth: Cell<usize>,
    left: Cell<usize>,
}

impl<'a> Names<'a> {
    pub(super) fn of(body: &'a Body) -> Self {
        let mut names = Self {
            locals: HashMap::new(),
            urls: HashMap::new(),
            depth: Cell::new(0),
            left: Cell::new(LARGEST),
        };
        for block in body.blocks() {
            let labels: Vec<&str> = block.labels.iter().map(BlockLabel::as_str).collect();
            match (block.ident.as_str(), labels.as_slice()) {
                ("locals", []) => {
                    for local in block.body.attributes() {
                        add(&mut names.locals, local.key.as_str(), &local.value);
                    }
                }
                ("resource", [PROVIDER, name]) => {
                    let url = block.body.iter().find_map(|it| match it {
                        Structure::Attribute(url) if url.key.as_str() == "url" => Some(&url.value),
                        _ => None,
                    });
                    // Of one for each of several, nobody knows which is meant.
                    let is_one = !block.body.has_attribute("for_each");
                    if let Some(url) = url.filter(|_| is_one) {
                        add(&mut names.urls, name, url);
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// Its value, where it is in the file: of a local, or the ARN of a provider.
    pub(super) fn value(&self, reader: &Reader<'a>, traversal: &Traversal) -> Option<Node> {
        match path(traversal)?.as_slice() {
            ["local", name, rest @ ..] => {
                let value = self.evaluate(reader, (*self.locals.get(name)?)?)?;
                let inner = rest.iter().try_fold(&value, |value, key| value.get(key))?;
                Some(inner.clone())
            }
            [PROVIDER, name, "arn" | "id"] => {
                let url = self.evaluate(reader, (*self.urls.get(name)?)?)?;
                Some(Node { kind: arn(&url)?, ..url })
            }
            _ => None,
        }
    }

    /// The same in a text or as an argument, where the URL of a provider is known as well. AWS
    /// tells it without its scheme.
    pub(super) fn part(&self, reader: &Reader<'a>, traversal: &Traversal) -> Option<Node> {
        if let [PROVIDER, name, "url"] = path(traversal)?.as_slice() {
            let url = self.evaluate(reader, (*self.urls.get(name)?)?)?;
            let kind = match &url.kind {
                Kind::Text(text) => Kind::Text(name_of_issuer(text).to_owned()),
                _ => return None,
            };
            return Some(Node { kind, ..url });
        }
        self.value(reader, traversal)
    }

    fn evaluate(&self, reader: &Reader<'a>, expression: &Expression) -> Option<Node> {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return None;
        }
        let written = expression.span().map_or(0, |it| it.len());
        self.charge(written)?;
        self.depth.set(depth + 1);
        let node = reader.expression(expression);
        self.depth.set(depth);
        // Of what is written there, most is in the value.
        self.charge(size(&node).saturating_sub(written))?;
        // Not the name of something else.
        (!matches!(node.kind, Kind::Unknown(_))).then_some(node)
    }
}

impl Names<'_> {
    /// Nothing where too much was done already.
    fn charge(&self, cost: usize) -> Option<()> {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.unwrap_or(0));
        left.filter(|left| *left > 0).map(drop)
    }
}

fn add<'a>(
    all: &mut HashMap<&'a str, Option<&'a Expression>>,
    name: &'a str,
    value: &'a Expression,
) {
    all.entry(name).and_modify(|it| *it = None).or_insert(Some(value));
}

/// `local.a.b`, `local.a["b"]`; an index by number counts for nothing.
fn path(traversal: &Traversal) -> Option<Vec<&str>> {
    let Expression::Variable(root) = &traversal.expr else { return None };
    let mut path = vec![root.as_str()];
    for operator in &traversal.operators {
        match operator.value() {
            TraversalOperator::GetAttr(name) => path.push(name.as_str()),
            TraversalOperator::Index(Expression::String(name)) => path.push(name.value()),
            TraversalOperator::Index(Expression::Number(_)) | TraversalOperator::LegacyIndex(_)
                if path[0] == PROVIDER => {}
            _ => return None,
        }
    }
    Some(path)
}

/// The ARN of the provider of a URL.
fn arn(url: &Node) -> Option<Kind> {
    let Kind::Text(url) = &url.kind else { return None };
    let name = url.strip_prefix("https://")?;
    let (partition, account) = (
        "${data.aws_partition.current.partition}",
        "${data.aws_caller_identity.current.account_id}",
    );
    let text = format!("arn:{partition}:iam::{account}:oidc-provider/{name}");
    let unknown = [partition, account].into_iter().filter_map(|part| {
        let start = text.find(part)?;
        Some(start..start + part.len())
    });
    let unknown = unknown.collect();
    Some(Kind::Open(text, unknown))
}

fn size(node: &Node) -> usize {
    let inner: usize = match &node.kind {
        Kind::Number(text) | Kind::Text(text) | Kind::Open(text, _) | Kind::Unknown(text) => {
            text.len()
        }
        Kind::List(items) | Kind::Either(items) => items.iter().map(size).sum(),
        Kind::Map(members) => members.iter().map(|it| it.key.len() + size(&it.value)).sum(),
        Kind::Null | Kind::Bool(_) => 0,
    };
    inner + 16
}
