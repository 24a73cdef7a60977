//! A policy document, each part with its place.

use std::borrow::Cow;
use std::ops::Range;

use super::place::Position;

/// A policy document as IAM would take it apart.
#[derive(Clone, Debug)]
pub struct Policy {
    /// None counts as 2008-10-17.
    pub version: Option<Text>,
    /// `Statement`, in their order.
    pub statements: Vec<Statement>,
    /// Statements that only CloudFormation, Terraform or whoever fills in a template knows:
    /// each stands for any number of them.
    pub more_statements: Vec<AbsentStatement>,
}

/// In its place come statements that are not known here, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsentStatement {
    /// Which it is of the policy's statements, from 1.
    pub number: usize,
    /// Where it begins in the text.
    pub at: Position,
}

/// One element of `Statement` in a policy document (IAM User Guide, "IAM JSON policy elements
/// reference").
#[derive(Clone, Debug)]
pub struct Statement {
    /// Which it is of the policy's statements, from 1.
    pub number: usize,
    /// Where it begins in the text.
    pub at: Position,
    /// `Sid`.
    pub sid: Option<Text>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal`.
    pub principals: Option<Principals>,
    /// `NotPrincipal`.
    pub not_principals: Option<Principals>,
    /// `Action`; empty if the statement has none.
    pub actions: Vec<Text>,
    /// `NotAction`; empty if the statement has none.
    pub not_actions: Vec<Text>,
    /// `Resource`; empty if the statement has none.
    pub resources: Vec<Text>,
    /// `NotResource`; empty if the statement has none.
    pub not_resources: Vec<Text>,
    /// `Condition`, flat: one for each pair of operator and key.
    pub conditions: Vec<Condition>,
    /// Whether there may be further conditions that are not known here.
    pub more_conditions: bool,
    /// Whether there may be further members that are not known here.
    pub may_have_more: bool,
}

/// What a statement that matches does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It allows the request, unless another statement denies it.
    Allow,
    /// It denies the request, whatever others allow.
    Deny,
    /// One of the two: only CloudFormation, Terraform or whoever fills in a template knows.
    Unknown,
}

/// Who a statement is about.
#[derive(Clone, Debug)]
pub enum Principals {
    /// `"*"`
    Any(Position),
    /// Only CloudFormation, Terraform or whoever fills in a template knows.
    Unknown(Position),
    /// The principals that are listed.
    Of(Vec<Principal>),
}

/// One name under a kind: `Federated`, `AWS`, `Service`, `CanonicalUser`.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Such as `AWS`, `Service` or `Federated`.
    pub kind: Text,
    /// An ARN, an account ID or a service.
    pub name: Text,
}

/// An operator, a key and the values, any of which will do.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Such as `StringEquals`.
    pub operator: Text,
    /// The condition key.
    pub key: Text,
    /// The values, one of which has to match.
    pub values: Vec<Text>,
}

/// Text and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text itself.
    pub value: String,
    /// Where it begins in the text.
    pub at: Position,
    /// The parts of it, as ranges of bytes, that only CloudFormation, Terraform or whoever
    /// fills in a template knows. They neither match nor fail.
    pub unknown: Vec<Range<usize>>,
}

/// Stands for an unknown part in [`Text::known`]: a character that no name contains.
pub(super) const UNKNOWN: char = '\u{fffc}';

impl Policy {
    /// Whether `${...}` is a policy variable: from 2012-10-17 on.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
    #[must_use]
    pub(crate) fn has_variables(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.value == "2012-10-17")
    }
}

impl Statement {
    /// Whether it is about calls with a web identity's token: by its action,
    /// or by a federated principal.
    #[must_use]
    pub(crate) fn is_for_web_identity(&self) -> bool {
        let names_action = self
            .actions
            .iter()
            .any(|action| action.value.eq_ignore_ascii_case("sts:AssumeRoleWithWebIdentity"));
        names_action || self.oidc_principals().next().is_some()
    }

    /// The principals that are OpenID Connect providers of this account, by ARN.
    pub(crate) fn oidc_principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals_of("Federated").filter(|p| p.name.value.contains(":oidc-provider/"))
    }

    /// The principals of this kind, such as `Federated`.
    pub(crate) fn principals_of(&self, kind: &str) -> impl Iterator<Item = &Principal> {
        let all: &[Principal] = match &self.principals {
            Some(Principals::Of(all)) => all,
            _ => &[],
        };
        all.iter().filter(move |principal| principal.kind.value == kind)
    }
}

impl Text {
    /// Of which all is known.
    pub(super) fn new(value: impl Into<String>, at: Position) -> Self {
        Self { value: value.into(), at, unknown: Vec::new() }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// Whether all of it is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Whether nothing of it is known.
    #[must_use]
    pub(crate) fn is_unknown(&self) -> bool {
        !self.is_known() && self.known().chars().all(|c| c == UNKNOWN)
    }

    /// What is known of it, with U+FFFC for each part that is not.
    #[must_use]
    pub fn known(&self) -> Cow<'_, str> {
        if self.is_known() {
            return Cow::Borrowed(&self.value);
        }
        let mut known = String::with_capacity(self.value.len());
        let mut next = 0;
        for part in &self.unknown {
            known.push_str(self.value.get(next..part.start).unwrap_or_default());
            known.push(UNKNOWN);
            next = part.end;
        }
        known.push_str(self.value.get(next..).unwrap_or_default());
        Cow::Owned(known)
    }

    /// Whether it may be this text, as far as it is known.
    #[must_use]
    pub fn may_be(&self, text: &str) -> bool {
        may_be(&self.known(), text)
    }
}

/// Whether what is known of a text, with U+FFFC for each part that is not, may be another.
pub(super) fn may_be(known: &str, text: &str) -> bool {
    let mut parts = known.split(UNKNOWN);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_may_be_anything() {
        let value = "${a}:x:${b}".to_owned();
        let text = Text { value, at: Position::START, unknown: vec![0..4, 7..11] };
        assert_eq!(text.known(), "\u{fffc}:x:\u{fffc}");
        assert!(text.may_be("1:x:2") && text.may_be(":x:"));
        assert!(!text.may_be("1:y:2") && !text.is_unknown() && !text.is_known());
        let known = Text::new("a", Position::START);
        assert!(known.may_be("a") && !known.may_be("ab"));
    }
}
