//! Permissions that reach further than anybody meant: every action, every role to pass on, or
//! every service whose name looks alike.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>

use super::shown;
use crate::finding::{Code, Finding};
use crate::glob::{Pattern, is_glob};
use crate::place::Position;
use crate::policy::{Effect, Principals, Statement, Text};

/// Of a permission policy: what leads to every other permission.
pub(super) fn permissions(statement: &Statement) -> Option<Finding> {
    if statement.effect != Effect::Allow || statement.more_conditions {
        return None;
    }
    let (action, at) = passing(statement)?;
    let reach = reach(statement)?;
    let has_key = |wanted: &str| {
        statement
            .conditions
            .iter()
            .any(|it| !it.key.is_known() || it.key.value.eq_ignore_ascii_case(wanted))
    };
    if ["iam:PassedToService", "iam:AssociatedResourceArn"].into_iter().any(has_key) {
        return None;
    }
    let message = format!(
        "{action} on {reach} allows to pass any role to a service, and so to do what that role may: name the roles, or add a condition on iam:PassedToService"
    );
    Some(Finding::new(Code::PassRole, at, message))
}

/// What allows to pass on roles, and where.
fn passing(statement: &Statement) -> Option<(String, Position)> {
    let covers = |it: &Text| Pattern::new(&it.value.to_ascii_lowercase()).matches("iam:passrole");
    if let Some(action) = statement.actions.iter().find(|it| it.is_known() && covers(it)) {
        return Some((shown(action.as_str()), action.at));
    }
    let first = statement.not_actions.first()?;
    let is_left_out = statement.not_actions.iter().any(|it| !it.is_known() || covers(it));
    (!is_left_out).then(|| ("NotAction".to_owned(), first.at))
}

/// The resource that is every role.
fn reach(statement: &Statement) -> Option<String> {
    if !statement.not_resources.is_empty() {
        // Whoever leaves out all roles means it.
        let is_left_out = |it: &Text| !it.is_known() || is_every_role(it.as_str());
        return (!statement.not_resources.iter().any(is_left_out))
            .then(|| "NotResource".to_owned());
    }
    let every =
        statement.resources.iter().find(|it| it.is_known() && is_every_role(it.as_str()))?;
    Some(shown(every.as_str()))
}

/// `*`, `arn:aws:iam::111122223333:role/*`
fn is_every_role(resource: &str) -> bool {
    let pattern = Pattern::new(resource);
    let matches = |partition: &str, account: &str| {
        ["role/a-1", "role/x/y"]
            .iter()
            .all(|name| pattern.matches(&format!("arn:{partition}:iam::{account}:{name}")))
    };
    let mut parts = resource.splitn(6, ':');
    let named = |part: Option<&str>, otherwise: &str| {
        part.filter(|it| !is_glob(it)).unwrap_or(otherwise).to_owned()
    };
    let partition = named(parts.nth(1), "aws");
    let account = named(parts.nth(2), "111122223333");
    matches(&partition, &account)
}

/// Everybody but those who are named, in the policy of a resource.
pub(super) fn everybody_else(statement: &Statement) -> Option<Finding> {
    let Some(Principals::Of(all)) = &statement.not_principals else { return None };
    let first = all.first().filter(|_| statement.effect == Effect::Allow)?;
    let message = "Allow with NotPrincipal lets in everybody else, also without an AWS account: list who is meant under Principal";
    Some(Finding::new(Code::PrincipalWildcard, first.name.at, message))
}

/// Wildcards in the name of a service, in actions and resources.
pub(super) fn services(statement: &Statement) -> Vec<Finding> {
    let actions = statement.actions.iter().chain(&statement.not_actions);
    let of_actions = actions.filter_map(|it| Some((it, it.value.split_once(':')?.0)));
    let resources = statement.resources.iter().chain(&statement.not_resources);
    let of_arns = resources.filter(|it| it.value.starts_with("arn:")).filter_map(|it| {
        // A shorter one is all of what it begins with.
        let mut parts = it.value.splitn(6, ':');
        let service = parts.nth(2)?;
        parts.next().map(|_| (it, service))
    });
    of_actions
        .chain(of_arns)
        .filter(|(text, service)| text.is_known() && is_glob(service))
        .map(|(text, _)| {
            let message = format!(
                "{} has a wildcard in the name of a service, which matches services that AWS adds as well: name them",
                shown(text.as_str())
            );
            Finding::new(Code::WildcardInService, text.at, message)
        })
        .collect()
}
