//! A policy document, each part with its place.

use super::place::Position;

/// A policy document as IAM would take it apart.
#[derive(Clone, Debug)]
pub struct Policy {
    /// None counts as 2008-10-17.
    pub version: Option<Text>,
    /// `Statement`, in their order.
    pub statements: Vec<Statement>,
}

/// One element of `Statement` in a policy document (IAM User Guide, "IAM JSON policy elements
/// reference").
#[derive(Clone, Debug)]
pub struct Statement {
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
}

/// What a statement that matches does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It allows the request, unless another statement denies it.
    Allow,
    /// It denies the request, whatever others allow.
    Deny,
}

/// Who a statement is about.
#[derive(Clone, Debug)]
pub enum Principals {
    /// `"*"`
    Any(Position),
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
    /// What stands in `${}` is put in by CloudFormation and not known here.
    pub template: bool,
}

impl Policy {
    /// Whether `${...}` is a policy variable: from 2012-10-17 on.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.value == "2012-10-17")
    }
}

impl Statement {
    /// Whether it is about calls with a web identity's token: by its action,
    /// or by a federated principal.
    #[must_use]
    pub fn is_for_web_identity(&self) -> bool {
        let names_action = self
            .actions
            .iter()
            .any(|action| action.value.eq_ignore_ascii_case("sts:AssumeRoleWithWebIdentity"));
        names_action || self.oidc_principals().next().is_some()
    }

    /// The principals that are OpenID Connect providers of this account, by ARN.
    pub fn oidc_principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals_of("Federated").filter(|p| p.name.value.contains(":oidc-provider/"))
    }

    /// The principals of this kind, such as `Federated`.
    pub fn principals_of(&self, kind: &str) -> impl Iterator<Item = &Principal> {
        let all: &[Principal] = match &self.principals {
            Some(Principals::Of(all)) => all,
            _ => &[],
        };
        all.iter().filter(move |principal| principal.kind.value == kind)
    }
}

impl Text {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.value
    }
}
