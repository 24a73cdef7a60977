//! What IAM takes no more of: the size of policies, the names, paths and sessions of roles, and
//! what a provider lists.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use super::{letters, shown};
use crate::finding::{Code, Finding};
use crate::kind::PolicyKind;
use crate::node::{Kind, Member, Node};
use crate::place::Position;

/// Of a role's trust policy: unless the quota is raised, and with the highest quota.
const TRUST: usize = 2_048;
const TRUST_MOST: usize = 8_192;
/// Of a managed policy; and of all inline policies of a role, a user and a group together.
const MANAGED: usize = 6_144;
const INLINE_OF_ROLE: usize = 10_240;
const INLINE_OF_USER: usize = 2_048;
const INLINE_OF_GROUP: usize = 5_120;

/// What a permission policy is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Holder {
    /// By itself, for any number of roles.
    Managed,
    /// In a role, user or group.
    Inline(Owner),
    #[default]
    Unknown,
}

/// Who has inline policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Role,
    User,
    Group,
}

impl Owner {
    fn most(self) -> usize {
        match self {
            Self::Role => INLINE_OF_ROLE,
            Self::User => INLINE_OF_USER,
            Self::Group => INLINE_OF_GROUP,
        }
    }

    fn named(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// How large a policy is as IAM counts: without white space between its parts. Of what is not
/// known nothing counts, so that it is at least so large.
pub(super) fn size(node: &Node) -> usize {
    let list = |sizes: usize, count: usize| 2 + sizes + count.saturating_sub(1);
    match &node.kind {
        Kind::Null => 4,
        Kind::Bool(value) => value.to_string().len(),
        Kind::Number(text) => text.len(),
        Kind::Text(text) => quoted(text),
        Kind::Open(text, unknown) => {
            let open: usize = unknown.iter().map(ExactSizeIterator::len).sum();
            quoted(text).saturating_sub(open)
        }
        Kind::Unknown(_) | Kind::Either(_) => 0,
        Kind::List(items) => list(items.iter().map(size).sum(), items.len()),
        Kind::Map(members) => {
            let member = |it: &Member| quoted(&it.key) + 1 + size(&it.value);
            list(members.iter().map(member).sum(), members.len())
        }
    }
}

/// A text in quotes, with its escapes.
fn quoted(text: &str) -> usize {
    2 + text.chars().map(|c| if matches!(c, '"' | '\\') { 2 } else { 1 }).sum::<usize>()
}

/// One policy.
pub(super) fn policy(node: &Node, kind: PolicyKind, holder: Holder) -> Option<Finding> {
    let size = size(node);
    let of = |code, message| Some(Finding::new(code, node.at, message));
    match kind {
        PolicyKind::Trust if size > TRUST_MOST => of(
            Code::Limit,
            format!(
                "the trust policy has {size} characters without white space; IAM takes {TRUST_MOST} at most, with the highest quota"
            ),
        ),
        PolicyKind::Trust if size > TRUST => of(
            Code::Quota,
            format!(
                "the trust policy has {size} characters without white space; IAM takes {TRUST} unless the account's quota for the length of trust policies is raised (to {TRUST_MOST} at most)"
            ),
        ),
        PolicyKind::Permissions => match holder {
            Holder::Managed if size > MANAGED => of(
                Code::Limit,
                format!(
                    "the managed policy has {size} characters without white space; IAM takes {MANAGED} at most: split it"
                ),
            ),
            Holder::Inline(owner) if size > owner.most() => of(
                Code::Limit,
                format!(
                    "the inline policy has {size} characters without white space; all of those of a {} have {} at most",
                    owner.named(),
                    owner.most()
                ),
            ),
            Holder::Unknown if size > INLINE_OF_ROLE => of(
                Code::Quota,
                format!(
                    "the policy has {size} characters without white space: a managed policy has {MANAGED} at most, and the inline policies of a role {INLINE_OF_ROLE}"
                ),
            ),
            Holder::Unknown if size > MANAGED => of(
                Code::Quota,
                format!(
                    "the policy has {size} characters without white space: too many for a managed policy, which has {MANAGED} at most; it fits into a role alone, as an inline policy"
                ),
            ),
            _ => None,
        },
        PolicyKind::Trust | PolicyKind::Resource => None,
    }
}

/// The inline policies of one role, user or group.
fn inline(policies: &[&Node], owner: Owner) -> Option<Finding> {
    let sum: usize = policies.iter().map(|it| size(it)).sum();
    let is_one = policies.len() < 2 || policies.iter().any(|it| size(it) > owner.most());
    if sum <= owner.most() || is_one {
        return None;
    }
    let message = format!(
        "the {} inline policies have {sum} characters without white space; all of those of a {} have {} at most",
        policies.len(),
        owner.named(),
        owner.most()
    );
    Some(Finding::new(Code::Limit, policies.last()?.at, message))
}

/// Whether it is a role, as CloudFormation, Terraform, the AWS CLI and controllers write it.
pub(super) fn is_role(node: &Node) -> bool {
    node.members().iter().any(|it| {
        matches!(
            it.key.as_str(),
            "AssumeRolePolicyDocument"
                | "assume_role_policy"
                | "assumeRolePolicyDocument"
                | "assumeRolePolicy"
        )
    })
}

/// A role: its name, its path, how long a session may be.
pub(super) fn role(node: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    let policies = ["Policies", "RolePolicyList"].into_iter().find_map(|name| node.get(name));
    let documents = policies.map(Node::items).unwrap_or_default().iter();
    let documents: Vec<&Node> = documents.filter_map(|it| it.get("PolicyDocument")).collect();
    found.extend(inline(&documents, Owner::Role));
    for member in node.members() {
        let name = letters(&member.key);
        found.extend(match name.as_str() {
            "rolename" | "name" => of_text(&member.value, self::name),
            "path" => of_text(&member.value, path),
            "maxsessionduration" => duration(&member.value),
            _ => None,
        });
    }
    found
}

/// A text of which all is known.
fn of_text(node: &Node, check: impl Fn(&str, Position) -> Option<Finding>) -> Option<Finding> {
    check(node.text().filter(|text| !text.contains(['$', '{', '<', '[', '%']))?, node.at)
}

fn name(text: &str, at: Position) -> Option<Finding> {
    let length = text.chars().count();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let message = if length > 64 {
        format!("the role's name has {length} characters; IAM takes 64 at most")
    } else if !text.chars().all(is_name) {
        format!("{} is not the name of a role: IAM takes letters, digits and +=,.@_-", shown(text))
    } else {
        return None;
    };
    Some(Finding::new(Code::Limit, at, message))
}

fn path(text: &str, at: Position) -> Option<Finding> {
    let length = text.chars().count();
    let message = if length > 512 {
        format!("the role's path has {length} characters; IAM takes 512 at most")
    } else if !(text.starts_with('/') && text.ends_with('/')) {
        format!("the role's path {} has to begin and end with a slash", shown(text))
    } else {
        return None;
    };
    let finding = Finding::new(Code::Limit, at, message);
    let mended = format!("/{}/", text.trim_matches('/'));
    let is_short = length <= 512 && text.chars().any(|c| c != '/');
    Some(if is_short { finding.fixed(crate::write::text(&mended)) } else { finding })
}

fn duration(node: &Node) -> Option<Finding> {
    let (Kind::Number(text) | Kind::Text(text)) = &node.kind else { return None };
    let seconds: i64 = text.parse().ok()?;
    let message = format!(
        "a role's sessions last from 3600 to 43200 seconds at most, not {seconds}: IAM rejects the role"
    );
    (!(3_600..=43_200).contains(&seconds)).then(|| Finding::new(Code::Limit, node.at, message))
}

/// What a provider lists.
pub(super) fn provider(what: &str, most: usize, list: &[&Node]) -> Option<Finding> {
    let extra = list.get(most)?;
    let message = format!("the provider has {} {what}; IAM takes {most} at most", list.len());
    Some(Finding::new(Code::Limit, extra.at, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::place::Source;

    #[test]
    fn counts_what_stands_there_without_white_space() {
        for (text, wanted) in [
            (r#"{ "a" : [ 1, true, null ], "b": "x y" }"#, r#"{"a":[1,true,null],"b":"x y"}"#),
            (r#"{"a": "\"\\"}"#, r#"{"a":"\"\\"}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(size(&json::read(&Source::new(text)).0), wanted.len(), "{text}");
        }
    }

    #[test]
    fn inline_policies_of_a_role_count_together() {
        let policy = |resources: usize| {
            let resources: Vec<String> =
                (0..resources).map(|n| format!("\"arn:aws:s3:::reports-{n:04}/*\"")).collect();
            format!(
                r#"{{"PolicyName": "a", "PolicyDocument": {{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": [{}]}}]}}}}"#,
                resources.join(", ")
            )
        };
        let role = |each: usize| {
            format!(
                r#"{{"AssumeRolePolicyDocument": {{}}, "Policies": [{}, {}]}}"#,
                policy(each),
                policy(each)
            )
        };
        let found = |each: usize| {
            let (node, mistakes) = json::read(&Source::new(&role(each)));
            assert_eq!(mistakes, []);
            super::role(&node).len()
        };
        assert_eq!((found(100), found(200), found(400)), (0, 1, 0));
    }
}
