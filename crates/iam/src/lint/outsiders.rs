//! Subjects of others that a pattern matches: of other namespaces, or of other customers of an
//! issuer that many share.

use super::issuers::{OF_PODS, Shape};
use crate::glob::{Pattern, is_glob};

/// How far a pattern reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To all subjects.
    All,
    /// To any namespace or customer, where the rest of the subject is the same.
    AnyName,
    /// As that, in so many words: `system:serviceaccount:*:app`.
    AnyNameExplicitly,
    /// To those whose name begins with the one that is meant: `system:serviceaccount:demo*`.
    Neighbours,
}

/// Subjects that share nothing with what a policy names.
pub(super) const STRANGERS: [&str; 2] =
    ["system:serviceaccount:zq7:k-4w", "system:serviceaccount:b-9:y.8"];

/// One as people know them, for messages.
pub(super) const EXAMPLE: &str = "system:serviceaccount:other:app";

/// The subjects of others that a pattern matches, and how far it then reaches.
pub(super) fn of_pattern(pattern: &str, shape: &Shape) -> Vec<(Reach, String)> {
    let matcher = Pattern::new(pattern);
    if *shape == OF_PODS && STRANGERS.iter().all(|it| matcher.matches(it)) {
        return vec![(Reach::All, EXAMPLE.to_owned())];
    }
    let is_outsider =
        |(_, subject): &(Reach, String)| is_whole(subject, shape) && matcher.matches(subject);
    candidates(pattern, shape).into_iter().filter(is_outsider).collect()
}

/// The pattern with its first wildcards filled in so that another name stands in its place.
fn candidates(pattern: &str, shape: &Shape) -> Vec<(Reach, String)> {
    let Shape { prefix, end, rest, .. } = shape;
    // What stands before the beginning of all subjects can only be nothing.
    let bare = pattern.trim_start_matches('*');
    let pattern = if bare.starts_with(prefix) { bare } else { pattern };
    let Some(start) = pattern.find(['*', '?']) else { return Vec::new() };
    let (before, wildcards) = pattern.split_at(start);
    let after = wildcards.trim_start_matches(['*', '?']);
    let run = &wildcards[..wildcards.len() - after.len()];
    let tail = after.replace(['*', '?'], "x");
    let other = if *shape == OF_PODS { "other" } else { "someone-else" };
    if let Some(name) = before.strip_prefix(prefix) {
        let is_whole_name = name.ends_with(|c: char| c.is_ascii_alphanumeric());
        let is_shared = *shape != OF_PODS && !name.contains(*end);
        return if is_shared && !run.contains('*') && is_part_of_name(name) {
            // Anybody can have such a name at an issuer that many share.
            let named = format!("{prefix}{name}{}", "x".repeat(run.len()));
            let filled = [
                format!("{named}{tail}"),
                format!("{named}{end}{rest}{tail}"),
                format!("{named}{tail}{end}{rest}"),
            ];
            filled.map(|it| (Reach::Neighbours, it)).into()
        } else if name.is_empty() {
            let filled =
                [format!("{prefix}{other}{tail}"), format!("{prefix}{other}{end}{rest}{tail}")];
            filled.map(|it| (Reach::AnyNameExplicitly, it)).into()
        } else if is_shared && is_part_of_name(name) {
            let between = if is_whole_name { "-" } else { "" };
            let longer = format!("{prefix}{name}{between}other");
            let filled = [format!("{longer}{tail}"), format!("{longer}{end}{rest}{tail}")];
            filled.map(|it| (Reach::Neighbours, it)).into()
        } else if !name.contains(*end) && !after.contains(*end) && is_whole_name {
            vec![(Reach::Neighbours, format!("{prefix}{name}-other{end}{rest}{tail}"))]
        } else {
            Vec::new()
        };
    }
    // Whatever the pattern begins with, it may be the same at the end.
    let last = pattern.rsplit(['*', '?']).next().unwrap_or_default();
    let (whole, part) = (last.rsplit_once(*end).map_or("", |(_, name)| name), last);
    let filled = [
        format!("{prefix}{other}{tail}"),
        format!("{prefix}{other}-{tail}"),
        format!("{prefix}{other}{end}{rest}{tail}"),
        format!("{prefix}{other}{end}{whole}"),
        format!("{prefix}{other}{end}{rest}{part}"),
    ];
    filled.map(|it| (Reach::AnyName, it)).into()
}

/// Whether a name can go on behind this.
fn is_part_of_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// Whether it is a subject as the issuer makes them.
fn is_whole(subject: &str, shape: &Shape) -> bool {
    let Some(rest) = subject.strip_prefix(shape.prefix) else { return false };
    let Some((name, rest)) = rest.split_once(shape.end) else { return false };
    let is_name = |part: &str| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let is_rest = if *shape == OF_PODS { is_name(rest) } else { !rest.is_empty() };
    is_name(name) && is_rest && !is_glob(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::issuers::Issuer;

    #[test]
    fn finds_namespaces_that_were_hardly_meant() {
        use Reach::{All, AnyName, AnyNameExplicitly, Neighbours};
        for (pattern, wanted) in [
            ("*", Some((All, EXAMPLE))),
            ("s*", Some((All, EXAMPLE))),
            ("?*", Some((All, EXAMPLE))),
            ("system:serviceaccount*", Some((All, EXAMPLE))),
            ("system:serviceaccount:*:*", Some((All, EXAMPLE))),
            ("*:app", Some((AnyName, "system:serviceaccount:other:app"))),
            ("system:*:app", Some((AnyName, "system:serviceaccount:other:app"))),
            ("*app", Some((AnyName, "system:serviceaccount:other:appapp"))),
            ("*-demo:app", Some((AnyName, "system:serviceaccount:other-demo:app"))),
            ("*demo:app", Some((AnyName, "system:serviceaccount:otherdemo:app"))),
            ("*:*:*:app", Some((AnyName, EXAMPLE))),
            ("system:serviceaccount:*:app", Some((AnyNameExplicitly, EXAMPLE))),
            (
                "system:serviceaccount:*:*-app",
                Some((AnyNameExplicitly, "system:serviceaccount:other:x-app")),
            ),
            (
                "system:serviceaccount:demo*",
                Some((Neighbours, "system:serviceaccount:demo-other:app")),
            ),
            (
                "system:serviceaccount:demo?*",
                Some((Neighbours, "system:serviceaccount:demo-other:app")),
            ),
            ("system:serviceaccount:demo:*", None),
            ("system:serviceaccount:demo:app*", None),
            ("system:serviceaccount:demo-*", None),
            ("system:serviceaccount:team-*:*", None),
            ("system:serviceaccount:demo*:app", None),
            ("system:serviceaccount:dem?:app", None),
            ("*:demo:app", None),
            ("repo:*", None),
        ] {
            let found = of_pattern(pattern, &OF_PODS);
            let wanted = wanted.map(|(reach, subject)| (reach, subject.to_owned()));
            assert_eq!(found.into_iter().next(), wanted, "{pattern}");
        }
    }

    /// All patterns of a few pieces that match one of these, though nothing is told of them.
    fn untold(
        pieces: &[&str],
        others: &[&str],
        shape: &Shape,
        told: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        // Several namespaces or customers were meant.
        let is_meant = |pattern: &str| {
            let name = pattern.trim_start_matches('*').strip_prefix(shape.prefix);
            let (name, behind) = name.and_then(|it| it.split_once('*')).unwrap_or_default();
            name.trim_end_matches('?').ends_with('-') || behind.contains(shape.end)
        };
        let (mut missed, mut patterns) = (Vec::new(), vec![String::new()]);
        for _ in 0..5 {
            let longer = |it: &String| -> Vec<String> {
                pieces.iter().map(|piece| format!("{it}{piece}")).collect()
            };
            patterns = patterns.iter().flat_map(longer).collect();
            for pattern in patterns.iter().filter(|it| !is_meant(it) && !told(it)) {
                let matcher = Pattern::new(pattern);
                if let Some(other) = others.iter().find(|it| matcher.matches(it))
                    && of_pattern(pattern, shape).is_empty()
                {
                    missed.push(format!("{pattern} matches {other}"));
                }
            }
        }
        missed
    }

    #[test]
    fn no_pattern_matches_other_namespaces_untold() {
        let pieces = ["system:serviceaccount:", "s", "demo", "app", "-", ":", "*", "?", "?*"];
        let others = [
            "system:serviceaccount:other:app",
            "system:serviceaccount:other:web",
            "system:serviceaccount:demo-other:app",
            "system:serviceaccount:demo-other:demo",
            "system:serviceaccount:other-demo:app",
            "system:serviceaccount:otherdemo:app",
            "system:serviceaccount:kube-system:default",
            "system:serviceaccount:zq7:k-4w",
        ];
        let missed = untold(&pieces, &others, &OF_PODS, |_| false);
        assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
    }

    #[test]
    fn no_pattern_matches_other_customers_untold() {
        let Issuer::Shared(github) = Issuer::of("token.actions.githubusercontent.com") else {
            panic!("GitHub's is not shared");
        };
        let shape = github.subjects.expect("a shape");
        let pieces = ["repo:", "org", "/", "app", ":", "ref:refs/heads/main", "*", "?*", "?"];
        let others = [
            "repo:someone-else/repo:ref:refs/heads/main",
            "repo:someone-else/app:ref:refs/heads/main",
            "repo:org-other/app:ref:refs/heads/main",
            "repo:my-org/app:ref:refs/heads/main",
            "repo:orgx/app:ref:refs/heads/main",
            "repo:orgxapp/app:ref:refs/heads/main",
            "repo:xorg/app:ref:refs/heads/main",
        ];
        let matches_all =
            |pattern: &str| github.others.iter().any(|it| Pattern::new(pattern).matches(it));
        let missed = untold(&pieces, &others, &shape, matches_all);
        assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
    }

    #[test]
    fn finds_other_customers_of_a_shared_issuer() {
        use Reach::{AnyName, AnyNameExplicitly, Neighbours};
        let Issuer::Shared(github) = Issuer::of("token.actions.githubusercontent.com") else {
            panic!("GitHub's is not shared");
        };
        let shape = github.subjects.expect("a shape");
        for (pattern, wanted) in [
            ("repo:*", Some((AnyNameExplicitly, "repo:someone-else/repo:ref:refs/heads/main"))),
            ("repo:*/app:*", Some((AnyNameExplicitly, "repo:someone-else/app:x"))),
            ("*org/app*", Some((AnyName, "repo:someone-elseorg/appx"))),
            (
                "*:ref:refs/heads/main",
                Some((AnyName, "repo:someone-else/repo:ref:refs/heads/main:ref:refs/heads/main")),
            ),
            ("repo:org*", Some((Neighbours, "repo:org-other/repo:ref:refs/heads/main"))),
            ("repo:org/*", None),
            ("repo:org/app:*", None),
            ("repo:org/app*", None),
            ("repo:org*/app:*", Some((Neighbours, "repo:org-other/app:x"))),
            ("repo:org*/app*:ref:*", Some((Neighbours, "repo:org-other/appx:ref:x"))),
            ("repo:org-*/app:*", Some((Neighbours, "repo:org-other/app:x"))),
            ("repo:org@*/app@*:*", None),
            ("repo:octo?org/app:*", Some((Neighbours, "repo:octoxorg/app:x"))),
            ("repo:octo-??/app:*", Some((Neighbours, "repo:octo-xx/app:x"))),
            ("repo:oct?*/app:*", Some((Neighbours, "repo:oct-other/app:x"))),
            ("repo:?/app:*", Some((Neighbours, "repo:x/app:x"))),
            ("repo:org_*/app:*", Some((Neighbours, "repo:org_other/app:x"))),
            ("repo:org/?pp:*", None),
        ] {
            let first = of_pattern(pattern, &shape).into_iter().next();
            assert_eq!(first, wanted.map(|(reach, it)| (reach, it.to_owned())), "{pattern}");
        }
    }
}
