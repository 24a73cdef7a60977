//! JSON as people paste it: read to the end whatever is wrong with it, each
//! slip noted with the text that mends it. Without a slip it was JSON.

use std::ops::Range;

use super::finding::Code;
use super::node::{Kind, Member, Node};
use super::place::Source;

/// A slip in the syntax: what stands in `span` should be `mended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) code: Code,
    pub(super) span: Range<usize>,
    pub(super) mended: String,
}

/// Deeper than any policy or template; keeps the stack small.
const DEEPEST: usize = 96;
/// Text with more slips than this is not JSON at all.
const MOST_SLIPS: usize = 500;

pub(super) struct Reader<'a> {
    source: &'a Source,
    next: usize,
    slips: Vec<Slip>,
    depth: usize,
}

/// Reads one value and what follows it.
pub(super) fn read(source: &Source) -> (Node, Vec<Slip>) {
    let mut reader = Reader::new(source, 0);
    let node = reader.value();
    reader.space();
    if reader.next < source.len() {
        let rest = reader.next..source.len();
        reader.slip(Code::ExtraText, rest, "");
    }
    (node, reader.slips)
}

/// Reads one value from `start`; and where it ends.
pub(super) fn read_at(source: &Source, start: usize) -> (Node, Vec<Slip>, usize) {
    let mut reader = Reader::new(source, start);
    let node = reader.value();
    (node, reader.slips, reader.next)
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source, next: usize) -> Self {
        Self { source, next, slips: Vec::new(), depth: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.next)
    }

    fn slip(&mut self, code: Code, span: Range<usize>, mended: &str) {
        if self.slips.len() < MOST_SLIPS {
            self.slips.push(Slip { code, span, mended: mended.to_owned() });
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
                    self.slip(
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
        self.slip(Code::Comment, start..end, "");
    }

    fn value(&mut self) -> Node {
        self.space();
        let start = self.next;
        let Some(c) = self.peek() else {
            self.slip(Code::BadJson, start..start, "");
            return self.node(start, Kind::Null);
        };
        if self.depth >= DEEPEST {
            self.next = self.source.len();
            self.slip(Code::BadJson, start..start, "");
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
                self.slip(Code::BadJson, start..start, "\"\"");
                self.node(start, Kind::Null)
            }
            _ => self.bare(),
        }
    }

    fn object(&mut self) -> Node {
        let start = self.next;
        self.next += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut comma: Option<usize> = None;
        loop {
            self.space();
            let here = self.next;
            match self.peek() {
                None => {
                    self.slip(Code::MissingBracket, here..here, "}");
                    break;
                }
                Some('}') => {
                    self.trailing(comma);
                    self.next += 1;
                    break;
                }
                Some(']') => {
                    self.slip(Code::MissingBracket, here..here, "}");
                    break;
                }
                Some(',') => {
                    if comma.is_some() || members.is_empty() {
                        self.slip(Code::TrailingComma, here..here + 1, "");
                    }
                    comma = Some(here);
                    self.next += 1;
                }
                Some(_) => {
                    if comma.is_none() && !members.is_empty() {
                        self.no_comma(here);
                    }
                    comma = None;
                    self.member(&mut members);
                }
            }
            self.go_on(here);
        }
        self.node(start, Kind::Map(members))
    }

    fn member(&mut self, members: &mut Vec<Member>) {
        let start = self.next;
        let key = match self.value_as_key() {
            Some(key) => key,
            None => return,
        };
        self.space();
        let here = self.next;
        match self.peek() {
            Some(':') => self.next += 1,
            Some('=') => {
                self.slip(Code::MissingColon, here..here + 1, ":");
                self.next += 1;
            }
            _ => self.slip(Code::MissingColon, here..here, ":"),
        }
        let value = self.value();
        if members.iter().any(|member| member.key == key) {
            self.slip(Code::DuplicateKey, start..here, "");
        }
        members.push(Member { key, key_at: self.source.at(start), value });
    }

    fn value_as_key(&mut self) -> Option<String> {
        let start = self.next;
        if !self.peek().is_some_and(is_quote) {
            let end = self.run_until(start, |c| ":=,{}[]\n\"".contains(c));
            let key = self.source.text(start..end).trim().to_owned();
            self.next = end;
            if key.is_empty() {
                // Nothing that a key could begin with.
                self.next = start + 1;
                self.slip(Code::BadJson, start..start + 1, "");
                return None;
            }
            self.slip(Code::MissingQuote, start..end, &format!("\"{key}\""));
            return Some(key);
        }
        let slips = self.slips.len();
        let node = self.quoted();
        let key = node.text().unwrap_or_default().to_owned();
        // `"Effect: "Allow"`: the key ran on to the quote of its value.
        let name = key.trim_end();
        if let Some(name) = name.strip_suffix(':')
            && !matches!(self.after_space(), Some(':'))
        {
            let colon = start + 1 + name.chars().count();
            self.slips.truncate(slips);
            self.slip(Code::MissingQuote, colon..colon, "\"");
            self.next = colon;
            return Some(name.to_owned());
        }
        Some(key)
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
                None => {
                    self.slip(Code::MissingBracket, here..here, "]");
                    break;
                }
                Some(']') => {
                    self.trailing(comma);
                    self.next += 1;
                    break;
                }
                Some('}') => {
                    self.slip(Code::MissingBracket, here..here, "]");
                    break;
                }
                Some(':') => {
                    // A member of an object: the bracket was meant to end before.
                    self.slip(Code::MissingBracket, here..here, "]");
                    self.next += 1;
                }
                Some(',') => {
                    if comma.is_some() || items.is_empty() {
                        self.slip(Code::TrailingComma, here..here + 1, "");
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
            self.slip(Code::BadJson, here..here + 1, "");
        }
    }

    fn trailing(&mut self, comma: Option<usize>) {
        if let Some(at) = comma {
            self.slip(Code::TrailingComma, at..at + 1, "");
        }
    }

    /// A comma is missing before `here`: right behind the value before it.
    fn no_comma(&mut self, here: usize) {
        let is_space = |i: &usize| self.source.get(i - 1).is_some_and(char::is_whitespace);
        let mut behind = here;
        while behind > 0 && is_space(&behind) {
            behind -= 1;
        }
        self.slip(Code::MissingComma, behind..behind, ",");
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
                        self.slip(code, start..start + 1, "\"");
                        self.slip(code, here..here + 1, "\"");
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
            self.slip(Code::CurlyQuote, quote..quote + 1, "\"");
            let text = self.source.text(start + 1..quote);
            return self.node(start, Kind::Text(text));
        }
        // Brackets and commas at the end of the line belong to what is around.
        let kept = text.trim_end_matches(|c: char| c.is_whitespace() || ",]}".contains(c));
        let kept = kept.trim_end();
        let behind = start + 1 + kept.chars().count();
        self.next = behind.min(end);
        let at = self.next;
        self.slip(Code::MissingQuote, at..at, "\"");
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
        self.slip(Code::BadEscape, start..start + 1, "\\\\");
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
            _ if is_number(word) => Kind::Number(word.to_owned()),
            _ => {
                let text = word.trim_end_matches(is_double);
                self.slip(Code::MissingQuote, start..word_end, &format!("\"{text}\""));
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

fn is_double(c: char) -> bool {
    matches!(
        c,
        '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{2036}' | '\u{ff02}'
    )
}

fn is_single(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201b}' | '`' | '\u{2032}')
}

fn is_quote(c: char) -> bool {
    is_double(c) || is_single(c)
}

/// Whether `c` ends text that `open` began. Text in straight quotes may hold
/// others; text in curly ones ends at the first, as whoever typed it meant.
fn closes(open: char, c: char) -> bool {
    if open == '"' {
        c == '"'
    } else if is_single(open) {
        is_single(c)
    } else {
        is_double(c)
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slips(text: &str) -> Vec<Slip> {
        read(&Source::new(text)).1
    }

    fn codes(text: &str) -> Vec<Code> {
        slips(text).iter().map(|slip| slip.code).collect()
    }

    /// The text with all slips mended, from the last to the first.
    fn mended(text: &str) -> String {
        let mut slips = slips(text);
        slips.sort_by_key(|slip| std::cmp::Reverse(slip.span.start));
        let mut chars: Vec<char> = text.chars().collect();
        for slip in slips {
            chars.splice(slip.span, slip.mended.chars());
        }
        chars.into_iter().collect()
    }

    #[test]
    fn reads_good_json_as_serde_does() {
        for text in [
            r#"{"a": [1, -2.5e3, true, false, null, "x\"\\\/\n\u00e9\ud83d\ude00"], "b": {}}"#,
            "[]",
            " \"\" ",
            "{\"curly in text\": \"\u{201c}quoted\u{201d} \u{2013} it's\"}",
        ] {
            let (node, slips) = read(&Source::new(text));
            assert_eq!(slips, [], "{text}");
            let wanted: serde_json::Value = serde_json::from_str(text).expect("good JSON");
            assert_eq!(node.to_value(), wanted, "{text}");
        }
    }

    #[test]
    fn names_a_slip_and_mends_it() {
        for (text, code, wanted) in [
            ("{\u{201c}a\u{201d}: 1}", Code::CurlyQuote, r#"{"a": 1}"#),
            ("{\"a\": \"x\u{201d}\n}", Code::CurlyQuote, "{\"a\": \"x\"\n}"),
            ("{'a': 1}", Code::SingleQuote, r#"{"a": 1}"#),
            ("{\"a\":\u{a0}1}", Code::OddSpace, r#"{"a": 1}"#),
            ("{\"a\": 1,}", Code::TrailingComma, r#"{"a": 1}"#),
            ("[1, 2,\n]", Code::TrailingComma, "[1, 2\n]"),
            ("{\"a\": 1\n \"b\": 2}", Code::MissingComma, "{\"a\": 1,\n \"b\": 2}"),
            ("[\"a\" \"b\"]", Code::MissingComma, "[\"a\", \"b\"]"),
            ("{\"a\": \"x,\n\"b\": 1}", Code::MissingQuote, "{\"a\": \"x\",\n\"b\": 1}"),
            ("{\"a: \"x\"}", Code::MissingQuote, "{\"a\": \"x\"}"),
            ("{\"a\": x\"}", Code::MissingQuote, "{\"a\": \"x\"}"),
            ("{a: 1}", Code::MissingQuote, "{\"a\": 1}"),
            ("{\"a\": [\"x]\n}", Code::MissingQuote, "{\"a\": [\"x\"]\n}"),
            ("{\"a\" 1}", Code::MissingColon, "{\"a\" :1}"),
            ("{\"a\": 1", Code::MissingBracket, "{\"a\": 1}"),
            ("{\"a\": [1}", Code::MissingBracket, "{\"a\": [1]}"),
            ("{\"a\": 1} // why", Code::Comment, "{\"a\": 1} "),
            ("{\"a\": 1} more", Code::ExtraText, "{\"a\": 1} "),
            ("{\"a\": \"\\d\"}", Code::BadEscape, "{\"a\": \"\\\\d\"}"),
        ] {
            assert!(codes(text).iter().all(|found| *found == code), "{text}: {:?}", slips(text));
            assert!(!codes(text).is_empty(), "{text}");
            let mended = mended(text);
            assert_eq!(mended, wanted, "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(&mended).is_ok(), "{mended}");
        }
    }

    #[test]
    fn names_a_key_that_stands_twice() {
        assert_eq!(codes(r#"{"a": 1, "a": 2}"#), [Code::DuplicateKey]);
    }

    #[test]
    fn ends_on_text_that_is_nothing_like_json() {
        for text in
            ["", "{", "]", "::::", "{{{{", "{,,,:", "\\", "\"\\", "\"\\u12", "{\"a\":\"\\ud800\"}"]
        {
            let _ = slips(text);
        }
        let _ = slips(&"[".repeat(10_000));
        let _ = slips(&"}:,".repeat(10_000));
    }
}
