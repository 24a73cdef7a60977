//! Slips of JSON's syntax as findings: one a line and kind, with the whole
//! line mended.

use crate::finding::{Code, Finding};
use crate::json::{DEEPEST, Mistake};
use crate::place::Source;

pub(super) fn findings(source: &Source, mistakes: &[Mistake]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for mistake in mistakes {
        let at = source.at(mistake.span.start);
        if found.iter().any(|other| other.code == mistake.code && other.at.line == at.line) {
            continue;
        }
        let finding = Finding::new(mistake.code, at, message(source, mistake));
        found.push(match mistake.code {
            // What to keep is not for us to say.
            Code::DuplicateKey | Code::ExtraText | Code::BadJson | Code::NestedTooDeep => finding,
            _ => finding.fixed(mended_line(source, mistakes, mistake.span.start)),
        });
    }
    found
}

/// What is wrong, and why.
pub(crate) fn message(source: &Source, mistake: &Mistake) -> String {
    let found = source.filled(&source.text(mistake.span.clone())).0;
    let found = text::shortened(found.trim(), 40);
    match mistake.code {
        Code::CurlyQuote => {
            "a curly quote instead of \", probably copied from a web page or a word processor"
                .into()
        }
        Code::OddSpace => format!(
            "the character U+{:04X} looks like a space or is invisible, but JSON does not accept it as white space",
            source.get(mistake.span.start).map_or(0, u32::from)
        ),
        Code::SingleQuote => "a single quote: JSON only has double quotes".into(),
        Code::MissingQuote => "the opening or closing quote of a string is missing".into(),
        Code::MissingComma => "a comma is missing between two values".into(),
        Code::TrailingComma => "an extra comma: JSON allows none before a closing bracket".into(),
        Code::MissingBracket => "an opening or closing bracket is missing".into(),
        Code::MissingColon => "a colon is missing between a key and its value".into(),
        Code::Comment => "a comment: JSON has none, and IAM rejects the document".into(),
        Code::BadEscape => "a backslash that begins none of JSON's escapes".into(),
        Code::DuplicateKey => format!(
            "{found} occurs twice in one object: IAM ignores one of them, or rejects the document; merge the two"
        ),
        Code::ExtraText => format!("text after the end of the document: {found:?}"),
        Code::NestedTooDeep => {
            format!("nested more than {DEEPEST} levels deep, the maximum: what follows is not read")
        }
        _ => "not valid JSON: a value is missing, or a bracket is in the wrong place".into(),
    }
}

/// The line with all its mistakes mended.
fn mended_line(source: &Source, mistakes: &[Mistake], index: usize) -> String {
    let line = source.line_around(index);
    let mut here: Vec<&Mistake> = mistakes
        .iter()
        .filter(|mistake| line.start <= mistake.span.start && mistake.span.end <= line.end)
        .collect();
    here.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    let mut mended = String::new();
    let mut next = line.start;
    for mistake in here {
        if mistake.span.start >= next {
            mended.push_str(&source.text(next..mistake.span.start));
            mended.push_str(&mistake.mended);
            next = mistake.span.end;
        }
    }
    mended.push_str(&source.text(next..line.end));
    crate::lint::policy::straight(source.filled(mended.trim()).0.trim())
}
