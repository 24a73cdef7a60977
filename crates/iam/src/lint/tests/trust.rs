//! Trust policies.

use super::*;

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
            "provider-mismatch",
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
fn a_value_to_fill_in_is_no_mistake_however_it_is_marked() {
    for (arn, name, part) in [
        ("@@ARN@@", "@@ISSUER@@", "@@NS@@"),
        ("__ARN__", "__ISSUER__", "__NS__"),
        ("%%ARN%%", "%%ISSUER%%", "%%NS%%"),
        ("$(ARN)", "$(ISSUER)", "$(x)"),
        ("((arn))", "((issuer))", "((x))"),
        ("<<arn>>", "<<issuer>>", "<<x>>"),
        ("{arn}", "{issuer}", "{x}"),
        ("OIDC_PROVIDER_ARN", "OIDC_PROVIDER", "NAMESPACE"),
    ] {
        let condition = format!(
            r#"{{"StringEquals": {{"{name}:aud": "sts.amazonaws.com", "{name}:sub": "system:serviceaccount:{part}:{part}"}}}}"#
        );
        let principal = format!(r#"{{"Federated": "{arn}"}}"#);
        let text = trust(&principal, r#""sts:AssumeRoleWithWebIdentity""#, &condition);
        assert_eq!(codes(&text), ["placeholder"], "{text}");
    }
    for subject in ["my_namespace:app", "demo:App", "demo:my_app"] {
        let condition = format!(
            r#"{{"StringEquals": {{{AUD}, "{NAME}:sub": "system:serviceaccount:{subject}"}}}}"#
        );
        assert_eq!(codes(&conditional(&condition)), ["subject-malformed"], "{subject}");
    }
}

#[test]
fn each_provider_of_a_statement_needs_conditions_that_its_tokens_can_meet() {
    let both = |condition: &str| {
        let principal = format!(
            r#"{{"Federated": ["{PROVIDER}", "arn:aws:iam::111122223333:oidc-provider/b.example.com"]}}"#
        );
        codes(&trust(&principal, r#""sts:AssumeRoleWithWebIdentity""#, condition))
    };
    let of_one = format!(r#"{{"StringEquals": {{{AUD}, {SUB}}}}}"#);
    assert_eq!(both(&of_one), ["provider-mismatch"]);
    let of_any = of_one.replace("StringEquals", "StringEqualsIfExists");
    assert_eq!(both(&of_any), ["audience-not-tested", "subject-not-tested"]);
}

#[test]
fn the_issuers_of_eks_have_the_domain_of_their_partition() {
    for (partition, region, domain, is_right) in [
        ("aws-cn", "cn-north-1", "amazonaws.com.cn", true),
        ("aws-cn", "cn-north-1", "amazonaws.com", false),
        ("aws", "eu-west-1", "amazonaws.com", true),
        ("aws", "eu-west-1", "amazonaws.com.cn", false),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com", true),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu", true),
    ] {
        let name = format!("oidc.eks.{region}.{domain}/id/X");
        let text =
            of_provider(&format!("arn:{partition}:iam::111122223333:oidc-provider/{name}"), &name);
        let wanted: &[&str] = if is_right { &[] } else { &["partition"] };
        assert_eq!(codes(&text), wanted, "{text}");
    }
}
