//! The actions of STS: which there are, which a trust policy may have, and which condition keys
//! go with them.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>

use std::collections::BTreeMap;

use super::{actions, shown};
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::glob::{Pattern, is_glob};
use crate::policy::{Condition, Effect, Policy, Statement, Text};
use crate::provider;
use crate::write::{list, member, text as quoted};

/// Those that no trust policy may have, in lower case.
const OF_CALLERS: [&str; 9] = [
    "sts:decodeauthorizationmessage",
    "sts:getaccesskeyinfo",
    "sts:getcalleridentity",
    "sts:getdelegatedaccesstoken",
    "sts:getfederationtoken",
    "sts:getservicebearertoken",
    "sts:getsessiontoken",
    "sts:getwebidentitytoken",
    "sts:taggetwebidentitytoken",
];

/// Services whose resources have no policies, or none without a resource: what names one of their
/// actions, a principal and no resource was meant to be a trust policy. Those of ECR and SNS look
/// like one.
const OF_NO_SUCH_POLICY: [&str; 9] =
    ["dynamodb", "ec2", "eks", "iam", "kms", "lambda", "logs", "s3", "ssm"];

/// Whether it is said to be an action of STS, which has none of this name.
pub(super) fn is_unknown(action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    lower.starts_with("sts:") && !is_glob(&lower) && !is_of_trust(&lower) && !is_of_callers(&lower)
}

fn is_of_trust(lower: &str) -> bool {
    actions::OF_TRUST.iter().any(|it| it.eq_ignore_ascii_case(lower))
}

/// Whether it is one that is no misspelling: calls of STS that need no role.
pub(super) fn is_of_callers(lower: &str) -> bool {
    OF_CALLERS.contains(&lower)
}

/// What a trust policy can't have: IAM takes the actions that assume a role alone.
pub(super) fn of_trust(policy: &Policy) -> Vec<Finding> {
    let all = || policy.statements.iter().flat_map(|it| it.actions.iter().chain(&it.not_actions));
    let is_of_role = all().any(|it| it.value.to_ascii_lowercase().starts_with("sts:"));
    let mut found = Vec::new();
    for statement in &policy.statements {
        let is_sure = is_of_role || statement.is_for_web_identity();
        found.extend(statement.actions.iter().filter_map(|it| unsupported(it, is_sure)));
        found.extend(broad(statement));
    }
    found
}

fn unsupported(action: &Text, is_of_role: bool) -> Option<Finding> {
    let lower = action.value.to_ascii_lowercase();
    let (service, _) = lower.split_once(':')?;
    // What was meant for one has been told, with its white space.
    let is_told = actions::meant(&lower).is_some() || lower.contains(char::is_whitespace);
    if !action.is_known()
        || is_told
        || is_unknown(&lower)
        || (!is_of_role && !OF_NO_SUCH_POLICY.contains(&service))
    {
        return None;
    }
    let pattern = Pattern::new(&lower);
    if actions::OF_TRUST.iter().any(|it| pattern.matches(&it.to_ascii_lowercase())) {
        return None;
    }
    let message = format!(
        "a trust policy can't have {}: it says who may assume the role, with actions such as {}; what the role may do is in its permission policies",
        shown(action.as_str()),
        actions::WEB_IDENTITY
    );
    Some(Finding::new(Code::ActionUnsupported, action.at, message))
}

/// All actions, or all but some, where one assumes the role.
fn broad(statement: &Statement) -> Option<Finding> {
    if statement.effect != Effect::Allow {
        return None;
    }
    if let Some(excluded) = statement.not_actions.first() {
        let message = "NotAction allows every other action that a trust policy has, and those that AWS adds: list what is allowed under Action";
        return Some(Finding::new(Code::BroadAction, excluded.at, message));
    }
    let is_broad = |it: &&Text| {
        let pattern = Pattern::new(&it.value.to_ascii_lowercase());
        it.is_known()
            && ["sts:assumerole", "sts:tagsession"].iter().all(|name| pattern.matches(name))
    };
    let action = statement.actions.iter().find(is_broad)?;
    let message = format!(
        "{} allows every action of a trust policy, session tags and source identities included: list those that are needed",
        shown(action.as_str())
    );
    let finding = Finding::new(Code::BroadAction, action.at, message);
    let is_of_token = statement.oidc_principals().next().is_some();
    Some(if is_of_token && statement.actions.len() == 1 {
        finding.fixed(member("Action", &quoted(actions::WEB_IDENTITY)))
    } else {
        finding
    })
}

/// Calls that have a key, as actions in lower case; nothing where all may have it.
fn calls_with(key: &str) -> Option<&'static [&'static str]> {
    const TAKES_ROLES: [&str; 3] =
        ["sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity"];
    Some(match key {
        "sts:externalid" => &["sts:assumerole"],
        "sts:rolesessionname" | "sts:sourceidentity" | "sts:transitivetagkeys" => &TAKES_ROLES,
        "sts:taskpolicyarn" => &["sts:assumeroot"],
        "sts:awsservicename" => &["sts:getservicebearertoken"],
        "sts:durationseconds" => {
            &["sts:getservicebearertoken", "sts:getwebidentitytoken", "sts:taggetwebidentitytoken"]
        }
        "sts:identitytokenaudience" | "sts:signingalgorithm" => {
            &["sts:getwebidentitytoken", "sts:taggetwebidentitytoken"]
        }
        _ if key.starts_with("saml:") => &["sts:assumerole", "sts:assumerolewithsaml"],
        // A token's claims; of a session that began with one, the next call has them as well.
        _ if provider::split_key(key).is_some() => {
            &["sts:assumerole", "sts:assumerolewithwebidentity"]
        }
        _ => return None,
    })
}

/// Actions that only go with one that assumes the role.
const SETTERS: [&str; 3] = ["sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"];

/// The action that a call needs besides, where it sets what the key holds.
fn setter(key: &str) -> Option<&'static str> {
    Some(match key {
        "aws:tagkeys" | "sts:transitivetagkeys" => "sts:TagSession",
        _ if key.starts_with("aws:requesttag/") => "sts:TagSession",
        "sts:sourceidentity" => "sts:SetSourceIdentity",
        "sts:requestcontextproviders" => "sts:SetContext",
        _ if key.starts_with("sts:requestcontext/") => "sts:SetContext",
        _ => return None,
    })
}

/// Condition keys that the statement's calls don't have, or don't have without a further action.
pub(super) fn keys(policy: &Policy, is_trust: bool) -> Vec<Finding> {
    let lacking: Vec<&str> = SETTERS.into_iter().filter(|it| !may_be_allowed(policy, it)).collect();
    let mut found = Vec::new();
    for statement in &policy.statements {
        let calls = calls(statement, is_trust);
        let assumes = calls.iter().any(|(lower, _)| lower.starts_with("sts:assumerole"));
        for condition in &statement.conditions {
            let Ok(operator) = Operator::parse(condition.operator.as_str()) else { continue };
            if !condition.key.is_known() || operator.test == Test::Null {
                continue;
            }
            let key = condition.key.value.to_ascii_lowercase();
            if !operator.holds_without_key()
                && let Some(finding) = without_key(&calls, condition, &key)
            {
                found.push(finding);
            } else if let Some(setter) = setter(&key).filter(|it| lacking.contains(it))
                && is_trust
                && assumes
                && statement.effect == Effect::Allow
            {
                found.push(without_setter(statement, condition, setter));
            }
        }
    }
    found
}

/// Whether a statement may allow this action, as far as the policy is known.
fn may_be_allowed(policy: &Policy, action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    let covers =
        |it: &Text| !it.is_known() || Pattern::new(&it.value.to_ascii_lowercase()).matches(&lower);
    let allows = |it: &Statement| {
        it.effect != Effect::Deny
            && (it.may_have_more || !it.not_actions.is_empty() || it.actions.iter().any(covers))
    };
    !policy.more_statements.is_empty() || policy.statements.iter().any(allows)
}

/// The calls of STS that a statement names, in lower case and as they are written: each once.
fn calls(statement: &Statement, is_trust: bool) -> BTreeMap<String, &Text> {
    let mut calls = BTreeMap::new();
    for action in statement.actions.iter().filter(|it| it.is_known()) {
        let lower = action.value.to_ascii_lowercase();
        // What no trust policy can have is told as that.
        let is_call = is_of_trust(&lower) || (!is_trust && is_of_callers(&lower));
        if is_call && !actions::is_extra(action) {
            calls.entry(lower).or_insert(action);
        }
    }
    calls
}

fn without_key(all: &BTreeMap<String, &Text>, condition: &Condition, key: &str) -> Option<Finding> {
    let with_key = calls_with(key)?;
    let (_, other) = all.iter().find(|(lower, _)| !with_key.contains(&lower.as_str()))?;
    let message = format!(
        "no call of {} has {}: the condition never matches; write a statement of its own for what has it",
        other.value,
        shown(condition.key.as_str())
    );
    Some(Finding::new(Code::KeyNotInCall, condition.key.at, message))
}

fn without_setter(statement: &Statement, condition: &Condition, setter: &str) -> Finding {
    let message = format!(
        "a call that sets {} needs {setter} as well, which no statement allows: add it to Action",
        shown(condition.key.as_str())
    );
    let finding = Finding::new(Code::ActionMissing, condition.key.at, message);
    let mut actions: Vec<&str> = statement.actions.iter().map(Text::as_str).collect();
    actions.push(setter);
    let is_short = actions.len() <= 8 && statement.actions.iter().all(Text::is_known);
    if is_short { finding.fixed(member("Action", &list(&actions))) } else { finding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::context_keys::Lookup;

    #[test]
    fn every_key_of_sts_has_its_calls() {
        for key in
            ["sts:ExternalId", "sts:RoleSessionName", "sts:TaskPolicyArn", "sts:SigningAlgorithm"]
        {
            assert!(matches!(Lookup::of(key), Lookup::Known(_)), "{key}");
            assert!(calls_with(&key.to_ascii_lowercase()).is_some(), "{key}");
        }
        assert_eq!(calls_with("aws:sourceip"), None);
    }
}
