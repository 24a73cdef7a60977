//! The conditions on a token's claims: whose key, which claim, which value.

use std::collections::{HashMap, HashSet};

use super::issuers::Issuer;
use super::probe::Denials;
use super::subject::SUBJECT;
use super::{actions, others, shown, subject, together};
use crate::audience;
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::near::nearest;
use crate::partition::AUDIENCE;
use crate::policy::{Condition, Effect, Statement, Text, UNKNOWN};
use crate::provider::{BUILT_IN, ProviderArn};
use crate::quotes::is_invisible;
use crate::write::{list, member, object, text as quoted};

/// A condition key of a provider, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) provider: &'a str,
    pub(super) claim: &'a str,
    text: &'a Text,
}

/// The providers that the statement is about.
struct Names<'a> {
    first: Option<&'a str>,
    /// In lower case.
    exact: HashSet<String>,
    /// Without what may be wrong with them.
    bare: HashMap<String, &'a str>,
    all_known: bool,
}

impl<'a> Names<'a> {
    fn new(principals: &[&'a Text]) -> Self {
        let names = || {
            principals.iter().filter_map(|name| {
                let name = name.value.trim();
                let known = || BUILT_IN.contains(&name).then_some(name);
                name.split_once(":oidc-provider/").map(|(_, name)| name).or_else(known)
            })
        };
        Self {
            first: names().next(),
            exact: names().map(str::to_ascii_lowercase).collect(),
            bare: names().map(|name| (bare(name).to_ascii_lowercase(), name)).collect(),
            all_known: principals.iter().all(|name| is_name_known(name)),
        }
    }
}

pub(super) fn findings(
    denials: &Denials<'_>,
    statement: &Statement,
    principals: &[&Text],
) -> Vec<Finding> {
    let mut found = Vec::new();
    let names = Names::new(principals);
    let for_pods = has_audience_of_pods(statement);
    for condition in &statement.conditions {
        let Some(key) = Key::read(&condition.key) else {
            if condition.key.is_known() {
                found.extend(no_claim(&condition.key, principals));
            }
            continue;
        };
        found.extend(key.provider_findings(&names));
        let operator = Operator::parse(&condition.operator.value);
        if operator.is_ok_and(|it| it.test == Test::Null) {
            // Its values are no claim's.
            continue;
        }
        match key.claim.to_ascii_lowercase().as_str() {
            "sub" => {
                found.extend(subjects(condition, key));
                let of_pods = key.issuer().may_be_cluster();
                if for_pods && of_pods && !key.provider.starts_with("oidc.eks.") {
                    found.extend(condition.values.iter().filter_map(subject::unlikely));
                }
            }
            "aud" | "oaud" => found.extend(audiences(condition, key)),
            "amr" | "email" | "app_id" | "id" | "user_id" => {}
            _ => found.extend(key.claim_finding(principals)),
        }
    }
    // Swapped claims are reported once, with the corrected condition.
    let mixed = |f: &Finding| {
        matches!(f.code, Code::AudienceTestedForSubject | Code::SubjectTestedForAudience)
    };
    // Tags alone let nobody assume the role.
    let lets_in = statement.effect == Effect::Allow && !actions::are_extras(statement);
    if lets_in && !found.iter().any(mixed) {
        found.extend(others::findings(denials, statement, principals));
    }
    found.extend(together::findings(statement));
    found
}

/// Whether it asks for the audience that pods' tokens have.
pub(super) fn has_audience_of_pods(statement: &Statement) -> bool {
    statement.conditions.iter().any(|condition| {
        Key::read(&condition.key).is_some_and(|key| key.claim.eq_ignore_ascii_case("aud"))
            && Operator::parse(&condition.operator.value).is_ok_and(|it| !it.is_negated())
            && condition.values.iter().any(|it| it.is_known() && it.value == AUDIENCE)
    })
}

/// The name in a provider's ARN, without what may be wrong with it, or one that IAM knows.
pub(super) fn provider_of(arn: &str) -> Option<&str> {
    let arn = arn.trim();
    match arn.split_once(":oidc-provider/") {
        Some((_, name)) => Some(bare(name)),
        None => BUILT_IN.contains(&arn).then_some(arn),
    }
}

/// The provider alone, where one of its claims was meant, or a claim alone.
fn no_claim(key: &Text, principals: &[&Text]) -> Option<Finding> {
    let provider = principals.iter().find_map(|name| provider_of(name.as_str()))?;
    if provider.eq_ignore_ascii_case(bare(&key.value)) {
        let message =
            format!("{} names a provider without a claim; add :sub or :aud", shown(key.as_str()));
        let fix = quoted(&format!("{provider}:sub"));
        return Some(Finding::new(Code::ConditionKey, key.at, message).fixed(fix));
    }
    let claim = key.value.trim_matches(':').to_ascii_lowercase();
    if !["sub", "aud", "amr"].contains(&claim.as_str()) {
        return None;
    }
    let message =
        format!("{} is a claim without its provider; no request has this key", shown(key.as_str()));
    let fix = quoted(&format!("{provider}:{claim}"));
    Some(Finding::new(Code::ConditionKey, key.at, message).fixed(fix))
}

pub(super) fn bare(name: &str) -> &str {
    let name =
        name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    name.trim_end_matches('/')
}

impl<'a> Key<'a> {
    pub(super) fn read(text: &'a Text) -> Option<Self> {
        let known = text.known();
        let (_, claim) = known.rsplit_once(':')?;
        if claim.contains(UNKNOWN) {
            return None;
        }
        let (provider, claim) = text.value.rsplit_once(':')?;
        let service = provider.split(':').next().unwrap_or_default();
        let services = ["aws", "sts", "iam", "saml", "ec2", "s3"];
        let is_service = services.iter().any(|it| it.eq_ignore_ascii_case(service));
        // Keys of services have no host: `kms:RecipientAttestation:PCR0`.
        let is_hosted = !text.is_known()
            || provider.contains(['.', '/'])
            || ["sub", "aud", "amr"].iter().any(|it| it.eq_ignore_ascii_case(claim));
        let is_claim = !claim.is_empty() && !claim.contains(['/', '}', ' ']);
        (!is_service && is_hosted && is_claim).then_some(Self { provider, claim, text })
    }

    /// Whose tokens it is about.
    pub(super) fn issuer(self) -> Issuer {
        if self.text.is_known() {
            Issuer::of(self.provider)
        } else {
            Issuer::of_variable(self.provider)
        }
    }

    /// Whether the key is of the provider that the statement is about.
    fn provider_findings(self, names: &Names<'_>) -> Vec<Finding> {
        let Self { provider, claim, text } = self;
        let mut found = Vec::new();
        let mended = quoted(&format!("{}:{claim}", bare(provider)));
        if !text.is_known() {
            if text.known().starts_with("https://") {
                let message =
                    "a condition key names the issuer without https://; no request has this key";
                found.push(Finding::new(Code::SchemeInProvider, text.at, message).fixed(mended));
            }
            return found;
        }
        if provider.contains("://") {
            let message =
                "a condition key names the issuer without https://; no request has this key";
            found.push(Finding::new(Code::SchemeInProvider, text.at, message).fixed(mended));
            return found;
        }
        if let Some(arn) = ProviderArn::read(provider) {
            let message = "a condition key begins with the provider's name, not with its ARN; no request has this key";
            let fix = quoted(&format!("{}:{claim}", arn.name));
            found.push(Finding::new(Code::ProviderMismatch, text.at, message).fixed(fix));
            return found;
        }
        let Some(first) = names.first.filter(|_| names.all_known) else { return found };
        if names.exact.contains(&provider.to_ascii_lowercase()) {
            return found;
        }
        if let Some(name) = names.bare.get(&bare(provider).to_ascii_lowercase()) {
            // The ARN's scheme is reported there; here it is the slash.
            if provider.ends_with('/') != name.ends_with('/') && !name.contains("://") {
                let message = format!(
                    "the key names the provider {}, but the principal {}: they must be identical, including slashes, so the condition never matches",
                    shown(provider),
                    shown(name)
                );
                let finding = Finding::new(Code::ProviderMismatch, text.at, message);
                // Otherwise it is the principal that is likely wrong.
                let is_keys = provider.ends_with('/');
                found.push(if is_keys { finding.fixed(mended) } else { finding });
            }
            return found;
        }
        let message = format!(
            "the key names the provider {}, but the principal {}: no request has both, so the condition never matches",
            shown(provider),
            shown(first)
        );
        let fix = quoted(&format!("{}:{claim}", bare(first)));
        found.push(Finding::new(Code::ProviderMismatch, text.at, message).fixed(fix));
        found
    }

    /// A claim that STS does not take over.
    fn claim_finding(self, principals: &[&Text]) -> Option<Finding> {
        let Self { provider, claim, text } = self;
        let ours = principals.iter().any(|name| provider_of(name.as_str()).is_some());
        if !ours || !self.issuer().may_be_cluster() {
            return None;
        }
        let message = format!(
            "STS uses only sub, aud and amr of a cluster's token; a condition on {} never matches",
            shown(claim)
        );
        let finding = Finding::new(Code::ConditionKey, text.at, message);
        let meant = match claim.to_ascii_lowercase().as_str() {
            "subject" | "subj" | "user" | "username" => Some("sub"),
            "audience" | "audiences" | "client_id" => Some("aud"),
            other => nearest(other, &["sub", "aud"]),
        };
        Some(match meant {
            Some(meant) => finding.fixed(quoted(&format!("{provider}:{meant}"))),
            None => finding,
        })
    }
}

/// Whether all of the provider's name is known.
pub(super) fn is_name_known(principal: &Text) -> bool {
    let known = principal.known();
    let name = known.split_once(":oidc-provider/").map_or(&*known, |(_, name)| name);
    !name.contains(UNKNOWN)
}

fn subjects(condition: &Condition, key: Key<'_>) -> Vec<Finding> {
    let mut found = shape(condition, key);
    let is_audience = |value: &&Text| {
        let lower = value.known().trim().to_ascii_lowercase();
        lower.starts_with("sts.") && lower.contains("amazon")
    };
    if let Some(value) = condition.values.iter().find(is_audience) {
        let message = format!(
            "{} is an audience, which belongs in :aud; :sub holds {SUBJECT}NAMESPACE:NAME, so the condition never matches",
            shown(value.as_str())
        );
        let fix = under_claim(condition, key, "aud");
        found.retain(|it| it.code != Code::WildcardNotExpanded);
        found.push(Finding::new(Code::SubjectTestedForAudience, value.at, message).fixed(fix));
        return found;
    }
    let operator = Operator::parse(&condition.operator.value);
    let is_any_case = operator.is_ok_and(|it| it.test == Test::EqualsIgnoreCase);
    let check = |value: &Text| {
        let lower = || Text { value: value.value.to_ascii_lowercase(), ..value.clone() };
        if is_any_case { subject::check(key, &lower()) } else { subject::check(key, value) }
    };
    found.extend(condition.values.iter().filter_map(check));
    found
}

/// The condition with its values under another claim.
fn under_claim(condition: &Condition, key: Key<'_>, claim: &str) -> String {
    let values: Vec<&str> = condition.values.iter().map(|it| it.value.trim()).collect();
    let claim = member(&format!("{}:{claim}", bare(key.provider)), &list(&values));
    let operator = condition.operator.as_str();
    let takes = Operator::parse(operator).map_or(true, Operator::takes_wildcards);
    if values.iter().any(|value| is_glob(value)) && !takes {
        return member(like(operator), &object(&[claim]));
    }
    claim
}

/// The operator that takes wildcards in the place of one that does not.
fn like(operator: &str) -> &'static str {
    if operator.contains("Not") { "StringNotLike" } else { "StringLike" }
}

fn audiences(condition: &Condition, key: Key<'_>) -> Vec<Finding> {
    let mut found = shape(condition, key);
    let is_subject = |value: &&Text| {
        value.known().trim().to_ascii_lowercase().starts_with("system:serviceaccount")
    };
    if let Some(value) = condition.values.iter().find(is_subject) {
        let message = format!(
            "{} is a subject, which belongs in :sub; :aud holds the audience ({AUDIENCE}), so the condition never matches",
            shown(value.as_str())
        );
        let fix = under_claim(condition, key, "sub");
        // That text has the operator for wildcards already.
        found.retain(|it| it.code != Code::WildcardNotExpanded);
        found.push(Finding::new(Code::AudienceTestedForSubject, value.at, message).fixed(fix));
        return found;
    }
    // Any of the values will do, and others than pods may have hosts of STS.
    let operator = Operator::parse(&condition.operator.value).ok();
    let is_any_case = operator.is_some_and(|it| it.test == Test::EqualsIgnoreCase);
    let may_pass = |value: &Text| !value.is_known() || value.value == AUDIENCE;
    let passes = !key.issuer().may_be_cluster()
        || operator.is_some_and(Operator::is_negated)
        || condition.values.iter().any(may_pass);
    for value in condition.values.iter().filter(|value| value.is_known()) {
        if let Some((code, message)) = audience::slip(value.as_str())
            && !(is_any_case && value.value.eq_ignore_ascii_case(AUDIENCE))
            && !(code == Code::AudienceEndpoint && passes)
        {
            found.push(Finding::new(code, value.at, message).fixed(quoted(AUDIENCE)));
        }
    }
    found
}

/// White space, wildcards that are none, and operators that never match a claim.
fn shape(condition: &Condition, key: Key<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for value in condition.values.iter().filter(|value| value.is_known()) {
        let squeezed = squeezed(key, value.as_str());
        if value.value != squeezed {
            let message = format!(
                "{} contains white space, which is compared too: no token matches",
                shown(value.as_str())
            );
            let finding = Finding::new(Code::SpaceInValue, value.at, message);
            found.push(finding.fixed(quoted(&squeezed)));
        }
    }
    found.extend(operator_of_claim(condition, key));
    let operator = condition.operator.as_str();
    let takes = Operator::parse(operator).map_or(true, Operator::takes_wildcards);
    // These two are the characters themselves.
    let is_literal =
        |value: &&Text| is_glob(&value.known().replace("${*}", "").replace("${?}", ""));
    if !takes
        && operator.contains("String")
        && let Some(value) = condition.values.iter().find(is_literal)
    {
        let name = like(operator);
        let message = format!(
            "{operator} compares * and ? literally, so no token matches; wildcards need {name}"
        );
        // All of the key's values: two conditions on it would both have to hold.
        let values: Vec<&str> = condition.values.iter().map(Text::as_str).collect();
        let claim = member(&format!("{}:{}", bare(key.provider), key.claim), &list(&values));
        let fix = member(name, &object(&[claim]));
        found.push(Finding::new(Code::WildcardNotExpanded, value.at, message).fixed(fix));
    }
    found
}

/// `:sub` and `:aud` are one text each.
fn operator_of_claim(condition: &Condition, key: Key<'_>) -> Option<Finding> {
    let Text { value: name, at, .. } = &condition.operator;
    let operator = Operator::parse(name).ok()?;
    let is_glob = condition.values.iter().any(|value| is_glob(value.as_str()));
    if !matches!(operator.test, Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Null) {
        let meant = match (operator.is_negated(), is_glob) {
            (false, false) => "StringEquals",
            (false, true) => "StringLike",
            (true, false) => "StringNotEquals",
            (true, true) => "StringNotLike",
        };
        let message = format!(
            "{name} does not compare text, and :{} is text: the condition never matches; use {meant}",
            key.claim
        );
        return Some(Finding::new(Code::OperatorType, *at, message).fixed(quoted(meant)));
    }
    // Those of CI are often written that way, and test the subject apart.
    let is_tested = key.claim.eq_ignore_ascii_case("sub") || key.issuer().may_be_cluster();
    let plain = name.strip_prefix("ForAllValues:").filter(|_| is_tested)?;
    let message = format!(
        "ForAllValues also holds if the request has no {}:{claim}: whoever has a token without {claim} can assume this role; the key has one value, so use {plain}",
        bare(key.provider),
        claim = key.claim
    );
    Some(Finding::new(Code::ForAllValues, *at, message).fixed(quoted(plain)))
}

/// Without the white space that was not meant: none belongs into a subject,
/// and none around an audience. A placeholder may have some.
pub(super) fn squeezed(key: Key<'_>, text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || is_invisible(c);
    if key.claim.eq_ignore_ascii_case("sub") && !text.contains(['[', '<', '{']) {
        text.replace(is_space, "")
    } else {
        text.trim_matches(is_space).to_owned()
    }
}
