//! Every code of the linter, by small inputs that lead to each of its messages.

use std::fmt::Write as _;

use iam::{Code, Severity, lint};

use Code as C;
use Input::{Action, Condition, Federated, Large, Policy, Statement, Template, Text};

/// What goes around the part that matters.
#[derive(Clone, Copy)]
enum Input {
    /// Nothing: the whole file, with […] for a list of one good statement.
    Text(&'static str),
    /// The list of statements of a policy.
    Policy(&'static str),
    /// The members of a statement, besides its effect.
    Statement(&'static str),
    /// What stands under `Federated` in a good trust policy.
    Federated(&'static str),
    /// The action of a good trust policy.
    Action(&'static str),
    /// The condition of a good trust policy.
    Condition(&'static str),

    /// The resources of a CloudFormation template.
    Template(&'static str),
    /// A good trust policy of at least so many characters.
    Large(usize),
}

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X";
const STATEMENT: &str = r#"{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}"#;
const CALL: &str = "\"sts:AssumeRoleWithWebIdentity\"";
const TESTS: &str = r#"{"StringEquals": {"oidc.example.com/X:aud": "sts.amazonaws.com", "oidc.example.com/X:sub": "system:serviceaccount:demo:app"}}"#;

impl Input {
    fn shown(self) -> &'static str {
        match self {
            Text(part) | Policy(part) | Statement(part) | Federated(part) | Action(part)
            | Condition(part) | Template(part) => part,
            Large(_) => "a trust policy for many subjects",
        }
    }

    fn whole(self) -> String {
        let statement = |provider: &str, action: &str, condition: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"Federated": {provider}}}, "Action": {action}, "Condition": {condition}}}]}}"#
            )
        };
        let provider = format!("{PROVIDER:?}");
        match self {
            Text(text) => text.replace("[…]", &format!("[{STATEMENT}]")),
            Policy(list) => format!(r#"{{"Version": "2012-10-17", "Statement": [{list}]}}"#),
            Statement(members) => format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {members}}}]}}"#
            ),
            Federated(name) => statement(&format!("{name:?}"), CALL, TESTS),
            Action(action) => statement(&provider, action, TESTS),
            Condition(condition) => statement(&provider, CALL, condition),
            Large(size) => {
                let subject = "system:serviceaccount:demo:app";
                let many = (0..size / 34).map(|n| format!("\"{subject}-{n}\"")).collect::<Vec<_>>();
                Condition(TESTS)
                    .whole()
                    .replace(&format!("\"{subject}\""), &format!("[{}]", many.join(", ")))
            }
            Template(resources) => {
                format!("AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n{resources}")
            }
        }
    }
}

#[rustfmt::skip]
const CASES: &[(Code, Input)] = &[
    (C::CurlyQuote, Text("{\"Version\": “2012-10-17”, \"Statement\": […]}")),
    (C::OddDash, Text("{\"Version\": \"2012–10–17\", \"Statement\": […]}")),
    (C::OddSpace, Text("{\"Version\":\u{a0}\"2012-10-17\", \"Statement\": […]}")),
    (C::SingleQuote, Text("{'Version': \"2012-10-17\", \"Statement\": […]}")),
    (C::MissingQuote, Text("{\"Version\": \"2012-10-17,\n\"Statement\": […]}")),
    (C::MissingQuote, Text("kind: ServiceAccount\nmetadata:\n  name: \"app\n  namespace: demo\n")),
    (C::MissingComma, Text("{\"Version\": \"2012-10-17\" \"Statement\": […]}")),
    (C::TrailingComma, Text("{\"Version\": \"2012-10-17\", \"Statement\": […],}")),
    (C::MissingBracket, Text("{\"Version\": \"2012-10-17\", \"Statement\": […]")),
    (C::MissingColon, Text("{\"Version\" \"2012-10-17\", \"Statement\": […]}")),
    (C::Comment, Text("{\"Version\": \"2012-10-17\", // now\n\"Statement\": […]}")),
    (C::BadEscape, Text("{\"Version\": \"2012\\-10-17\", \"Statement\": […]}")),
    (C::ExtraText, Text("{\"Version\": \"2012-10-17\", \"Statement\": […]} end")),
    (C::DuplicateKey, Text("{\"Version\": \"2012-10-17\", \"Version\": \"2012-10-17\", \"Statement\": […]}")),
    (C::BadJson, Text("{\"Version\": , \"Statement\": […]}")),
    (C::NestedTooDeep, Text("{\"Version\": \"2012-10-17\", \"Statement\": […], \"Id\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}")),
    (C::BadYaml, Text("kind: ServiceAccount\nmetadata: [\n")),
    (C::BadYaml, Text("AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\nRole:\nType: AWS::IAM::Role\n")),
    (C::BadHcl, Text("resource \"aws_iam_role\" \"x\" {\n  name = \n}\n")),
    (C::BadHcl, Text("resource \"x\" \"y\" {\n  a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n}\n")),
    (C::TooDeep, Text("{\"data\": \"{\\\"data\\\": \\\"{\\\\\\\"data\\\\\\\": \\\\\\\"{\\\\\\\\\\\\\\\"data\\\\\\\\\\\\\\\": \\\\\\\\\\\\\\\"{\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"data\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\": \\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"{\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"kind\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\": \\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"Statement\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"}\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"}\\\\\\\\\\\\\\\"}\\\\\\\"}\\\"}\"}")),
    (C::NothingToLint, Text("a: b\n")),
    (C::VersionMissing, Text("{\"Statement\": […]}")),
    (C::VersionOld, Text("{\"Version\": \"2008-10-17\", \"Statement\": […]}")),
    (C::VersionUnknown, Text("{\"Version\": \"2026-01-01\", \"Statement\": […]}")),
    (C::MemberUnknown, Text("{\"Version\": \"2012-10-17\", \"Statement\": […], \"Comment\": \"\"}")),
    (C::MemberUnknown, Statement("\"Actions\": \"s3:ListBucket\"")),
    (C::MemberUnknown, Statement("\"Principal\": {\"Federate\": \"arn:aws:iam::111122223333:saml-provider/x\"}")),
    (C::MemberMissing, Text("{\"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\"}}")),
    (C::MemberMissing, Text("{\"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": []}}")),
    (C::MemberMissing, Policy("{\"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}")),
    (C::MemberMissing, Statement("\"Resource\": \"*\"")),
    (C::MemberMissing, Statement("\"Action\": [], \"Resource\": \"*\"")),
    (C::MemberMissing, Statement("\"Action\": \"s3:ListBucket\"")),
    (C::MemberMissing, Statement("\"Action\": \"sts:AssumeRole\"")),
    (C::MemberMissing, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": []}}")),
    (C::MemberTwice, Statement("\"Action\": \"s3:ListBucket\", \"NotAction\": \"s3:GetObject\", \"Resource\": \"*\"")),
    (C::MemberMisplaced, Statement("\"Principal\": \"*\", \"Action\": \"sts:AssumeRole\", \"Resource\": \"*\"")),
    (C::MemberMisplaced, Text("{\"RoleName\": \"app\", \"PolicyName\": \"list\", \"PolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}]}}")),
    (C::NotPrincipal, Statement("\"NotPrincipal\": \"*\", \"Action\": \"sts:AssumeRole\"")),
    (C::WrongType, Text("{\"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [1, {}]}}")),
    (C::WrongType, Statement("\"Principal\": [\"x\"], \"Action\": \"sts:AssumeRole\"")),
    (C::WrongType, Statement("\"Principal\": {\"Federated\": null}, \"Action\": \"sts:AssumeRole\"")),
    (C::WrongType, Condition("[]")),
    (C::WrongType, Condition("{\"StringEquals\": \"x\"}")),
    (C::WrongType, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": {}}}")),
    (C::WrongType, Statement("\"Action\": {}, \"Resource\": \"*\"")),
    (C::WrongType, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/token-expiration: 3600\n")),
    (C::BadEffect, Policy("{\"Effect\": \"allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}")),
    (C::BadEffect, Policy("{\"Effect\": [], \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}")),
    (C::BadSid, Statement("\"Sid\": \"my-sid\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"")),
    (C::BadSid, Policy("{\"Sid\": \"a\", \"Effect\": \"Allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}, {\"Sid\": \"a\", \"Effect\": \"Allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"}")),
    (C::BadAction, Action("\"sts:AssumeRole WithWebIdentity\"")),
    (C::BadAction, Action("\"sts.AssumeRoleWithWebIdentity\"")),
    (C::BadAction, Action("\"sts:AssumeRoleWithWebIdentiy\"")),
    (C::BadAction, Action("\"sts:AssumeRoleWithWebIdentities\"")),
    (C::BadAction, Action("\"AssumeRoleWithWebIdentity\"")),
    (C::AudienceTestedForSubject, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"system:serviceaccount:demo:app\"}}")),
    (C::SubjectTestedForAudience, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"sts.amazonaws.com\"}}")),
    (C::AudienceNotTested, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::AudienceNotTested, Condition("{\"StringLike\": {\"oidc.example.com/X:aud\": \"*\"}, \"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::SubjectNotTested, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\"}}")),
    (C::SubjectNotTested, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\"}, \"Null\": {\"oidc.example.com/X:sub\": \"false\"}}")),
    (C::SubjectNotTested, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"token.actions.githubusercontent.com:aud\": \"sts.amazonaws.com\"}}")),
    (C::SubjectNotTested, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/tenant.eu.auth0.com/\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\"")),
    (C::CustomerNotTested, Statement("\"Principal\": {\"Federated\": \"cognito-identity.amazonaws.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"ForAnyValue:StringLike\": {\"cognito-identity.amazonaws.com:amr\": \"authenticated\"}}")),
    (C::JobNotTested, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/gitlab.example.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"gitlab.example.com:aud\": \"https://gitlab.example.com\"}}")),
    (C::SubjectMalformed, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo/app\"}}")),
    (C::SubjectMalformed, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccounts:demo:app\"}}")),
    (C::SubjectTooWide, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:*\"}}")),
    (C::SubjectTooWide, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo*\"}}")),
    (C::SubjectTooWide, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"*:app\"}}")),
    (C::SubjectTooWide, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo*-x\"}}")),
    (C::SubjectTooWide, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"*-app\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"repo:*\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"repo:org*\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"repo:octo?org/app:*\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"repo:my-org-*/infra:*\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"repo:*/app:*\"}}")),
    (C::SubjectTooWide, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringLike\": {\"token.actions.githubusercontent.com:sub\": \"*:ref:refs/heads/main\"}}")),
    (C::SubjectAnyNamespace, Condition("{\"StringLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:*:app\"}}")),
    (C::SubjectUnlikely, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\", \"oidc.example.com/X:sub\": \"demo:app\"}}")),
    (C::SubjectUnlikely, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\", \"oidc.example.com/X:sub\": \"app\"}}")),
    (C::WildcardNotExpanded, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:*\"}}")),
    (C::WildcardLiteral, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\", \"aws:PrincipalArn\": \"arn:aws:iam::111122223333:role/*\"}}")),
    (C::AudienceMisspelt, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazon.com\"}}")),
    (C::AudienceMisspelt, Text("{\"Url\": \"oidc.example.com/X\", \"ClientIDList\": [\"sts.amazon.com\"]}")),
    (C::AudienceEndpoint, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com.cn\"}}")),
    (C::AudienceEndpoint, Text("{\"Url\": \"oidc.example.com/X\", \"ClientIDList\": [\"sts.eu-central-1.amazonaws.com\"]}")),
    (C::SpaceInValue, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo: app\"}}")),
    (C::SpaceInValue, Federated("arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X ")),
    (C::SpaceInValue, Text("{\"Url\": \"oidc.example.com/X\", \"ClientIDList\": [\"sts.amazonaws.com \"]}")),
    (C::ProviderMismatch, Condition("{\"StringEquals\": {\"oidc.example.com/Y:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::ProviderMismatch, Condition("{\"StringEquals\": {\"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::IssuersCombined, Policy("{\"Effect\": \"Allow\", \"Principal\": {\"Federated\": [\"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X\", \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/Y\"]}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\", \"oidc.example.com/Y:sub\": \"system:serviceaccount:demo:app\"}}}")),
    (C::IssuersLikelyCombined, Condition("{\"StringEquals\": {\"${blue}:sub\": \"system:serviceaccount:demo:app\", \"${green}:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::ConditionsExclude, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}, \"StringLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:other:*\"}}")),
    (C::SchemeInProvider, Condition("{\"StringEquals\": {\"https://oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::SchemeInProvider, Federated("arn:aws:iam::111122223333:oidc-provider/https://oidc.example.com/X")),
    (C::TrailingSlash, Federated("arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X/")),
    (C::ProviderMismatch, Condition("{\"StringEquals\": {\"oidc.example.com/X/:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::TrailingSlash, Text("{\"Url\": \"https://oidc.example.com/X/\", \"ClientIDList\": [\"sts.amazonaws.com\"]}")),
    (C::ProviderArn, Federated("https://oidc.example.com/X")),
    (C::ProviderArn, Federated("arn:aws:iam::111122223333:oidc-provider/oidc.example.com/*")),
    (C::ProviderAccount, Text("{\"Role\": {\"Arn\": \"arn:aws:iam::444455556666:role/app\", \"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\", \"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}}]}}}")),
    (C::ProviderUrl, Text("{\"Url\": \"http://oidc.example.com/X\", \"ClientIDList\": [\"sts.amazonaws.com\"]}")),
    (C::ProviderUrl, Text("{\"Url\": \"https://oidc.example.com:6443\", \"ClientIDList\": [\"sts.amazonaws.com\"]}")),
    (C::ProviderUrl, Text("{\"Url\": \"https://oidc.example.com/X?y=z\", \"ClientIDList\": [\"sts.amazonaws.com\"]}")),
    (C::Thumbprint, Text("{\"Url\": \"oidc.example.com/X\", \"ThumbprintList\": [\"9E:99:A4:8A:99:60:B1:49:26:BB:7F:3B:02:E2:2D:A2:B0:AB:72:80\"]}")),
    (C::Thumbprint, Text("{\"Url\": \"oidc.example.com/X\", \"ThumbprintList\": [\"9e99a48a9960b14926bb7f3b02e22da2b0ab72809e99a48a9960b14926bb7f3b\"]}")),
    (C::AccountId, Federated("arn:aws:iam::1111:oidc-provider/oidc.example.com/X")),
    (C::AccountId, Federated("arn:aws:iam::account:oidc-provider/oidc.example.com/X")),
    (C::AccountId, Federated("arn:aws:iam:::oidc-provider/oidc.example.com/X")),
    (C::Partition, Federated("arn:amazon:iam::111122223333:oidc-provider/oidc.example.com/X")),
    (C::Partition, Federated("arn:aws:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/X")),
    (C::Partition, Statement("\"Action\": \"sqs:SendMessage\", \"Resource\": \"arn:aws:sqs:cn-north-1:111122223333:x\"")),
    (C::WrongAction, Action("\"sts:AssumeRole\"")),
    (C::WrongAction, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X\"}, \"NotAction\": \"sts:AssumeRole*\"")),
    (C::TagSessionMissing, Statement("\"Principal\": {\"Service\": \"pods.eks.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::WrongPrincipal, Statement("\"Principal\": {\"AWS\": \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\"")),
    (C::WrongPrincipal, Statement("\"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\"")),
    (C::WrongPrincipal, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:saml-provider/x\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\"")),
    (C::PrincipalWildcard, Statement("\"Principal\": \"*\", \"Action\": \"sts:AssumeRole\", \"Condition\": {\"StringEquals\": {\"aws:PrincipalOrgID\": \"o-abcdefghij\"}}")),
    (C::PrincipalAnyone, Statement("\"Principal\": {\"AWS\": \"*\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::WrongPrincipal, Statement("\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X\", \"AWS\": \"arn:aws:iam::111122223333:root\"}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\", \"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::Operator, Condition("{\"StringEqual\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::OperatorType, Condition("{\"ArnLike\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::ForAllValues, Condition("{\"ForAllValues:StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::IfExists, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\"}, \"StringEqualsIfExists\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::ConditionKey, Condition("{\"StringEquals\": {\"oidc.example.com/X:subject\": \"system:serviceaccount:demo:app\"}}")),
    (C::ConditionKey, Condition("{\"StringEquals\": {\"oidc.example.com/X\": \"system:serviceaccount:demo:app\"}}")),
    (C::ConditionKey, Condition("{\"StringEquals\": {\"sub\": \"system:serviceaccount:demo:app\"}}")),
    (C::KeyNotInCall, Condition("{\"StringEquals\": {\"oidc.example.com/X:aud\": \"sts.amazonaws.com\", \"oidc.example.com/X:sub\": \"system:serviceaccount:demo:app\", \"sts:ExternalId\": \"x\"}}")),
    (C::ConditionKey, Condition("{\"StringEquals\": {\"aws:MadeUp\": \"x\"}}")),
    (C::ConditionKey, Condition("{\"StringEquals\": {\"aws:RequestTag\": \"x\"}}")),
    (C::ConditionKey, Condition("{\"ArnLike\": {\"aws:ARN\": \"arn:aws:iam::111122223333:role/app\"}}")),
    (C::ConditionKey, Condition("{\"IpAddress\": {\"aws: SourceIp\": \"203.0.113.0/24\"}}")),
    (C::ConditionKeyMisspelt, Condition("{\"StringEquals\": {\"aws:PrincipalTags/team\": \"x\"}}")),
    (C::ConditionKeyMisspelt, Condition("{\"StringEquals\": {\"was:SourceAccount\": \"111122223333\"}}")),
    (C::Qualifier, Condition("{\"StringEquals\": {\"aws:TagKeys\": \"team\"}}")),
    (C::Qualifier, Condition("{\"StringNotEquals\": {\"aws:TagKeys\": \"team\"}}")),
    (C::Qualifier, Condition("{\"ForAnyValue:Null\": {\"aws:TagKeys\": \"true\"}}")),
    (C::Qualifier, Condition("{\"ForAllValues:Null\": {\"aws:TagKeys\": \"true\"}}")),
    (C::KeyType, Condition("{\"StringEquals\": {\"aws:MultiFactorAuthPresent\": \"true\"}}")),
    (C::KeyType, Condition("{\"StringLike\": {\"aws:SourceIp\": \"203.0.113.*\"}}")),
    (C::KeyType, Condition("{\"NumericLessThan\": {\"aws:CurrentTime\": \"1\"}}")),
    (C::ValueType, Condition("{\"Bool\": {\"aws:SecureTransport\": \"yes\"}}")),
    (C::ValueType, Condition("{\"Bool\": {\"aws:SecureTransport\": [\"true\", \"false\"]}}")),
    (C::ValueType, Condition("{\"Null\": {\"aws:SourceVpc\": [\"true\", \"false\"]}}")),
    (C::ValueType, Condition("{\"NumericLessThan\": {\"aws:MultiFactorAuthAge\": \"1h\"}}")),
    (C::ValueType, Condition("{\"DateLessThan\": {\"aws:CurrentTime\": \"2026/01/31\"}}")),
    (C::ValueType, Condition("{\"IpAddress\": {\"aws:SourceIp\": \"203.0.113.*\"}}")),
    (C::ValueType, Condition("{\"BinaryEquals\": {\"kms:RecipientAttestation:ImageSha384\": \"x\"}}")),
    (C::ValueDoubtful, Condition("{\"DateLessThan\": {\"aws:CurrentTime\": \"1767225600\"}}")),
    (C::ValueDoubtful, Condition("{\"IpAddress\": {\"aws:SourceIp\": \"203.0.113.7/24\"}}")),
    (C::ValueDoubtful, Condition("{\"IpAddress\": {\"aws:SourceIp\": [\"203.0.113.0/24\", \"10.0.0.0/8\"]}}")),
    (C::ValueDoubtful, Condition("{\"NumericLessThan\": {\"aws:MultiFactorAuthAge\": [\"300\", \"3600\"]}}")),
    (C::PrivateAddress, Condition("{\"IpAddress\": {\"aws:SourceIp\": \"10.0.0.0/8\"}}")),
    (C::PrivateAddress, Condition("{\"NotIpAddress\": {\"aws:SourceIp\": \"10.0.0.0/8\"}}")),
    (C::Variable, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${aws:username/*\"")),
    (C::Variable, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${aws:PrincipalTag/team, 'none}/*\"")),
    (C::Variable, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${aws: username}/*\"")),
    (C::Variable, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${}/*\"")),
    (C::Variable, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${aws:usernam}/*\"")),
    (C::ValueDoubtful, Statement("\"Action\": \"sqs:SendMessage\", \"Resource\": \"arn:aws:sqs:*:${aws:PrincipalAccount}:reports\"")),
    (C::Variable, Statement("\"Action\": \"s3:${aws:username}\", \"Resource\": \"*\"")),
    (C::Variable, Condition("{\"NumericLessThan\": {\"aws:MultiFactorAuthAge\": \"${aws:PrincipalTag/age}\"}}")),
    (C::Variable, Text("{\"Version\": \"2008-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/${aws:username}/*\"}]}")),
    (C::EmptyValue, Statement("\"Sid\": \"\", \"Action\": \"s3:ListBucket\", \"Resource\": \"*\"")),
    (C::EmptyValue, Statement("\"Action\": \"s3:ListBucket\", \"Resource\": \"*\", \"Condition\": {}")),
    (C::EmptyValue, Statement("\"Action\": \"s3:ListBucket\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {}}")),
    (C::MemberMissing, Statement("\"Principal\": {}, \"Action\": \"sts:AssumeRole\"")),
    (C::MemberMissing, Statement("\"Principal\": {\"AWS\": []}, \"Action\": \"sts:AssumeRole\"")),
    (C::WrongType, Condition("{\"NumericEquals\": {\"s3:max-keys\": [\"10\", 20]}}")),
    (C::DuplicateKey, Condition("{\"StringEquals\": {\"aws:SourceVpc\": \"vpc-1\", \"aws:sourcevpc\": \"vpc-1\"}}")),
    (C::ForAllValues, Condition("{\"ForAllValues:StringEquals\": {\"aws:PrincipalOrgID\": \"o-a1b2c3d4e5\"}}")),
    (C::BadAction, Statement("\"Action\": \"sts:GetCaller\", \"Resource\": \"*\"")),
    (C::ActionUnsupported, Action("[\"sts:AssumeRoleWithWebIdentity\", \"s3:GetObject\"]")),
    (C::ActionMissing, Condition("{\"StringEquals\": {\"aws:RequestTag/team\": \"a\"}}")),
    (C::KeyNotInCall, Statement("\"Principal\": {\"AWS\": \"111122223333\"}, \"Action\": \"sts:AssumeRole\", \"Condition\": {\"StringEquals\": {\"sts:SigningAlgorithm\": \"ES384\"}}")),
    (C::BroadAction, Action("\"sts:*\"")),
    (C::BroadAction, Statement("\"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"NotAction\": \"sts:TagSession\"")),
    (C::WildcardInService, Statement("\"Action\": \"s*:ListBucket\", \"Resource\": \"*\"")),
    (C::PassRole, Statement("\"Action\": \"iam:PassRole\", \"Resource\": \"*\"")),
    (C::PassRole, Statement("\"NotAction\": \"s3:*\", \"NotResource\": \"arn:aws:s3:::reports\"")),
    (C::SpaceInValue, Statement("\"Principal\": {\"AWS\": \" arn:aws:iam::111122223333:user/app\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::Placeholder, Statement("\"Principal\": {\"AWS\": \"ACCOUNT-B-ID\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"AWS\": \"arn:aws:iam::111122223333:role/*\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"AWS\": \"arn:aws:iam::111122223333:group/admins\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"AWS\": \"app\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"AWS\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"Service\": \"ec2\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::PrincipalName, Statement("\"Principal\": {\"Service\": \"*.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"")),
    (C::ResourceArn, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:reports\"")),
    (C::ResourceArn, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:S3:::reports/*\"")),
    (C::ResourceArn, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:eu-west-1:111122223333:reports/*\"")),
    (C::ResourceArn, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3::111122223333:reports/*\"")),
    (C::ResourceArn, Statement("\"Action\": \"iam:GetRole\", \"Resource\": \"arn:aws:iam:eu-west-1:111122223333:role/app\"")),
    (C::Limit, Text("{\"RoleName\": \"an-app-in-a-namespace-of-a-cluster-in-a-region-of-an-account-of-ours\", \"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}}")),
    (C::Limit, Text("{\"Path\": \"apps\", \"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}}")),
    (C::Limit, Text("{\"MaxSessionDuration\": 86400, \"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}}")),
    (C::Limit, Text("{\"RoleName\": \"my app\", \"AssumeRolePolicyDocument\": {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"ec2.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}}")),
    (C::Limit, Text("{\"Url\": \"oidc.example.com/X\", \"ThumbprintList\": [\"9e99a48a9960b14926bb7f3b02e22da2b0ab7281\", \"9e99a48a9960b14926bb7f3b02e22da2b0ab7282\", \"9e99a48a9960b14926bb7f3b02e22da2b0ab7283\", \"9e99a48a9960b14926bb7f3b02e22da2b0ab7284\", \"9e99a48a9960b14926bb7f3b02e22da2b0ab7285\", \"9e99a48a9960b14926bb7f3b02e22da2b0ab7286\"]}")),
    (C::Limit, Large(9_000)),
    (C::Quota, Large(3_000)),
    (C::ConditionRedundant, Condition("{\"StringLike\": {\"aws:SourceVpc\": [\"vpc-1\", \"vpc-1\"]}}")),
    (C::ConditionRedundant, Condition("{\"StringLike\": {\"aws:SourceVpc\": \"vpc-*\"}, \"StringEquals\": {\"aws:SourceVpc\": \"vpc-1\"}}")),
    (C::ConditionsExclude, Condition("{\"Null\": {\"aws:SourceVpc\": \"true\"}, \"StringEquals\": {\"aws:SourceVpc\": \"vpc-1\"}}")),
    (C::ConditionsExclude, Condition("{\"StringNotEquals\": {\"aws:SourceVpc\": \"vpc-1\"}, \"StringEquals\": {\"aws:SourceVpc\": \"vpc-1\"}}")),
    (C::ConditionsExclude, Condition("{\"DateGreaterThan\": {\"aws:CurrentTime\": \"2027-01-01\"}, \"DateLessThan\": {\"aws:CurrentTime\": \"2026-01-01\"}}")),
    (C::ConditionKeyMisspelt, Condition("{\"StringEquals\": {\"PrincipalOrgID\": \"o-a1b2c3d4e5\"}}")),
    (C::ResourceArn, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::\"")),
    (C::PrincipalWildcard, Statement("\"NotPrincipal\": {\"AWS\": \"111122223333\"}, \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports/*\"")),
    (C::Placeholder, Federated("arn:aws:iam::ACCOUNT_ID:oidc-provider/oidc.example.com/X")),
    (C::Placeholder, Statement("\"Action\": \"s3:ListBucket\", \"Resource\": \"arn:aws:s3:::[BUCKET]\"")),
    (C::Placeholder, Condition("{\"StringEquals\": {\"oidc.example.com/X:sub\": \"system:serviceaccount:NAMESPACE:NAME\"}}")),
    (C::Placeholder, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::<account>:role/app\n")),
    (C::ObjectActionOnBucket, Statement("\"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::reports\"")),
    (C::BucketActionOnObjects, Statement("\"Action\": \"s3:ListBucket\", \"Resource\": \"arn:aws:s3:::reports/*\"")),
    (C::ResourceArn, Statement("\"Action\": \"s3:ListBucket\", \"Resource\": \"s3://reports\"")),
    (C::AnnotationKey, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazon.com/role-arn: arn:aws:iam::111122223333:role/app\n")),
    (C::AnnotationKey, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role_arn: arn:aws:iam::111122223333:role/app\n")),
    (C::AnnotationKey, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/iam-role: arn:aws:iam::111122223333:role/app\n")),
    (C::AnnotationMisplaced, Text("kind: Pod\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/app\nspec:\n  serviceAccountName: app\n  containers: []\n---\nkind: ServiceAccount\nmetadata: {name: app}\n")),
    (C::AnnotationUnread, Text("kind: Pod\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/app\nspec:\n  serviceAccountName: app\n  containers: []\n")),
    (C::AnnotationUnread, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    example.com/iam-role: arn:aws:iam::111122223333:role/app\n")),
    (C::AnnotationUnread, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/skip-containers: proxy\n")),
    (C::AnnotationValue, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/sts-regional-endpoints: \"yes\"\n")),
    (C::AnnotationValue, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-session-name: podname\n")),
    (C::AnnotationValue, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/sts-endpoint-url: sts.example.com\n")),
    (C::AnnotationValue, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/token-expiration: 1h\n")),
    (C::AnnotationAdjusted, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/token-expiration: \"300\"\n")),
    (C::AnnotationAdjusted, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: \"\"\n")),
    (C::RoleArn, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: role/app\n")),
    (C::RoleArnElsewhere, Text("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:minio:iam:::role/app\n")),
    (C::UnknownReference, Template("  A:\n    Type: AWS::IAM::Role\n    DependsOn: Bucket\n")),
    (C::KeyNotSubstituted, Template("  A:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Version: \"2012-10-17\"\n        Statement:\n          Effect: Allow\n          Principal: {Federated: !Ref \"AWS::StackName\"}\n          Action: sts:AssumeRoleWithWebIdentity\n          Condition: {StringEquals: {\"${AWS::Region}.example.com:sub\": system:serviceaccount:demo:app}}\n")),
    (C::UnknownReference, Template("  A:\n    Type: AWS::IAM::Role\n    Properties: {RoleName: !Ref Name}\n")),
];

/// Each case's code and its whole text.
pub(super) fn cases() -> impl Iterator<Item = (Code, String)> {
    CASES.iter().map(|(code, input)| (*code, input.whole()))
}

#[test]
fn lint_says_what_stands_in_the_file() {
    let (mut all, mut missing) = (String::new(), Vec::new());
    for code in Code::ALL {
        let cases: Vec<Input> =
            CASES.iter().filter(|(of, _)| *of == code).map(|(_, input)| *input).collect();
        assert!(!cases.is_empty(), "{code}: no case has it; add one to lint.rs");
        let severity = if code.severity() == Severity::Error { "error" } else { "warning" };
        writeln!(all, "# {code} ({severity})\n").unwrap();
        for input in cases {
            let found = lint(&input.whole());
            let of_code: Vec<_> = found.iter().filter(|finding| finding.code == code).collect();
            if of_code.is_empty() {
                let codes: Vec<_> = found.iter().map(|it| it.code.word()).collect();
                missing.push(format!("{code}: {} gives {codes:?}", input.shown()));
            }
            // Nobody can see a no-break space.
            let shown = input.shown().replace('\u{a0}', "<U+00A0>");
            all.push_str(&super::indented(&shown));
            for finding in of_code {
                let times = if finding.count > 1 {
                    format!(" ({} times)", finding.count)
                } else {
                    String::new()
                };
                writeln!(all, "{}{times}", finding.message).unwrap();
                for line in finding.fix.iter().flat_map(|fix| fix.lines()) {
                    writeln!(all, "fix: {line}").unwrap();
                }
            }
            all.push('\n');
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    super::golden("lint.txt", &all);
}
