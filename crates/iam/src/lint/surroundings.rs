//! What stands around a policy, and says what it is of.

use super::limits::{Holder, Owner};
use crate::node::{Kind, Node};

/// Resources whose policy says what a role, user or group may do.
const OF_PERMISSIONS: [&str; 9] = [
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "aws_iam_group_policy",
    "aws_iam_policy",
    "aws_iam_role_policy",
    "aws_iam_user_policy",
];

/// Of a node, from the nodes around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Whether the policies in it are permission policies.
    pub(super) permissions: bool,
    /// What the permission policies in it are attached to.
    pub(super) holder: Holder,
    /// Whether it is in a role, user or group.
    in_identity: Option<Owner>,
    /// The namespace of the object that it is in.
    pub(super) namespace: Option<String>,
    /// The account of the role that it is in.
    pub(super) account: Option<String>,
}

impl Surroundings {
    /// Those of what is in the node.
    pub(super) fn within(&self, node: &Node) -> Self {
        let mut within = self.clone();
        let kind = ["Type", "type"].iter().find_map(|key| node.get(key).and_then(Node::text));
        if let Some(kind) =
            kind.filter(|kind| kind.starts_with("AWS::") || kind.starts_with("aws_"))
        {
            within.of_kind(kind);
        }
        let namespace = node.find(&["metadata", "namespace"]).and_then(Node::text);
        within.namespace = namespace.map(str::to_owned).or(within.namespace);
        let has = |key: &str| node.get(key).is_some();
        // An inline policy, and what `aws iam get-role-policy` and `get-policy-version` print.
        let owner = match () {
            () if has("UserName") => Some(Owner::User),
            () if has("GroupName") => Some(Owner::Group),
            () if has("RoleName") => Some(Owner::Role),
            () => self.in_identity,
        };
        if has("PolicyName")
            && has("PolicyDocument")
            && let Some(owner) = owner
        {
            within.permissions = true;
            within.holder = Holder::Inline(owner);
        }
        if has("Document") && has("VersionId") && has("IsDefaultVersion") {
            within.permissions = true;
            within.holder = Holder::Managed;
        }
        if has("AssumeRolePolicyDocument") || has("assume_role_policy") {
            let arn = node.get("Arn").or_else(|| node.get("arn"));
            within.account = arn.and_then(account_of_role);
        }
        within
    }

    /// Those of the value of this key: of Terraform's resources, the kind.
    pub(super) fn below(&self, key: &str) -> Self {
        let mut below = self.clone();
        if key.starts_with("aws_") {
            below.of_kind(key);
        }
        below
    }

    fn of_kind(&mut self, kind: &str) {
        self.permissions = OF_PERMISSIONS.contains(&kind);
        self.in_identity = match kind {
            "AWS::IAM::Role" => Some(Owner::Role),
            "AWS::IAM::User" => Some(Owner::User),
            "AWS::IAM::Group" => Some(Owner::Group),
            _ => None,
        };
        self.holder = match kind {
            "AWS::IAM::ManagedPolicy" | "aws_iam_policy" => Holder::Managed,
            "AWS::IAM::UserPolicy" | "aws_iam_user_policy" => Holder::Inline(Owner::User),
            "AWS::IAM::GroupPolicy" | "aws_iam_group_policy" => Holder::Inline(Owner::Group),
            "AWS::IAM::RolePolicy" | "aws_iam_role_policy" | "AWS::IAM::Policy" => {
                Holder::Inline(Owner::Role)
            }
            _ => Holder::Unknown,
        };
    }
}

/// The account in a role's ARN, where all of it is known.
fn account_of_role(arn: &Node) -> Option<String> {
    let Kind::Text(arn) = &arn.kind else { return None };
    let account = arn.split(':').nth(4)?;
    arn::looks_like_iam(arn).then(|| account.to_owned())
}
