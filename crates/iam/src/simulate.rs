//! `AssumeRoleWithWebIdentity` against a trust policy.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod tested;
mod why;

use std::fmt;

use super::condition::Truth;
use super::place::Position;
use super::policy::{AbsentStatement, Effect, Policy, Statement};
use super::request::WebIdentityRequest;
use tested::Tested;

/// What STS would answer, as far as the trust policy decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows it, and none denies it.
    Allowed {
        /// The first statement that allows it.
        by: StatementName,
    },
    /// No statement allows it, or one denies it.
    Denied {
        /// The statement that denies it, whatever others allow
        explicitly: Option<StatementName>,
        /// What keeps each statement from allowing it, the nearest to it first
        reasons: Vec<Reason>,
    },
    /// It depends on what AWS alone knows.
    Unknown {
        /// What could not be decided.
        reasons: Vec<Reason>,
    },
}

/// A statement, as people look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementName {
    /// From 1
    pub number: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Where it begins in the text.
    pub at: Position,
}

/// A test of a statement that failed, or whose outcome nobody can say here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The statement that was tested; nothing where it is no statement's matter.
    pub statement: Option<StatementName>,
    /// Where it begins in the text.
    pub at: Position,
    /// The part of it that was tested.
    pub element: Element,
    /// What the policy has
    pub policy: Vec<String>,
    /// What the request has; nothing where it has no such key or nobody knows
    pub request: Vec<String>,
    /// Why they do not match.
    pub why: String,
}

/// Which part of a statement was tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// `Principal` or `NotPrincipal`.
    Principal,
    /// `Action` or `NotAction`.
    Action,
    /// `Effect`, where it is not known.
    Effect,
    /// All of it, where it is not known.
    Statement,
    /// The token itself, which STS refuses.
    Token,
    /// How long the session is to last, which the role limits.
    Duration,
    /// `Condition`, where not all of it is known.
    Conditions,
    /// One operator and key of `Condition`.
    Condition {
        /// Such as `StringEquals`.
        operator: String,
        /// The condition key.
        key: String,
    },
}

/// What a call needs the trust policy to allow, and why it needs that.
#[derive(Clone, Copy)]
struct Action {
    name: &'static str,
    needed: Option<&'static str>,
}

const ASSUME_ROLE: Action = Action { name: "sts:AssumeRoleWithWebIdentity", needed: None };
const TAG_SESSION: Action =
    Action { name: "sts:TagSession", needed: Some("the token has session tags") };
const SET_SOURCE_IDENTITY: Action =
    Action { name: "sts:SetSourceIdentity", needed: Some("the token has a source identity") };

/// Decides as IAM does: a Deny that holds wins, else an Allow that holds, else no. What the
/// token brings beside its subject needs actions of its own.
#[must_use]
pub fn simulate(policy: &Policy, request: &WebIdentityRequest) -> Verdict {
    if let Some(why) = &request.refused {
        let (policy, request) = (Vec::new(), Vec::new());
        let (at, why) = (Position::START, why.clone());
        let element = Element::Token;
        let reasons = vec![Reason { statement: None, at, element, policy, request, why }];
        return Verdict::Denied { explicitly: None, reasons };
    }
    let further = [
        (request.has_session_tags(), TAG_SESSION),
        (request.has_source_identity(), SET_SOURCE_IDENTITY),
    ];
    let further = further.into_iter().filter_map(|(is_needed, action)| is_needed.then_some(action));
    further.fold(decide(policy, request, ASSUME_ROLE), |so_far, action| {
        so_far.and(decide(policy, request, action))
    })
}

fn decide(policy: &Policy, request: &WebIdentityRequest, action: Action) -> Verdict {
    let variables = policy.has_variables();
    let tested: Vec<Tested> = policy
        .statements
        .iter()
        .map(|statement| Tested::new(statement, request, variables, action))
        .collect();
    // Of an effect that is not known, nobody can say that it is not this one.
    let of = |effect| {
        tested.iter().filter(move |it| it.effect == effect || it.effect == Effect::Unknown)
    };
    if let Some(denied) = of(Effect::Deny).find(|tested| tested.truth() == Holds::Yes) {
        return Verdict::Denied { explicitly: Some(denied.name.clone()), reasons: Vec::new() };
    }
    let doubts = |effect| {
        of(effect).filter(|tested| tested.truth() == Holds::Unknown).flat_map(|t| t.doubts.clone())
    };
    let allowing = of(Effect::Allow).find(|tested| tested.truth() == Holds::Yes);
    // Whatever they are, they let in no token that STS does not take.
    let absent: Vec<Reason> = if request.has_https_issuer() {
        policy.more_statements.iter().map(Reason::absent).collect()
    } else {
        Vec::new()
    };
    let may_allow: Vec<Reason> = doubts(Effect::Allow).chain(absent.clone()).collect();
    let may_deny: Vec<Reason> = doubts(Effect::Deny).collect();
    match allowing {
        Some(allowing) if may_deny.is_empty() && absent.is_empty() => {
            Verdict::Allowed { by: allowing.name.clone() }
        }
        Some(_) => Verdict::Unknown { reasons: may_deny.into_iter().chain(absent).collect() },
        None if !may_allow.is_empty() => {
            Verdict::Unknown { reasons: may_allow.into_iter().chain(may_deny).collect() }
        }
        None => {
            let mut failed: Vec<&Tested> = of(Effect::Allow).collect();
            failed.sort_by_key(|tested| (tested.passed_by(), tested.failures.len()));
            let reasons = failed.into_iter().flat_map(|tested| tested.failures.clone()).collect();
            Verdict::Denied { explicitly: None, reasons }
        }
    }
}

impl Verdict {
    /// Both calls have to be allowed.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (denied @ Self::Denied { .. }, _) | (_, denied @ Self::Denied { .. }) => denied,
            (Self::Unknown { mut reasons }, Self::Unknown { reasons: more }) => {
                reasons.extend(more);
                Self::Unknown { reasons }
            }
            (unknown @ Self::Unknown { .. }, _) | (_, unknown @ Self::Unknown { .. }) => unknown,
            (allowed, _) => allowed,
        }
    }

    /// The verdict for a session of so many seconds. `longest` is the role's
    /// `MaxSessionDuration`, where it is known: 3,600 at least.
    #[must_use]
    pub fn for_session(self, seconds: u32, longest: Option<u32>) -> Self {
        let reason = |policy: Vec<String>, why: String| {
            let (at, request) = (Position::START, vec![seconds.to_string()]);
            Reason { statement: None, at, element: Element::Duration, policy, request, why }
        };
        match (self, longest) {
            (denied @ Self::Denied { .. }, _) => denied,
            (_, Some(longest)) if seconds > longest => {
                let why = "the session would be longer than the role's MaxSessionDuration";
                let reasons = vec![reason(vec![longest.to_string()], why.to_owned())];
                Self::Denied { explicitly: None, reasons }
            }
            (verdict, None) if seconds > SHORTEST_MAXIMUM => {
                let why = "the role's MaxSessionDuration is not in the file; give the output of `aws iam get-role`";
                let reasons = vec![reason(Vec::new(), why.to_owned())];
                verdict.and(Self::Unknown { reasons })
            }
            (verdict, _) => verdict,
        }
    }
}

/// No role's `MaxSessionDuration` is shorter.
const SHORTEST_MAXIMUM: u32 = 3600;

/// Whether this statement by itself holds of the request: what its `Effect` says then applies.
/// `variables` is [`Policy::has_variables`]. What is not in the file, and what AWS alone knows,
/// gives [`Holds::Unknown`], unless a known value rules the request out.
#[must_use]
pub(crate) fn holds(statement: &Statement, request: &WebIdentityRequest, variables: bool) -> Holds {
    Tested::new(statement, request, variables, ASSUME_ROLE).truth()
}

/// Whether a statement holds of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    Unknown,
}

impl Reason {
    /// For statements that are not in the file.
    fn absent(absent: &AbsentStatement) -> Self {
        let AbsentStatement { number, at } = *absent;
        Self {
            statement: Some(StatementName { number, sid: None, at }),
            at,
            element: Element::Statement,
            policy: Vec::new(),
            request: Vec::new(),
            why: "a statement is not in this file".to_owned(),
        }
    }
}

/// Why a value of the policy can't be compared.
pub(super) const NOT_HERE: &str = "the value is not in this file";

pub(super) fn not_here() -> Truth {
    Truth::Unknown(NOT_HERE.to_owned())
}

impl fmt::Display for StatementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.number)?;
        if let Some(sid) = &self.sid {
            write!(f, " ({sid})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal => f.write_str("Principal"),
            Self::Action => f.write_str("Action"),
            Self::Effect => f.write_str("Effect"),
            Self::Conditions => f.write_str("Condition"),
            Self::Statement => f.write_str("Statement"),
            Self::Token => f.write_str("token"),
            Self::Duration => f.write_str("duration"),
            Self::Condition { operator, key } => write!(f, "{operator} of {key}"),
        }
    }
}

/// One line; the values side by side.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, at, element, policy, request, why } = self;
        match statement {
            Some(statement) => write!(f, "{statement}, line {}, {element}: ", at.line)?,
            None if policy.is_empty() => return write!(f, "{element}: {why}"),
            None => write!(f, "{element}: ")?,
        }
        write!(f, "the policy has {}, the request has {}: {why}", listed(policy), listed(request))
    }
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        return "no value".to_owned();
    }
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests;
