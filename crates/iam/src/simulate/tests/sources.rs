//! Where trust policies come from: the AWS CLI and Terraform.

use super::*;

#[test]
fn reads_what_get_role_prints_and_refuses_what_iam_would() {
    let good = document(&[statement("Allow", "")]);
    let encoded = good.replace('{', "%7B").replace('"', "%22").replace(' ', "%20");
    for wrapped in [
        format!(r#"{{"Role": {{"RoleName": "x", "AssumeRolePolicyDocument": {good}}}}}"#),
        format!(r#"{{"Role": {{"AssumeRolePolicyDocument": "{encoded}"}}}}"#),
        serde_json::json!({"AssumeRolePolicyDocument": good}).to_string(),
    ] {
        assert_eq!(outcome(&verdict_of(&wrapped, &request())), Allowed, "{wrapped}");
    }
    for (bad, line) in [
        ("{\n\"Version\": \u{201c}2012-10-17\u{201d}}", 2),
        ("{\"Version\": \"2012-10-17\",\n\"Statements\": []}", 2),
        ("{\"Version\": \"2012-10-17\", \"Statement\":\n{\"Effect\": \"Allow\"}}", 2),
        ("[]", 1),
        ("", 1),
        // .../reference_policies_elements_notprincipal.html: not in a trust policy.
        (
            "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\",\n\"NotPrincipal\": {\"AWS\": \"111122223333\"}, \"Action\": \"*\"}}",
            2,
        ),
        // .../access-analyzer-reference-policy-checks.html: no wildcard in a principal.
        (
            "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\",\n\"Principal\": {\"Federated\": \"*\"}, \"Action\": \"*\"}}",
            2,
        ),
        (
            "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\",\n\"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/*\"}, \"Action\": \"*\"}}",
            2,
        ),
    ] {
        let error = Policy::trust_policy(bad).expect_err(bad);
        assert_eq!(error.at.line, line, "{bad}: {error}");
    }
}

#[test]
fn reads_terraform_and_says_what_is_not_in_the_file() {
    let arn = format!("{ARN:?}");
    let right = "\"system:serviceaccount:demo:app\"";
    for (principal, subject, wanted) in [
        (arn.as_str(), right, Allowed),
        (&arn, "\"system:serviceaccount:demo:web\"", Denied),
        (&arn, "\"system:serviceaccount:${var.namespace}:app\"", Unknown),
        // Whatever the namespace is.
        (&arn, "\"system:serviceaccount:${var.namespace}:web\"", Denied),
        (&arn, "var.x ? \"a\" : \"b\"", Unknown),
        ("aws_iam_openid_connect_provider.x.arn", right, Unknown),
        ("aws_iam_openid_connect_provider.x.arn", "\"x\"", Denied),
    ] {
        let text = hcl(principal, subject);
        let policy = Policy::trust_policy_of_file("main.tf", &text).expect("a policy");
        let verdict = simulate(&policy, &request());
        assert_eq!(outcome(&verdict), wanted, "{text}\n{verdict:#?}");
    }
    // The key may be of the token's issuer or of another: neither allows it.
    for (subject, wanted) in [("\"system:serviceaccount:demo:web\"", Denied), (right, Unknown)] {
        let text = hcl(&arn, subject).replace("oidc.example.com/id/X:sub", "${var.issuer}:sub");
        let policy = Policy::trust_policy_of_file("main.tf", &text).expect("a policy");
        assert_eq!(outcome(&simulate(&policy, &request())), wanted, "{text}");
    }
    let two = hcl(&arn, right).repeat(2).replacen("\"trust\"", "\"other\"", 1);
    let error = Policy::trust_policy_of_file("main.tf", &two).expect_err("two policies");
    assert!(error.message.contains("2 trust policies"), "{error}");
    Policy::trust_policy_of_file("main.tf", "locals {}\n").expect_err("no policy");
}
