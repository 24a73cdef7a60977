//! What the file does not hold: neither a yes nor a no.

use super::*;

#[test]
fn a_statement_that_is_not_in_the_file_leaves_the_verdict_open() {
    let arn = format!("{ARN:?}");
    let (right, wrong) = ("\"system:serviceaccount:demo:app\"", "\"system:serviceaccount:x:y\"");
    let terraform = |subject: &str, more: &str| {
        let text = hcl(&arn, subject);
        let body = text.trim_end().strip_suffix('}').unwrap_or_default();
        ("main.tf", format!("{body}  {more}\n}}\n"))
    };
    let dynamic = |effect: &str| {
        format!(
            "data \"aws_iam_policy_document\" \"trust\" {{\n  dynamic \"statement\" {{\n    for_each = var.all\n    content {{\n      effect = \"{effect}\"\n      actions = [\"sts:AssumeRoleWithWebIdentity\"]\n      principals {{\n        type = \"Federated\"\n        identifiers = [{arn}]\n      }}\n    }}\n  }}\n}}\n"
        )
    };
    let template = |statements: &str| {
        let text = format!(
            "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Version: \"2012-10-17\"\n        Statement: {statements}\n"
        );
        ("role.yaml", text)
    };
    let (allow, deny) = (statement("Allow", ""), statement("Deny", ""));
    for ((name, text), wanted) in [
        (terraform(right, "override_policy_documents = [var.more]"), Unknown),
        (terraform(right, "source_policy_documents = [var.more]"), Unknown),
        (terraform(wrong, "override_json = var.more"), Unknown),
        (terraform(wrong, ""), Denied),
        (("main.tf", dynamic("Allow")), Unknown),
        (("main.tf", dynamic("Deny")), Unknown),
        (template(&format!("[!If [A, {allow}, {deny}]]")), Unknown),
        (template(&format!("[{allow}, !If [A, {deny}, !Ref AWS::NoValue]]")), Unknown),
        (template(&format!("!If [A, [{allow}], [{deny}]]")), Unknown),
        (template(&format!("[!Ref More, {allow}]")), Unknown),
        (template("[!Ref More]"), Unknown),
        (template("!Ref More"), Unknown),
        // Whatever the others say.
        (template(&format!("[!Ref More, {deny}]")), Explicitly),
        // One that is there, but for some of its members.
        (template("[{Effect: Allow, Fn::Transform: {Name: More}}]"), Unknown),
        (
            (
                "",
                r#"{"Version": "2012-10-17", "Statement": [{"Fn::If": ["A", {}, {}]}]}"#.to_owned(),
            ),
            Unknown,
        ),
    ] {
        let policy = Policy::trust_policy_of_file(name, &text);
        let policy = policy.unwrap_or_else(|error| panic!("{text}{error}"));
        let verdict = simulate(&policy, &request());
        assert_eq!(outcome(&verdict), wanted, "{text}\n{verdict:#?}");
    }
    let (name, text) = template(&format!("[!Ref More, {allow}]"));
    let policy = Policy::trust_policy_of_file(name, &text).expect("a policy");
    let Verdict::Unknown { reasons } = simulate(&policy, &request()) else { panic!("{text}") };
    assert_eq!(
        reasons[0].to_string(),
        "statement 1, line 7, Statement: the policy has no value, the request has no value: a statement is not in this file"
    );
    // STS takes no such token, whatever the statement is.
    let request = WebIdentityRequest::new("http://oidc.example.com/id/X", "x", &["y"]);
    assert_eq!(outcome(&simulate(&policy, &request)), Denied);
}

#[test]
fn a_principal_that_is_not_in_the_file_leaves_the_verdict_open() {
    let arn = format!("{ARN:?}");
    let right = "\"system:serviceaccount:demo:app\"";
    for (kind, names, wanted) in [
        ("var.kind", arn.as_str(), Unknown),
        ("\"AWS\"", "var.name", Unknown),
        ("\"AWS\"", "\"*\"", Allowed),
        ("\"AWS\"", "\"arn:aws:iam::${var.account}:root\"", Denied),
        ("\"Service\"", "var.name", Denied),
    ] {
        let text = hcl(names, right).replace("\"Federated\"", kind);
        let policy = Policy::trust_policy_of_file("main.tf", &text).expect("a policy");
        let verdict = simulate(&policy, &request());
        assert_eq!(outcome(&verdict), wanted, "{text}\n{verdict:#?}");
    }
}

#[test]
fn says_that_there_is_no_trust_policy_and_repeats_little() {
    for (name, text) in [
        ("main.tf", "locals {}\n"),
        ("main.tf", "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"b\"\n}\n"),
        ("role.yaml", "Resources: {}\n"),
        ("role.json", r#"{"Resources": {}}"#),
    ] {
        let error = Policy::trust_policy_of_file(name, text).expect_err(text);
        assert!(error.message.starts_with("no trust policy found in the file"), "{error}");
    }
    for long in [
        format!("{{\"Version\": {}}}", "x".repeat(100_000)),
        format!("{{\"Version\": \"{}\", \"Statement\": []}}", "x".repeat(100_000)),
    ] {
        let error = Policy::trust_policy(&long).expect_err("no policy");
        assert!(error.message.len() < 1100, "{}", error.message.len());
    }
}

#[test]
fn understands_the_providers_of_the_same_file() {
    let template = |url: &str| {
        format!(
            "Resources:\n  P:\n    Type: AWS::IAM::OIDCProvider\n    Properties:\n      Url: {url}\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument: {}\n",
            document(&[statement("Allow", "")
                .replace(&format!("\"{ARN}\""), "{\"Fn::GetAtt\": [\"P\", \"Arn\"]}")])
        )
    };
    let terraform = |url: &str| {
        let provider =
            format!("resource \"aws_iam_openid_connect_provider\" \"x\" {{\n  url = {url:?}\n}}\n");
        let key = "${replace(aws_iam_openid_connect_provider.x.url, \"https://\", \"\")}";
        let text =
            hcl("aws_iam_openid_connect_provider.x.arn", "\"system:serviceaccount:demo:app\"");
        provider + &text.replace("oidc.example.com/id/X", key)
    };
    for (url, wanted) in
        [("https://oidc.example.com/id/X", Allowed), ("https://other.example", Denied)]
    {
        for (name, text) in [("role.yaml", template(url)), ("main.tf", terraform(url))] {
            let policy = Policy::trust_policy_of_file(name, &text).expect("a policy");
            for (arn, wanted) in
                [(None, wanted), (Some(ARN), if wanted == Allowed { Unknown } else { Denied })]
            {
                let mut request = request();
                request.provider_arn = arn.map(str::to_owned);
                let verdict = simulate(&policy, &request);
                assert_eq!(outcome(&verdict), wanted, "{text}\n{arn:?} {verdict:#?}");
            }
        }
    }
}
