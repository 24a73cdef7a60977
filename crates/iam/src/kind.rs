//! What a policy is attached to, by its look.

use super::near::nearest;
use super::node::Node;

/// What a policy is attached to; it decides which members it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyKind {
    /// A role's trust policy
    Trust,
    /// What a role or user may do
    Permissions,
    /// A bucket's, a queue's
    Resource,
}

/// The statements of what is a policy or was meant to be one: `Statements`,
/// `statement`, which IAM refuses, hide nothing of what is in them.
pub(super) fn statements(node: &Node) -> Option<&Node> {
    if let Some(statements) = node.get("Statement") {
        return Some(statements);
    }
    let is_statement = |node: &Node| {
        let has =
            |name| node.members().iter().any(|member| nearest(&member.key, &[name]).is_some());
        // Modules of Terraform have inputs like these, in lower case.
        let is_other = node.get("actions").is_some() || node.get("resources").is_some();
        has("Effect") && (has("Action") || has("NotAction")) && !is_other
    };
    // Other formats have `statements` of their own, without a version.
    let has_version =
        node.members().iter().any(|member| nearest(&member.key, &["Version"]).is_some());
    let meant = node.members().iter().find(|member| {
        (has_version || member.key.starts_with(char::is_uppercase))
            && nearest(&member.key, &["Statement"]).is_some()
            && member.value.each().into_iter().any(is_statement)
    });
    meant.map(|member| &member.value)
}

/// The member, in upper or lower case: IAM refuses the latter.
fn meant<'n>(statement: &'n Node, name: &str) -> Option<&'n Node> {
    let is_it = |key: &str| key.eq_ignore_ascii_case(name);
    let lower = || statement.members().iter().find(|member| is_it(&member.key));
    statement.get(name).or_else(|| lower().map(|member| &member.value))
}

/// Which kind it looks like.
pub(super) fn guess_kind(node: &Node) -> PolicyKind {
    let statements = || statements(node).map(Node::each).unwrap_or_default().into_iter();
    let has = |one: &str, other: &str| {
        statements().any(|it| meant(it, one).is_some() || meant(it, other).is_some())
    };
    let has_principal = has("Principal", "NotPrincipal");
    let has_resource = has("Resource", "NotResource");
    // A resource control policy denies everybody something, everywhere.
    let denies_all = |s: &Node| {
        let principal = s.get("Principal");
        let names = principal.map(|p| p.get("AWS").unwrap_or(p)).map(Node::each);
        let is_everybody = names.is_some_and(|all| all.iter().any(|it| it.text() == Some("*")));
        is_everybody
            && s.get("Effect").and_then(Node::text) == Some("Deny")
            && (s.get("Resource").is_some() || s.get("NotResource").is_some())
    };
    if statements().next().is_some() && statements().all(denies_all) {
        return PolicyKind::Resource;
    }
    let assumes = statements().any(|s| {
        let actions = meant(s, "Action").map(Node::each).unwrap_or_default();
        actions
            .into_iter()
            .filter_map(Node::text)
            .any(|a| a.to_ascii_lowercase().starts_with("sts:assumerole"))
    });
    match (has_principal, has_resource, assumes) {
        (true, _, true) | (true, false, false) | (false, false, true) => PolicyKind::Trust,
        (true, true, false) => PolicyKind::Resource,
        (false, _, _) => PolicyKind::Permissions,
    }
}

/// Which kind it looks like, where what it is attached to is no role or not known: a policy with
/// principals and resources may be of an endpoint of STS.
pub(super) fn guess_kind_of_any(node: &Node) -> PolicyKind {
    let has = |one: &str, other: &str| {
        let statements = statements(node).map(Node::each).unwrap_or_default();
        statements.iter().any(|it| it.get(one).is_some() || it.get(other).is_some())
    };
    let is_resource = has("Principal", "NotPrincipal") && has("Resource", "NotResource");
    if is_resource { PolicyKind::Resource } else { guess_kind(node) }
}
