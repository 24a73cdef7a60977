//! Policy variables: `${aws:username}`, how they are written and where IAM has them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use super::context_keys::{self, Lookup};
use super::shown;
use super::value_types::Family;
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::policy::{Policy, Principals, Statement, Text, UNKNOWN};
use crate::write::text as quoted;

/// More of one text are not looked at.
const MOST: usize = 100;

/// `is_old` where the version has no variables: 2008-10-17, or none.
pub(super) fn findings(policy: &Policy, is_old: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for statement in &policy.statements {
        found.extend(
            elements_without(statement).filter_map(|(element, text)| misplaced(element, text)),
        );
        if is_old {
            found.extend(with_variables(statement).find_map(unread));
            continue;
        }
        for text in with_variables(statement) {
            found.extend(each(text).find_map(|variable| variable.mistake(text)));
        }
        found.extend(resources(statement).filter_map(before_the_name));
        for condition in &statement.conditions {
            let family = Family::of(condition.operator.as_str());
            // IAM's documentation is of two minds about Bool.
            let is_bool = Operator::parse(condition.operator.as_str())
                .is_ok_and(|operator| operator.test == Test::Bool);
            let takes = is_bool || matches!(family, None | Some(Family::Text | Family::Arn));
            let operator = condition.operator.as_str();
            let first = condition.values.iter().filter(|_| !takes);
            let told = |text: &Text| {
                let variable = each(text).find(Variable::is_one)?;
                let message = format!(
                    "{operator} takes no policy variables: {} is compared as it stands; only String and Arn operators fill them in",
                    variable.shown()
                );
                Some(Finding::new(Code::Variable, text.at, message))
            };
            found.extend(first.filter_map(told));
        }
    }
    found
}

/// The elements in which IAM fills in no variables.
fn elements_without(statement: &Statement) -> impl Iterator<Item = (&'static str, &Text)> {
    let principals = [&statement.principals, &statement.not_principals].into_iter().flatten();
    let names = principals.flat_map(|principals| match principals {
        Principals::Of(all) => all.as_slice(),
        Principals::Any(_) | Principals::Unknown(_) => &[],
    });
    let names = names.map(|principal| ("Principal", &principal.name));
    let actions = statement.actions.iter().map(|text| ("Action", text));
    let others = statement.not_actions.iter().map(|text| ("NotAction", text));
    names.chain(actions).chain(others)
}

fn resources(statement: &Statement) -> impl Iterator<Item = &Text> {
    statement.resources.iter().chain(&statement.not_resources)
}

fn with_variables(statement: &Statement) -> impl Iterator<Item = &Text> {
    resources(statement).chain(statement.conditions.iter().flat_map(|it| &it.values))
}

fn misplaced(element: &str, text: &Text) -> Option<Finding> {
    let variable = each(text).find(Variable::is_one)?;
    let message = format!(
        "{element} takes no policy variables: {} is not filled in; only Resource and the values of Condition have them",
        variable.shown()
    );
    Some(Finding::new(Code::Variable, text.at, message))
}

fn unread(text: &Text) -> Option<Finding> {
    let variable = each(text).find(Variable::is_one)?;
    let message = format!(
        "{} is plain text in this policy: only Version 2012-10-17 has policy variables",
        variable.shown()
    );
    Some(Finding::new(Code::Variable, text.at, message))
}

/// Only the last part of an ARN may have one.
fn before_the_name(text: &Text) -> Option<Finding> {
    if !text.value.starts_with("arn:") {
        return None;
    }
    let variable = each(text).find(|it| it.is_one() && it.is_closed)?;
    // The first, so that the colons before it are the ARN's.
    let colons = text.value[..variable.start].matches(':').count();
    let message = format!(
        "{} stands before the fifth colon of the ARN, where IAM fills in no policy variables",
        variable.shown()
    );
    (colons < 5).then(|| Finding::new(Code::ValueDoubtful, text.at, message))
}

/// What begins with `${`: up to its brace, or to the end of the text.
struct Variable<'a> {
    /// Where the text inside begins.
    start: usize,
    inside: &'a str,
    is_closed: bool,
}

fn each(text: &Text) -> impl Iterator<Item = Variable<'_>> {
    // In a template, what is filled in may be of a variable.
    let known = if text.is_known() { text.as_str() } else { "" };
    known.match_indices("${").take(MOST).map(|(at, _)| {
        let start = at + 2;
        let rest = &known[start..];
        let rest = rest.find("${").map_or(rest, |next| &rest[..next]);
        match rest.find('}') {
            Some(end) => Variable { start, inside: &rest[..end], is_closed: true },
            None => Variable { start, inside: rest, is_closed: false },
        }
    })
}

impl Variable<'_> {
    /// Whether it was meant to be one, and is no character: `${*}`.
    fn is_one(&self) -> bool {
        !self.is_character() && !self.inside.contains(UNKNOWN)
    }

    fn is_character(&self) -> bool {
        matches!(self.inside, "*" | "?" | "$")
    }

    fn shown(&self) -> String {
        let end = if self.is_closed { "}" } else { "" };
        format!("${{{}{end}", text::shortened(self.inside, 60))
    }

    fn mistake(&self, text: &Text) -> Option<Finding> {
        if !self.is_one() {
            return None;
        }
        let finding = |message: String| Finding::new(Code::Variable, text.at, message);
        if !self.is_closed {
            let message =
                format!("the policy variable {} lacks its closing brace", shown(&self.shown()));
            return Some(match self.closed(text.as_str()) {
                Some(mended) => finding(message).fixed(quoted(&mended)),
                None => finding(message),
            });
        }
        if self.inside.trim().is_empty() {
            let message = format!(
                "the policy variable {} is empty: write a key, or leave it out",
                self.shown()
            );
            return Some(finding(message));
        }
        let (name, default) = match self.inside.split_once(',') {
            Some((name, default)) => (name, Some(default)),
            None => (self.inside, None),
        };
        if let Some(default) = default.map(str::trim) {
            let is_quoted =
                default.len() > 1 && default.starts_with('\'') && default.ends_with('\'');
            if !is_quoted {
                let message = format!(
                    "the default value of {} has to stand in single quotes: ${{KEY, 'VALUE'}}",
                    self.shown()
                );
                let bare = default.trim_matches(['\'', '"']);
                let mended = self.replaced(text.as_str(), &format!("{}, '{bare}'", name.trim()));
                return Some(finding(message).fixed(quoted(&mended)));
            }
        }
        if name.contains(char::is_whitespace) {
            let message =
                format!("the name in {} has white space, which IAM does not take", self.shown());
            let dense = name.replace(char::is_whitespace, "");
            let behind = self.inside.strip_prefix(name).unwrap_or_default();
            let mended = self.replaced(text.as_str(), &format!("{dense}{behind}"));
            return Some(finding(message).fixed(quoted(&mended)));
        }
        if let Lookup::Misspelt(meant) = Lookup::of(name) {
            let message =
                format!("no request has the key in {}; did you mean {meant}?", self.shown());
            let behind = self.inside.strip_prefix(name).unwrap_or_default();
            let mended = self.replaced(text.as_str(), &format!("{meant}{behind}"));
            return Some(finding(message).fixed(quoted(&mended)));
        }
        None
    }

    /// The text with other words in the braces.
    fn replaced(&self, text: &str, with: &str) -> String {
        let (before, behind) = (&text[..self.start], &text[self.start + self.inside.len()..]);
        format!("{before}{with}{behind}")
    }

    /// The text with the brace behind the key, where the key is a documented one.
    fn closed(&self, text: &str) -> Option<String> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == ':';
        let end = self.inside.find(|c| !is_word(c)).unwrap_or(self.inside.len());
        context_keys::known(&self.inside[..end])?;
        let (before, behind) = text.split_at(self.start + end);
        Some(format!("{before}}}{behind}"))
    }
}
