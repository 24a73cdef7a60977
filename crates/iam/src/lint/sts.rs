//! The actions of STS: which there are, which a trust policy may have, and which condition keys
//! go with them.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>

use super::{actions, shown};
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::glob::{Pattern, is_glob};
use crate::policy::{Condition, Effect, Policy, Statement, Text};
use crate::provider;
use crate::write::{member, text as quoted};

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

/// Services whose policies look like a trust policy: a principal, and no resource.
const WITHOUT_RESOURCE: [&str; 3] = ["ecr", "ecr-public", "serverlessrepo"];

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
        || (!is_of_role && WITHOUT_RESOURCE.contains(&service))
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
    let mut found = Vec::new();
    for statement in &policy.statements {
        for condition in &statement.conditions {
            let Ok(operator) = Operator::parse(condition.operator.as_str()) else { continue };
            if !condition.key.is_known() || operator.test == Test::Null {
                continue;
            }
            let key = condition.key.value.to_ascii_lowercase();
            let is_required = !operator.holds_without_key();
            let wrong = without_key(statement, condition, &key).filter(|_| is_required);
            let lacking =
                || without_setter(policy, statement, condition, &key).filter(|_| is_trust);
            found.extend(wrong.or_else(lacking));
        }
    }
    found
}

fn without_key(statement: &Statement, condition: &Condition, key: &str) -> Option<Finding> {
    let calls = calls_with(key)?;
    let is_other = |action: &&Text| {
        let lower = action.value.to_ascii_lowercase();
        let is_call = lower.starts_with("sts:") && !is_glob(&lower) && !actions::is_extra(action);
        action.is_known() && is_call && !calls.contains(&lower.as_str())
    };
    let other = statement.actions.iter().find(is_other)?;
    let message = format!(
        "no call of {} has {}: the condition never matches; write a statement of its own for what has it",
        ::text::shortened(other.as_str(), 120),
        shown(condition.key.as_str())
    );
    Some(Finding::new(Code::KeyNotInCall, condition.key.at, message))
}

fn without_setter(
    policy: &Policy,
    statement: &Statement,
    condition: &Condition,
    key: &str,
) -> Option<Finding> {
    let setter = setter(key)?;
    let lower = setter.to_ascii_lowercase();
    let covers =
        |it: &Text| !it.is_known() || Pattern::new(&it.value.to_ascii_lowercase()).matches(&lower);
    let allows = |it: &Statement| it.effect != Effect::Deny && it.actions.iter().any(covers);
    let is_open = !policy.more_statements.is_empty() || statement.may_have_more;
    let assumes = statement
        .actions
        .iter()
        .any(|it| it.value.to_ascii_lowercase().starts_with("sts:assumerole"));
    if statement.effect != Effect::Allow
        || !assumes
        || is_open
        || policy.statements.iter().any(allows)
    {
        return None;
    }
    let message = format!(
        "a call that sets {} needs {setter} as well, which no statement allows: add it to Action",
        shown(condition.key.as_str())
    );
    let finding = Finding::new(Code::ActionMissing, condition.key.at, message);
    let mut actions: Vec<&str> = statement.actions.iter().map(Text::as_str).collect();
    actions.push(setter);
    let is_known = statement.actions.iter().all(Text::is_known);
    Some(if is_known {
        finding.fixed(member("Action", &crate::write::list(&actions)))
    } else {
        finding
    })
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
