//! Where a character stands in the file that the user sees.

use std::fmt;
use std::ops::Range;

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in its line, from 1.
    pub column: usize,
}

/// Text of which every character knows its place. A document that is embedded
/// in another (JSON in a YAML block, in a JSON string) keeps the places of
/// the outer file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    chars: Vec<char>,
    places: Vec<Position>,
    end: Position,
    /// What stood where there is a character of [`HOLES`] now.
    holes: Vec<String>,
}

/// Characters that stand for what somebody else puts there. No file has one: they are of the
/// last plane, which is for private use.
const HOLES: std::ops::RangeInclusive<u32> = 0x10_0000..=0x10_fffd;

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut chars = Vec::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len());
        let mut next = Position::START;
        for c in text.chars() {
            chars.push(c);
            places.push(next);
            if c == '\n' {
                next = Position { line: next.line + 1, column: 1 };
            } else {
                next.column += 1;
            }
        }
        Self { chars, places, end: next, holes: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<char> {
        self.chars.get(index).copied()
    }

    pub(super) fn at(&self, index: usize) -> Position {
        self.places.get(index).copied().unwrap_or(self.end)
    }

    pub(super) fn text(&self, range: Range<usize>) -> String {
        self.chars.get(range).map(|chars| chars.iter().collect()).unwrap_or_default()
    }

    /// These parts behind each other, each character with its place.
    pub(super) fn parts(&self, parts: &[Range<usize>]) -> Self {
        let mut chars = Vec::new();
        let mut places = Vec::new();
        for part in parts {
            chars.extend(self.chars.get(part.clone()).unwrap_or_default());
            places.extend(self.places.get(part.clone()).unwrap_or_default());
        }
        let end = parts.last().map_or(self.end, |part| self.at(part.end));
        Self { chars, places, end, holes: Vec::new() }
    }

    /// The same with spaces for these parts; lines stay lines.
    pub(super) fn blanked(&self, parts: &[Range<usize>]) -> Self {
        let mut blanked = self.clone();
        for part in parts {
            for c in blanked.chars.get_mut(part.clone()).unwrap_or_default() {
                if *c != '\n' {
                    *c = ' ';
                }
            }
        }
        blanked
    }

    /// The lines, as ranges, without their ends.
    pub(super) fn lines(&self) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let mut start = 0;
        for (index, c) in self.chars.iter().enumerate() {
            if *c == '\n' {
                lines.push(start..index);
                start = index + 1;
            }
        }
        if start < self.len() {
            lines.push(start..self.len());
        }
        lines
    }

    /// The first character that is no white space.
    pub(super) fn first(&self) -> Option<char> {
        self.chars.iter().copied().find(|c| !c.is_whitespace())
    }

    /// The line around a character, as indexes, without its end.
    pub(super) fn line_around(&self, index: usize) -> Range<usize> {
        let index = index.min(self.len());
        let is_end = |c: &char| *c == '\n';
        let start = self.chars[..index].iter().rposition(is_end).map_or(0, |found| found + 1);
        let end = self.chars[index..].iter().position(is_end).map_or(self.len(), |n| index + n);
        start..end
    }

    /// `value`, which the text in `range` stands for, with the places that its
    /// characters have there. Escapes and the indentation of a YAML block are
    /// passed over; what is nowhere to be found takes the place before it.
    pub(super) fn embedded(&self, range: Range<usize>, value: &str) -> Self {
        // Further than any indentation or escape.
        const REACH: usize = 256;
        let stop = range.end.min(self.len());
        let mut cursor = range.start.min(stop);
        let mut chars = Vec::with_capacity(value.len());
        let mut places = Vec::with_capacity(value.len());
        for c in value.chars() {
            let reach = &self.chars[cursor..stop.min(cursor + REACH)];
            let found = reach.iter().position(|raw| *raw == c);
            chars.push(c);
            places.push(self.at(cursor + found.unwrap_or(0)));
            if let Some(found) = found {
                cursor += found + 1;
            }
        }
        Self { chars, places, end: self.at(cursor), holes: Vec::new() }
    }

    /// The same text with each of these parts, in order, as one character that stands for it.
    /// Nothing where there are too many, or the text has such characters already.
    pub(super) fn with_holes(&self, parts: &[Range<usize>]) -> Option<Self> {
        let is_hole = |c: &char| HOLES.contains(&u32::from(*c));
        if self.chars.iter().any(is_hole) {
            return None;
        }
        let mut pierced =
            Self { chars: Vec::new(), places: Vec::new(), holes: Vec::new(), ..*self };
        let mut next = 0;
        for (part, hole) in parts.iter().zip(HOLES) {
            pierced.chars.extend(self.chars.get(next..part.start)?);
            pierced.places.extend(self.places.get(next..part.start)?);
            pierced.chars.push(char::from_u32(hole)?);
            pierced.places.push(self.at(part.start));
            pierced.holes.push(self.text(part.clone()));
            next = part.end;
        }
        pierced.chars.extend(self.chars.get(next..)?);
        pierced.places.extend(self.places.get(next..)?);
        (pierced.holes.len() == parts.len()).then_some(pierced)
    }

    /// What stood where a character is that stands for something.
    pub(super) fn hole(&self, c: char) -> Option<&str> {
        let index = u32::from(c).checked_sub(*HOLES.start())?;
        self.holes.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    /// Text that was read here, with what stood there for each character that stands for
    /// something, and where that is.
    pub(super) fn filled(&self, text: &str) -> (String, Vec<Range<usize>>) {
        let mut filled = String::with_capacity(text.len());
        let mut parts = Vec::new();
        for c in text.chars() {
            match self.hole(c) {
                Some(original) => {
                    parts.push(filled.len()..filled.len() + original.len());
                    filled.push_str(original);
                }
                None => filled.push(c),
            }
        }
        (filled, parts)
    }

    /// Whether some of it may be there several times, or not at all: `%{ for ... }`.
    pub(super) fn has_directives(&self) -> bool {
        self.holes.iter().any(|hole| hole.starts_with("%{") || hole.starts_with("{%"))
    }

    pub(super) fn has_holes(&self) -> bool {
        !self.holes.is_empty()
    }

    /// The same text with `%XX` read, as IAM's API encodes documents.
    pub(super) fn percent_decoded(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.len());
        let mut origins = Vec::with_capacity(self.len());
        let mut index = 0;
        while let Some(c) = self.get(index) {
            let digits = self.text(index + 1..(index + 3).min(self.len()));
            let is_code =
                c == '%' && digits.len() == 2 && digits.bytes().all(|d| d.is_ascii_hexdigit());
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| is_code);
            let mut buffer = [0; 4];
            let piece = if let Some(byte) = byte {
                buffer[0] = byte;
                &buffer[..1]
            } else {
                c.encode_utf8(&mut buffer).as_bytes()
            };
            bytes.extend_from_slice(piece);
            origins.extend(piece.iter().map(|_| index));
            index += if byte.is_some() { 3 } else { 1 };
        }
        let text = String::from_utf8_lossy(&bytes);
        let chars: Vec<char> = text.chars().collect();
        let place = |(offset, _): (usize, char)| {
            self.at(origins.get(offset).copied().unwrap_or(self.len()))
        };
        let places = text.char_indices().map(place).collect();
        Self { chars, places, end: self.end, holes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_place_of_every_character() {
        let source = Source::new("a\n\u{e9}b");
        assert_eq!(source.at(0), Position { line: 1, column: 1 });
        assert_eq!(source.at(3), Position { line: 2, column: 2 });
        assert_eq!(source.at(99), Position { line: 2, column: 3 });
        assert_eq!(source.text(source.line_around(3)), "\u{e9}b");
        assert_eq!(source.text(source.line_around(1)), "a");
    }

    #[test]
    fn embedded_text_keeps_its_places() {
        let outer = "key: |\n    {\n      \"a\": 1\n    }\n";
        let source = Source::new(outer);
        let inner = source.embedded(5..source.len(), "{\n  \"a\": 1\n}\n");
        let quote = (0..inner.len()).find(|i| inner.get(*i) == Some('"'));
        assert_eq!(inner.at(quote.unwrap_or(0)), Position { line: 3, column: 7 });

        let source = Source::new(r#"{"doc": "{\"a\": 1}"}"#);
        let inner = source.embedded(8..20, r#"{"a": 1}"#);
        assert_eq!(inner.at(0), Position { line: 1, column: 10 });
        assert_eq!(inner.at(2), Position { line: 1, column: 13 });
    }

    #[test]
    fn reads_percent_encoding_and_keeps_the_places() {
        let source = Source::new("%7B%22a%22%3A\u{e9}%C3%A9%zz").percent_decoded();
        assert_eq!(source.text(0..source.len()), "{\"a\":\u{e9}\u{e9}%zz");
        assert_eq!(source.at(1), Position { line: 1, column: 4 });
        assert_eq!(source.at(2), Position { line: 1, column: 7 });
    }
}
