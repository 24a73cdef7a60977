mod claims;
mod costs;
mod manifests;
mod modules;
mod templates;
mod trust;

use super::*;
use crate::Severity;

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/X";
const NAME: &str = "oidc.example.com/id/X";
const AUD: &str = r#""oidc.example.com/id/X:aud": "sts.amazonaws.com""#;
const SUB: &str = r#""oidc.example.com/id/X:sub": "system:serviceaccount:demo:app""#;

/// A trust policy of one statement.
fn trust(principal: &str, action: &str, condition: &str) -> String {
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [{{
    "Effect": "Allow",
    "Principal": {principal},
    "Action": {action},
    "Condition": {condition}
  }}]
}}"#
    )
}

fn federated(provider: &str) -> String {
    format!(r#"{{"Federated": "{provider}"}}"#)
}

/// One for our provider, with this condition.
fn conditional(condition: &str) -> String {
    trust(&federated(PROVIDER), r#""sts:AssumeRoleWithWebIdentity""#, condition)
}

/// With this provider in the principal, and `key` before the claims.
fn of_provider(arn: &str, key: &str) -> String {
    let condition = format!(
        r#"{{"StringEquals": {{"{key}:aud": "sts.amazonaws.com", "{key}:sub": "system:serviceaccount:demo:app"}}}}"#
    );
    trust(&federated(arn), r#""sts:AssumeRoleWithWebIdentity""#, &condition)
}

fn permissions(action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": {action}, "Resource": {resource}}}]}}"#
    )
}

/// Nothing if the code is found, with a mended text that contains this; else what is.
fn named(text: &str, code: &str, fix: &str) -> Option<String> {
    let found = lint(text);
    let is_it = |it: &Finding| {
        it.code.word() == code && it.fix.as_deref().unwrap_or_default().contains(fix)
    };
    (!found.iter().any(is_it)).then(|| format!("{code} {fix}: {found:#?}"))
}

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = lint(text).iter().map(|finding| finding.code.word()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn finds_nothing_in_good_documents() {
    let both = format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#);
    let web = r#""sts:AssumeRoleWithWebIdentity""#;
    for good in [
        conditional(&both),
        conditional(&format!(r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"oidc.example.com/id/X:sub": "system:serviceaccount:demo:*"}}}}"#)),
        conditional(&format!(r#"{{"StringEquals": {{{AUD}, "oidc.example.com/id/X:sub": ["system:serviceaccount:demo:a", "system:serviceaccount:demo:b.c"]}}}}"#)),
        conditional(&format!(r#"{{"StringEquals": {{{AUD}, {SUB}, "aws:RequestedRegion": "eu-west-1"}}, "IpAddress": {{"aws:SourceIp": "192.0.2.0/24"}}}}"#)),
        trust(&federated(PROVIDER), r#"["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]"#, &both),
        of_provider("arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/A1", "oidc.eks.cn-north-1.amazonaws.com.cn/id/A1"),
        of_provider("arn:aws-us-gov:iam::111122223333:oidc-provider/oidc.eks.us-gov-west-1.amazonaws.com/id/A1", "oidc.eks.us-gov-west-1.amazonaws.com/id/A1"),
        of_provider("arn:aws:iam::111122223333:oidc-provider/s3.eu-west-1.amazonaws.com/my-bucket", "s3.eu-west-1.amazonaws.com/my-bucket"),
        // Roles for services, accounts and people.
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}"#.to_owned(),
        r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Pods", "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}"#.to_owned(),
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}}]}"#.to_owned(),
        trust(r#"{"Federated": "cognito-identity.amazonaws.com"}"#, web, r#"{"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:x"}, "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"}}"#),
        trust(r#"{"Federated": "arn:aws:iam::111122223333:saml-provider/x"}"#, r#""sts:AssumeRoleWithSAML""#, r#"{"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}"#),
        trust(&federated("arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"), web, r#"{"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}, "StringLike": {"token.actions.githubusercontent.com:sub": "repo:org/repo:*"}}"#),
        // Permissions.
        permissions(r#"["s3:ListBucket", "s3:GetObject"]"#, r#"["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#),
        permissions(r#""s3:*""#, r#"["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#),
        permissions(r#""s3:GetObject""#, r#""arn:aws:s3:::b/logs/${aws:username}/*""#),
        permissions(r#"["s3:GetObject", "s3:ListBucket"]"#, r#""*""#),
        permissions(r#"["s3:GetObject", "s3:ListBucket"]"#, r#""arn:aws:s3:::b*""#),
        permissions(r#""s3:ListAllMyBuckets""#, r#""*""#),
        permissions(r#"["dynamodb:Query", "sqs:SendMessage"]"#, r#"["arn:aws:dynamodb:*:111122223333:table/t", "arn:aws:sqs:eu-west-1:111122223333:q"]"#),
        permissions(r#""iam:GetPolicy""#, r#""arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess""#),
        // Whether it is a bucket or an access point is open.
        permissions(r#""s3:GetObject""#, r#""arn:aws:s3:us-west-2:111122223333:*""#),
        permissions(r#""s3:GetObject""#, r#""arn:aws:s3:us-west-2:111122223333:access*/reports""#),
        // A bucket's policy.
        r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Public keys", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#.to_owned(),
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#.to_owned(),
        // Around policies.
        format!(r#"{{"Role": {{"Path": "/", "RoleName": "x", "RoleId": "AROA", "Arn": "arn:aws:iam::111122223333:role/x", "AssumeRolePolicyDocument": {}}}}}"#, conditional(&both)),
        r#"{"Url": "oidc.example.com/id/X", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": []}"#.to_owned(),
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/a\n    example.com/region: x\n".to_owned(),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
}

#[test]
fn names_one_mistake_alone() {
    let both = format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#);
    for (bad, code) in [
        (
            conditional(
                r#"{"StringLike": {"oidc.example.com/id/X:aud": "system:serviceaccount:demo:*"}}"#,
            ),
            "audience-tested-for-subject",
        ),
        (conditional(&both).replace("2012-10-17", "2012\u{2013}10\u{2013}17"), "odd-dash"),
        (conditional(&both).replace("\"Allow\"", "\"Allow"), "missing-quote"),
        (conditional(&both).replace("\"Allow\"", "\u{201c}Allow\u{201d}"), "curly-quote"),
        (conditional(&both).replace("\"Allow\",", "\"Allow\""), "missing-comma"),
        (trust(&federated(PROVIDER), r#""sts:AssumeRole""#, &both), "wrong-action"),
        (
            of_provider(
                "arn:aws:iam::1111222233:oidc-provider/oidc.example.com/id/X",
                "oidc.example.com/id/X",
            ),
            "account-id",
        ),
        (of_provider("arn:aws:iam:::oidc-provider/oidc.example.com/id/X", NAME), "account-id"),
        (of_provider(&format!("{PROVIDER} "), NAME), "space-in-value"),
        (conditional(&both).replace("demo:app", "demo: app"), "space-in-value"),
        (conditional(&both).replace("demo:app", "demo:\u{200b}app"), "space-in-value"),
        (conditional(&both).replace("StringEquals", "stringEqual"), "operator"),
        (
            conditional(&both).replace("X:aud", "X\": \"x\", \"oidc.example.com/id/X:aud"),
            "condition-key",
        ),
        (conditional(&both).replace("\"Statement\"", "\"Statements\""), "member-unknown"),
        (
            conditional(&both).replace("\"Effect\": \"Allow\"", "Effect\": \"Allow\""),
            "missing-quote",
        ),
        (
            conditional(&both).replace("\"oidc.example.com/id/X:sub", "oidc.example.com/id/X:sub"),
            "missing-quote",
        ),
        (permissions(r#""s3: GetObject""#, r#""arn:aws:s3:::b/*""#), "bad-action"),
        (
            permissions(r#"["s3:Get*", "s3:List*"]"#, r#""arn:aws:s3:::b""#),
            "object-action-on-bucket",
        ),
        (permissions(r#""s3:GetObject""#, r#""s3://b/*""#), "resource-arn"),
        (permissions(r#""s3:GetObject""#, r#""b/*""#), "resource-arn"),
        (permissions(r#""sqs:*""#, r#""arn:aws:sqs:cn-north-1:111122223333:q""#), "partition"),
    ] {
        assert_eq!(codes(&bad), [code], "{bad}\n{:#?}", lint(&bad));
    }
}

#[test]
fn names_what_is_wrong_with_permissions() {
    for (bad, code, fix) in [
        (
            permissions(r#"["s3:ListBucket", "s3:GetObject"]"#, r#""arn:aws:s3:::b""#),
            "object-action-on-bucket",
            r#"["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#,
        ),
        (
            permissions(r#""s3:GetObject""#, r#""arn:aws:s3:::b""#),
            "object-action-on-bucket",
            r#""Resource": "arn:aws:s3:::b/*""#,
        ),
        (
            permissions(r#""s3:*""#, r#""arn:aws:s3:::b""#),
            "object-action-on-bucket",
            r#"["arn:aws:s3:::b", "arn:aws:s3:::b/*"]"#,
        ),
        (
            permissions(r#""s3:ListBucket""#, r#""arn:aws:s3:::b/*""#),
            "bucket-action-on-objects",
            r#""arn:aws:s3:::b""#,
        ),
        (
            permissions(r#"["s3:ListBucket", "s3:PutObject"]"#, r#""arn:aws:s3:::b/x/*""#),
            "bucket-action-on-objects",
            r#""arn:aws:s3:::b""#,
        ),
        (permissions(r#""s3.GetObject""#, r#""*""#), "bad-action", "s3:GetObject"),
        (
            permissions(r#""s3:GetObject""#, r#""arn:aws:s3:::b/*""#)
                .replace("\"Resource\"", "\"Resources\""),
            "member-unknown",
            "Resource",
        ),
        (permissions(r#""iam:GetRole""#, r#""arn:aws:iam::1111222233:role/x""#), "account-id", ""),
    ] {
        let found = lint(&bad);
        let mended = found
            .iter()
            .any(|f| f.code.word() == code && f.fix.as_deref().unwrap_or_default().contains(fix));
        assert!(mended, "{code} {fix} in {bad}\n{found:#?}");
    }
}

#[test]
fn tells_errors_from_warnings() {
    assert_eq!(Code::AudienceNotTested.severity(), Severity::Warning);
    assert_eq!(Code::AudienceTestedForSubject.severity(), Severity::Error);
    let mut words: Vec<_> = Code::ALL.iter().map(|code| code.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Code::ALL.len());
}

#[test]
fn each_arn_of_a_text_is_told_though_they_share_its_place() {
    let text = "kind: ConfigMap\ndata:\n  script: |\n    a arn:aws:iam::123:role/a\n    b arn:aws:iam::4567:role/b\n";
    let found = lint(text);
    let told = found.iter().filter(|it| it.code == Code::AccountId).count();
    assert_eq!(told, 2, "{found:#?}");
}

#[test]
fn a_text_that_is_nested_too_deep_is_told() {
    let mut text = "{\"kind\": \"Statement\"}".to_owned();
    for depth in 0..7 {
        let found = lint(&text);
        let is_told = found.iter().any(|it| it.code == Code::TooDeep);
        assert_eq!(is_told, depth > 4, "{depth} {text}{found:#?}");
        text = serde_json::json!({ "data": text }).to_string();
    }
}

#[test]
fn cost_of_arns_is_linear() {
    for piece in ["arn:", ":arn:aws:iam::1:role/x", "arn:aws:iam::111122223333:role/x "] {
        let of = |size: usize| piece.repeat(size);
        // So long that each search ends at its maximum.
        crate::cost::assert_linear(piece, 2_000, of, |text| {
            arns::in_text(text, Position::START);
        });
    }
}
