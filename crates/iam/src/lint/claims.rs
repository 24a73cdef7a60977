//! The conditions on a token's claims: whose key, which claim, which value.

use crate::condition::Operator;
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::near::nearest;
use crate::node::Node;
use crate::partition::AUDIENCE;
use crate::policy::{Condition, Effect, Statement, Text, UNKNOWN};
use crate::provider::ProviderArn;
use crate::quotes::is_invisible;

const SUBJECT: &str = "system:serviceaccount:";

/// A condition key of a provider, taken apart.
#[derive(Clone, Copy)]
struct Key<'a> {
    provider: &'a str,
    claim: &'a str,
    text: &'a Text,
}

pub(super) fn findings(statement: &Statement, principals: &[&Text]) -> Vec<Finding> {
    let mut found = Vec::new();
    let (mut tests_sub, mut tests_aud) = (false, false);
    for condition in &statement.conditions {
        let Some(key) = Key::read(&condition.key) else {
            if condition.key.is_known() {
                found.extend(no_claim(&condition.key, principals));
            } else {
                // It may be any of them.
                (tests_sub, tests_aud) = (true, true);
            }
            continue;
        };
        found.extend(key.provider_findings(principals));
        // An operator that is none has been told already.
        let holds = Operator::parse(&condition.operator.value).map_or(true, |op| !op.is_negated());
        match key.claim.to_ascii_lowercase().as_str() {
            "sub" => {
                tests_sub |= holds;
                for value in &condition.values {
                    found.extend(subject(condition, key, value));
                }
            }
            "aud" => {
                tests_aud |= holds;
                for value in &condition.values {
                    found.extend(audience(condition, key, value));
                }
            }
            "amr" | "azp" | "oaud" | "email" | "app_id" | "id" | "user_id" => {}
            _ => found.extend(key.claim_finding(principals)),
        }
    }
    // Whose claims are mixed up is told once, with the mended condition.
    let mixed = |f: &Finding| {
        matches!(f.code, Code::AudienceTestedForSubject | Code::SubjectTestedForAudience)
    };
    let all_known = statement.effect == Effect::Allow && !statement.more_conditions;
    if all_known && !found.iter().any(mixed) {
        found.extend(untested(statement, principals, tests_sub, tests_aud));
    }
    found
}

/// What any token of the provider would pass.
fn untested(
    statement: &Statement,
    principals: &[&Text],
    tests_sub: bool,
    tests_aud: bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let named = principals.iter().find_map(|name| provider_of(name.as_str()));
    let Some(provider) = named.or_else(|| provider_of_pods(statement, principals)) else {
        return found;
    };
    // Where the claim is told by another key, the key has been told already.
    if !tests_sub {
        let message = "no condition on :sub: every ServiceAccount in the cluster, in any namespace, can assume this role";
        let fix = format!("\"StringEquals\": {{\"{provider}:sub\": \"{SUBJECT}NAMESPACE:NAME\"}}");
        found.push(Finding::new(Code::SubjectNotTested, statement.at, message).fixed(fix));
    }
    if !tests_aud {
        let message = "no condition on :aud: STS compares the audience with the provider's client IDs only, so a token for any of them is accepted";
        let fix = format!("\"StringEquals\": {{\"{provider}:aud\": \"{AUDIENCE}\"}}");
        found.push(Finding::new(Code::AudienceNotTested, statement.at, message).fixed(fix));
    }
    found
}

/// The provider of a cluster, where the principal is not known: its tokens' audience tells.
fn provider_of_pods<'a>(statement: &'a Statement, principals: &[&Text]) -> Option<&'a str> {
    let is_open = !principals.is_empty() && principals.iter().all(|name| name.is_unknown());
    let keys = || statement.conditions.iter().filter(|_| is_open);
    keys().find_map(|condition| {
        let key = Key::read(&condition.key)?;
        let is_ours = |value: &Text| value.is_known() && value.value == AUDIENCE;
        let of_pods = key.claim == "aud" && condition.values.iter().any(is_ours);
        (of_pods && !is_ci(key.provider)).then_some(key.provider)
    })
}

/// The name in a provider's ARN, without what may be wrong with it.
fn provider_of(arn: &str) -> Option<&str> {
    let (_, name) = arn.trim().split_once(":oidc-provider/")?;
    Some(bare(name))
}

/// The provider alone, where one of its claims was meant.
fn no_claim(key: &Text, principals: &[&Text]) -> Option<Finding> {
    let provider = principals
        .iter()
        .find_map(|name| provider_of(name.as_str()))
        .filter(|name| name.eq_ignore_ascii_case(bare(&key.value)))?;
    let message = format!("{:?} names a provider without a claim; add :sub or :aud", key.value);
    let fix = format!("\"{provider}:sub\"");
    Some(Finding::new(Code::ConditionKey, key.at, message).fixed(fix))
}

pub(super) fn bare(name: &str) -> &str {
    let name =
        name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    name.trim_end_matches('/')
}

impl<'a> Key<'a> {
    fn read(text: &'a Text) -> Option<Self> {
        let known = text.known();
        let (_, claim) = known.rsplit_once(':')?;
        if claim.contains(UNKNOWN) {
            return None;
        }
        let (provider, claim) = text.value.rsplit_once(':')?;
        let service = provider.split(':').next().unwrap_or_default();
        let is_service = ["aws", "sts", "iam", "saml", "ec2", "s3"].contains(&service);
        let is_claim = !claim.is_empty() && !claim.contains(['/', '}', ' ']);
        (!is_service && is_claim).then_some(Self { provider, claim, text })
    }

    /// Whether the key is of the provider that the statement is about.
    fn provider_findings(self, principals: &[&Text]) -> Vec<Finding> {
        let Self { provider, claim, text } = self;
        let mut found = Vec::new();
        let mended = format!("\"{}:{claim}\"", bare(provider));
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
            let fix = format!("\"{}:{claim}\"", arn.name);
            found.push(Finding::new(Code::ProviderMismatch, text.at, message).fixed(fix));
            return found;
        }
        let names: Vec<&str> = principals
            .iter()
            .filter_map(|name| name.value.trim().split_once(":oidc-provider/"))
            .map(|(_, name)| name)
            .collect();
        if names.is_empty() || !principals.iter().all(|name| is_name_known(name)) {
            return found;
        }
        let same = |name: &&str| name.eq_ignore_ascii_case(provider);
        if names.iter().any(same) {
            return found;
        }
        let close = names.iter().find(|name| bare(name).eq_ignore_ascii_case(bare(provider)));
        if let Some(name) = close {
            // The ARN's scheme is told there; here it is the slash.
            if provider.ends_with('/') != name.ends_with('/') && !name.contains("://") {
                let message = format!(
                    "the key names the provider {provider:?}, but the principal {name:?}: they must be identical, including slashes"
                );
                found.push(Finding::new(Code::TrailingSlash, text.at, message).fixed(mended));
            }
            return found;
        }
        let message = format!(
            "the key names the provider {provider:?}, but the principal {:?}: no request has both, so the condition never matches",
            names[0]
        );
        let fix = format!("\"{}:{claim}\"", bare(names[0]));
        found.push(Finding::new(Code::ProviderMismatch, text.at, message).fixed(fix));
        found
    }

    /// A claim that STS does not take over.
    fn claim_finding(self, principals: &[&Text]) -> Option<Finding> {
        let Self { provider, claim, text } = self;
        let ours = principals.iter().any(|name| provider_of(name.as_str()).is_some());
        if !ours || is_ci(provider) {
            return None;
        }
        let message = format!(
            "STS uses only sub, aud and amr of a cluster's token; a condition on {claim:?} never matches"
        );
        let finding = Finding::new(Code::ConditionKey, text.at, message);
        let meant = match claim.to_ascii_lowercase().as_str() {
            "subject" | "subj" | "user" | "username" => Some("sub"),
            "audience" | "audiences" | "client_id" => Some("aud"),
            other => nearest(other, &["sub", "aud"]),
        };
        Some(match meant {
            Some(meant) => finding.fixed(format!("\"{provider}:{meant}\"")),
            None => finding,
        })
    }
}

/// Whether all of the provider's name is known.
fn is_name_known(principal: &Text) -> bool {
    let known = principal.known();
    let name = known.split_once(":oidc-provider/").map_or(&*known, |(_, name)| name);
    !name.contains(UNKNOWN)
}

/// Providers for which STS knows claims of their own.
fn is_ci(provider: &str) -> bool {
    ["token.actions.", "gitlab", "circleci", "google", "oraclecloud", "bitbucket", "terraform"]
        .iter()
        .any(|name| provider.contains(name))
}

fn subject(condition: &Condition, key: Key<'_>, value: &Text) -> Vec<Finding> {
    let text = value.as_str();
    let mut found = shape(condition, key, value);
    let lower = value.known().trim().to_ascii_lowercase();
    if lower.starts_with("sts.") && lower.contains("amazon") {
        let message = format!(
            "{text:?} is an audience, which belongs in :aud; :sub holds {SUBJECT}NAMESPACE:NAME, so the condition never matches"
        );
        let fix = format!("\"{}:aud\": {text:?}", bare(key.provider));
        found.push(Finding::new(Code::SubjectTestedForAudience, value.at, message).fixed(fix));
        return found;
    }
    let is_open = !value.is_known() || text.contains("${");
    let squeezed = squeezed(key, text);
    let parts: Vec<&str> = squeezed.split(':').collect();
    let is_like = Operator::parse(&condition.operator.value).is_ok_and(Operator::takes_wildcards);
    if is_like
        && matches!(
            text,
            "*" | "system:*" | "system:serviceaccount:*" | "system:serviceaccount:*:*"
        )
    {
        let message = format!("{text:?} lets every ServiceAccount in the cluster assume this role");
        let fix = format!("\"{SUBJECT}NAMESPACE:*\"");
        found.push(Finding::new(Code::SubjectTooWide, value.at, message).fixed(fix));
    } else if is_attempt(&lower, key.provider) && !is_open {
        let is_right = squeezed.starts_with(SUBJECT)
            && (parts.len() == 4 || (is_glob(text) && parts.len() <= 4))
            && parts[2..].iter().all(|part| is_name(part));
        if !is_right {
            let message = format!(
                "{text:?} is not a ServiceAccount's subject: it must be exactly {SUBJECT}NAMESPACE:NAME"
            );
            let finding = Finding::new(Code::SubjectMalformed, value.at, message);
            found.push(match mended_subject(&squeezed) {
                Some(mended) => finding.fixed(format!("\"{mended}\"")),
                None => finding,
            });
        }
    }
    found
}

/// Whether it was meant to be a `ServiceAccount`'s: other providers have
/// subjects of their own.
fn is_attempt(lower: &str, provider: &str) -> bool {
    lower.contains("serviceaccount")
        || lower.contains("service-account")
        || lower.starts_with("system:")
        || (provider.starts_with("oidc.eks.") && !is_glob(lower))
}

fn is_name(part: &str) -> bool {
    !part.is_empty()
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.*?".contains(c))
        || part.contains(['[', '<', '$', '_']) && !part.contains(':')
}

fn mended_subject(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.trim().split([':', '/']).filter(|part| !part.is_empty()).collect();
    let [.., namespace, name] = parts.as_slice() else { return None };
    let is_prefix =
        |part: &&str| part.to_ascii_lowercase().contains("service") || *part == "system";
    (!is_prefix(namespace) && !is_prefix(name) && is_name(namespace) && is_name(name))
        .then(|| format!("{SUBJECT}{namespace}:{name}"))
}

fn audience(condition: &Condition, key: Key<'_>, value: &Text) -> Vec<Finding> {
    let text = value.as_str();
    let mut found = shape(condition, key, value);
    if value.known().trim().to_ascii_lowercase().starts_with("system:serviceaccount") {
        let message = format!(
            "{text:?} is a subject, which belongs in :sub; :aud holds the audience ({AUDIENCE}), so the condition never matches"
        );
        let fix = format!("\"{}:sub\": {text:?}", bare(key.provider));
        found.push(Finding::new(Code::AudienceTestedForSubject, value.at, message).fixed(fix));
    } else if let Some(message) = misspelt(text).filter(|_| value.is_known()) {
        found.push(
            Finding::new(Code::AudienceMisspelt, value.at, message)
                .fixed(format!("\"{AUDIENCE}\"")),
        );
    }
    found
}

/// White space and wildcards that are none.
fn shape(condition: &Condition, key: Key<'_>, value: &Text) -> Vec<Finding> {
    let text = value.as_str();
    let mut found = Vec::new();
    let squeezed = squeezed(key, text);
    if text != squeezed && value.is_known() {
        let message =
            format!("{text:?} contains white space, which is compared too: no token matches");
        let fix = format!("{squeezed:?}");
        found.push(Finding::new(Code::SpaceInValue, value.at, message).fixed(fix));
    }
    let operator = &condition.operator;
    let takes = Operator::parse(&operator.value).map_or(true, Operator::takes_wildcards);
    // These two are the characters themselves.
    let literal = value.known().replace("${*}", "").replace("${?}", "");
    if is_glob(&literal) && !takes && operator.value.contains("String") {
        let name = if operator.value.contains("Not") { "StringNotLike" } else { "StringLike" };
        let message = format!(
            "{} compares * and ? literally, so no token matches; wildcards need {name}",
            operator.value
        );
        // All of the key's values: two conditions on it would both have to hold.
        let values: Vec<&str> = condition.values.iter().map(Text::as_str).collect();
        let values = match values.as_slice() {
            [one] => format!("{one:?}"),
            all => format!("{all:?}"),
        };
        let fix = format!("\"{name}\": {{\"{}:{}\": {values}}}", bare(key.provider), key.claim);
        found.push(Finding::new(Code::WildcardNotExpanded, value.at, message).fixed(fix));
    }
    found
}

/// Without the white space that was not meant: none belongs into a subject,
/// and none around an audience. A placeholder may have some.
fn squeezed(key: Key<'_>, text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || is_invisible(c);
    if key.claim.eq_ignore_ascii_case("sub") && !text.contains(['[', '<', '{']) {
        text.replace(is_space, "")
    } else {
        text.trim_matches(is_space).to_owned()
    }
}

/// An audience that is nearly the one everybody uses.
fn misspelt(text: &str) -> Option<String> {
    let trimmed = text.trim();
    let bare = trimmed.trim_start_matches("https://").trim_end_matches('/');
    let is_right = [AUDIENCE, "sts.amazonaws.com.cn", "amazonaws.com"].contains(&trimmed);
    let is_near = nearest(bare, &[AUDIENCE]).is_some()
        || [
            "sts.amazon.com",
            "sts.aws.com",
            "sts.aws.amazon.com",
            "sts.amazonaws.cn",
            "sts.amazoneaws.com",
        ]
        .contains(&bare);
    (!is_right && is_near).then(|| {
        format!("{text:?} looks like a misspelling of {AUDIENCE}, the audience that AWS SDKs and this webhook use")
    })
}

/// A provider's client IDs: the audiences that it takes.
pub(super) fn client_ids(list: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    for node in list.each() {
        let Some(text) = node.text() else { continue };
        if text != text.trim() {
            let message = format!(
                "the client ID {text:?} has white space around it, which is compared too: no token matches"
            );
            found.push(
                Finding::new(Code::SpaceInValue, node.at, message)
                    .fixed(format!("{:?}", text.trim())),
            );
        }
        if let Some(message) = misspelt(text) {
            found.push(
                Finding::new(Code::AudienceMisspelt, node.at, message)
                    .fixed(format!("\"{AUDIENCE}\"")),
            );
        }
    }
    found
}

/// A provider's URL: the issuer of the tokens, to the letter.
pub(super) fn provider_url(node: &Node) -> Option<Finding> {
    let text = node.text().filter(|text| text.contains("oidc") && !text.contains("${"))?;
    let bare = text.strip_suffix('/')?;
    let message =
        "the URL ends with a slash: correct only if the issuer in the tokens ends with one too";
    Some(Finding::new(Code::TrailingSlash, node.at, message).fixed(format!("{bare:?}")))
}
