//! YAML to nodes with their places and tags.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::intrinsic;
use super::node::{Kind, Member, Node};
use super::place::{Position, Source};

/// Why a text is no YAML.
#[derive(Debug)]
pub(super) struct YamlError {
    pub(super) at: Position,
    pub(super) reason: String,
}

/// Aliases can make a small file endless.
const MOST_NODES: usize = 200_000;

/// The documents of a text.
pub(super) fn read(source: &Source) -> Result<Vec<Node>, YamlError> {
    let text = source.text(0..source.len());
    let options = granit_parser::options! { emit_comments: false };
    let mut builder = Builder {
        source,
        events: Parser::new_from_str_with_options(&text, options),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents: Vec<Node> = Vec::new();
    while let Some((event, span)) = builder.next()? {
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => documents.push(builder.node(event, span)?),
        }
    }
    for node in &mut documents {
        node.fill(source);
    }
    Ok(documents)
}

struct Builder<'a, P> {
    source: &'a Source,
    events: P,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'i, P> Builder<'_, P>
where
    P: Iterator<Item = Result<(Event<'i>, Span), granit_parser::ScanError>>,
{
    fn next(&mut self) -> Result<Option<(Event<'i>, Span)>, YamlError> {
        self.events.next().transpose().map_err(|error| YamlError {
            at: self.source.at(error.marker().index()),
            reason: error.info(),
        })
    }

    /// The next event, which the parser owes.
    fn owed(&mut self) -> Result<(Event<'i>, Span), YamlError> {
        self.next()?.ok_or_else(|| YamlError {
            at: self.source.at(self.source.len()),
            reason: "the document ends too early".to_owned(),
        })
    }

    fn node(&mut self, event: Event<'i>, span: Span) -> Result<Node, YamlError> {
        let start = span.start.index();
        let mut range = start..span.end.index();
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(self.too_large(start));
        }
        let anchor = event.anchor_id().unwrap_or_default();
        let tag = event.tag().filter(|tag| tag.is_custom()).map(|tag| tag.suffix().to_owned());
        let kind = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned();
                let Some(node) = node else { return Ok(null(self.source, start)) };
                self.nodes += size(&node);
                if self.nodes > MOST_NODES {
                    return Err(self.too_large(start));
                }
                return Ok(node);
            }
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if text.chars().next().is_some_and(|c| self.source.hole(c).is_some())
                    && text.chars().count() == 1 =>
            {
                Kind::Unknown(self.source.filled(&text).0)
            }
            Event::Scalar(text, style, ..) => scalar(&text, style, tag.is_some()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.owed()? {
                        (Event::SequenceEnd, span) => break range.end = span.end.index(),
                        (event, span) => items.push(self.node(event, span)?),
                    }
                }
                Kind::List(items)
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    match self.owed()? {
                        (Event::MappingEnd, span) => break range.end = span.end.index(),
                        (event, span) => {
                            let key = self.node(event, span)?;
                            let (event, span) = self.owed()?;
                            let value = self.node(event, span)?;
                            let key_at = key.at;
                            let function = intrinsic::function(&key);
                            let key_tag = function.map(|(name, _)| name.to_owned());
                            let member = Member::new(key_text(key), key_at, value);
                            members.push(Member { key_tag, ..member });
                        }
                    }
                }
                Kind::Map(members)
            }
            _ => Kind::Null,
        };
        let node = Node { at: self.source.at(start), span: range, kind, tag };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn too_large(&self, index: usize) -> YamlError {
        let reason = "the document has too many nodes, including those of aliases".to_owned();
        YamlError { at: self.source.at(index), reason }
    }
}

fn null(source: &Source, start: usize) -> Node {
    Node { at: source.at(start), span: start..start, kind: Kind::Null, tag: None }
}

fn size(node: &Node) -> usize {
    1 + node.items().iter().map(size).sum::<usize>()
        + node.members().iter().map(|member| size(&member.value)).sum::<usize>()
}

fn key_text(key: Node) -> String {
    // `? !Join [...]`, `? Fn::Sub: ...`: as text under `Fn::Sub` has it.
    if intrinsic::function(&key).is_some()
        && matches!(key.kind, Kind::List(_) | Kind::Map(_))
        && let Kind::Text(text) | Kind::Open(text, _) = intrinsic::resolve(&key).kind
    {
        return text;
    }
    match key.kind {
        Kind::Text(text) | Kind::Number(text) => text,
        Kind::Bool(value) => value.to_string(),
        _ => String::new(),
    }
}

/// As YAML's core schema reads it. A tagged scalar is text.
fn scalar(text: &str, style: ScalarStyle, tagged: bool) -> Kind {
    if style != ScalarStyle::Plain || tagged {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ if text.parse::<f64>().is_ok()
            && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) =>
        {
            Kind::Number(text.to_owned())
        }
        _ => Kind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_places_and_tags() {
        let source = Source::new(
            "a: !Sub\n  - |\n    {\n      \"k\": 1}\n  - b: &x [1, y]\nc: *x\r\nd: !GetAtt R.Arn\n",
        );
        let documents = read(&source).expect("good YAML");
        let root = &documents[0];
        let sub = root.get("a").expect("a");
        assert_eq!(sub.tag.as_deref(), Some("Sub"));
        let block = &sub.items()[0];
        assert_eq!(block.text(), Some("{\n  \"k\": 1}\n"));
        let inner = source.embedded(block.span.clone(), block.text().unwrap_or_default());
        let key = (0..inner.len()).find(|i| inner.get(*i) == Some('k')).expect("k");
        assert_eq!(inner.at(key), Position { line: 4, column: 8 });
        assert_eq!(root.get("c").map(|c| c.items().len()), Some(2));
        let last = root.get("d").expect("d");
        assert_eq!(
            (last.at, last.tag.as_deref()),
            (Position { line: 7, column: 12 }, Some("GetAtt"))
        );
    }

    #[test]
    fn names_the_place_of_an_error() {
        let error = read(&Source::new("a: 1\nb: [1, 2\nc: 3\n")).expect_err("an open list");
        assert!(error.at.line >= 2, "{error:?}");
    }

    #[test]
    fn does_not_follow_aliases_without_end() {
        let mut text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for i in 1..12 {
            let inner = vec![format!("*a{}", i - 1); 10].join(",");
            text = format!("{text}a{i}: &a{i} [{inner}]\n");
        }
        assert!(read(&Source::new(&text)).is_err());
    }
}
