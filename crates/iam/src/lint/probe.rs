//! Calls by others than those whom a statement is for, to see which of them it lets in.

use super::actions::WEB_IDENTITY;
use super::claims::{Key, bare};
use super::principals;
use crate::policy::{Condition, Effect, Policy, Principals, Statement, Text};
use crate::request::WebIdentityRequest;
use crate::simulate::{Holds, holds};

/// More statements that deny are not asked: with more, nobody is sure to get in.
const MOST_DENIALS: usize = 32;

/// In the place of a provider's name that is not known.
const NAMELESS: &str = "issuer.invalid";

/// What the statements that deny, or may do so, say of a policy's callers.
pub(super) struct Denials<'a> {
    /// Whether `${...}` is a policy variable.
    pub(super) variables: bool,
    /// Whether one may keep callers out who have no token.
    pub(super) restrict_callers: bool,
    /// Those that ask for the token alone: what else they ask for, others may fit as well.
    of_tokens: Vec<&'a Statement>,
    /// Whether there are more of these.
    is_cut: bool,
}

impl<'a> Denials<'a> {
    pub(super) fn of(policy: &'a Policy) -> Self {
        let denials = || policy.statements.iter().filter(|it| it.effect != Effect::Allow);
        let of_token =
            |it: &&Statement| it.conditions.iter().all(|it| Key::read(&it.key).is_some());
        Self {
            variables: policy.has_variables(),
            restrict_callers: denials().any(principals::restricts_callers),
            of_tokens: denials().filter(of_token).take(MOST_DENIALS).collect(),
            is_cut: denials().filter(of_token).nth(MOST_DENIALS).is_some(),
        }
    }
}

/// Some of a statement's conditions, for tokens of one provider.
pub(super) struct Gate<'a> {
    denials: &'a Denials<'a>,
    provider: String,
    statement: Statement,
}

/// The provider in a key, as it is compared. A key of one that is not known may be of any.
pub(super) fn provider_of_key(key: Key<'_>, is_known: bool) -> Option<String> {
    is_known.then(|| bare(key.provider).to_ascii_lowercase())
}

/// The claim of a condition key.
pub(super) fn claim_of(condition: &Condition) -> Option<String> {
    Key::read(&condition.key).map(|key| key.claim.to_ascii_lowercase())
}

impl<'a> Gate<'a> {
    /// Those that `of_interest` picks by their key. What the keys name wrongly is told elsewhere:
    /// here `https://` and slashes make no other provider.
    pub(super) fn new(
        denials: &'a Denials<'a>,
        statement: &Statement,
        provider: Option<&str>,
        of_interest: impl Fn(&Condition) -> bool,
    ) -> Self {
        let provider = provider.map_or(NAMELESS, bare).to_owned();
        let conditions = statement.conditions.iter().filter(|it| of_interest(it));
        let of_provider = |condition: &Condition| {
            let mut condition = condition.clone();
            if let Some(key) = Key::read(&condition.key) {
                let name = provider_of_key(key, condition.key.is_known());
                if name.is_none_or(|name| name.eq_ignore_ascii_case(&provider)) {
                    let key = format!("{provider}:{}", key.claim);
                    condition.key = Text::new(key, condition.key.at);
                }
            }
            condition
        };
        let reduced = Statement {
            number: statement.number,
            at: statement.at,
            sid: None,
            effect: Effect::Allow,
            principals: Some(Principals::Any(statement.at)),
            not_principals: None,
            actions: vec![Text::new(WEB_IDENTITY, statement.at)],
            not_actions: Vec::new(),
            resources: Vec::new(),
            not_resources: Vec::new(),
            conditions: conditions.map(of_provider).collect(),
            more_conditions: statement.more_conditions,
            may_have_more: false,
        };
        Self { denials, provider, statement: reduced }
    }

    /// Whether it tests anything.
    pub(super) fn is_open(&self) -> bool {
        self.statement.conditions.is_empty() && !self.statement.more_conditions
    }

    /// A token of the provider; without a subject or audience where there is none.
    pub(super) fn token(
        &self,
        subject: Option<&str>,
        audience: Option<&str>,
    ) -> WebIdentityRequest {
        let issuer = format!("https://{}", self.provider);
        let audiences: Vec<&str> = audience.into_iter().collect();
        let mut request = WebIdentityRequest::new(&issuer, subject.unwrap_or_default(), &audiences);
        // So that :aud and :oaud are the same.
        request.authorized_party = audience.map(str::to_owned);
        request
    }

    /// The token with another value in each claim that is asked for, but for these.
    pub(super) fn with_other_claims(&self, mut request: WebIdentityRequest) -> WebIdentityRequest {
        for condition in &self.statement.conditions {
            let key = condition.key.value.to_ascii_lowercase();
            let claim = claim_of(condition).unwrap_or_default();
            let is_set = ["sub", "aud", "oaud", "azp", "amr"].contains(&claim.as_str());
            if condition.key.is_known()
                && !is_set
                && key.starts_with(&self.provider.to_ascii_lowercase())
            {
                request = request.with_context(&key, "someone-else");
            }
        }
        request
    }

    /// Whether the call passes for certain, and no other statement denies it or may do so.
    pub(super) fn admits(&self, request: &WebIdentityRequest) -> bool {
        let Denials { variables, of_tokens, is_cut, .. } = self.denials;
        !is_cut
            && holds(&self.statement, request, *variables) == Holds::Yes
            && of_tokens.iter().all(|it| holds(it, request, *variables) == Holds::No)
    }
}
