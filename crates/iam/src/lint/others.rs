//! Who else gets in: a statement is asked with tokens of others than those whom it is for.

use std::collections::HashMap;

use super::claims::{self, Key, bare, provider_of};
use super::issuers::{Issuer, OF_PODS, Shape, Shared};
use super::outsiders::{self, EXAMPLE, Reach, STRANGERS};
use super::principals;
use super::probe::{Denials, Gate, claim_of, provider_of_key};
use super::shown;
use super::subject::SUBJECT;
use super::wide;
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::glob::Pattern;
use crate::partition::AUDIENCE;
use crate::place::Position;
use crate::policy::{Condition, Statement, Text};
use crate::request::WebIdentityRequest;
use crate::write::{member, object, text as quoted};

/// An audience that shares nothing with what a policy names.
const STRANGE_AUDIENCE: &str = "zq7-k4w";

/// More providers of a statement are not asked for, nor more patterns of a condition.
const MOST_PROVIDERS: usize = 64;
const MOST_PATTERNS: usize = 2_000;
/// Of the subjects that patterns match, so many are asked for.
const MOST_ASKED: usize = 32;

/// Whom the statement is for.
struct Provider<'a> {
    /// Its name as in an ARN, where it is known.
    name: Option<&'a str>,
    /// The same, or what stands for it.
    text: &'a str,
    /// Where it is named.
    principal: Option<&'a Text>,
    issuer: Issuer,
}

/// A statement that allows, and whose conditions are all known.
pub(super) fn findings(
    denials: &Denials<'_>,
    statement: &Statement,
    principals: &[&Text],
) -> Vec<Finding> {
    let is_hidden = |it: &Condition| {
        !it.key.is_known() && Key::read(&it.key).is_none() || !it.operator.is_known()
    };
    if statement.more_conditions || statement.conditions.iter().any(is_hidden) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let named = providers(statement, principals);
    let excluded = excluded(statement, principals);
    for provider in named.iter().filter(|it| !it.name.is_some_and(&excluded)) {
        let asked = Asked { denials, statement, provider, is_one: named.len() == 1 };
        found.extend(asked.findings());
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// The providers among the principals; where those are not known, the one of the conditions.
fn providers<'a>(statement: &'a Statement, principals: &[&'a Text]) -> Vec<Provider<'a>> {
    let is_of_pods = |value: &Text| value.known().starts_with(SUBJECT);
    let asks_for_pods = || {
        let of_sub = |it: &&Condition| claim_of(it).is_some_and(|claim| claim == "sub");
        statement.conditions.iter().filter(of_sub).any(|it| it.values.iter().any(is_of_pods))
    };
    let issuer = |name: &str, is_known: bool| match if is_known {
        Issuer::of(name)
    } else {
        Issuer::of_variable(name)
    } {
        Issuer::OfOne if asks_for_pods() => Issuer::Cluster,
        other => other,
    };
    let of_key = |it: &'a Condition| Key::read(&it.key).map(|key| (key, it.key.is_known()));
    let keys = || statement.conditions.iter().filter_map(of_key);
    let key = keys().find(|(_, is_known)| *is_known).or_else(|| keys().next());
    let known_key = key.filter(|(_, is_known)| *is_known).map(|(key, _)| key.provider);
    let named = principals.iter().filter_map(|principal| {
        let name = provider_of(&principal.value)?;
        let known = if claims::is_name_known(principal) { Some(name) } else { known_key };
        let issuer = issuer(known.unwrap_or(name), known.is_some());
        Some(Provider { name: known, text: name, principal: Some(principal), issuer })
    });
    let named: Vec<_> = named.take(MOST_PROVIDERS).collect();
    if !named.is_empty() {
        return named;
    }
    let Some((key, is_known)) = key else { return Vec::new() };
    let text = key.provider;
    vec![Provider { name: known_key, text, principal: None, issuer: issuer(text, is_known) }]
}

/// Whether no token of this provider matches, since a condition asks for one of another.
fn excluded(statement: &Statement, principals: &[&Text]) -> impl Fn(&str) -> bool {
    let name_of = |name: &str| bare(name).to_ascii_lowercase();
    let mut required: HashMap<String, usize> =
        principals.iter().filter_map(|it| Some((name_of(provider_of(&it.value)?), 0))).collect();
    for condition in &statement.conditions {
        let Some(key) = Key::read(&condition.key) else { continue };
        let name = provider_of_key(key, condition.key.is_known());
        let fails = fails_without_key(condition);
        if let Some(count) = name.and_then(|name| required.get_mut(&name)).filter(|_| fails) {
            *count += 1;
        }
    }
    let all: usize = required.values().sum();
    move |name| required.get(&name_of(name)).is_some_and(|own| all > *own)
}

fn fails_without_key(condition: &Condition) -> bool {
    let is_false = |it: &Text| it.is_known() && it.value.eq_ignore_ascii_case("false");
    match Operator::parse(&condition.operator.value) {
        Ok(operator) if operator.test == Test::Null => condition.values.iter().all(is_false),
        Ok(operator) => !operator.holds_without_key(),
        Err(_) => false,
    }
}

/// Whether it names what is let in.
fn names_text(condition: &Condition) -> bool {
    Operator::parse(&condition.operator.value).is_ok_and(|it| {
        !it.is_negated() && matches!(it.test, Test::Equals | Test::EqualsIgnoreCase | Test::Like)
    })
}

fn is_like(condition: &Condition) -> bool {
    Operator::parse(&condition.operator.value).is_ok_and(Operator::is_like)
}

/// A statement, and one of its providers.
struct Asked<'a> {
    denials: &'a Denials<'a>,
    statement: &'a Statement,
    provider: &'a Provider<'a>,
    is_one: bool,
}

impl<'a> Asked<'a> {
    fn findings(&self) -> Vec<Finding> {
        match self.provider.issuer {
            Issuer::Cluster => self.cluster(),
            Issuer::Shared(shared) => self.shared(shared),
            Issuer::OfOne => self.of_one(),
            Issuer::Jobs => self.jobs(),
        }
    }

    fn gate(&self, of_interest: impl Fn(&Condition) -> bool) -> Gate<'a> {
        Gate::new(self.denials, self.statement, self.provider.name, of_interest)
    }

    /// The gate of conditions on these claims, of whichever provider.
    fn gate_of(&self, claims: &[&str]) -> Gate<'a> {
        self.gate(|it| claim_of(it).is_some_and(|claim| claims.contains(&claim.as_str())))
    }

    /// Tokens of pods: any pod of the cluster may ask for any audience.
    fn cluster(&self) -> Vec<Finding> {
        let gate = self.gate_of(&["sub"]);
        let audience = self.meant(&["aud", "oaud"]).unwrap_or_else(|| AUDIENCE.to_owned());
        let passes =
            |subject: Option<&str>| gate.admits(&gate.token(subject, Some(audience.as_str())));
        let mut found = Vec::new();
        if STRANGERS.iter().all(|it| passes(Some(it))) {
            let example = if passes(Some(EXAMPLE)) { EXAMPLE } else { STRANGERS[0] };
            let wide = self.wide_patterns(|it| it == Reach::All, &OF_PODS, |_| Some(example));
            if wide.is_empty() && self.may_tell_untested() {
                found.push(self.untested(gate.is_open(), example));
            }
            found.extend(wide);
        } else {
            found.extend(self.wide_patterns(
                |it| it != Reach::All,
                &OF_PODS,
                |it| passes(Some(it)).then_some(it),
            ));
            if found.is_empty() && self.is_one && passes(None) {
                found.extend(self.optional("sub"));
            }
        }
        found.extend(self.audience());
        found
    }

    /// Tokens of another customer of the service.
    fn shared(&self, shared: &'static Shared) -> Vec<Finding> {
        if self.has_session_tags() {
            return Vec::new();
        }
        let of_claims = |it: &Condition| match claim_of(it) {
            Some(claim) => !shared.is_anybodys(&claim),
            None => shared.claims.iter().any(|key| it.key.value.eq_ignore_ascii_case(key)),
        };
        let gate = self.gate(of_claims);
        let audiences = self.audiences_of_others(shared);
        let passes = |subject: &str| {
            audiences.iter().any(|audience| {
                let token = gate.token(Some(subject), Some(audience.as_str()));
                let admits = |token: WebIdentityRequest| {
                    gate.admits(&token.with_context("sts:RoleSessionName", "someone-else"))
                };
                // Of people who were not asked for it, tokens have no email.
                (shared.claims.contains(&"email") && admits(token.clone()))
                    || admits(gate.with_other_claims(token))
            })
        };
        let mut found = Vec::new();
        let shape = shared.subjects.unwrap_or(Shape { prefix: "*", ..OF_PODS });
        let example = shared.others.iter().find(|it| passes(it));
        let wide = self.wide_patterns(|_| true, &shape, |it| passes(it).then_some(it));
        if let Some(example) = example {
            // What lets all in, where it is a pattern.
            let pattern = self.matching(example);
            found.push(match pattern {
                Some(value) => wide::for_all(value, shared, example),
                None => self.untested_customer(shared, example),
            });
        } else {
            found.extend(wide);
        }
        found.extend(self.unevaluated(shared).filter(|_| found.is_empty()));
        let is_tenant = |claim: &str| shared.claims.contains(&claim);
        if found.is_empty() && self.is_one && is_tenant("sub") {
            let gate = self.gate_of(&["sub"]);
            let audience = self.meant(&["aud", "oaud"]);
            if gate.admits(&gate.token(None, audience.as_deref())) {
                found.extend(self.optional("sub"));
            }
        }
        if !shared.is_built_in() && !is_tenant("aud") {
            found.extend(self.audience());
        }
        found
    }

    /// One that nobody means, and those that patterns leave open where the audience tells the
    /// customers apart: `us-east-1:*`.
    fn audiences_of_others(&self, shared: &Shared) -> Vec<String> {
        let mut all = vec![STRANGE_AUDIENCE.to_owned()];
        if shared.claims.first() == Some(&"aud") {
            let is_open = |it: &&Text| {
                let mut parts = it.value.split([':', '/', '.']);
                it.is_known() && parts.any(|it| !it.is_empty() && it.trim_matches('*').is_empty())
            };
            let patterns = self.conditions_on(&["aud", "oaud"]).filter(|it| is_like(it));
            let open = patterns.flat_map(|it| &it.values).filter(is_open).take(MOST_ASKED);
            all.extend(open.map(|it| it.value.replace('*', "someone-else").replace('?', "x")));
        }
        all
    }

    /// Tokens of another user or client: which claims tell those apart, the organization knows.
    fn of_one(&self) -> Vec<Finding> {
        if self.has_session_tags() {
            return Vec::new();
        }
        let gate = self.gate(|it| claim_of(it).is_some());
        let token = gate.token(Some("someone-else"), Some(STRANGE_AUDIENCE));
        if gate.admits(&gate.with_other_claims(token)) {
            let why = if gate.is_open() {
                "no condition on a claim of the token"
            } else {
                "the conditions hold for any claims"
            };
            let message = format!(
                "{why}: every user and client of this issuer can assume this role, such as one with :sub \"someone-else\""
            );
            return vec![Finding::new(Code::SubjectNotTested, self.at(), message)];
        }
        self.audience().into_iter().collect()
    }

    /// Tokens of another project, for the same audience.
    fn jobs(&self) -> Vec<Finding> {
        let found = self.of_one();
        let gate = self.gate(|it| claim_of(it).is_some_and(|it| it != "aud" && it != "oaud"));
        let token =
            gate.with_other_claims(gate.token(Some("someone-else"), Some(STRANGE_AUDIENCE)));
        if found.iter().any(|it| it.code == Code::SubjectNotTested)
            || self.has_session_tags()
            || !self.may_tell_untested()
            || !gate.admits(&token)
        {
            return found;
        }
        let at = self.matching("someone-else").map_or(self.at(), |it| it.at);
        let message = "no condition keeps other projects and jobs of this issuer out, whose tokens have the same :aud: test :sub as well";
        let finding = Finding::new(Code::JobNotTested, at, message);
        found.into_iter().chain([finding]).collect()
    }

    /// Tokens for another audience.
    fn audience(&self) -> Option<Finding> {
        let gate = self.gate_of(&["aud", "oaud"]);
        let subject = self.meant(&["sub"]).unwrap_or_else(|| EXAMPLE.to_owned());
        let passes =
            |audience: Option<&str>| gate.admits(&gate.token(Some(subject.as_str()), audience));
        if !self.may_tell_untested() {
            return None;
        }
        if !passes(Some(STRANGE_AUDIENCE)) {
            return if self.is_one && passes(None) { self.optional("aud") } else { None };
        }
        let why = "STS compares the audience with the provider's client IDs only, so a token for any of them is accepted";
        let is_pods = self.provider.issuer.may_be_cluster();
        if let Some(value) = self.matching_audience() {
            let message = format!("{} is any audience: {why}", shown(value.as_str()));
            let finding = Finding::new(Code::AudienceNotTested, value.at, message);
            return Some(if is_pods { finding.fixed(quoted(AUDIENCE)) } else { finding });
        }
        let message = if gate.is_open() {
            format!("no condition on :aud: {why}")
        } else {
            format!("the conditions on :aud hold for every audience: {why}")
        };
        let claim = member(&format!("{}:aud", self.name()), &quoted(AUDIENCE));
        let fix = member("StringEquals", &object(&[claim]));
        let finding = Finding::new(Code::AudienceNotTested, self.statement.at, message);
        Some(if is_pods || self.is_of_jobs() { finding.fixed(fix) } else { finding })
    }

    /// Whether its tokens have the audience that AWS's tools ask for.
    fn is_of_jobs(&self) -> bool {
        self.provider.name.is_some_and(|name| name.contains("actions.githubusercontent"))
    }

    /// Whether what is not tested can be told: of a provider that is not known, only where the
    /// audience may be that of pods.
    fn may_tell_untested(&self) -> bool {
        let is_open = || self.statement.principals_of("Federated").any(|it| it.name.is_unknown());
        let of_pods = || {
            self.provider.issuer.may_be_cluster() && claims::has_audience_of_pods(self.statement)
        };
        let of_others = || {
            self.provider.name.is_none()
                && self.meant(&["aud", "oaud"]).is_some_and(|it| it != AUDIENCE)
        };
        (self.provider.principal.is_some() && !of_others())
            || principals::everybody_is_named(self.statement)
            || (is_open() && of_pods())
    }

    /// Tokens may have tags, which conditions ask for; not those that hold without them.
    fn has_session_tags(&self) -> bool {
        let keys =
            ["aws:requesttag/", "aws:tagkeys", "sts:sourceidentity", "aws:federatedprovider"];
        let is_one = |it: &Condition| {
            let key = it.key.value.to_ascii_lowercase();
            keys.iter().any(|known| key.starts_with(known)) && fails_without_key(it)
        };
        self.statement.conditions.iter().any(is_one)
    }

    fn conditions_on(&self, claims: &'a [&'a str]) -> impl Iterator<Item = &'a Condition> {
        let is_one =
            |it: &&Condition| claim_of(it).is_some_and(|claim| claims.contains(&claim.as_str()));
        self.statement.conditions.iter().filter(is_one)
    }

    /// A value of a claim that the statement lets in.
    fn meant(&self, claims: &'a [&'a str]) -> Option<String> {
        let value = self
            .conditions_on(claims)
            .filter(|it| names_text(it))
            .find_map(|it| it.values.iter().find(|value| value.is_known()))?;
        Some(value.value.replace(['*', '?'], "x"))
    }

    /// The patterns of subjects that are let in.
    fn patterns(&self) -> impl Iterator<Item = &'a Text> {
        let all = self.conditions_on(&["sub"]).filter(|it| is_like(it));
        let values = all.flat_map(|it| &it.values);
        values.filter(|it| it.is_known() && !it.value.contains("${")).take(MOST_PATTERNS)
    }

    /// The pattern that lets this subject in.
    fn matching(&self, subject: &str) -> Option<&'a Text> {
        self.patterns().find(|it| Pattern::new(&it.value).matches(subject))
    }

    fn matching_audience(&self) -> Option<&'a Text> {
        let all = self.conditions_on(&["aud", "oaud"]).filter(|it| is_like(it));
        let is_it = |it: &&Text| it.is_known() && Pattern::new(&it.value).matches(STRANGE_AUDIENCE);
        all.flat_map(|it| &it.values).find(is_it)
    }

    /// The patterns that reach to others, who pass all conditions: the one that matches, or
    /// another.
    fn wide_patterns(
        &self,
        is_meant: impl Fn(Reach) -> bool,
        shape: &Shape,
        passes: impl for<'b> Fn(&'b str) -> Option<&'b str>,
    ) -> Vec<Finding> {
        let (mut found, mut asked) = (Vec::new(), 0);
        for value in self.patterns() {
            let all = outsiders::of_pattern(&value.value, shape);
            for (reach, subject) in all.into_iter().filter(|(reach, _)| is_meant(*reach)) {
                asked += 1;
                if let Some(example) = passes(&subject) {
                    found.push(wide::too_wide(value, reach, example, shape));
                    break;
                }
            }
            // Each that is asked costs as much as the whole list.
            if asked >= MOST_ASKED {
                break;
            }
        }
        found
    }

    fn untested(&self, is_open: bool, example: &str) -> Finding {
        let who = "every ServiceAccount in the cluster, in any namespace, can assume this role";
        let why = if is_open {
            "no condition on :sub"
        } else {
            "the conditions on :sub hold for any subject"
        };
        let message = format!("{why}: {who}, such as {example}");
        let claim = member(&format!("{}:sub", self.name()), &quoted(OF_PODS.template));
        let fix = member("StringEquals", &object(&[claim]));
        Finding::new(Code::SubjectNotTested, self.at(), message).fixed(fix)
    }

    fn untested_customer(&self, shared: &Shared, example: &str) -> Finding {
        let claim = shared.claims[0];
        let key = if claim.contains(':') { claim.to_owned() } else { format!(":{claim}") };
        let is_open = !self.conditions_on(shared.claims).any(|_| true);
        let why = if is_open {
            format!("no condition on {key}")
        } else {
            format!("the conditions on {key} hold for others too")
        };
        let value = if claim == "sub" { example } else { "someone-else" };
        let rejects = if shared.is_enforced() { "; IAM rejects such a trust policy" } else { "" };
        let message = format!(
            "{why}: {} can assume this role, such as one with {key} {value:?}{rejects}",
            shared.everybody
        );
        let code = if claim == "sub" { Code::SubjectNotTested } else { Code::CustomerNotTested };
        let finding = Finding::new(code, self.at(), message);
        match shared.subjects.filter(|_| claim == "sub") {
            Some(shape) => {
                let claim = member(&format!("{}:sub", self.name()), &quoted(shape.template));
                let like = if shape.template.contains('*') { "StringLike" } else { "StringEquals" };
                finding.fixed(member(like, &object(&[claim])))
            }
            None => finding,
        }
    }

    /// No others get in, but IAM asks for a condition on this claim all the same.
    fn unevaluated(&self, shared: &Shared) -> Option<Finding> {
        let claim = shared.claims.first().filter(|it| shared.is_enforced() && **it == "aud")?;
        let is_tested =
            self.statement.conditions.iter().any(|it| claim_of(it).is_some_and(|it| it == *claim));
        let message = format!(
            "no condition on :{claim}, by which this issuer tells its customers apart: IAM rejects the trust policy"
        );
        (!is_tested).then(|| Finding::new(Code::CustomerNotTested, self.at(), message))
    }

    /// A condition that also holds where the token has no such claim.
    fn optional(&self, claim: &'static str) -> Option<Finding> {
        let claims: &[&str] = if claim == "sub" { &["sub"] } else { &["aud", "oaud"] };
        let is_optional = |it: &&Condition| it.operator.value.ends_with("IfExists");
        let condition = self.conditions_on(claims).find(is_optional)?;
        let operator = condition.operator.value.strip_suffix("IfExists")?;
        let message = format!(
            "{} also holds of a token without :{claim}: if the issuer signs such tokens, whoever has one can assume this role; use {operator}",
            condition.operator.value
        );
        let finding = Finding::new(Code::IfExists, condition.operator.at, message);
        Some(finding.fixed(quoted(operator)))
    }

    fn name(&self) -> &'a str {
        bare(self.provider.text)
    }

    fn at(&self) -> Position {
        let principal = self.provider.principal.filter(|_| !self.is_one);
        principal.map_or(self.statement.at, |it| it.at)
    }
}
