//! Rules of parliament and checkov for the same documents.
//! <https://github.com/duo-labs/parliament>, <https://www.checkov.io>

use super::Check;
use super::Input::{self, Also, Condition, Principal, Resource, Statement, Whole};

const TRUST: Input = Also(r#""StringLike": {"aws:PrincipalTag/team": "a"}"#);
const READ: Input = Resource(r#""arn:aws:s3:::reports/*""#);
const LIST: Input = Statement(r#""Action": "s3:ListBucket", "Resource": "arn:aws:s3:::reports""#);

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    ("parliament: MALFORMED_JSON", "trailing-comma",
        Whole(r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",}]}"#), LIST),
    ("parliament: MALFORMED", "member-missing", Statement(r#""Resource": "*""#), LIST),
    ("parliament: DUPLICATE_SID", "bad-sid",
        Whole(r#"{"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}, {"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}"#), LIST),
    ("parliament: UNKNOWN_PRINCIPAL", "principal-name",
        Statement(r#""Principal": {"AWS": "app"}, "Action": "sts:AssumeRole""#),
        Statement(r#""Principal": {"AWS": "AROACKCEVSQ6C2EXAMPLE"}, "Action": "sts:AssumeRole""#)),
    ("parliament: UNKNOWN_FEDERATION_SOURCE", "provider-arn", Principal(r#"{"Federated": "oidc.example.com"}"#), TRUST),
    ("parliament: MISMATCHED_TYPE_OPERATION_TO_NULL", "value-type",
        Also(r#""Null": {"aws:SourceVpc": "vpc-1"}"#), Also(r#""Null": {"aws:SourceVpc": "false"}"#)),
    ("parliament: MISMATCHED_TYPE", "key-type",
        Also(r#""StringLike": {"aws:SourceIp": "203.0.113.7"}"#), Also(r#""IpAddress": {"aws:SourceIp": "203.0.113.7"}"#)),
    ("parliament: INVALID_SID", "bad-sid", Statement(r#""Sid": "a-b", "Action": "s3:ListBucket", "Resource": "*""#), LIST),
    ("parliament: INVALID_ARN", "resource-arn", Resource(r#""arn:aws:s3:reports""#), READ),
    ("parliament: NO_VERSION", "version-missing",
        Whole(r#"{"Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}"#), LIST),
    ("parliament: INVALID_VERSION", "version-unknown",
        Whole(r#"{"Version": "2012-10-18", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}"#), LIST),
    ("parliament: OLD_VERSION", "version-old",
        Whole(r#"{"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}"#), LIST),
    ("parliament: UNKNOWN_OPERATOR", "operator", Also(r#""StringMatch": {"aws:SourceVpc": "vpc-1"}"#), TRUST),
    ("parliament: NOTPRINCIPAL_WITH_ALLOW", "not-principal", Statement(r#""NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole""#), TRUST),
    ("parliament: SINGLE_VALUE_CONDITION_TOO_PERMISSIVE", "for-all-values",
        Also(r#""ForAllValues:StringLike": {"aws:SourceVpc": "vpc-1"}"#), Also(r#""StringLike": {"aws:SourceVpc": "vpc-1"}"#)),
    ("checkov: CKV_AWS_1, CKV_AWS_62 (all actions on all resources)", "pass-role",
        Statement(r#""Action": "*", "Resource": "*""#), Statement(r#""Action": "s3:*", "Resource": "*""#)),
    ("checkov: CKV_AWS_49, CKV_AWS_63 (all actions)", "pass-role",
        Statement(r#""Action": ["s3:GetObject", "*"], "Resource": "*""#), Statement(r#""Action": "s3:*", "Resource": "*""#)),
    ("parliament: UNKNOWN_CONDITION_FOR_ACTION", "key-not-in-call",
        Statement(r#""Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111122223333:role/app", "Condition": {"StringEquals": {"sts:TaskPolicyArn": "a"}}"#),
        Statement(r#""Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111122223333:role/app", "Condition": {"StringEquals": {"sts:ExternalId": "a1"}}"#)),
    ("parliament: RESOURCE_MISMATCH", "object-action-on-bucket",
        Statement(r#""Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports""#), READ),
    ("checkov: CKV_AWS_60 (anybody may assume the role)", "principal-anyone",
        Statement(r#""Principal": {"AWS": "*"}, "Action": "sts:AssumeRole""#), TRUST),
    ("checkov: CKV_AWS_358, CKV_AWS_393 (GitHub's subjects)", "subject-not-tested",
        Condition(r#""StringEquals": {"oidc.example.com/id/X:aud": "sts.amazonaws.com"}"#), TRUST),
];
