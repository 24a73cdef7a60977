//! Templates, manifests, and policies within other texts.

use super::*;

#[test]
fn finds_nothing_in_good_templates() {
    for good in [
        "AWSTemplateFormatVersion: 2010-09-09\nDescription: A role \u{2013} for pods\nParameters:\n  Issuer: {Type: String}\nResources:\n  Role:\n    Type: AWS::IAM::Role\n    DependsOn: [Bucket]\n    Properties:\n      AssumeRolePolicyDocument: !Sub\n        - |\n          {\n            \"Version\": \"2012-10-17\",\n            \"Statement\": [{\"Effect\": \"Allow\",\n              \"Principal\": {\"Federated\": \"arn:${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/${Name}\"},\n              \"Action\": \"sts:AssumeRoleWithWebIdentity\",\n              \"Condition\": {\"StringEquals\": {\"${Name}:sub\": \"system:serviceaccount:a:b\", \"${Name}:aud\": \"sts.amazonaws.com\"}}}]\n          }\n        - Name: !Select [1, !Split [\"//\", !Ref Issuer]]\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Version: 2012-10-17\n            Statement:\n              - Effect: Allow\n                Action: [s3:GetObject, s3:ListBucket]\n                Resource: [!GetAtt Bucket.Arn, !Sub \"${Bucket.Arn}/*\"]\n              - Effect: Allow\n                Action: s3:GetObject\n                Resource: !Join [\"\", [\"arn:\", !Ref \"AWS::Partition\", \":s3:::\", !Ref Bucket, \"/*\"]]\n  Bucket:\n    Type: AWS::S3::Bucket\nOutputs:\n  Arn:\n    Value: !GetAtt Role.Arn\n    Export: {Name: !Sub \"${AWS::StackName}-arn\"}\n",
        "Resources:\n  Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code:\n        ZipFile: !Sub |\n          it's ${!text} ${AWS::Region}\n      Role: !GetAtt Role.Arn\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            Principal: {Service: [lambda.amazonaws.com]}\n            Action: ['sts:AssumeRole']\n",
        r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": {"Fn::GetAtt": ["P", "Arn"]}}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"oidc.example.com:sub": {"Fn::Sub": "system:serviceaccount:a:${AWS::StackName}"}, "oidc.example.com:aud": "sts.amazonaws.com"}}}]}}}, "P": {"Type": "AWS::IAM::OIDCProvider", "Properties": {"Url": "https://oidc.example.com", "ClientIdList": ["sts.amazonaws.com"]}}}}"#,
        "Resources:\n  M:\n    Type: My::S3::Bucket::MODULE\nOutputs:\n  O:\n    Value: !Ref MBucket\n",
        "Resources:\n  P:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Fn::If: [Some, {Effect: Allow, Action: 's3:ListAllMyBuckets', Resource: '*'}, {Ref: 'AWS::NoValue'}]\n          - !If [Some, {Effect: Allow, Action: 's3:ListAllMyBuckets', Resource: '*'}, !Ref 'AWS::NoValue']\n",
        // A dynamic reference is CloudFormation's to fill in.
        "Parameters:\n  Url: {Type: String, Default: '{{resolve:ssm:/oidc/url}}'}\nResources:\n  P:\n    Type: AWS::IAM::Policy\n    Properties:\n      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            Action: s3:GetObject\n            Resource: ['arn:aws:s3:::{{resolve:ssm:/bucket}}/*', !Sub 'arn:${AWS::Partition}:s3:::{{resolve:ssm:/b}}/*']\n",
        // SAM makes resources that the template does not name.
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    DependsOn: FRole\n",
    ] {
        assert_eq!(lint(good), [], "{good}");
    }
}

#[test]
fn takes_the_directive_at_the_start_of_a_template_for_no_json() {
    let helpers = "{{/* Names. */}}\n{{- define \"x.name\" -}}\n{{ .Chart.Name }}\n{{- end }}\n";
    for (name, good) in [
        ("_helpers.tpl", helpers),
        ("", helpers),
        ("page.j2", "{% set name = 'x' %}\nname of the page: {{ name }}\n"),
        ("page.j2", "{# a comment #}\nnothing: else\n"),
    ] {
        let found = lint_file(name, good);
        assert!(found.iter().all(|it| it.severity() != Severity::Error), "{good}: {found:?}");
    }
    // What follows is read all the same.
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Alow", "Action": "s3:GetObject", "Resource": "*"}]}"#;
    let found =
        lint_file("policy.tpl", &format!("{{{{- if .Values.x }}}}\n{policy}\n{{{{- end }}}}\n"));
    let found: Vec<_> = found.iter().map(|it| (it.code, it.at.line)).collect();
    assert_eq!(found, [(Code::BadEffect, 2)]);
}

#[test]
fn reads_a_template_with_far_too_many_names_in_time() {
    let template = |size: usize| {
        let resources = (0..size).map(|n| {
            format!(
                r#""R{n}": {{"Type": "AWS::S3::Bucket", "DependsOn": "P{n}", "Properties": {{"A": {{"Ref": "Q{n}"}}}}}}"#
            )
        });
        let resources: Vec<String> = resources.collect();
        format!(r#"{{"Resources": {{{}}}}}"#, resources.join(","))
    };
    // With a guess at each name it would take minutes.
    crate::cost::assert_linear("names", 2_500, template, |text| {
        let _ = lint(text);
    });
    let found = lint(&template(20_000));
    assert_eq!(found.iter().map(|finding| finding.count).sum::<usize>(), 40_000);
    assert!(found.len() < 100, "{}", found.len());
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
fn reads_the_policies_of_terraforms_language_where_it_fills_them_in() {
    let policy = conditional(
        r#"{"StringEquals": {"${replace(p.url, "https://", "")}:sub": "x", "${p}:aud": "y"}}"#,
    );
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
fn tells_by_what_stands_around_a_policy_what_it_is_of() {
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}]}"#;
    for bad in [
        format!(r#"{{"RoleName": "r", "PolicyName": "p", "PolicyDocument": {policy}}}"#),
        format!(
            r#"{{"PolicyVersion": {{"Document": {policy}, "VersionId": "v1", "IsDefaultVersion": true}}}}"#
        ),
        format!(
            r#"{{"Resources": {{"P": {{"Type": "AWS::IAM::ManagedPolicy", "Properties": {{"PolicyDocument": {policy}}}}}}}}}"#
        ),
        format!(
            r#"{{"Resources": {{"R": {{"Type": "AWS::IAM::Role", "Properties": {{"Policies": [{{"PolicyName": "p", "PolicyDocument": {policy}}}]}}}}}}}}"#
        ),
        format!("resource \"aws_iam_policy\" \"p\" {{\n  policy = <<EOF\n{policy}\nEOF\n}}\n"),
    ] {
        assert_eq!(codes(&bad), ["member-misplaced"], "{bad}\n{:#?}", lint(&bad));
    }
    for good in [
        format!(
            r#"{{"Resources": {{"P": {{"Type": "AWS::S3::BucketPolicy", "Properties": {{"Bucket": "b", "PolicyDocument": {policy}}}}}}}}}"#
        ),
        format!(
            r#"{{"Resources": {{"P": {{"Type": "AWS::Logs::ResourcePolicy", "Properties": {{"PolicyName": "p", "PolicyDocument": {policy}}}}}}}}}"#
        ),
        format!(
            "resource \"aws_s3_bucket_policy\" \"p\" {{\n  policy = <<EOF\n{policy}\nEOF\n}}\n"
        ),
    ] {
        assert_eq!(codes(&good), Vec::<&str>::new(), "{good}");
    }
}

#[test]
fn names_a_provider_of_another_account_than_the_roles() {
    let trust = conditional(&format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#));
    let role = |account: &str| {
        format!(
            r#"{{"Role": {{"Arn": "arn:aws:iam::{account}:role/x", "AssumeRolePolicyDocument": {trust}}}}}"#
        )
    };
    let mended = PROVIDER.replace("111122223333", "444455556666");
    assert_eq!(named(&role("444455556666"), "provider-account", &mended), None);
    assert_eq!(lint(&role("111122223333")), []);
}

#[test]
fn names_of_terraforms_blocks_are_no_policies() {
    for good in [
        "resource \"aws_iam_policy\" \"policy\" {\n  name   = var.name\n  policy = var.policy\n}\n",
        "resource \"aws_iam_role\" \"assume_role_policy\" {\n  assume_role_policy = var.trust\n}\n",
        "data \"aws_iam_policy\" \"policy\" {\n  name = \"x\"\n}\n",
        "variable \"assume_role_policy\" {\n  type = string\n}\n",
        "output \"assume_role_policy\" {\n  value = aws_iam_role.x.assume_role_policy\n}\n",
        "data \"aws_iam_policy_document\" \"policy\" {\n  dynamic \"statement\" {\n    for_each = var.all\n    content {\n      actions   = statement.value.actions\n      resources = [\"*\"]\n      dynamic \"principals\" {\n        for_each = statement.value.principals\n        content {\n          type        = principals.value.type\n          identifiers = principals.value.identifiers\n        }\n      }\n      dynamic \"not_principals\" {\n        for_each = statement.value.not_principals\n        content {\n          type        = not_principals.value.type\n          identifiers = not_principals.value.identifiers\n        }\n      }\n    }\n  }\n}\n",
    ] {
        let found = crate::lint_file("x.tf", good);
        assert!(found.iter().all(|it| it.code == Code::NothingToLint), "{good}{found:?}");
    }
    // What is in them is read all the same.
    let bad = "resource \"aws_iam_policy\" \"policy\" {\n  policy = jsonencode({ Version = \"2012-10-17\", Statement = [] })\n}\n";
    let found = crate::lint_file("x.tf", bad);
    assert!(found.iter().any(|it| it.code == Code::MemberMissing), "{found:?}");
    let json =
        r#"{"resource": {"aws_iam_policy": {"policy": {"name": "x", "policy": "${var.policy}"}}}}"#;
    let found = crate::lint_file("x.tf.json", json);
    assert!(found.iter().all(|it| it.code == Code::NothingToLint), "{found:?}");
}

#[test]
fn reads_a_document_of_terraforms_with_far_too_many_blocks_in_time() {
    let blocks = [r#""condition": [BLOCKS]"#, r#""principals": [BLOCKS]"#];
    let block = r#"{"test": "StringEquals", "variable": "a:sub", "values": ["x"], "type": "AWS", "identifiers": ["x"]}"#;
    for members in blocks {
        let document = |size: usize| {
            let members = members.replace("BLOCKS", &vec![block; size].join(","));
            let text = format!(r#"{{"statement": [{{"actions": ["a"], {members}}}]}}"#);
            crate::json::read(&Source::new(&text)).0
        };
        crate::cost::assert_linear(members, 700, document, |node| {
            terraform::policy(node);
        });
    }
}
