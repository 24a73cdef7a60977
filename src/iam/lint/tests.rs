use super::*;
use crate::iam::Severity;

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
        // A bucket's policy.
        r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Public keys", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#.to_owned(),
        // Around policies.
        format!(r#"{{"Role": {{"Path": "/", "RoleName": "x", "RoleId": "AROA", "Arn": "arn:aws:iam::111122223333:role/x", "AssumeRolePolicyDocument": {}}}}}"#, conditional(&both)),
        r#"{"Url": "oidc.example.com/id/X", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": []}"#.to_owned(),
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/a\n    example.com/region: x\n".to_owned(),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
}

#[test]
fn finds_nothing_in_good_templates() {
    for good in [
        "AWSTemplateFormatVersion: 2010-09-09\nDescription: A role \u{2013} for pods\nParameters:\n  Issuer: {Type: String}\nResources:\n  Role:\n    Type: AWS::IAM::Role\n    DependsOn: [Bucket]\n    Properties:\n      AssumeRolePolicyDocument: !Sub\n        - |\n          {\n            \"Version\": \"2012-10-17\",\n            \"Statement\": [{\"Effect\": \"Allow\",\n              \"Principal\": {\"Federated\": \"arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/${Name}\"},\n              \"Action\": \"sts:AssumeRoleWithWebIdentity\",\n              \"Condition\": {\"StringEquals\": {\"${Name}:sub\": \"system:serviceaccount:a:b\", \"${Name}:aud\": \"sts.amazonaws.com\"}}}]\n          }\n        - Name: !Select [1, !Split [\"//\", !Ref Issuer]]\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Version: 2012-10-17\n            Statement:\n              - Effect: Allow\n                Action: [s3:GetObject, s3:ListBucket]\n                Resource: [!GetAtt Bucket.Arn, !Sub \"${Bucket.Arn}/*\"]\n              - Effect: Allow\n                Action: s3:GetObject\n                Resource: !Join [\"\", [\"arn:\", !Ref \"AWS::Partition\", \":s3:::\", !Ref Bucket, \"/*\"]]\n  Bucket:\n    Type: AWS::S3::Bucket\nOutputs:\n  Arn:\n    Value: !GetAtt Role.Arn\n    Export: {Name: !Sub \"${AWS::StackName}-arn\"}\n",
        "Resources:\n  Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code:\n        ZipFile: !Sub |\n          it's ${!text} ${AWS::Region}\n      Role: !GetAtt Role.Arn\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            Principal: {Service: [lambda.amazonaws.com]}\n            Action: ['sts:AssumeRole']\n",
        r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": {"Fn::GetAtt": ["P", "Arn"]}}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"oidc.example.com:sub": {"Fn::Sub": "system:serviceaccount:a:${AWS::StackName}"}, "oidc.example.com:aud": "sts.amazonaws.com"}}}]}}}, "P": {"Type": "AWS::IAM::OIDCProvider", "Properties": {"Url": "https://oidc.example.com", "ClientIdList": ["sts.amazonaws.com"]}}}}"#,
        "Resources:\n  M:\n    Type: My::S3::Bucket::MODULE\nOutputs:\n  O:\n    Value: !Ref MBucket\n",
        "Resources:\n  P:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Fn::If: [Some, {Effect: Allow, Action: 's3:ListAllMyBuckets', Resource: '*'}, {Ref: 'AWS::NoValue'}]\n          - !If [Some, {Effect: Allow, Action: 's3:ListAllMyBuckets', Resource: '*'}, !Ref 'AWS::NoValue']\n",
        // SAM makes resources that the template does not name.
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    DependsOn: FRole\n",
    ] {
        assert_eq!(lint(good), [], "{good}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table: one mistake a line")]
fn names_what_is_wrong_with_a_trust_policy() {
    let both = format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#);
    let equals = |claim: &str, value: &str| {
        format!(
            r#"{{"StringEquals": {{{}, "oidc.example.com/id/X:{claim}": "{value}"}}}}"#,
            if claim == "aud" { SUB } else { AUD }
        )
    };
    let web = r#""sts:AssumeRoleWithWebIdentity""#;
    for (bad, code, fix) in [
        (
            conditional(
                r#"{"StringLike": {"oidc.example.com/id/X:aud": "system:serviceaccount:demo:*"}}"#,
            ),
            "audience-tested-for-subject",
            r#""oidc.example.com/id/X:sub": "system:serviceaccount:demo:*""#,
        ),
        (
            conditional(r#"{"StringEquals": {"oidc.example.com/id/X:sub": "sts.amazonaws.com"}}"#),
            "subject-tested-for-audience",
            r#""oidc.example.com/id/X:aud": "sts.amazonaws.com""#,
        ),
        (conditional(&format!(r#"{{"StringEquals": {{{SUB}}}}}"#)), "audience-not-tested", ":aud"),
        (conditional(&format!(r#"{{"StringEquals": {{{AUD}}}}}"#)), "subject-not-tested", ":sub"),
        (
            conditional(&equals("sub", "system:serviceaccount:demo:*")),
            "wildcard-not-expanded",
            r#""StringLike": {"oidc.example.com/id/X:sub": "system:serviceaccount:demo:*"}"#,
        ),
        (
            conditional(&format!(
                r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"oidc.example.com/id/X:sub": "system:serviceaccount:*"}}}}"#
            )),
            "subject-too-wide",
            "NAMESPACE",
        ),
        (
            conditional(&equals("aud", "sts.amazon.com")),
            "audience-misspelt",
            r#""sts.amazonaws.com""#,
        ),
        (
            conditional(&equals("aud", "https://sts.amazonaws.com")),
            "audience-misspelt",
            r#""sts.amazonaws.com""#,
        ),
        (
            conditional(&equals("aud", "sts.amazonaws.com ")),
            "space-in-value",
            r#""sts.amazonaws.com""#,
        ),
        (
            conditional(&equals("sub", "system:serviceaccounts:demo:app")),
            "subject-malformed",
            "system:serviceaccount:demo:app",
        ),
        (
            conditional(&equals("sub", "system:serviceAccount:demo:app")),
            "subject-malformed",
            "system:serviceaccount:demo:app",
        ),
        (
            conditional(&equals("sub", "system:serviceaccount:demo/app")),
            "subject-malformed",
            "system:serviceaccount:demo:app",
        ),
        (conditional(&equals("sub", "system:serviceaccount:app")), "subject-malformed", ""),
        (
            of_provider(PROVIDER, "oidc.example.com/id/Y"),
            "provider-mismatch",
            "oidc.example.com/id/X:",
        ),
        (of_provider(PROVIDER, PROVIDER), "provider-mismatch", "\"oidc.example.com/id/X:"),
        (
            of_provider(PROVIDER, "https://oidc.example.com/id/X"),
            "scheme-in-provider",
            "\"oidc.example.com/id/X:",
        ),
        (
            of_provider(PROVIDER, "oidc.example.com/id/X/"),
            "trailing-slash",
            "\"oidc.example.com/id/X:",
        ),
        (
            of_provider(&format!("{PROVIDER}/"), "oidc.example.com/id/X/"),
            "trailing-slash",
            PROVIDER,
        ),
        (
            of_provider(
                "arn:aws:iam::111122223333:oidc-provider/https://oidc.example.com/id/X",
                "oidc.example.com/id/X",
            ),
            "scheme-in-provider",
            PROVIDER,
        ),
        (
            of_provider("oidc.example.com/id/X", "oidc.example.com/id/X"),
            "provider-arn",
            "oidc-provider/oidc.example.com/id/X",
        ),
        (
            of_provider(
                "arn:aws:iam::1111222233:oidc-provider/oidc.example.com/id/X",
                "oidc.example.com/id/X",
            ),
            "account-id",
            "",
        ),
        (
            of_provider(
                "arn:aws:iam::11112222333a:oidc-provider/oidc.example.com/id/X",
                "oidc.example.com/id/X",
            ),
            "account-id",
            "",
        ),
        (
            of_provider(
                "arn:awscn:iam::111122223333:oidc-provider/oidc.example.com/id/X",
                "oidc.example.com/id/X",
            ),
            "partition",
            "arn:aws-cn:",
        ),
        (
            of_provider(
                "arn:aws:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/A",
                "oidc.eks.cn-north-1.amazonaws.com.cn/id/A",
            ),
            "partition",
            "arn:aws-cn:",
        ),
        (trust(&federated(PROVIDER), r#""sts:AssumeRole""#, &both), "wrong-action", web),
        (
            trust(&federated(PROVIDER), r#""sts:AssumeRoleWithWebIdentiy""#, &both),
            "bad-action",
            web,
        ),
        (trust(r#"{"Service": "ec2.amazonaws.com"}"#, web, &both), "wrong-principal", "Federated"),
        (
            trust(r#"{"AWS": "arn:aws:iam::111122223333:root"}"#, web, &both),
            "wrong-principal",
            "Federated",
        ),
        (trust(&format!(r#"{{"AWS": "{PROVIDER}"}}"#), web, &both), "wrong-principal", "Federated"),
        (trust(r#""*""#, web, &both), "principal-wildcard", ""),
        (trust(&format!("\"{PROVIDER}\""), web, &both), "wrong-type", "Federated"),
        (
            conditional(&format!(r#"{{"StringEqual": {{{AUD}, {SUB}}}}}"#)),
            "operator",
            "StringEquals",
        ),
        (
            conditional(&format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}, "oidc.example.com/id/X:namespace": "demo"}}}}"#
            )),
            "condition-key",
            "",
        ),
        (conditional(&both).replace("2012-10-17", "2012-10-18"), "version-unknown", "2012-10-17"),
        (conditional(&both).replace("2012-10-17", "2008-10-17"), "version-old", "2012-10-17"),
        (
            conditional(&both).replace("\"Version\": \"2012-10-17\",", ""),
            "version-missing",
            "2012-10-17",
        ),
        (
            conditional(&both).replace("2012-10-17", "2012\u{2013}10\u{2013}17"),
            "odd-dash",
            "2012-10-17",
        ),
        (conditional(&both).replace("\"Allow\"", "\"allow\""), "bad-effect", "Allow"),
        (conditional(&both).replace("\"Effect\": \"Allow\",", ""), "member-missing", "Effect"),
        (conditional(&both).replace("\"Action\"", "\"Actions\""), "member-unknown", "Action"),
        (
            conditional(&both).replace("\"Effect\"", "\"Resource\": \"*\", \"Effect\""),
            "member-misplaced",
            "",
        ),
        (conditional(&both).replace("\"Effect\"", "\"Sid\": \"a b\", \"Effect\""), "bad-sid", "ab"),
        (conditional(&both).replace("\"Principal\"", "\"NotPrincipal\""), "not-principal", ""),
        (conditional(&both).replace("111122223333", "[ACCOUNT]"), "placeholder", ""),
        (conditional(&both).replace("111122223333", "$account_id"), "placeholder", ""),
        (r#"{"ClientIDList": ["sts.amazonaws.com "]}"#.to_owned(), "space-in-value", ""),
        (
            r#"{"ClientIDList": ["sts.amazon.com"]}"#.to_owned(),
            "audience-misspelt",
            "sts.amazonaws.com",
        ),
    ] {
        let found = lint(&bad);
        let ours: Vec<_> = found.iter().filter(|finding| finding.code.word() == code).collect();
        assert!(!ours.is_empty(), "{code} in {bad}\n{found:#?}");
        let mended =
            ours.iter().any(|finding| finding.fix.as_deref().unwrap_or_default().contains(fix));
        assert!(mended, "{fix} in {ours:#?}");
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
fn mends_a_glob_with_all_values_of_its_key() {
    let subjects = r#"["system:serviceaccount:demo:app", "system:serviceaccount:demo:x-*"]"#;
    let bad = conditional(&format!(
        r#"{{"StringEquals": {{{AUD}, "oidc.example.com/id/X:sub": {subjects}}}}}"#
    ));
    let found = lint(&bad);
    let fix = format!(r#""StringLike": {{"oidc.example.com/id/X:sub": {subjects}}}"#);
    assert_eq!(found.iter().map(|f| f.fix.as_deref()).collect::<Vec<_>>(), [Some(fix.as_str())]);
}

#[test]
fn reads_a_template_with_far_too_many_names_in_time() {
    let resources = (0..20_000).map(|n| {
        format!(
            r#""R{n}": {{"Type": "AWS::S3::Bucket", "DependsOn": "P{n}", "Properties": {{"A": {{"Ref": "Q{n}"}}}}}}"#
        )
    });
    let resources: Vec<String> = resources.collect();
    // With a guess at each name it would take minutes.
    let found = lint(&format!(r#"{{"Resources": {{{}}}}}"#, resources.join(",")));
    assert_eq!(found.len(), 40_000);
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
fn names_what_is_wrong_with_templates_and_manifests() {
    let template = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    DependsOn: Missing\n    Properties:\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Version: '2012-10-17'\n            Statement:\n              - Effect: Allow\n                Action: ['eks:DescribeCluster']\n                Resource: '*'\n";
    for (bad, code, line) in [
        (template.to_owned(), "unknown-reference", 4),
        (template.replace("Missing", "Role").replace("'*'", "'*"), "missing-quote", 13),
        (template.replace("Missing", "Role").replace("'*'", "!Ref Bukket"), "unknown-reference", 13),
        (template.replace("Missing", "Role").replace("'*'", "!Sub '${Bukket.Arn}/*'"), "unknown-reference", 13),
        // Indentation lost, as web pages do.
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources:\nRole:\nType: AWS::IAM::Role\nDependsOn: Missing\nProperties:\n- a\n  b\n".to_owned(), "unknown-reference", 5),
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources:\nRole:\nType: AWS::IAM::Role\nProperties:\n- |\n{\nResource: '*\n".to_owned(), "missing-quote", 8),
        ("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazon.com/role-arn: arn:aws:iam::111122223333:role/a\n".to_owned(), "annotation-key", 4),
        ("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role_arn: arn:aws:iam::111122223333:role/a\n".to_owned(), "annotation-key", 4),
        ("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::1111222233:role/a\n".to_owned(), "account-id", 4),
        ("kind: ServiceAccount\nmetadata:\n  annotations:\n    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:user/a\n".to_owned(), "role-arn", 4),
        ("$ eksctl create iamserviceaccount \\\n  --attach-policy-arn=arn:aws:iam::1111222233:policy/x\n".to_owned(), "account-id", 2),
        ("Some prose: it is a page.\nThen, a policy:\n\n{\n \u{201c}Statement\u{201d}: [ ]\n}\n".to_owned(), "curly-quote", 5),
        ("a: [1\nb: }\n".to_owned(), "bad-yaml", 2),
        ("Hello".to_owned(), "nothing-to-lint", 1),
    ] {
        let found = lint(&bad);
        assert!(found.iter().any(|f| f.code.word() == code && f.at.line == line), "{code} at {line} in\n{bad}\n{found:#?}");
    }
}

#[test]
fn leaves_the_policies_of_terraforms_language_alone_where_it_fills_them_in() {
    let policy = conditional(r#"{"StringEquals": {"${replace(p.url, "https://", "")}:sub": "x"}}"#);
    let text = format!(
        "resource \"aws_iam_role\" \"x\" {{\n  assume_role_policy = <<EOF\n{policy}\nEOF\n}}\n"
    );
    assert_eq!(codes(&text), Vec::<&str>::new());
    let wrong = conditional(
        r#"{"StringEquals": {"oidc.example.com/id/X:aud": "system:serviceaccount:a:b"}}"#,
    );
    assert_eq!(codes(&text.replace(&policy, &wrong)), ["audience-tested-for-subject"]);
}

#[test]
fn keeps_the_places_of_embedded_policies() {
    let policy = conditional(r#"{"StringEquals": {}}"#).replace("2012-10-17", "2012-10-18");
    let plan = serde_json::json!({"format_version": "1.2", "planned_values": {"root_module": {"resources": [
        {"type": "aws_iam_role", "values": {"assume_role_policy": policy}}]}}});
    let plan = serde_json::to_string_pretty(&plan).expect("JSON");
    let line = plan.lines().position(|line| line.contains("assume_role_policy")).map(|n| n + 1);
    let version =
        lint(&plan).into_iter().find(|f| f.code == Code::VersionUnknown).expect("a finding");
    assert_eq!(Some(version.at.line), line);
    let text = plan.lines().nth(version.at.line - 1).unwrap_or_default();
    let there: String = text.chars().skip(version.at.column - 1).take(14).collect();
    assert!(there.contains("2012-10-18"), "{there}");

    let encoded =
        policy.replace('%', "%25").replace('{', "%7B").replace('"', "%22").replace('\n', "%0A");
    let role = format!("{{\"Role\":\n {{\"AssumeRolePolicyDocument\": \"{encoded}\"}}}}");
    let version =
        lint(&role).into_iter().find(|f| f.code == Code::VersionUnknown).expect("a finding");
    assert_eq!(version.at.line, 2);
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
