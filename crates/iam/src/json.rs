//! JSON as people paste it: read to the end whatever is wrong with it, each
//! mistake noted with the text that mends it. Without a mistake it was JSON.

use std::collections::HashSet;
use std::ops::Range;

use super::finding::Code;
use super::node::{Kind, Member, Node};
use super::place::Source;
use super::quotes::{closes, is_double, is_invisible, is_quote, is_single};

/// A mistake in the syntax: what stands in `span` should be `mended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) code: Code,
    pub(super) span: Range<usize>,
    pub(super) mended: String,
}

/// Deeper than any policy or template; keeps the stack small.
pub(super) const DEEPEST: usize = 96;
/// Text with more mistakes than this is not JSON at all.
const MAX_MISTAKES: usize = 500;

pub(super) struct Reader<'a> {
    source: &'a Source,
    next: usize,
    mistakes: Vec<Mistake>,
    depth: usize,
    has_directives: bool,
    /// Nothing behind it was read.
    is_too_deep: bool,
}

/// Reads one value and what follows it.
pub(super) fn read(source: &Source) -> (Node, Vec<Mistake>) {
    let mut reader = Reader::new(source, 0);
    let mut node = reader.value();
    node.fill(source);
    reader.space();
    if reader.next < source.len() {
        let rest = reader.next..source.len();
        reader.mistake(Code::ExtraText, rest, "");
    }
    (node, reader.mistakes)
}

/// Reads one value from `start`; and where it ends.
pub(super) fn read_at(source: &Source, start: usize) -> (Node, Vec<Mistake>, usize) {
    let mut reader = Reader::new(source, start);
    let mut node = reader.value();
    node.fill(source);
    (node, reader.mistakes, reader.next)
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source, next: usize) -> Self {
        let has_directives = source.has_directives();
        Self { source, next, mistakes: Vec::new(), depth: 0, has_directives, is_too_deep: false }
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.next)
    }

    fn mistake(&mut self, code: Code, span: Range<usize>, mended: &str) {
        if self.is_too_deep {
            return;
        }
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push(Mistake { code, span, mended: mended.to_owned() });
        } else {
            // Enough is known; to go on would take time and say nothing new.
            self.next = self.source.len();
        }
    }

    fn node(&self, start: usize, kind: Kind) -> Node {
        Node { at: self.source.at(start), span: start..self.next, kind, tag: None }
    }

    /// White space, and what people take for it.
    fn space(&mut self) {
        while let Some(c) = self.peek() {
            let start = self.next;
            match c {
                ' ' | '\t' | '\r' | '\n' => self.next += 1,
                '/' if matches!(self.source.get(start + 1), Some('/' | '*')) => self.comment(),
                '#' => self.comment(),
                c if c.is_whitespace() || is_invisible(c) => {
                    self.next += 1;
                    self.mistake(
                        Code::OddSpace,
                        start..start + 1,
                        if is_invisible(c) { "" } else { " " },
                    );
                }
                _ => break,
            }
        }
    }

    fn comment(&mut self) {
        let start = self.next;
        let mut end = self.source.line_around(start).end;
        if self.source.get(start + 1) == Some('*') {
            let closes =
                |i: &usize| self.source.get(*i) == Some('*') && self.source.get(i + 1) == Some('/');
            end = (start + 2..self.source.len()).find(closes).map_or(self.source.len(), |i| i + 2);
        }
        self.next = end;
        self.mistake(Code::Comment, start..end, "");
    }

    fn value(&mut self) -> Node {
        self.space();
        let start = self.next;
        let Some(c) = self.peek() else {
            self.mistake(Code::BadJson, start..start, "");
            return self.node(start, Kind::Null);
        };
        if matches!(c, '{' | '[') && self.depth >= DEEPEST {
            self.mistake(Code::NestedTooDeep, start..start, "");
            self.next = self.source.len();
            self.is_too_deep = true;
            return self.node(start, Kind::Null);
        }
        match c {
            '{' => {
                self.depth += 1;
                let node = self.object();
                self.depth -= 1;
                node
            }
            '[' => {
                self.depth += 1;
                let node = self.array();
                self.depth -= 1;
                node
            }
            c if is_quote(c) => self.quoted(),
            ',' | '}' | ']' | ':' => {
                // The value is missing; whoever called goes on with this.
                self.mistake(Code::BadJson, start..start, "\"\"");
                self.node(start, Kind::Null)
            }
            _ => self.bare(),
        }
    }

    fn object(&mut self) -> Node {
        let start = self.next;
        self.next += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut keys: HashSet<String> = HashSet::new();
        let mut comma: Option<usize> = None;
        loop {
            self.space();
            let here = self.next;
            match self.peek() {
                Some('}') => {
                    self.trailing(comma);
                    self.next += 1;
                    break;
                }
                None | Some(']') => {
                    self.mistake(Code::MissingBracket, here..here, "}");
                    break;
                }
                Some(',') => {
                    if comma.is_some() || members.is_empty() {
                        self.mistake(Code::TrailingComma, here..here + 1, "");
                    }
                    comma = Some(here);
                    self.next += 1;
                }
                Some(_) => {
                    if comma.is_none() && !members.is_empty() {
                        self.no_comma(here);
                    }
                    comma = None;
                    self.member(&mut members, &mut keys);
                }
            }
            self.go_on(here);
        }
        self.node(start, Kind::Map(members))
    }

    fn member(&mut self, members: &mut Vec<Member>, keys: &mut HashSet<String>) {
        let start = self.next;
        let Some(key) = self.key() else { return };
        self.space();
        let here = self.next;
        match self.peek() {
            Some(':') => self.next += 1,
            Some('=') => {
                self.mistake(Code::MissingColon, here..here + 1, ":");
                self.next += 1;
            }
            _ => self.mistake(Code::MissingColon, here..here, ":"),
        }
        let value = self.value();
        // Two keys that are written alike become one, unless a directive chooses.
        let written = if self.has_directives { key.clone() } else { self.source.filled(&key).0 };
        if !keys.insert(written) {
            self.mistake(Code::DuplicateKey, start..here, "");
        }
        members.push(Member::new(key, self.source.at(start), value));
    }

    fn key(&mut self) -> Option<String> {
        let start = self.next;
        if !self.peek().is_some_and(is_quote) {
            if let Some(quote) = self.quote_behind_key(start) {
                self.mistake(Code::MissingQuote, start..start, "\"");
                self.next = quote + 1;
                return Some(self.source.text(start..quote));
            }
            let end = self.run_until(start, |c| ":=,{}[]\n\"".contains(c));
            let key = self.source.text(start..end).trim().to_owned();
            self.next = end;
            if key.chars().any(|c| self.source.hole(c).is_some()) {
                return Some(key);
            }
            if key.is_empty() {
                // Nothing that a key could begin with.
                self.next = start + 1;
                self.mistake(Code::BadJson, start..start + 1, "");
                return None;
            }
            self.mistake(Code::MissingQuote, start..end, &format!("\"{key}\""));
            return Some(key);
        }
        let mistakes = self.mistakes.len();
        let node = self.quoted();
        let key = node.text().unwrap_or_default().to_owned();
        // `"Effect: "Allow"`: the key ran on to the quote of its value.
        let name = key.trim_end();
        if let Some(name) = name.strip_suffix(':')
            && !matches!(self.after_space(), Some(':'))
        {
            let colon = start + 1 + name.chars().count();
            self.mistakes.truncate(mistakes);
            self.mistake(Code::MissingQuote, colon..colon, "\"");
            self.next = colon;
            return Some(name.to_owned());
        }
        Some(key)
    }

    /// `Effect": "Allow"`: where the quote is that ends a key without a beginning.
    fn quote_behind_key(&self, start: usize) -> Option<usize> {
        let quote = self.run_until(start, |c| is_double(c) || ",{}[]\n".contains(c));
        self.source.get(quote).filter(|c| is_double(*c))?;
        let behind = (quote + 1..self.source.len()).filter_map(|i| self.source.get(i));
        let next = behind.into_iter().find(|c| !c.is_whitespace());
        (quote > start && next == Some(':')).then_some(quote)
    }

    fn array(&mut self) -> Node {
        let start = self.next;
        self.next += 1;
        let mut items: Vec<Node> = Vec::new();
        let mut comma: Option<usize> = None;
        loop {
            self.space();
            let here = self.next;
            match self.peek() {
                Some(']') => {
                    self.trailing(comma);
                    self.next += 1;
                    break;
                }
                None | Some('}') => {
                    self.mistake(Code::MissingBracket, here..here, "]");
                    break;
                }
                Some(':') => {
                    // A member of an object: the bracket was meant to end before.
                    self.mistake(Code::MissingBracket, here..here, "]");
                    self.next += 1;
                }
                Some(',') => {
                    if comma.is_some() || items.is_empty() {
                        self.mistake(Code::TrailingComma, here..here + 1, "");
                    }
                    comma = Some(here);
                    self.next += 1;
                }
                Some(_) => {
                    if comma.is_none() && !items.is_empty() {
                        self.no_comma(here);
                    }
                    comma = None;
                    let item = self.value();
                    items.push(item);
                }
            }
            self.go_on(here);
        }
        self.node(start, Kind::List(items))
    }

    /// Whatever was read, the next round begins further on.
    fn go_on(&mut self, here: usize) {
        if self.next <= here {
            self.next = here + 1;
            self.mistake(Code::BadJson, here..here + 1, "");
        }
    }

    fn trailing(&mut self, comma: Option<usize>) {
        if let Some(at) = comma {
            self.mistake(Code::TrailingComma, at..at + 1, "");
        }
    }

    /// A comma is missing before `here`: right behind the value before it.
    fn no_comma(&mut self, here: usize) {
        let is_space = |i: &usize| self.source.get(i - 1).is_some_and(char::is_whitespace);
        let mut behind = here;
        while behind > 0 && is_space(&behind) {
            behind -= 1;
        }
        self.mistake(Code::MissingComma, behind..behind, ",");
    }

    /// Text in quotes, whichever they are.
    fn quoted(&mut self) -> Node {
        let start = self.next;
        let open = self.peek().unwrap_or('"');
        self.next += 1;
        let mut text = String::new();
        let single = is_single(open);
        loop {
            let here = self.next;
            match self.peek() {
                None | Some('\n') => return self.unclosed(start, &text),
                Some('\\') => text.push_str(&self.escape()),
                Some(c) if closes(open, c) => {
                    self.next += 1;
                    if open != '"' || c != '"' {
                        let code = if single { Code::SingleQuote } else { Code::CurlyQuote };
                        self.mistake(code, start..start + 1, "\"");
                        self.mistake(code, here..here + 1, "\"");
                    }
                    break;
                }
                Some(c) => {
                    text.push(c);
                    self.next += 1;
                }
            }
        }
        self.node(start, Kind::Text(text))
    }

    /// The line ended before the quote: it was a curly one, or none.
    fn unclosed(&mut self, start: usize, text: &str) -> Node {
        let end = self.next;
        let quote = (start + 1..end).find(|i| self.source.get(*i).is_some_and(is_double));
        if let Some(quote) = quote {
            self.next = quote + 1;
            self.mistake(Code::CurlyQuote, quote..quote + 1, "\"");
            let text = self.source.text(start + 1..quote);
            return self.node(start, Kind::Text(text));
        }
        // Brackets and commas at the end of the line belong to what is around.
        let kept = text.trim_end_matches(|c: char| c.is_whitespace() || ",]}".contains(c));
        let kept = kept.trim_end();
        let behind = start + 1 + kept.chars().count();
        self.next = behind.min(end);
        let at = self.next;
        self.mistake(Code::MissingQuote, at..at, "\"");
        self.node(start, Kind::Text(kept.to_owned()))
    }

    fn escape(&mut self) -> String {
        let start = self.next;
        let c = self.source.get(start + 1);
        self.next = start + 2;
        let simple = match c {
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            _ => None,
        };
        if let Some(c) = simple {
            return c.to_string();
        }
        if c == Some('u') {
            let unit = |at: usize| u16::from_str_radix(&self.source.text(at..at + 4), 16).ok();
            if let Some(first) = unit(start + 2) {
                let pair = self.source.text(start + 6..start + 8) == "\\u";
                let second = unit(start + 8).filter(|_| pair);
                let units = [Some(first), second];
                let is_surrogate = (0xd800..0xdc00).contains(&first);
                let taken = if is_surrogate && second.is_some() { 2 } else { 1 };
                self.next = start + 6 * taken;
                let units: Vec<u16> = units.into_iter().flatten().take(taken).collect();
                return String::from_utf16_lossy(&units);
            }
        }
        self.next = (start + 1).min(self.source.len());
        self.mistake(Code::BadEscape, start..start + 1, "\\\\");
        "\\".to_owned()
    }

    /// A word without quotes: a number, `true`, `false`, `null`, or text whose
    /// quotes are missing.
    fn bare(&mut self) -> Node {
        let start = self.next;
        let end = self.run_until(start, |c| ",{}[]\n".contains(c));
        let raw = self.source.text(start..end);
        let word = raw.trim_end();
        let word_end = start + word.chars().count();
        self.next = word_end.max(start + 1);
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ if word.chars().any(|c| self.source.hole(c).is_some()) => {
                Kind::Unknown(self.source.filled(word).0)
            }
            _ if is_number(word) => Kind::Number(word.to_owned()),
            _ => {
                let text = word.trim_end_matches(is_double);
                self.mistake(Code::MissingQuote, start..word_end, &format!("\"{text}\""));
                Kind::Text(text.to_owned())
            }
        };
        self.node(start, kind)
    }

    fn run_until(&self, start: usize, stop: impl Fn(char) -> bool) -> usize {
        let stops = |i: &usize| self.source.get(*i).is_some_and(&stop);
        (start..self.source.len()).find(stops).unwrap_or(self.source.len())
    }

    fn after_space(&self) -> Option<char> {
        (self.next..self.source.len())
            .filter_map(|i| self.source.get(i))
            .find(|c| !c.is_whitespace())
    }
}

fn is_number(word: &str) -> bool {
    // serde's grammar is JSON's.
    word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(word).is_ok()
}

#[cfg(test)]
mod tests;
