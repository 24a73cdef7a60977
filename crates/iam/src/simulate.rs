//! `AssumeRoleWithWebIdentity` against a trust policy.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::fmt;

use super::condition::{Operator, Truth};
use super::glob::Pattern;
use super::place::Position;
use super::policy::{
    AbsentStatement, Condition, Effect, Policy, Principals, Statement, Text, UNKNOWN,
};
use super::provider::{self, ProviderArn};
use super::request::{Known, WebIdentityRequest};

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
    /// The statement that was tested.
    pub statement: StatementName,
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

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// Decides as IAM does: a Deny that holds wins, else an Allow that holds, else no.
#[must_use]
pub fn simulate(policy: &Policy, request: &WebIdentityRequest) -> Verdict {
    let variables = policy.has_variables();
    let tested: Vec<Tested> = policy
        .statements
        .iter()
        .map(|statement| Tested::new(statement, request, variables))
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

/// Whether this statement by itself holds of the request: what its `Effect` says then applies.
/// `variables` is [`Policy::has_variables`]. What is not in the file, and what AWS alone knows,
/// gives [`Holds::Unknown`], unless a known value rules the request out.
#[allow(dead_code, reason = "for the linter's probes")]
#[must_use]
pub(crate) fn holds(statement: &Statement, request: &WebIdentityRequest, variables: bool) -> Holds {
    Tested::new(statement, request, variables).truth()
}

/// Whether a statement holds of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    Unknown,
}

/// A statement with each of its tests done.
struct Tested {
    name: StatementName,
    effect: Effect,
    failures: Vec<Reason>,
    doubts: Vec<Reason>,
}

impl Tested {
    fn new(statement: &Statement, request: &WebIdentityRequest, variables: bool) -> Self {
        let name = StatementName {
            number: statement.number,
            sid: statement.sid.as_ref().map(|sid| sid.value.clone()).filter(|sid| !sid.is_empty()),
            at: statement.at,
        };
        let mut tested =
            Self { name, effect: statement.effect, failures: Vec::new(), doubts: Vec::new() };
        tested.principal(statement, request);
        tested.action(statement);
        for condition in &statement.conditions {
            tested.condition(condition, request, variables);
        }
        if statement.more_conditions {
            tested.doubt(statement.at, Element::Conditions);
        }
        if statement.effect == Effect::Unknown {
            tested.doubt(statement.at, Element::Effect);
        }
        tested
    }

    fn truth(&self) -> Holds {
        match (self.failures.is_empty(), self.doubts.is_empty()) {
            (false, _) => Holds::No,
            (true, true) => Holds::Yes,
            (true, false) => Holds::Unknown,
        }
    }

    /// Whether it is about somebody or something else altogether.
    fn passed_by(&self) -> bool {
        self.failures.iter().any(|reason| !matches!(reason.element, Element::Condition { .. }))
    }

    fn note(&mut self, truth: Truth, reason: impl FnOnce(Option<String>) -> Reason) {
        match truth {
            Truth::True => {}
            Truth::False => self.failures.push(reason(None)),
            Truth::Unknown(why) => self.doubts.push(reason(Some(why))),
        }
    }

    /// A part that is not in the file.
    fn doubt(&mut self, at: Position, element: Element) {
        let statement = self.name.clone();
        let (policy, request) = (Vec::new(), Vec::new());
        let why = NOT_HERE.to_owned();
        self.doubts.push(Reason { statement, at, element, policy, request, why });
    }

    fn principal(&mut self, statement: &Statement, request: &WebIdentityRequest) {
        let (named, negated) = match (&statement.principals, &statement.not_principals) {
            (Some(principals), _) => (Some(principals), false),
            (None, Some(principals)) => (Some(principals), true),
            (None, None) => (None, false),
        };
        let truth = match named {
            // Whoever is named: STS takes no such token.
            _ if !request.has_https_issuer() => Truth::False,
            None if statement.may_have_more => not_here(),
            None => Truth::False,
            Some(_) if negated && statement.effect == Effect::Allow => {
                Truth::Unknown("IAM does not support NotPrincipal with Allow".to_owned())
            }
            Some(named) => {
                let named = is_named(named, request);
                if negated { named.not() } else { named }
            }
        };
        let wanted: Vec<Text> = match named {
            Some(Principals::Of(all)) => {
                all.iter().map(|principal| principal.name.clone()).collect()
            }
            _ => Vec::new(),
        };
        let statement_name = self.name.clone();
        self.note(truth, |doubt| Reason {
            at: wanted.first().map_or(statement.at, |first| first.at),
            statement: statement_name,
            element: Element::Principal,
            why: doubt.unwrap_or_else(|| why_not_principal(&wanted, request)),
            policy: wanted.into_iter().map(|name| name.value).collect(),
            request: vec![request.provider_arn.clone().unwrap_or_else(|| {
                format!("arn:PARTITION:iam::ACCOUNT:oidc-provider/{}", request.provider_name())
            })],
        });
    }

    fn action(&mut self, statement: &Statement) {
        let (named, negated) = if statement.not_actions.is_empty() {
            (&statement.actions, false)
        } else {
            (&statement.not_actions, true)
        };
        let wanted = ACTION.to_ascii_lowercase();
        let each = named.iter().map(|action| {
            if !action.is_known() {
                return not_here();
            }
            Pattern::new(&action.value.to_ascii_lowercase()).matches(&wanted).into()
        });
        let is_absent = named.is_empty() && statement.may_have_more;
        let listed = if is_absent { not_here() } else { Truth::any(each) };
        let name = self.name.clone();
        self.note(if negated { listed.not() } else { listed }, |doubt| Reason {
            at: named.first().map_or(statement.at, |first| first.at),
            statement: name,
            element: Element::Action,
            policy: named.iter().map(|action| action.value.clone()).collect(),
            request: vec![ACTION.to_owned()],
            why: doubt.unwrap_or_else(|| {
                let why =
                    if negated { "NotAction excludes this action" } else { "the actions differ" };
                why.to_owned()
            }),
        });
    }

    fn condition(&mut self, condition: &Condition, request: &WebIdentityRequest, variables: bool) {
        let claim = claim_of_unknown(&condition.key);
        // Of a provider that is not known, the key may be the token's, or absent.
        let known = match &claim {
            Some(claim) => request.key(&format!("{}:{claim}", request.provider_name())),
            None => request.key(&condition.key.value),
        };
        let wanted: Vec<&Text> = condition.values.iter().collect();
        let operator = Operator::parse(&condition.operator.value);
        let truth = match operator {
            Ok(operator) if claim.is_some() => {
                let ours = operator.evaluate(&wanted, &known, variables);
                let others = operator.evaluate(&wanted, &Known::Absent, variables);
                if ours == others { ours } else { not_here() }
            }
            Ok(_) if !condition.key.is_known() => not_here(),
            Ok(operator) => operator.evaluate(&wanted, &known, variables),
            Err(_) => Truth::Unknown("IAM documents no such operator".to_owned()),
        };
        let name = self.name.clone();
        self.note(truth, |doubt| Reason {
            statement: name,
            at: condition.values.first().map_or(condition.key.at, |value| value.at),
            element: Element::Condition {
                operator: condition.operator.value.clone(),
                key: condition.key.value.clone(),
            },
            policy: condition.values.iter().map(|value| value.value.clone()).collect(),
            why: doubt
                .unwrap_or_else(|| why_not_condition(condition, operator.ok(), &known, request)),
            request: match known {
                Known::Values(values) => values,
                Known::Absent | Known::Unknown(_) => Vec::new(),
            },
        });
    }
}

/// The claim of a key whose provider is not known: `${var.issuer}:sub`.
fn claim_of_unknown(key: &Text) -> Option<String> {
    let known = key.known();
    let (provider, claim) = known.rsplit_once(':')?;
    let is_claim = !claim.is_empty() && !claim.contains(UNKNOWN);
    (is_claim && provider.contains(UNKNOWN)).then(|| claim.to_owned())
}

impl Reason {
    /// For statements that are not in the file.
    fn absent(absent: &AbsentStatement) -> Self {
        let AbsentStatement { number, at } = *absent;
        Self {
            statement: StatementName { number, sid: None, at },
            at,
            element: Element::Statement,
            policy: Vec::new(),
            request: Vec::new(),
            why: "a statement is not in this file".to_owned(),
        }
    }
}

/// Why a value of the policy can't be compared.
const NOT_HERE: &str = "the value is not in this file";

pub(super) fn not_here() -> Truth {
    Truth::Unknown(NOT_HERE.to_owned())
}

fn is_named(principals: &Principals, request: &WebIdentityRequest) -> Truth {
    match principals {
        Principals::Any(_) => Truth::True,
        Principals::Unknown(_) => not_here(),
        Principals::Of(all) => {
            Truth::any(all.iter().map(|principal| match principal.kind.value.as_str() {
                _ if !principal.kind.is_known() => not_here(),
                "AWS" if !principal.name.is_known() && principal.name.may_be("*") => not_here(),
                // It is the same as "*".
                "AWS" => (principal.name.value == "*").into(),
                "Federated" if !principal.name.is_known() => not_here(),
                "Federated" => is_provider(&principal.name.value, request).into(),
                _ => Truth::False,
            }))
        }
    }
}

fn is_provider(name: &str, request: &WebIdentityRequest) -> bool {
    if let Some(arn) = &request.provider_arn {
        return name == arn;
    }
    match ProviderArn::read(name) {
        Some(arn) => arn.name == request.provider_name(),
        None => provider::BUILT_IN.contains(&name) && name == request.provider_name(),
    }
}

fn why_not_principal(names: &[Text], request: &WebIdentityRequest) -> String {
    if !request.has_https_issuer() {
        return format!(
            "the issuer {:?} does not begin with https://: STS accepts no such token",
            ::text::shortened(&request.issuer, 120)
        );
    }
    let wanted = request.provider_name();
    let close = names.iter().filter_map(|name| ProviderArn::read(&name.value)).find(|arn| {
        let bare = arn.name.trim_start_matches("https://").trim_end_matches('/');
        bare.eq_ignore_ascii_case(wanted.trim_end_matches('/'))
    });
    match close {
        Some(arn) if arn.name == wanted => {
            "the provider's name is the same, but its partition or account differs".to_owned()
        }
        Some(arn) => format!(
            "{:?} and {wanted:?} must be identical: no https://, the same path and slashes",
            arn.name
        ),
        None => "it does not name the provider of the token's issuer".to_owned(),
    }
}

fn is_taken_over(claim: &str) -> bool {
    ["sub", "aud", "amr"].iter().any(|known| known.eq_ignore_ascii_case(claim))
}

fn why_not_condition(
    condition: &Condition,
    operator: Option<Operator>,
    known: &Known,
    request: &WebIdentityRequest,
) -> String {
    let Known::Values(values) = known else {
        return match provider::split_key(&condition.key.value) {
            Some((name, _)) if !name.eq_ignore_ascii_case(request.provider_name()) => format!(
                "the key is for another provider; for the token's issuer it is {}:...",
                request.provider_name()
            ),
            Some((_, claim)) if is_taken_over(claim) => {
                format!("the request has no such key: the token has no {claim}")
            }
            Some((_, claim)) => {
                format!(
                    "the request has no such key: STS uses only sub, aud and amr of the token, not {claim}"
                )
            }
            None => "the request has no such key".to_owned(),
        };
    };
    let near = |test: &dyn Fn(&str, &str) -> bool| {
        condition.values.iter().any(|wanted| values.iter().any(|value| test(&wanted.value, value)))
    };
    let has_wildcard = condition.values.iter().any(|wanted| wanted.value.contains(['*', '?']));
    if operator.is_some_and(Operator::is_negated) {
        "the policy rules out this value".to_owned()
    } else if near(&|wanted, value| wanted.trim() == value.trim()) {
        "they differ in white space".to_owned()
    } else if near(&|wanted, value| wanted.eq_ignore_ascii_case(value)) {
        "they differ in upper and lower case".to_owned()
    } else if has_wildcard && !operator.is_some_and(Operator::takes_wildcards) {
        format!(
            "{} compares * and ? literally; wildcards need StringLike",
            condition.operator.value
        )
    } else if near(&|wanted, _| {
        request.audiences.iter().any(|a| a == wanted) || request.subject == wanted
    }) {
        "another claim of the token has this value: aud and sub are swapped".to_owned()
    } else {
        "they differ".to_owned()
    }
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
            Self::Condition { operator, key } => write!(f, "{operator} of {key}"),
        }
    }
}

/// One line; the values side by side.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, at, element, policy, request, why } = self;
        write!(f, "{statement}, line {}, {element}: ", at.line)?;
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
