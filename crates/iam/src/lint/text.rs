//! Text that neither parser takes: quotes to close in YAML, and what can be
//! found in a broken template, a tutorial or a shell script line by line.

use super::{arns, manifest, provider, template};
use crate::finding::{Code, Finding};
use crate::json::{self, Mistake};
use crate::kind::statements;
use crate::node::Node;
use crate::place::{Position, Source};
use crate::yaml;

/// A policy found in text.
pub(super) struct Found {
    pub(super) node: Node,
    pub(super) mistakes: Vec<Mistake>,
    lines: std::ops::RangeInclusive<usize>,
}

/// Words that begin the blocks of Terraform's files.
const TERRAFORM: [&str; 5] = ["resource \"", "data \"", "module \"", "locals {", "variable \""];

/// More candidates than this are not tried: each costs a pass.
const MOST_TRIES: usize = 200;

/// The policies in a text: objects with a `Statement`.
pub(super) fn policies(source: &Source) -> Vec<Found> {
    let mut found = Vec::new();
    let text = source.text(0..source.len());
    let is_terraform = text.lines().any(|line| TERRAFORM.iter().any(|word| line.starts_with(word)));
    let (mut index, mut tries) = (0, 0);
    while index < source.len() && tries < MOST_TRIES {
        if source.get(index) != Some('{') || !begins_object(source, index) {
            index += 1;
            continue;
        }
        tries += 1;
        let (node, mistakes, end) = json::read_at(source, index);
        // What Terraform puts in may hold quotes; its plan has the result.
        let is_open = is_terraform && source.text(index..end).contains("${");
        let is_policy = statements(&node).is_some();
        if is_policy && is_open {
            index = end.max(index + 1);
        } else if is_policy {
            let lines = source.at(index).line..=source.at(end.saturating_sub(1)).line;
            found.push(Found { node, mistakes, lines });
            index = end.max(index + 1);
        } else {
            index += 1;
        }
    }
    found
}

/// A brace with a quote behind it, of whatever kind. Behind a bracket it is
/// Terraform's `jsonencode({`, whose objects are not JSON's.
fn begins_object(source: &Source, brace: usize) -> bool {
    if brace.checked_sub(1).and_then(|before| source.get(before)) == Some('(') {
        return false;
    }
    let next = (brace + 1..source.len()).filter_map(|i| source.get(i)).find(|c| !c.is_whitespace());
    next.is_some_and(|c| "\"'\u{201c}\u{201d}\u{201e}\u{2018}\u{2019}\u{ab}".contains(c))
}

/// The mistakes in single lines.
pub(super) fn lines(
    source: &Source,
    policies: &[Found],
    manifests: &manifest::Manifests,
    found_something: &mut bool,
) -> Vec<Finding> {
    let text = source.text(0..source.len());
    // A page may show several templates: each has the names of its own.
    let mut resources = resource_names(&text);
    let mut found = Vec::new();
    let mut behind = 0;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.starts_with(TEMPLATE) {
            resources = resource_names(&text[behind..]);
        }
        behind += line.len() + 1;
        let in_policy = policies.iter().any(|policy| policy.lines.contains(&number));
        let trimmed = line.trim_start();
        let indent = line.chars().count() - trimmed.chars().count();
        let at = Position { line: number, column: indent + 1 };
        if !in_policy && line.contains("arn:") {
            *found_something = true;
            found.extend(arns::in_text(line, Position { line: number, column: 1 }));
        }
        if let Some(name) =
            trimmed.strip_prefix("DependsOn:").map(|name| name.trim().trim_matches(['"', '\'']))
            && !name.is_empty()
            && !name.starts_with('[')
            && !resources.is_empty()
        {
            *found_something = true;
            if !resources.contains(&name) {
                let at = Position { column: at.column + "DependsOn: ".len(), ..at };
                found.push(template::depends_on(name, at, &resources));
            }
        }
        if !in_policy
            && ["=arn:", "=\"arn:", "='arn:", "--thumbprint"].iter().any(|it| line.contains(it))
        {
            found.extend(commands(line, number, manifests));
        }
        if let Some((key, value)) = trimmed.split_once(':')
            && let value = value.trim().trim_matches(['"', '\''])
            && value.starts_with("arn:")
        {
            found.extend(manifests.annotation(key.trim_matches(['"', '\'']), value, at));
        }
    }
    found
}

/// What commands say: `kubectl annotate serviceaccount app KEY=ARN`, `--thumbprint-list HEX`.
fn commands(line: &str, number: usize, manifests: &manifest::Manifests) -> Vec<Finding> {
    let quotes = ['"', '\''];
    let mut found = Vec::new();
    let mut column = 1;
    let mut in_thumbprints = false;
    for word in line.split(' ') {
        let at = Position { line: number, column };
        if in_thumbprints && word.len() > 30 {
            found.extend(provider::thumbprint_text(word.trim_matches(quotes), at));
        }
        if word.starts_with("--") {
            in_thumbprints = word == "--thumbprint-list";
        }
        if let Some((key, value)) = word.split_once('=') {
            let (key, value) = (key.trim_matches(quotes), value.trim_matches(quotes));
            if key.contains('/') && value.starts_with("arn:") {
                found.extend(manifests.annotation(key, value, at));
            }
        }
        column += word.chars().count() + 1;
    }
    found
}

const TEMPLATE: &str = "AWSTemplateFormatVersion";

/// The names of the first template's resources where its indentation is lost: a name,
/// and `Type: AWS::...` in the line behind.
fn resource_names(text: &str) -> Vec<&str> {
    let is_next = |(index, line): &(usize, &str)| *index == 0 || !line.starts_with(TEMPLATE);
    let lines = text.lines().enumerate().take_while(is_next).map(|(_, line)| line.trim());
    let lines: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    lines
        .windows(2)
        .filter(|pair| pair[1].starts_with("Type: AWS::") || pair[1].starts_with("Type: Custom::"))
        .filter_map(|pair| pair[0].strip_suffix(':'))
        .collect()
}

/// Whether it was meant to be a template or a manifest, and not prose.
pub(super) fn looks_like_yaml(source: &Source) -> bool {
    let text = source.text(0..source.len());
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '-']));
    first.is_some_and(|line| {
        line.split_once(':').is_some_and(|(key, rest)| {
            !key.contains(' ') && (rest.is_empty() || rest.starts_with(' '))
        })
    })
}

/// Whether a line is a member of a mapping, and no line of prose or of a shell.
pub(super) fn is_member(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '-']);
    line.split_once(": ").is_some_and(|(key, _)| !key.is_empty() && !key.contains(' '))
}

/// The text with the quotes closed that a line of YAML left open, and what was
/// closed; nothing where the text is YAML already or does not become it.
pub(super) fn close_quotes(source: &Source) -> (Option<Source>, Vec<Finding>) {
    if yaml::read(source).is_ok() {
        return (None, Vec::new());
    }
    let text = source.text(0..source.len());
    let mut in_block: Option<usize> = None;
    let mut lines: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let all: Vec<&str> = text.lines().collect();
    // Up to here it is text in quotes, over several lines.
    let mut quoted_until = 0;
    for (index, line) in all.iter().copied().enumerate() {
        if index < quoted_until {
            lines.push(line.to_owned());
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if in_block.is_some_and(|outer| indent > outer || line.trim().is_empty()) {
            lines.push(line.to_owned());
            continue;
        }
        in_block = opens_block(line).then_some(indent);
        if let Some((quote, _)) = open_quote(line)
            && let Some(closes) = closing_line(&all[index + 1..], quote)
        {
            quoted_until = index + closes + 2;
            lines.push(line.to_owned());
        } else if let Some((quote, column)) = open_quote(line) {
            let mended = format!("{}{quote}", line.trim_end());
            let at = Position { line: index + 1, column };
            let message = "the closing quote is missing: YAML reads all that follows as text";
            found.push(Finding::new(Code::MissingQuote, at, message).fixed(mended.trim()));
            lines.push(mended);
        } else {
            lines.push(line.to_owned());
        }
    }
    if found.is_empty() {
        return (None, found);
    }
    let mended = Source::new(&(lines.join("\n") + "\n"));
    if yaml::read(&mended).is_ok() { (Some(mended), found) } else { (None, found) }
}

/// On which of the lines behind it text in quotes ends: the first quote there is no beginning.
fn closing_line(lines: &[&str], quote: char) -> Option<usize> {
    // Longer texts are written in blocks.
    let lines = lines.iter().take(20);
    let (index, line) = lines.enumerate().find(|(_, line)| line.contains(quote))?;
    let (before, after) = line.split_once(quote)?;
    let after = after.trim_start();
    let is_beginning = before.trim_end().ends_with([':', '[', '{', ',', '-', '(', '=']);
    let ends = after.is_empty() || after.starts_with([',', ']', '}', '#']);
    (ends && !is_beginning).then_some(index)
}

fn opens_block(line: &str) -> bool {
    let last = line.trim_end().rsplit([' ', '\t']).next().unwrap_or_default();
    last.starts_with(['|', '>']) && last[1..].chars().all(|c| "+-0123456789".contains(c))
}

/// The quote that begins a value on this line and does not end on it, and its column.
fn open_quote(line: &str) -> Option<(char, usize)> {
    let body = line.trim_start();
    if body.starts_with('#') {
        return None;
    }
    let chars: Vec<char> = line.chars().collect();
    let mut open: Option<(char, usize)> = None;
    let mut before = ' ';
    let mut index = 0;
    while let Some(&c) = chars.get(index) {
        match open {
            None if (c == '"' || c == '\'') && " \t[{,:-".contains(before) => {
                open = Some((c, index + 1));
            }
            None if c == '#' && before == ' ' => return None,
            Some(('"', _)) if c == '\\' => index += 1,
            Some((quote, _)) if c == quote => {
                if quote == '\'' && chars.get(index + 1) == Some(&'\'') {
                    index += 1;
                } else {
                    open = None;
                }
            }
            _ => {}
        }
        before = c;
        index += 1;
    }
    open
}
