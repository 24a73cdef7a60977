//! Principals: everybody, several kinds in one statement, and keys that their calls don't have.

use super::actions::{self, WEB_IDENTITY};
use super::claims::Key;
use super::probe::Denials;
use super::shown;
use crate::condition::{Operator, Test};
use crate::finding::{Code, Finding};
use crate::glob::Pattern;
use crate::place::Position;
use crate::policy::{Condition, Effect, Principal, Principals, Statement, Text};
use crate::provider::BUILT_IN;
use crate::request::WebIdentityRequest;
use crate::simulate::{Holds, holds};

const ROLE: &str = "sts:AssumeRole";
const SAML: &str = "sts:AssumeRoleWithSAML";

/// An account that nobody means.
const STRANGE_ACCOUNT: &str = "999999999999";

/// Keys that say nothing of who calls: anybody can see to it that they fit.
const OF_ANYBODY: [&str; 17] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:requesttag/",
    "aws:securetransport",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:viaawsservice",
    "sts:durationseconds",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "sts:transitivetagkeys",
];

/// Keys that every signed request has.
const ALWAYS_THERE: [&str; 5] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:sourceip",
    "aws:userid",
];

/// `"*"`, which is everybody; under other kinds than `AWS` it is a name that IAM rejects.
pub(super) fn wildcard(denials: &Denials<'_>, statement: &Statement) -> Option<Finding> {
    let at: Position = match &statement.principals {
        Some(Principals::Any(at)) => *at,
        Some(Principals::Of(all)) => {
            all.iter().find(|it| it.kind.value == "AWS" && it.name.value == "*")?.name.at
        }
        Some(Principals::Unknown(_)) | None => return None,
    };
    if statement.effect != Effect::Allow {
        return None;
    }
    let why = if statement.conditions.is_empty() {
        "no condition restricts who calls"
    } else {
        "the conditions hold for anybody"
    };
    if is_for_anybody(denials, statement) {
        let who = if only_with_token(statement) {
            "whoever has a token of any provider in the account can assume this role".to_owned()
        } else {
            format!(
                "anyone with an AWS account can assume this role, such as arn:aws:iam::{STRANGE_ACCOUNT}:user/anyone"
            )
        };
        let message = format!("\"*\" matches everybody in every account, and {why}: {who}");
        return Some(Finding::new(Code::PrincipalAnyone, at, message));
    }
    Some(Finding::new(
        Code::PrincipalWildcard,
        at,
        "\"*\" matches everybody in every account: only the conditions restrict who can assume the role",
    ))
}

/// Whether `"*"` stands where IAM takes it: alone, or under `AWS`.
pub(super) fn everybody_is_named(statement: &Statement) -> bool {
    match &statement.principals {
        Some(Principals::Any(_)) => true,
        Some(Principals::Of(all)) => {
            all.iter().any(|it| it.kind.value == "AWS" && it.name.value == "*")
        }
        _ => false,
    }
}

/// Whether a statement that denies may be for all but those who are meant.
pub(super) fn restricts_callers(denial: &Statement) -> bool {
    denial.not_principals.is_some()
        || denial.more_conditions
        || denial.conditions.iter().any(|it| !is_of_anybody(&it.key))
}

/// Whether nothing keeps a stranger out, for certain.
fn is_for_anybody(denials: &Denials<'_>, statement: &Statement) -> bool {
    let is_known = |it: &Condition| {
        it.key.is_known() && it.operator.is_known() && it.values.iter().all(Text::is_known)
    };
    !denials.restrict_callers
        && !statement.more_conditions
        && !actions::are_extras(statement)
        && (statement.actions.iter().any(assumes) || !statement.not_actions.is_empty())
        && statement.conditions.iter().all(is_known)
        && statement.conditions.iter().all(|it| admits_strangers(denials, statement, it))
}

fn assumes(action: &Text) -> bool {
    let pattern = Pattern::new(&action.value.to_ascii_lowercase());
    let is_covered = |it: &&str| pattern.matches(&it.to_ascii_lowercase());
    action.is_known() && [ROLE, WEB_IDENTITY, SAML].iter().any(is_covered)
}

fn is_of_anybody(key: &Text) -> bool {
    let key = key.value.to_ascii_lowercase();
    OF_ANYBODY.iter().any(|it| key == *it || (it.ends_with('/') && key.starts_with(it)))
}

/// Whether one condition holds for somebody whom nobody meant.
fn admits_strangers(denials: &Denials<'_>, statement: &Statement, condition: &Condition) -> bool {
    if is_of_anybody(&condition.key) || holds_without_key(condition) {
        return true;
    }
    let reduced = Statement {
        sid: None,
        principals: Some(Principals::Any(statement.at)),
        actions: vec![Text::new(WEB_IDENTITY, statement.at)],
        not_actions: Vec::new(),
        conditions: vec![condition.clone()],
        ..statement.clone()
    };
    let key = condition.key.as_str();
    strangers(condition).into_iter().any(|value| {
        let call = WebIdentityRequest::new("https://issuer.invalid", "", &[]);
        holds(&reduced, &call.with_context(key, &value), denials.variables) == Holds::Yes
    })
}

/// Whether it holds where the call has no such key, and calls without it can be made.
fn holds_without_key(condition: &Condition) -> bool {
    let key = condition.key.value.to_ascii_lowercase();
    let Ok(operator) = Operator::parse(&condition.operator.value) else { return false };
    let is_true = |it: &Text| it.value.eq_ignore_ascii_case("true");
    !ALWAYS_THERE.contains(&key.as_str())
        && match operator.test {
            Test::Null => condition.values.iter().any(is_true),
            _ => operator.holds_without_key(),
        }
}

/// What the key has in calls of strangers.
fn strangers(condition: &Condition) -> Vec<String> {
    let key = condition.key.value.to_ascii_lowercase();
    let own = || condition.values.iter().take(8).map(|it| it.value.as_str());
    match key.as_str() {
        "aws:principalarn" => {
            let anyone = format!("arn:aws:iam::{STRANGE_ACCOUNT}:user/anyone");
            [anyone].into_iter().chain(own().filter_map(role_of_stranger)).collect()
        }
        "aws:principalaccount" | "aws:sourceaccount" => vec![STRANGE_ACCOUNT.to_owned()],
        "aws:principalorgid" | "aws:sourceorgid" => vec!["o-zq7zq7zq7z".to_owned()],
        // Nobody can be one.
        "aws:principalisawsservice" => vec!["false".to_owned()],
        "aws:sourceip" => vec!["198.51.100.7".to_owned()],
        // The name of the session is the caller's choice.
        "aws:userid" => own()
            .filter_map(|it| it.strip_prefix("*:"))
            .chain(["zq7-k4w"])
            .map(|name| format!("AROAZQ7K4W:{}", name.replace(['*', '?'], "x")))
            .collect(),
        // So are the tags of a role in an account of one's own.
        key if key.starts_with("aws:principaltag/") => {
            own().map(|it| it.replace(['*', '?'], "x")).chain(["zq7-k4w".to_owned()]).collect()
        }
        _ => vec!["zq7-k4w".to_owned()],
    }
}

/// A role of the name that a pattern asks for, in an account that it leaves open.
fn role_of_stranger(pattern: &str) -> Option<String> {
    if let Some(name) = pattern.strip_prefix('*') {
        let name = name.trim_start_matches(':').replace(['*', '?'], "x");
        return Some(format!("arn:aws:iam::{STRANGE_ACCOUNT}:{name}"));
    }
    let mut parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let account = parts.get_mut(4)?;
    if account.trim_matches('*').is_empty() && !account.is_empty() {
        *account = STRANGE_ACCOUNT;
        return Some(parts.join(":").replace(['*', '?'], "x"));
    }
    None
}

/// Whether it is for calls with a web identity's token alone.
fn only_with_token(statement: &Statement) -> bool {
    let is_it = |it: &Text| it.is_known() && it.value.eq_ignore_ascii_case(WEB_IDENTITY);
    statement.not_actions.is_empty()
        && statement.actions.iter().any(is_it)
        && statement.actions.iter().all(|it| is_it(it) || actions::is_extra(it))
}

/// The action that a principal calls, where that is known.
fn call_of(principal: &Principal) -> Option<&'static str> {
    let name = principal.name.known();
    match principal.kind.value.as_str() {
        "Federated" if name.contains(":oidc-provider/") || BUILT_IN.contains(&&*name) => {
            Some(WEB_IDENTITY)
        }
        "Federated" if name.contains(":saml-provider/") => Some(SAML),
        "AWS" | "Service" if principal.name.is_known() => Some(ROLE),
        _ => None,
    }
}

/// Principals of several kinds in one statement, not all of which can do what it allows.
pub(super) fn mixed(statement: &Statement) -> Option<Finding> {
    let Some(Principals::Of(all)) = &statement.principals else { return None };
    let covers = |action: &Text, wanted: &str| {
        !action.is_known()
            || Pattern::new(&action.value.to_ascii_lowercase())
                .matches(&wanted.to_ascii_lowercase())
    };
    let calls: Vec<(&Principal, &str)> =
        all.iter().filter_map(|it| Some((it, call_of(it)?))).collect();
    let (_, first) = calls.first()?;
    let is_mixed = calls.iter().any(|(_, call)| call != first);
    let is_plain = statement.effect == Effect::Allow
        && !statement.actions.is_empty()
        && !actions::are_extras(statement)
        && !statement.actions.iter().any(|it| actions::meant(it.as_str()).is_some());
    if !is_mixed || !is_plain {
        return None;
    }
    let not_allowed =
        calls.iter().find(|(_, call)| !statement.actions.iter().any(|action| covers(action, call)));
    if let Some((principal, call)) = not_allowed {
        let message = format!(
            "{} calls {call}, which this statement does not allow; write a statement for each kind of principal",
            shown(principal.name.as_str())
        );
        return Some(Finding::new(Code::WrongPrincipal, principal.name.at, message));
    }
    let of_token = |it: &&Condition| {
        let operator = Operator::parse(&it.operator.value);
        let fails = operator.is_ok_and(|it| it.test != Test::Null && !it.holds_without_key());
        it.key.is_known() && Key::read(&it.key).is_some() && fails
    };
    let condition = statement.conditions.iter().find(of_token)?;
    let (principal, _) = calls.iter().find(|(_, call)| *call != WEB_IDENTITY)?;
    let message = format!(
        "{} brings no token, and the condition on {} asks for one: it never matches; write a statement for each kind of principal",
        shown(principal.name.as_str()),
        shown(condition.key.as_str())
    );
    Some(Finding::new(Code::WrongPrincipal, principal.name.at, message))
}

/// Conditions on keys that calls with a web identity's token don't have.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
pub(super) fn keys_of_other_calls(statement: &Statement) -> Vec<Finding> {
    let is_saml = |it: &&Principal| {
        it.name.known().contains(":saml-provider/") && it.kind.value == "Federated"
    };
    if !only_with_token(statement) || statement.principals_of("Federated").any(|it| is_saml(&it)) {
        return Vec::new();
    }
    let finding = |condition: &Condition| {
        let key = condition.key.is_known().then(|| condition.key.value.to_ascii_lowercase())?;
        let is_of_others = key == "sts:externalid" || key.starts_with("saml:");
        let never = !holds_without_key(condition);
        let is_of_users = key.starts_with("aws:multifactorauth") && never;
        if !is_of_others && !is_of_users {
            return None;
        }
        let outcome = if never {
            "the condition never holds, so nobody can assume the role"
        } else {
            "the condition always holds"
        };
        let message = format!(
            "a call of {WEB_IDENTITY} has no {}: {outcome}; remove it",
            condition.key.value
        );
        Some(Finding::new(Code::KeyNotInCall, condition.key.at, message))
    };
    statement.conditions.iter().filter_map(finding).collect()
}
