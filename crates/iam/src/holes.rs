//! Files in template form: what Helm, Terraform, Jinja and their like fill in, anywhere in a
//! text, so that the rest can be read as JSON or YAML.

use std::ops::Range;

use super::place::Source;
use super::placeholder;

/// What a template engine replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) range: Range<usize>,
    /// It makes no text of its own: `{{ if ... }}`, `%{ for ... }`.
    pub(super) is_control: bool,
}

/// Longer ones are no templates, and each search has to end.
const LONGEST: usize = 4096;
/// More are not looked at, nor after so many beginnings without an end.
const MOST: usize = 20_000;
const MOST_UNENDED: usize = 1000;

/// Words that begin a directive in the templates of Go and Terraform.
const CONTROL: [&str; 15] = [
    "if", "else", "end", "range", "with", "define", "block", "template", "for", "endif", "endfor",
    "break", "continue", "raw", "endraw",
];

/// Everything in a text that an engine may replace.
pub(super) fn find(source: &Source) -> Vec<Hole> {
    let mut found = Vec::new();
    let (mut index, mut unended) = (0, 0);
    while let Some(c) = source.get(index)
        && unended < MOST_UNENDED
        && found.len() < MOST
    {
        let next = source.get(index + 1);
        let end = match (c, next) {
            ('$', Some('{')) if source.get(index + 2) == Some('{') => {
                closed(source, index + 1, '}')
            }
            ('{', Some('{')) => {
                let end = closed(source, index, '}');
                end.filter(|end| !placeholder::is_dynamic_reference(&source.text(index..*end)))
            }
            ('{' | '<', Some('%')) => closed(source, index, '%'),
            ('{', Some('#')) => closed(source, index, '#'),
            ('$' | '%', Some('{')) => balanced(source, index + 1),
            ('%' | '<' | '$' | '@' | '_', _) => word(source, index),
            _ => None,
        };
        if let Some(end) = end {
            let text = source.text(index..end);
            found.push(Hole { range: index..end, is_control: is_control(&text) });
            index = end;
        } else {
            unended += usize::from(matches!(next, Some('{' | '%' | '#')));
            index += 1;
        }
    }
    found
}

/// Whether it is written as Helm and Jinja do, which YAML takes for maps in maps.
pub(super) fn has_double_braces(source: &Source) -> bool {
    let is_pair = |i: usize| source.get(i) == Some('{') && source.get(i + 1) == Some('{');
    let is_template =
        |i: usize| !placeholder::is_dynamic_reference(&source.text(i..(i + 10).min(source.len())));
    (0..source.len()).any(|i| is_pair(i) && is_template(i))
}

/// The text with a character for each value and spaces for each directive.
pub(super) fn pierced(source: &Source, holes: &[Hole]) -> Option<Source> {
    let (control, values): (Vec<&Hole>, Vec<&Hole>) =
        holes.iter().partition(|hole| hole.is_control);
    let ranges = |holes: Vec<&Hole>| holes.iter().map(|it| it.range.clone()).collect::<Vec<_>>();
    source.blanked(&ranges(control)).with_holes(&ranges(values))
}

/// The holes, those alone on their line as directives: `{{ include "labels" . | nindent 4 }}`.
pub(super) fn of_lines(source: &Source, mut holes: Vec<Hole>) -> Vec<Hole> {
    for hole in &mut holes {
        let is_space = |i: usize| source.get(i).is_some_and(|c| c == ' ' || c == '\t' || c == '\r');
        // No further than the spaces: a line may be long and full of them.
        let before = (0..hole.range.start).rev().find(|i| !is_space(*i));
        let after = (hole.range.end..source.len()).find(|i| !is_space(*i));
        let is_end = |i: Option<usize>| i.is_none_or(|i| source.get(i) == Some('\n'));
        hole.is_control |= is_end(before) && is_end(after);
    }
    holes
}

/// Where `{{ ... }}`, `{% ... %}` or `<% ... %>` ends: behind the second closing character.
fn closed(source: &Source, open: usize, mark: char) -> Option<usize> {
    let close = if source.get(open) == Some('<') { '>' } else { '}' };
    let end = (open + LONGEST).min(source.len());
    (open + 2..end)
        .find(|i| source.get(*i) == Some(mark) && source.get(i + 1) == Some(close))
        .map(|i| i + 2)
}

/// Where `${ ... }` ends, which may hold braces and quotes.
fn balanced(source: &Source, open: usize) -> Option<usize> {
    let end = (open + LONGEST).min(source.len());
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut index = open;
    while index < end {
        match source.get(index)? {
            '\\' if in_text => index += 1,
            '"' => in_text = !in_text,
            '{' if !in_text => depth += 1,
            '}' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            '\n' if in_text => return None,
            _ => {}
        }
        index += 1;
    }
    None
}

/// `%s`, `<account>`, `$ACCOUNT`, `@ACCOUNT@`, `__ACCOUNT__`.
fn word(source: &Source, start: usize) -> Option<usize> {
    let most = (start + 120).min(source.len());
    let end = (start..most).find(|i| source.get(*i) == Some('\n')).unwrap_or(most);
    let text = source.text(start..end);
    let first = placeholder::parts(&text).into_iter().next()?;
    (first.start == 0).then(|| start + text[first].chars().count())
}

fn is_control(hole: &str) -> bool {
    if hole.starts_with("<%=") {
        return false;
    }
    if hole.starts_with("{%") || hole.starts_with("{#") || hole.starts_with("<%") {
        return true;
    }
    let Some(inside) = hole.strip_prefix("{{").or_else(|| hole.strip_prefix("%{")) else {
        return false;
    };
    let inside = inside.trim_start_matches(['-', '~']).trim_start();
    let word = inside.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    // A comment, an assignment, a directive.
    inside.starts_with("/*") || CONTROL.contains(&word) || inside.contains(":=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_an_engine_fills_in() {
        for (text, wanted) in [
            ("a: {{ .Values.a }}", vec![("{{ .Values.a }}", false)]),
            ("{{- if .a }}x{{ end }}", vec![("{{- if .a }}", true), ("{{ end }}", true)]),
            (
                "%{ for x in y ~}${x}%{ endfor }",
                vec![("%{ for x in y ~}", true), ("${x}", false), ("%{ endfor }", true)],
            ),
            (r#""${replace(x, "}", "")}:sub""#, vec![(r#"${replace(x, "}", "")}"#, false)]),
            ("{% if a %}${{ b }}", vec![("{% if a %}", true), ("${{ b }}", false)]),
            ("{\"a\": %s, \"b\": <b>}", vec![("%s", false), ("<b>", false)]),
            ("{\"a\": {\"b\": 1}}", vec![]),
        ] {
            let source = Source::new(text);
            let found: Vec<_> = find(&source)
                .into_iter()
                .map(|hole| (source.text(hole.range.clone()), hole.is_control))
                .collect();
            let wanted: Vec<_> =
                wanted.into_iter().map(|(text, control)| (text.to_owned(), control)).collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn cost_is_linear() {
        for piece in ["$a, ", "<b>, ", "@ _ % ", "{#", "{{", "${", "{{ a }} ", "{{resolve:x}} "] {
            let of = |size| Source::new(&piece.repeat(size));
            crate::cost::assert_linear(piece, 10_000, of, |source| {
                of_lines(source, find(source));
            });
        }
        let spaces = |size| Source::new(&format!("{}{{{{ a }}}}{0}", " ".repeat(size)).repeat(40));
        crate::cost::assert_linear("spaces", 5_000, spaces, |source| {
            of_lines(source, find(source));
        });
    }
}
