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
    let name = |subject: &str| {
        subject
            .strip_prefix(shape.prefix)
            .and_then(|it| it.split_once(shape.end))
            .map(|(it, rest)| (it.to_owned(), rest.to_owned()))
    };
    let (other, rest) = name(example).unwrap_or_default();
    let (code, message, fix) = match reach {
        Reach::All => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets every ServiceAccount in the cluster assume this role, such as {example}"
            ),
            format!("{}NAMESPACE:*", shape.prefix),
        ),
        Reach::Neighbours if is_pods => (
            Code::SubjectTooWide,
            format!(
                "{pattern} also matches ServiceAccounts in other namespaces, such as {other}: the colon after the namespace is missing"
            ),
            format!("{}{}:*", shape.prefix, other.strip_suffix("-other").unwrap_or(&other)),
        ),
        Reach::Neighbours => (
            Code::SubjectTooWide,
            format!(
                "{pattern} also matches longer names, such as in {example}: the {:?} after the name is missing",
                shape.end.to_string()
            ),
            format!(
                "{}{}{}*",
                shape.prefix,
                other.strip_suffix("-other").unwrap_or(&other),
                shape.end
            ),
        ),
        Reach::AnyNameExplicitly if is_pods => (
            Code::SubjectAnyNamespace,
            format!(
                "{pattern} lets ServiceAccounts of any namespace assume this role, such as {example}: correct only if nobody else can create namespaces or ServiceAccounts"
            ),
            format!("{}NAMESPACE:{rest}", shape.prefix),
        ),
        Reach::AnyName | Reach::AnyNameExplicitly if is_pods => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets ServiceAccounts of any namespace assume this role, such as {example}"
            ),
            format!("{}NAMESPACE:{rest}", shape.prefix),
        ),
        Reach::AnyName | Reach::AnyNameExplicitly => (
            Code::SubjectTooWide,
            format!(
                "{pattern} lets other customers of the issuer assume this role, such as {example}"
            ),
            shape.template.to_owned(),
        ),
    };
    Finding::new(code, value.at, message).fixed(quoted(&fix))
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
        Some(shape) => finding.fixed(quoted(shape.template)),
        None => finding,
    }
}
