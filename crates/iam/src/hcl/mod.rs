//! Terraform's language to nodes: what stands in the file is known, everything else is not.

mod expression;
mod guard;
mod names;

use hcl_edit::parser::parse_body;
use hcl_edit::structure::{Block, BlockLabel, Body, Structure};

use super::node::{Kind, Member, Node};
use super::place::{Position, Source};
use expression::Reader;

/// Why a text is no HCL.
#[derive(Debug)]
pub(super) struct HclError {
    pub(super) at: Position,
    pub(super) reason: String,
}

/// Words that begin the blocks of Terraform's files.
const BLOCKS: [&str; 12] = [
    "resource",
    "data",
    "module",
    "locals",
    "variable",
    "output",
    "provider",
    "terraform",
    "moved",
    "import",
    "removed",
    "check",
];

/// Whether a line of it begins one of Terraform's blocks.
pub(super) fn looks_like(source: &Source) -> bool {
    source.lines().into_iter().any(|line| begins_block(&source.text(line)))
}

/// Whether that is what comes first, behind comments.
pub(super) fn begins_with(source: &Source) -> bool {
    let lines = source.lines().into_iter().map(|line| source.text(line));
    let is_text =
        |line: &String| !line.trim().is_empty() && !line.starts_with(['#', '/', '*', ' ']);
    lines.into_iter().find(is_text).is_some_and(|line| begins_block(&line))
}

fn begins_block(line: &str) -> bool {
    let word = line.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
    let rest = line[word.len()..].trim();
    BLOCKS.contains(&word)
        && (rest.starts_with('{') || (rest.starts_with('"') && rest.contains('{')))
}

/// The configuration as an object: of each kind of block, by its labels, its attributes and
/// blocks. A block that occurs twice is two members of the same name.
pub(super) fn read(source: &Source) -> Result<Node, HclError> {
    guard::check(source).map_err(|(at, reason)| HclError { at, reason })?;
    let text = source.text(0..source.len());
    let body = parse_body(&text).map_err(|error| {
        let place = error.location();
        // Its own place in the text; the text may be part of a file.
        let before = text.get(..place.offset()).unwrap_or(&text).chars().count();
        HclError { at: source.at(before), reason: error.message().to_owned() }
    })?;
    Ok(object(&Reader::new(source, &text, &body), &body))
}

fn object(reader: &Reader<'_>, body: &Body) -> Node {
    let members = body.iter().map(|structure| match structure {
        Structure::Attribute(attribute) => Member::new(
            attribute.key.as_str(),
            reader.at(&attribute.key),
            reader.expression(&attribute.value),
        ),
        Structure::Block(block) => member(reader, block),
    });
    reader.node(body, Kind::Map(members.collect()))
}

fn member(reader: &Reader<'_>, block: &Block) -> Member {
    let (key, at) = (block.ident.as_str(), reader.at(&block.ident));
    let labels: Vec<&str> = block.labels.iter().map(BlockLabel::as_str).collect();
    let body = Node { at, ..object(reader, &block.body) };
    // As many of these as there are items in a list that is not known.
    if let ("dynamic", [name]) = (key, labels.as_slice()) {
        let content: Vec<Node> = body.get("content").cloned().into_iter().collect();
        return Member::new(*name, at, Node { kind: Kind::Either(content), ..body });
    }
    let labelled = labels.iter().rev().fold(body, |inner, label| {
        let Node { at, span, .. } = inner.clone();
        Node { at, span, kind: Kind::Map(vec![Member::new(*label, at, inner)]), tag: None }
    });
    Member::new(key, at, labelled)
}

#[cfg(test)]
mod tests;
