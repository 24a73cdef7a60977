//! Each test of one statement.

use super::why::{why_not_condition, why_not_principal};
use super::{Action, Element, Holds, NOT_HERE, Reason, StatementName, not_here};
use crate::condition::{Operator, Truth, Variables};
use crate::glob::Pattern;
use crate::place::Position;
use crate::policy::{Condition, Effect, Principals, Statement, Text, UNKNOWN, may_be};
use crate::provider::{self, ProviderArn};
use crate::request::{Known, WebIdentityRequest};

/// A statement with each of its tests done.
pub(super) struct Tested {
    pub(super) name: StatementName,
    pub(super) effect: Effect,
    pub(super) failures: Vec<Reason>,
    pub(super) doubts: Vec<Reason>,
}

impl Tested {
    pub(super) fn new(
        statement: &Statement,
        request: &WebIdentityRequest,
        variables: bool,
        action: Action,
    ) -> Self {
        let name = StatementName {
            number: statement.number,
            sid: statement.sid.as_ref().map(|sid| sid.value.clone()).filter(|sid| !sid.is_empty()),
            at: statement.at,
        };
        let mut tested =
            Self { name, effect: statement.effect, failures: Vec::new(), doubts: Vec::new() };
        tested.principal(statement, request);
        tested.action(statement, action);
        let variables = if variables { Variables::Of(request) } else { Variables::Literal };
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

    pub(super) fn truth(&self) -> Holds {
        match (self.failures.is_empty(), self.doubts.is_empty()) {
            (false, _) => Holds::No,
            (true, true) => Holds::Yes,
            (true, false) => Holds::Unknown,
        }
    }

    /// Whether it is about somebody or something else altogether.
    pub(super) fn passed_by(&self) -> bool {
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
        let statement = Some(self.name.clone());
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
            // Whoever is named: STS takes no such token, or has no such provider.
            _ if !request.has_https_issuer() || !request.has_provider() => Truth::False,
            None if statement.may_have_more => not_here(),
            None => Truth::False,
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
        let name = Some(self.name.clone());
        self.note(truth, |doubt| Reason {
            at: wanted.first().map_or(statement.at, |first| first.at),
            statement: name,
            element: Element::Principal,
            why: doubt.unwrap_or_else(|| why_not_principal(&wanted, request)),
            policy: wanted.into_iter().map(|name| name.value).collect(),
            request: vec![request.provider_arn.clone().unwrap_or_else(|| {
                format!("arn:PARTITION:iam::ACCOUNT:oidc-provider/{}", request.provider_name())
            })],
        });
    }

    fn action(&mut self, statement: &Statement, action: Action) {
        let (named, negated) = if statement.not_actions.is_empty() {
            (&statement.actions, false)
        } else {
            (&statement.not_actions, true)
        };
        let Action { name: wanted, needed } = action;
        let lower = wanted.to_ascii_lowercase();
        let each = named.iter().map(|action| {
            if !action.is_known() {
                return not_here();
            }
            Pattern::new(&action.value.to_ascii_lowercase()).matches(&lower).into()
        });
        let is_absent = named.is_empty() && statement.may_have_more;
        let listed = if is_absent { not_here() } else { Truth::any(each) };
        let name = Some(self.name.clone());
        self.note(if negated { listed.not() } else { listed }, |doubt| Reason {
            at: named.first().map_or(statement.at, |first| first.at),
            statement: name,
            element: Element::Action,
            policy: named.iter().map(|action| action.value.clone()).collect(),
            request: vec![wanted.to_owned()],
            why: doubt.unwrap_or_else(|| {
                let why =
                    if negated { "NotAction excludes this action" } else { "the actions differ" };
                needed.map_or(why.to_owned(), |needed| {
                    format!("{needed}, which needs {wanted} allowed too")
                })
            }),
        });
    }

    fn condition(
        &mut self,
        condition: &Condition,
        request: &WebIdentityRequest,
        variables: Variables,
    ) {
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
        let name = Some(self.name.clone());
        self.note(truth, |doubt| Reason {
            statement: name,
            at: condition.values.first().map_or(condition.key.at, |value| value.at),
            element: Element::Condition {
                operator: condition.operator.value.clone(),
                key: condition.key.value.clone(),
            },
            policy: condition.values.iter().map(|value| value.value.clone()).collect(),
            why: doubt.unwrap_or_else(|| {
                why_not_condition(condition, operator.ok(), &known, request, variables)
            }),
            request: match known {
                Known::Values(values) | Known::OneOf(values, _) => values,
                Known::Absent | Known::Present(_) | Known::Unknown(_) => Vec::new(),
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
                "Federated" if !principal.name.is_known() => {
                    is_open_provider(&principal.name, request)
                }
                "Federated" => is_provider(&principal.name.value, request).into(),
                _ => Truth::False,
            }))
        }
    }
}

fn is_provider(name: &str, request: &WebIdentityRequest) -> bool {
    if let Some(arn) = &request.provider_arn {
        // An account's built-in providers have no ARN.
        return name == arn || (name == request.provider_name() && is_built_in(name));
    }
    match ProviderArn::read(name) {
        Some(arn) => arn.name == request.provider_name(),
        None => is_built_in(name) && name == request.provider_name(),
    }
}

/// Of an ARN of which the partition or the account is not known, the name tells: any account's
/// will do where nobody names one.
fn is_open_provider(name: &Text, request: &WebIdentityRequest) -> Truth {
    let known = name.known();
    let Some(arn) = ProviderArn::read(&known) else { return not_here() };
    match &request.provider_arn {
        _ if !may_be(arn.name, request.provider_name()) => Truth::False,
        Some(wanted) if !name.may_be(wanted) => Truth::False,
        None if !arn.name.contains(UNKNOWN) => Truth::True,
        _ => not_here(),
    }
}

fn is_built_in(name: &str) -> bool {
    provider::BUILT_IN.contains(&name)
}
