//! What the parser must not see: nesting that its recursion has no stack for, and objects so
//! large that its search for duplicate keys takes minutes.

use crate::place::{Position, Source};

/// Deeper than any configuration. The parser has a limit too, which needs more stack than a
/// thread may have.
const DEEPEST: usize = 40;
/// The parser compares each key of an object with all before it.
const MOST_MEMBERS: usize = 1000;
/// The parser's memory is many times the text.
const LARGEST: usize = 1 << 20;

/// What the end of a level looks like.
enum Level {
    /// Until a closing bracket; and the members so far.
    Code(usize),
    /// Until a quote.
    Text,
    /// Until a line with this alone.
    Heredoc(String),
}

/// Why a text must not be parsed, and where that shows.
pub(super) fn check(source: &Source) -> Result<(), (Position, String)> {
    if source.len() > LARGEST {
        let reason = "the file has more than 1,048,576 characters, the maximum for HCL";
        return Err((source.at(0), reason.to_owned()));
    }
    let mut levels = vec![Level::Code(0)];
    let mut index = 0;
    while let Some(c) = source.get(index) {
        let step = match levels.last_mut() {
            Some(Level::Code(members)) => code(source, index, c, members),
            Some(Level::Text) => in_text(source, index, c),
            Some(Level::Heredoc(end)) => in_heredoc(source, index, c, end),
            None => return Ok(()),
        };
        match step {
            Step::Go(next) => index = next,
            Step::Open(level, next) => {
                levels.push(level);
                index = next;
            }
            Step::Close(next) => {
                if levels.len() > 1 {
                    levels.pop();
                }
                index = next;
            }
            Step::TooMany => {
                let reason = format!("an object has more than {MOST_MEMBERS} members, the maximum");
                return Err((source.at(index), reason));
            }
        }
        if levels.len() > DEEPEST {
            let reason = format!("nested more than {DEEPEST} levels deep, the maximum");
            return Err((source.at(index), reason));
        }
    }
    Ok(())
}

enum Step {
    Go(usize),
    Open(Level, usize),
    Close(usize),
    TooMany,
}

fn code(source: &Source, index: usize, c: char, members: &mut usize) -> Step {
    let next = source.get(index + 1);
    match (c, next) {
        ('#', _) | ('/', Some('/')) => Step::Go(source.line_around(index).end),
        ('/', Some('*')) => {
            let closes = |i: &usize| source.get(*i) == Some('*') && source.get(i + 1) == Some('/');
            Step::Go((index + 2..source.len()).find(closes).map_or(source.len(), |i| i + 2))
        }
        ('"', _) => Step::Open(Level::Text, index + 1),
        ('<', Some('<')) => heredoc(source, index),
        ('{' | '[' | '(', _) => Step::Open(Level::Code(0), index + 1),
        ('}' | ']' | ')', _) => Step::Close(index + 1),
        ('=' | ':', _) => {
            *members += 1;
            if *members > MOST_MEMBERS { Step::TooMany } else { Step::Go(index + 1) }
        }
        _ => Step::Go(index + 1),
    }
}

/// `<<EOF` and `<<-EOF`; else two signs.
fn heredoc(source: &Source, index: usize) -> Step {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let is_space = |c: char| c.is_whitespace() && c != '\n';
    // The first that is none of them: a line may be long and full of signs.
    let behind = |from: usize, is_one: &dyn Fn(char) -> bool| {
        (from..source.len()).find(|i| !source.get(*i).is_some_and(is_one)).unwrap_or(source.len())
    };
    let start = index + 2 + usize::from(source.get(index + 2) == Some('-'));
    let name = start..behind(start, &is_name);
    let end = behind(name.end, &is_space);
    if name.is_empty() || !matches!(source.get(end), None | Some('\n')) {
        return Step::Go(index + 2);
    }
    Step::Open(Level::Heredoc(source.text(name)), end)
}

fn in_text(source: &Source, index: usize, c: char) -> Step {
    match c {
        '\\' => Step::Go(index + 2),
        // The parser takes no line's end here, and says so.
        '"' | '\n' => Step::Close(index + 1),
        _ => interpolation(source, index, c),
    }
}

fn in_heredoc(source: &Source, index: usize, c: char, end: &str) -> Step {
    if c != '\n' {
        return interpolation(source, index, c);
    }
    let line = source.line_around(index + 1);
    let is_end = source.text(line.clone()).trim().strip_prefix(end).is_some_and(|rest| {
        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-')
    });
    if is_end && index < source.len() {
        let indent =
            (line.start..line.end).take_while(|i| source.get(*i).is_some_and(char::is_whitespace));
        return Step::Close(line.start + indent.count() + end.chars().count());
    }
    Step::Go(index + 1)
}

fn interpolation(source: &Source, index: usize, c: char) -> Step {
    let is_mark = c == '$' || c == '%';
    match (source.get(index + 1), source.get(index + 2)) {
        (Some(second), Some('{')) if is_mark && second == c => Step::Go(index + 3),
        (Some('{'), _) if is_mark => Step::Open(Level::Code(0), index + 2),
        _ => Step::Go(index + 1),
    }
}
