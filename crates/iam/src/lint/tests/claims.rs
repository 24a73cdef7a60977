//! Conditions that never hold, hold too often, or exclude each other.

use super::*;

const OTHER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/Y";

/// A trust policy for two providers.
fn of_two(condition: &str) -> String {
    let both = format!(r#"{{"Federated": ["{PROVIDER}", "{OTHER}"]}}"#);
    trust(&both, r#""sts:AssumeRoleWithWebIdentity""#, condition)
}

#[test]
fn names_conditions_that_no_token_meets_together() {
    let name_2 = "oidc.example.com/id/Y";
    for (bad, code, fix) in [
        (
            of_two(&format!(
                r#"{{"StringEquals": {{{SUB}, "{name_2}:sub": "system:serviceaccount:demo:app"}}}}"#
            )),
            "issuers-combined",
            r#""Condition": {"StringEquals": {"oidc.example.com/id/Y:sub": "system:serviceaccount:demo:app"}}}"#,
        ),
        (
            of_two(&format!(
                r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"{name_2}:sub": "system:serviceaccount:demo:*"}}}}"#
            )),
            "issuers-combined",
            r#""Condition": {"StringEquals": {"oidc.example.com/id/X:aud": "sts.amazonaws.com"}}}"#,
        ),
        // The principals are not known, the keys are.
        (
            trust(
                &federated("${provider}"),
                r#""sts:AssumeRoleWithWebIdentity""#,
                &format!(
                    r#"{{"StringEquals": {{{AUD}, {SUB}, "{name_2}:sub": "system:serviceaccount:demo:app"}}}}"#
                ),
            ),
            "issuers-combined",
            "",
        ),
        (
            conditional(&format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}}}, "StringLike": {{"{NAME}:sub": "system:serviceaccount:other:*"}}}}"#
            )),
            "conditions-exclude",
            r#""StringLike": {"oidc.example.com/id/X:sub": ["system:serviceaccount:demo:app", "system:serviceaccount:other:*"]}"#,
        ),
        (
            conditional(&format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}}}, "StringEqualsIgnoreCase": {{"{NAME}:sub": "system:serviceaccount:other:app"}}}}"#
            )),
            "conditions-exclude",
            "",
        ),
        (
            conditional(&format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}}}, "StringNotLike": {{"{NAME}:sub": "system:serviceaccount:demo:*"}}}}"#
            )),
            "conditions-exclude",
            "",
        ),
    ] {
        assert_eq!(named(&bad, code, fix), None, "{bad}");
    }
}

#[test]
fn leaves_conditions_alone_that_a_token_may_meet() {
    let name_2 = "oidc.example.com/id/Y";
    for good in [
        // Each holds where the key is absent.
        of_two(&format!(
            r#"{{"StringEqualsIfExists": {{{AUD}, {SUB}, "{name_2}:aud": "sts.amazonaws.com", "{name_2}:sub": "system:serviceaccount:demo:app"}}}}"#
        )),
        conditional(&format!(
            r#"{{"StringEquals": {{{AUD}, {SUB}}}, "StringLike": {{"{NAME}:sub": "system:serviceaccount:demo:*"}}}}"#
        )),
        conditional(&format!(
            r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"{NAME}:sub": "system:serviceaccount:*:app"}}, "ForAnyValue:StringLike": {{"{NAME}:sub": "system:serviceaccount:demo:*"}}}}"#
        )),
        conditional(&format!(
            r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"{NAME}:sub": "system:serviceaccount:demo:*"}}, "StringNotEquals": {{"{NAME}:sub": "system:serviceaccount:demo:no"}}}}"#
        )),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
    // Two issuers of a template may be one, which nobody would test twice.
    let template = "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument: !Sub |\n        {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"Federated\": [\"${A}\", \"${B}\"]}, \"Action\": \"sts:AssumeRoleWithWebIdentity\", \"Condition\": {\"StringEquals\": {\"${AName}:sub\": \"system:serviceaccount:demo:app\", \"${BName}:sub\": \"system:serviceaccount:demo:app\", \"${AName}:aud\": \"sts.amazonaws.com\"}}}]}\nParameters: {A: {}, B: {}, AName: {}, BName: {}}\n";
    assert_eq!(codes(template), ["issuers-likely-combined"]);
    assert_eq!(codes(&template.replace("${BName}", "${AName}")), ["duplicate-key"]);
}

#[test]
fn takes_the_hosts_of_sts_for_no_audience() {
    let aud = |value: &str| {
        conditional(&format!(r#"{{"StringEquals": {{{SUB}, "{NAME}:aud": {value}}}}}"#))
    };
    for bad in [
        r#""sts.amazonaws.com.cn""#,
        r#""sts.eu-central-1.amazonaws.com""#,
        r#"["sts.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"]"#,
    ] {
        assert_eq!(named(&aud(bad), "audience-endpoint", r#""sts.amazonaws.com""#), None, "{bad}");
    }
    // Any of the values will do.
    assert_eq!(lint(&aud(r#"["sts.amazonaws.com", "sts.amazonaws.com.cn"]"#)), []);
    assert_eq!(lint(&aud(r#""https://kubernetes.default.svc""#)), []);
    let actions = "token.actions.githubusercontent.com";
    let condition = format!(
        r#"{{"StringEquals": {{"{actions}:aud": "sts.amazonaws.com.cn"}}, "StringLike": {{"{actions}:sub": "repo:org/repo:*"}}}}"#
    );
    let arn = format!("arn:aws-cn:iam::111122223333:oidc-provider/{actions}");
    let of_ci = trust(&federated(&arn), r#""sts:AssumeRoleWithWebIdentity""#, &condition);
    assert_eq!(lint(&of_ci), []);
}

#[test]
fn names_operators_and_keys_that_test_nothing() {
    for (condition, code, fix) in [
        (
            format!(r#"{{"StringEquals": {{{AUD}}}, "ArnLike": {{{SUB}}}}}"#),
            "operator-type",
            r#""StringEquals""#,
        ),
        (
            format!(
                r#"{{"StringEquals": {{{AUD}}}, "ArnLike": {{"{NAME}:sub": "system:serviceaccount:demo:*"}}}}"#
            ),
            "operator-type",
            r#""StringLike""#,
        ),
        (
            format!(r#"{{"ForAllValues:StringEquals": {{{AUD}}}, "StringEquals": {{{SUB}}}}}"#),
            "for-all-values",
            r#""StringEquals""#,
        ),
        // It only says that there is a subject.
        (
            format!(r#"{{"StringEquals": {{{AUD}}}, "Null": {{"{NAME}:sub": "false"}}}}"#),
            "subject-not-tested",
            ":sub",
        ),
        (
            r#"{"StringEquals": {"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:demo:app"}}"#.to_owned(),
            "condition-key",
            r#""oidc.example.com/id/X:aud""#,
        ),
        (
            format!(r#"{{"StringEquals": {{{AUD}, {SUB}, "aws:PrincipalArn": "arn:aws:iam::*:role/x"}}}}"#),
            "wildcard-literal",
            r#""StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}"#,
        ),
        (
            format!(r#"{{"StringEquals": {{{AUD}, "{NAME}:sub": "system:serviceaccount:NAMESPACE:SERVICE_ACCOUNT"}}}}"#),
            "placeholder",
            "",
        ),
    ] {
        assert_eq!(named(&conditional(&condition), code, fix), None, "{condition}");
    }
}

#[test]
fn knows_which_actions_go_together() {
    let pods = r#"{"Service": "pods.eks.amazonaws.com"}"#;
    let good = r#"["sts:AssumeRole", "sts:TagSession"]"#;
    for (actions, code) in [
        (r#""sts:AssumeRole""#, Some("tag-session-missing")),
        (r#""sts:AssumeRole*""#, Some("tag-session-missing")),
        (r#""sts:*""#, None),
        (good, None),
    ] {
        let found = codes(&trust(pods, actions, "{}"));
        assert_eq!(found, code.into_iter().collect::<Vec<_>>(), "{actions}");
    }
    // In a statement of their own.
    let both = format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#);
    let tags = format!(
        r#", {{"Effect": "Allow", "Principal": {}, "Action": "sts:TagSession"}}]"#,
        federated(PROVIDER)
    );
    assert_eq!(lint(&conditional(&both).replace("\n  }]", &format!("\n  }}{tags}"))), []);
    let saml = federated("arn:aws:iam::111122223333:saml-provider/x");
    let found = codes(&trust(&saml, r#""sts:AssumeRoleWithWebIdentity""#, &both));
    assert_eq!(found, ["wrong-principal"]);
}

#[test]
fn tells_a_list_of_globs_once() {
    let subjects: Vec<String> =
        (0..2000).map(|n| format!("\"system:serviceaccount:demo:a{n}-*\"")).collect();
    let bad = conditional(&format!(
        r#"{{"StringEquals": {{{AUD}, "{NAME}:sub": [{}]}}}}"#,
        subjects.join(", ")
    ));
    let found = lint(&bad);
    assert_eq!(
        found.iter().map(|it| it.code.word()).collect::<Vec<_>>(),
        ["wildcard-not-expanded"]
    );
}
