//! Pages of Markdown: their blocks of code.

use std::ops::Range;

use super::place::Source;

/// A block between fences, without them and their indentation.
#[derive(Debug)]
pub(super) struct Block {
    /// In lower case; empty where the fence names none.
    pub(super) language: String,
    pub(super) source: Source,
    /// Where it stands in the page.
    pub(super) range: Range<usize>,
    /// It shows that something is left out: `...` on a line of its own.
    pub(super) is_abridged: bool,
}

/// A line of at least three backticks or tildes.
struct Fence {
    mark: char,
    length: usize,
    indent: usize,
    rest: String,
}

impl Fence {
    fn of(line: &str) -> Option<Self> {
        let body = line.trim_start_matches([' ', '\t', '>']);
        let indent = line.chars().count() - body.chars().count();
        let mark = body.chars().next().filter(|c| *c == '`' || *c == '~')?;
        let length = body.chars().take_while(|c| *c == mark).count();
        let rest = body[length..].trim().to_owned();
        (length >= 3 && !rest.contains('`')).then_some(Self { mark, length, indent, rest })
    }

    fn closes(&self, open: &Self) -> bool {
        self.mark == open.mark && self.length >= open.length && self.rest.is_empty()
    }

    /// ```` ```yaml title="x" ````, ```` ```{.json} ````
    fn language(&self) -> String {
        let word = self.rest.trim_start_matches(['{', '.', ' ']);
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(word.len());
        word[..end].to_ascii_lowercase()
    }
}

/// Whether it has a block of code.
pub(super) fn looks_like(source: &Source) -> bool {
    let fences =
        source.lines().into_iter().filter(|line| Fence::of(&source.text(line.clone())).is_some());
    fences.take(2).count() == 2
}

/// The blocks of code, in order. One that does not end is none.
pub(super) fn blocks(source: &Source) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(Fence, Vec<Range<usize>>)> = None;
    for line in source.lines() {
        let fence = Fence::of(&source.text(line.clone()));
        match (&mut open, fence) {
            (None, Some(fence)) => open = Some((fence, Vec::new())),
            (None, None) => {}
            (Some((fence, lines)), Some(close)) if close.closes(fence) => {
                found.push(block(source, fence, lines));
                open = None;
            }
            (Some((_, lines)), _) => lines.push(line),
        }
    }
    found
}

fn block(source: &Source, fence: &Fence, lines: &[Range<usize>]) -> Block {
    let is_indent = |c: Option<char>| matches!(c, Some(' ' | '\t' | '>'));
    let dedented = lines.iter().map(|line| {
        let most = (line.start + fence.indent).min(line.end);
        let start = (line.start..most).find(|i| !is_indent(source.get(*i))).unwrap_or(most);
        // With the line's end.
        start..(line.end + 1).min(source.len())
    });
    let is_abridged = lines.iter().any(|line| {
        let text = source.text(line.clone());
        let text = text.trim_matches(|c: char| c.is_whitespace() || "#/,[]{}<>-".contains(c));
        matches!(text, "..." | "\u{2026}" | "....")
    });
    let range = match (lines.first(), lines.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        _ => 0..0,
    };
    let source = source.parts(&dedented.collect::<Vec<_>>());
    Block { language: fence.language(), source, range, is_abridged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Position;

    #[test]
    fn finds_blocks_with_their_places() {
        let page = "---\ntags: [a]\n---\n# T\n\n- item\n\n  ```yaml title=\"x\"\n  a:\n    b: c\n  ```\n~~~\n```\n~~~\n``` json\n{\n...\n}\n```\n```\nopen\n";
        let source = Source::new(page);
        let found = blocks(&source);
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.language.as_str(), it.source.text(0..it.source.len()), it.is_abridged))
            .collect();
        assert_eq!(
            shown,
            [
                ("yaml", "a:\n  b: c\n".to_owned(), false),
                ("", "```\n".to_owned(), false),
                ("json", "{\n...\n}\n".to_owned(), true),
            ]
        );
        assert_eq!(found[0].source.at(0), Position { line: 9, column: 3 });
    }
}
