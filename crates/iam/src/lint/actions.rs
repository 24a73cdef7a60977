//! Actions: their shape, and those of STS that a pod's token needs.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>

use super::{shown, sts};
use crate::finding::{Code, Finding};
use crate::glob::Pattern;
use crate::near::nearest;
use crate::policy::{Effect, Policy, Statement, Text};
use crate::write::{list, member, text as quoted};

pub(super) const WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Those of STS that a role's trust policy may have.
pub(super) const OF_TRUST: [&str; 7] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    WEB_IDENTITY,
    "sts:AssumeRoot",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
];

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    for action in statement.actions.iter().chain(&statement.not_actions) {
        let name = action.as_str();
        if !action.is_known() || name == "*" {
            continue;
        }
        let message = if name.contains(char::is_whitespace) {
            format!("{} contains white space, so it names no action", shown(name))
        } else if !name.contains(':') {
            format!("{} is not an action; write SERVICE:NAME, such as {WEB_IDENTITY}", shown(name))
        } else if let Some(meant) = meant(name) {
            format!("{} is not an action of STS; did you mean {meant}?", shown(name))
        } else if sts::is_unknown(name) {
            format!("{} is none of the actions of STS", shown(name))
        } else {
            continue;
        };
        let finding = Finding::new(Code::BadAction, action.at, message);
        found.push(match mended(name) {
            Some(mended) => finding.fixed(quoted(&mended)),
            None => finding,
        });
    }
    found
}

fn mended(name: &str) -> Option<String> {
    let dense = name.replace(char::is_whitespace, "");
    if let Some(meant) = meant(&dense) {
        return Some(meant.to_owned());
    }
    let mended = if dense.contains(':') { dense } else { dense.replacen('.', ":", 1) };
    (mended.contains(':') && mended != name).then_some(mended)
}

/// Whether all actions only go with one that assumes the role.
pub(super) fn are_extras(statement: &Statement) -> bool {
    !statement.actions.is_empty() && statement.actions.iter().all(is_extra)
}

/// Whether an action only goes with one that assumes the role.
pub(super) fn is_extra(action: &Text) -> bool {
    action.is_known()
        && ["sts:tagsession", "sts:setsourceidentity", "sts:setcontext"]
            .contains(&action.value.to_ascii_lowercase().as_str())
}

/// The session tags that EKS sends with each call for a pod.
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html>
pub(super) fn without_tags(policy: &Policy) -> Option<Finding> {
    let of_pods = |it: &&Statement| {
        let mut services = it.principals_of("Service");
        it.effect == Effect::Allow && services.any(|p| p.name.value == "pods.eks.amazonaws.com")
    };
    let covers = |action: &Text, wanted: &str| {
        !action.is_known() || Pattern::new(&action.value.to_ascii_lowercase()).matches(wanted)
    };
    let mut statements = policy.statements.iter().filter(of_pods);
    let assumes =
        |it: &Statement| it.actions.iter().find(|action| covers(action, "sts:assumerole")).cloned();
    let action = statements.clone().find_map(assumes)?;
    let is_open = policy.statements.iter().any(|it| it.effect == Effect::Unknown);
    if is_open || statements.any(|it| it.actions.iter().any(|it| covers(it, "sts:tagsession"))) {
        return None;
    }
    let message = "EKS Pod Identity sends session tags, which need sts:TagSession as well: without it no pod gets the role";
    let fix = member("Action", &list(&["sts:AssumeRole", "sts:TagSession"]));
    Some(Finding::new(Code::TagSessionMissing, action.at, message).fixed(fix))
}

/// The action of a trust policy that this was to be; nothing where it is one.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let is_action = OF_TRUST.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_action || name.contains(['*', '?']) || name.len() > 128 {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    if sts::is_of_callers(&lower) {
        return None;
    }
    let (service, action) = lower.split_once([':', '.']).unwrap_or(("", &lower));
    // Whatever has the words was meant to be it, whoever's action it is said to be.
    let says_web_identity = action.contains("webident")
        || (action.starts_with("assumerole")
            && ["oidc", "openid", "jwt", "federat"].iter().any(|word| action.contains(word)));
    let is_sts = service.is_empty() || nearest(service, &["sts"]).is_some();
    if says_web_identity {
        // IAM has some for the tokens that an account makes itself.
        return (is_sts || action.starts_with("assume")).then_some(WEB_IDENTITY);
    }
    nearest(&format!("sts:{action}"), &OF_TRUST).filter(|_| is_sts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_was_meant() {
        for (name, wanted) in [
            ("sts:AssumeRoleWithWebIdentities", Some(WEB_IDENTITY)),
            ("sts:AssumeRoleWithWebIdentiy", Some(WEB_IDENTITY)),
            ("sts:AssumeRoleWebIdentity", Some(WEB_IDENTITY)),
            ("sts:AssumeRoleWithOIDC", Some(WEB_IDENTITY)),
            ("iam:AssumeRoleWithWebIdentity", Some(WEB_IDENTITY)),
            ("AssumeRoleWithWebIdentity", Some(WEB_IDENTITY)),
            ("sts.AssumeRoleWithWebIdentity", Some(WEB_IDENTITY)),
            ("st:AssumeRoleWithWebIdentity", Some(WEB_IDENTITY)),
            ("sts:AssumeRoles", Some("sts:AssumeRole")),
            ("sts:TagSessions", Some("sts:TagSession")),
            ("sts:assumeRoleWithSAML", None),
            ("STS:assumerolewithwebidentity", None),
            ("sts:AssumeRole*", None),
            ("sts:GetCallerIdentity", None),
            ("sts:GetSessionToken", None),
            ("sts:GetWebIdentityToken", None),
            ("sts:TagGetWebIdentityToken", None),
            ("iam:EnableOutboundWebIdentityFederation", None),
            ("s3:GetObject", None),
            ("sns:Publish", None),
            ("cognito-identity:GetId", None),
        ] {
            assert_eq!(meant(name), wanted, "{name}");
        }
    }
}
