//! Patterns that reach too far, in words.

use super::issuers::{OF_PODS, Shape, Shared};
use super::outsiders::{self, Reach};
use super::shown;
use crate::finding::{Code, Finding};
use crate::policy::Text;
use crate::write::text as quoted;

/// A pattern by itself, as modules take them.
pub(super) fn of_pattern(value: &Text) -> Option<Finding> {
    let known = value.is_known().then_some(value.as_str())?;
    let (reach, subject) = outsiders::of_pattern(known, &OF_PODS).into_iter().next()?;
    Some(too_wide(value, reach, &subject, &OF_PODS))
}

/// A pattern that this subject of others matches.
pub(super) fn too_wide(value: &Text, reach: Reach, example: &str, shape: &Shape) -> Finding {
    let pattern = shown(value.as_str());
    let is_pods = *shape == OF_PODS;
    let (code, message) = match reach {
        Reach::All => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets every ServiceAccount in the cluster assume this role, such as {example}"
            ),
        ),
        Reach::Neighbours if is_pods => {
            let others = example.strip_prefix(shape.prefix).unwrap_or(example);
            let namespace = others.split(shape.end).next().unwrap_or(others);
            (
                Code::SubjectTooWide,
                format!(
                    "{pattern} also matches ServiceAccounts in other namespaces, such as {namespace}: the colon after the namespace is missing"
                ),
            )
        }
        Reach::Neighbours if names(value.as_str(), shape).is_some_and(|it| it.rest.is_some()) => (
            Code::SubjectTooWide,
            format!(
                "{pattern} also matches names that anybody can have, such as in {example}: write the whole name"
            ),
        ),
        Reach::Neighbours => (
            Code::SubjectTooWide,
            format!(
                "{pattern} also matches longer names, such as in {example}: the {:?} after the name is missing",
                shape.end.to_string()
            ),
        ),
        Reach::AnyNameExplicitly if is_pods => (
            Code::SubjectAnyNamespace,
            format!(
                "{pattern} lets ServiceAccounts of any namespace assume this role, such as {example}: correct only if nobody else can create namespaces or ServiceAccounts"
            ),
        ),
        Reach::AnyName | Reach::AnyNameExplicitly if is_pods => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets ServiceAccounts of any namespace assume this role, such as {example}"
            ),
        ),
        Reach::AnyName | Reach::AnyNameExplicitly => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets other customers of the issuer assume this role, such as {example}"
            ),
        ),
    };
    let fix = narrowed(value.as_str(), reach, shape);
    Finding::new(code, value.at, message).fixed(quoted(&fix))
}

/// The parts of a pattern that begins as all subjects do.
struct Names<'a> {
    /// Of the namespace or customer, or all that there is.
    name: &'a str,
    /// What follows the end of the name.
    rest: Option<&'a str>,
}

fn names<'a>(pattern: &'a str, shape: &Shape) -> Option<Names<'a>> {
    // What stands before the beginning of all subjects can only be nothing.
    let names = pattern.trim_start_matches('*').strip_prefix(shape.prefix)?;
    Some(match names.split_once(shape.end) {
        Some((name, rest)) => Names { name, rest: Some(rest) },
        None => Names { name: names, rest: None },
    })
}

/// What the pattern may have been meant to be: as much of it as says something, and words to fill
/// in for what nobody but its author knows.
fn narrowed(pattern: &str, reach: Reach, shape: &Shape) -> String {
    let Shape { prefix, end, template, .. } = shape;
    let word = template.strip_prefix(prefix).and_then(|it| it.split(*end).next());
    let word = word.unwrap_or_default();
    if reach == Reach::All {
        return format!("{prefix}{word}{end}*");
    }
    let first = |text: &str| text.find(['*', '?']).unwrap_or(text.len());
    let is_open = |text: &str| text.trim_matches(['*', '?']).is_empty();
    let Some(Names { name, rest }) = names(pattern, shape) else {
        let tail = &pattern[pattern.rfind(['*', '?']).map_or(0, |it| it + 1)..];
        return match template.strip_suffix(":*") {
            _ if *shape == OF_PODS => {
                let last = pattern.rsplit_once(*end).map(|(_, last)| last);
                let last = last.unwrap_or_else(|| &pattern[first(pattern)..]);
                format!("{prefix}{word}{end}{last}")
            }
            Some(whole) if tail.starts_with(':') => format!("{whole}{tail}"),
            _ => (*template).to_owned(),
        };
    };
    let (begin, open) = name.split_at(first(name));
    let is_whole = begin.ends_with(|c: char| c.is_ascii_alphanumeric());
    if reach == Reach::Neighbours {
        // Of `octo?org` or `my-org-*`, nobody knows which names were meant.
        return match rest {
            Some(rest) if is_whole && open.trim_matches('*').is_empty() => {
                format!("{prefix}{begin}{end}{rest}")
            }
            Some(rest) => format!("{prefix}{word}{end}{rest}"),
            None if is_whole && (*shape == OF_PODS || is_open(open)) => {
                format!("{prefix}{begin}{end}{open}")
            }
            None => (*template).to_owned(),
        };
    }
    let rest = rest.unwrap_or(open);
    if *shape != OF_PODS && is_open(rest) {
        return (*template).to_owned();
    }
    format!("{prefix}{word}{end}{rest}")
}

/// A pattern that lets in each customer of a shared issuer.
pub(super) fn for_all(value: &Text, shared: &Shared, example: &str) -> Finding {
    let message = format!(
        "{} lets {} assume this role, such as {example}",
        shown(value.as_str()),
        shared.everybody
    );
    let finding = Finding::new(Code::SubjectTooWide, value.at, message);
    match shared.subjects {
        Some(shape) => finding.fixed(quoted(&narrowed(value.as_str(), Reach::AnyName, &shape))),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::issuers::Issuer;

    fn fix(pattern: &str, shape: &Shape) -> String {
        let (reach, _) = outsiders::of_pattern(pattern, shape).into_iter().next().unwrap();
        narrowed(pattern, reach, shape)
    }

    #[test]
    fn a_suggestion_keeps_what_was_written_of_a_service_account() {
        for (pattern, wanted) in [
            ("s*", "system:serviceaccount:NAMESPACE:*"),
            ("system:serviceaccount:demo*", "system:serviceaccount:demo:*"),
            ("system:serviceaccount:demo?*", "system:serviceaccount:demo:?*"),
            ("system:serviceaccount:demo*-x", "system:serviceaccount:demo:*-x"),
            ("system:serviceaccount:my-other*", "system:serviceaccount:my-other:*"),
            ("system:serviceaccount:*:app", "system:serviceaccount:NAMESPACE:app"),
            ("system:serviceaccount:*:*-app", "system:serviceaccount:NAMESPACE:*-app"),
            ("system:serviceaccount:*-app", "system:serviceaccount:NAMESPACE:*-app"),
            ("*:app", "system:serviceaccount:NAMESPACE:app"),
            ("*:*-app", "system:serviceaccount:NAMESPACE:*-app"),
            ("*-app", "system:serviceaccount:NAMESPACE:*-app"),
            ("*app", "system:serviceaccount:NAMESPACE:*app"),
            ("system:*:app?", "system:serviceaccount:NAMESPACE:app?"),
            ("*-demo:app", "system:serviceaccount:NAMESPACE:app"),
        ] {
            assert_eq!(fix(pattern, &OF_PODS), wanted, "{pattern}");
        }
    }

    #[test]
    fn a_suggestion_keeps_what_was_written_of_a_customer() {
        let Issuer::Shared(github) = Issuer::of("token.actions.githubusercontent.com") else {
            panic!("GitHub's is not shared");
        };
        let shape = github.subjects.unwrap();
        for (pattern, wanted) in [
            ("repo:org*", "repo:org/*"),
            ("repo:org?*", "repo:org/?*"),
            ("repo:?org*", "repo:ORGANIZATION/REPOSITORY:*"),
            ("repo:my-org-*", "repo:ORGANIZATION/REPOSITORY:*"),
            ("repo:org*/app:*", "repo:org/app:*"),
            ("repo:org**/app:*", "repo:org/app:*"),
            ("repo:my-org-*/infra:*", "repo:ORGANIZATION/infra:*"),
            ("repo:my-other*/infra:*", "repo:my-other/infra:*"),
            ("repo:octo?org/app:*", "repo:ORGANIZATION/app:*"),
            ("repo:octo*org/app:ref:refs/heads/main", "repo:ORGANIZATION/app:ref:refs/heads/main"),
            ("repo:?/app:*", "repo:ORGANIZATION/app:*"),
            ("repo:*/app:*", "repo:ORGANIZATION/app:*"),
            ("repo:*", "repo:ORGANIZATION/REPOSITORY:*"),
            ("*:ref:refs/heads/main", "repo:ORGANIZATION/REPOSITORY:ref:refs/heads/main"),
            ("*org/app*", "repo:ORGANIZATION/REPOSITORY:*"),
        ] {
            assert_eq!(fix(pattern, &shape), wanted, "{pattern}");
        }
    }
}
