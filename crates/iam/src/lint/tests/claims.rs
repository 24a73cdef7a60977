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
        (r#""sts:*""#, Some("broad-action")),
        (good, None),
    ] {
        let condition = r#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#;
        let found = codes(&trust(pods, actions, condition));
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
        ["limit", "wildcard-not-expanded"]
    );
}

/// The codes for a subject beside the audience of pods.
fn codes_of_subject(operator: &str, provider: &str, subject: &str) -> Vec<&'static str> {
    let name = provider.split_once("oidc-provider/").map_or(provider, |(_, name)| name);
    let condition = format!(
        r#"{{"StringEquals": {{"{name}:aud": "sts.amazonaws.com"}}, "{operator}": {{"{name}:sub": {subject}}}}}"#
    )
    .replace(r#"}, "StringEquals": {"#, ", ");
    codes(&trust(&federated(provider), r#""sts:AssumeRoleWithWebIdentity""#, &condition))
}

#[test]
fn subjects_that_no_pod_has_are_told() {
    for subject in ["demo:app", "app", "demo/app"] {
        let found = codes_of_subject("StringEquals", PROVIDER, &format!("\"{subject}\""));
        assert_eq!(found, ["subject-unlikely"], "{subject}");
    }
    assert_eq!(codes_of_subject("StringEquals", PROVIDER, "[]"), ["member-missing"]);
    for other in [
        "repo:org/repo:ref:refs/heads/main",
        "organization:a:pipeline:b",
        "spiffe://example.com/app",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "117329210439802341234",
        "client@clients",
        "0oa1BcDeF",
    ] {
        let found = codes_of_subject("StringEquals", PROVIDER, &format!("\"{other}\""));
        assert_eq!(found, Vec::<&str>::new(), "{other}");
    }
    let actions = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    assert_eq!(codes_of_subject("StringEquals", actions, "\"a:b\""), Vec::<&str>::new());
    for (subject, wanted) in [
        ("system:serviceaccount:demo*", Some("subject-too-wide")),
        ("system:serviceaccount:demo-*", None),
        ("system:serviceaccount:demo:*", None),
        ("system:serviceaccount:demo*:app", None),
    ] {
        let found = codes_of_subject("StringLike", PROVIDER, &format!("\"{subject}\""));
        assert_eq!(found, wanted.into_iter().collect::<Vec<_>>(), "{subject}");
    }
}

#[test]
fn a_wildcard_for_an_audience_is_no_test() {
    for (operator, value, wanted) in [
        ("StringLike", "*", Some("audience-not-tested")),
        ("StringLike", "**", Some("audience-not-tested")),
        ("ForAnyValue:StringLike", "*", Some("audience-not-tested")),
        ("StringLike", "sts.amazonaws.com", None),
        ("StringLike", "sts.*", None),
    ] {
        let condition =
            format!(r#"{{"StringEquals": {{{SUB}}}, "{operator}": {{"{NAME}:aud": "{value}"}}}}"#);
        let found = codes(&conditional(&condition));
        assert_eq!(found, wanted.into_iter().collect::<Vec<_>>(), "{condition}");
    }
}

#[test]
fn claims_that_are_swapped_are_told_once_with_wildcards_too() {
    for (claim, value, code) in [
        ("aud", "system:serviceaccount:demo:*", "audience-tested-for-subject"),
        ("sub", "sts.amazonaws.*", "subject-tested-for-audience"),
    ] {
        let text = conditional(&format!(r#"{{"StringEquals": {{"{NAME}:{claim}": "{value}"}}}}"#));
        assert_eq!(codes(&text), [code], "{text}");
    }
}

#[test]
fn slashes_that_differ_and_actions_that_are_excluded_never_match() {
    let slashed = of_provider(&format!("{PROVIDER}/"), NAME);
    assert_eq!(codes(&slashed), ["provider-mismatch", "trailing-slash"]);
    assert_eq!(codes(&of_provider(PROVIDER, &format!("{NAME}/"))), ["provider-mismatch"]);
    assert_eq!(
        codes(&of_provider(&format!("{PROVIDER}/"), &format!("{NAME}/"))),
        ["trailing-slash"]
    );
    let good = conditional(&format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#));
    let excluded = good.replace("\"Action\"", "\"NotAction\"");
    assert_eq!(codes(&excluded), ["wrong-action"]);
    assert_eq!(codes(&excluded.replace("Allow", "Deny")), Vec::<&str>::new());
}

#[test]
fn members_in_lower_case_are_told_as_such() {
    let good = conditional(&format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#));
    let names = ["Statement", "Effect", "Principal", "Federated", "Action", "Condition"];
    let lower = names.iter().fold(good, |text, name| {
        text.replace(&format!("\"{name}\""), &format!("\"{}\"", name.to_lowercase()))
    });
    assert_eq!(codes(&lower), ["member-unknown"]);
    // What is in them is read all the same.
    let untested = lower.replace(SUB, r#""aws:SourceVpc": "vpc-1""#);
    assert_eq!(codes(&untested), ["member-unknown", "subject-not-tested"]);
}

#[test]
fn names_every_spelling_of_any_subject() {
    let of = |effect: &str, operator: &str, subject: &str| {
        let subject = format!(r#""{operator}": {{"{NAME}:sub": "{subject}"}}"#);
        let policy = conditional(&format!(r#"{{"StringEquals": {{{AUD}}}, {subject}}}"#));
        policy.replace(r#""Allow""#, &format!("{effect:?}"))
    };
    for wide in [
        "*",
        "**",
        "?*",
        "*:*",
        "s*",
        "system:*",
        "system:serviceaccount*",
        "system:serviceaccount:*",
        "system:serviceaccount:**",
        "system:serviceaccount:*:*",
        "system:serviceaccount:?*:*",
        "system:serviceaccount:?*:?*",
        "system:*:*:*",
    ] {
        for operator in ["StringLike", "ForAnyValue:StringLike", "StringLikeIfExists"] {
            let bad = of("Allow", operator, wide);
            assert!(codes(&bad).contains(&"subject-too-wide"), "{bad}\n{:?}", codes(&bad));
        }
        // What is kept out, and not let in.
        for (effect, operator) in
            [("Deny", "StringNotLike"), ("Deny", "StringLike"), ("Allow", "StringNotLike")]
        {
            let good = of(effect, operator, wide);
            assert!(!codes(&good).contains(&"subject-too-wide"), "{good}");
        }
    }
    let guard = of("Deny", "StringNotLike", "system:serviceaccount:demo*");
    assert!(!codes(&guard).contains(&"subject-too-wide"), "{guard}");
    for narrow in [
        "system:serviceaccount:demo:*",
        "system:serviceaccount:*:app",
        "system:serviceaccount:team-*:*",
    ] {
        let good = of("Allow", "StringLike", narrow);
        assert!(!codes(&good).contains(&"subject-too-wide"), "{good}");
    }
}

#[test]
fn names_modules_that_let_any_subject_in() {
    let module = |inputs: &str| {
        format!(
            "module \"role\" {{\n  source = \"terraform-aws-modules/iam/aws//modules/iam-role-for-service-accounts-eks\"\n{inputs}\n}}\n"
        )
    };
    for (inputs, wanted) in [
        ("  oidc_subjects_with_wildcards = [\"*\"]", true),
        ("  oidc_wildcard_subjects = [\"system:serviceaccount:*\"]", true),
        ("  oidc_wildcard_subjects = [\"system:serviceaccount:demo:*\"]", false),
        (
            "  assume_role_condition_test = \"StringLike\"\n  oidc_providers = { main = { namespace_service_accounts = [\"*:*\"] } }",
            true,
        ),
        (
            "  assume_role_condition_test = \"StringLike\"\n  oidc_providers = { main = { namespace_service_accounts = [\"demo:*\"] } }",
            false,
        ),
    ] {
        let text = module(inputs);
        let found = crate::lint_file("x.tf", &text);
        let is_told = found.iter().any(|it| it.code == Code::SubjectTooWide);
        assert_eq!(is_told, wanted, "{text}{found:#?}");
    }
}

#[test]
fn cost_of_asking_with_others_is_linear() {
    let list = |size: usize, item: &dyn Fn(usize) -> String| {
        (0..size).map(item).collect::<Vec<_>>().join(", ")
    };
    let patterns = |size: usize| {
        let of = |n| format!("\"system:serviceaccount:demo{n}*\"");
        conditional(&format!(
            r#"{{"StringEquals": {{{AUD}}}, "StringLike": {{"{NAME}:sub": [{}]}}, "StringNotLike": {{"{NAME}:sub": "*"}}}}"#,
            list(size, &of)
        ))
    };
    let statements = |size: usize| {
        let of = |n: usize| {
            let effect = if n.is_multiple_of(2) { "Allow" } else { "Deny" };
            format!(
                r#"{{"Effect": "{effect}", "Principal": {{"Federated": "{PROVIDER}"}}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{"StringLike": {{"{NAME}:sub": "system:serviceaccount:a{n}*"}}}}}}"#
            )
        };
        format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, list(size, &of))
    };
    let providers = |size: usize| {
        let of = |n| format!("\"{PROVIDER}{n}\"");
        let test = |n| format!("\"{NAME}{n}:sub\": \"system:serviceaccount:demo:app\"");
        trust(
            &format!(r#"{{"Federated": [{}]}}"#, list(size, &of)),
            r#""sts:AssumeRoleWithWebIdentity""#,
            &format!(r#"{{"StringEqualsIfExists": {{{}}}}}"#, list(size, &test)),
        )
    };
    let linted = |text: &String| {
        let _ = lint(text);
    };
    crate::cost::assert_linear("patterns", 500, patterns, linted);
    crate::cost::assert_linear("statements", 200, statements, linted);
    crate::cost::assert_linear("providers", 200, providers, linted);
}
