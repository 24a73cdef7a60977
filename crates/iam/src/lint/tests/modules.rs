//! What Terraform's modules and references make of their inputs.

use super::*;

fn codes(text: &str) -> Vec<String> {
    let mut codes: Vec<String> =
        lint_file("main.tf", text).iter().map(|finding| finding.code.to_string()).collect();
    codes.dedup();
    codes
}

#[test]
fn subjects_of_modules_begin_as_the_tokens_do() {
    for (url, subject, wanted) in [
        ("", "demo:app", &["subject-malformed"][..]),
        (
            "provider_url = \"oidc.eks.eu-west-1.amazonaws.com/id/A\"",
            "demo:app",
            &["subject-malformed"],
        ),
        ("provider_url = module.eks.oidc_provider", "demo:app", &["subject-malformed"]),
        ("provider_url = var.github_url", "demo:app", &[]),
        ("provider_url = \"https://gitlab.com\"", "demo:app", &[]),
        ("", "system:serviceaccount:demo:app", &[]),
        ("", "repo:app", &[]),
        ("", "${var.namespace}:app", &[]),
        ("", "project_path:group/app:ref_type:branch:ref:main", &[]),
    ] {
        let text = format!(
            "module \"x\" {{\n  source = \"terraform-aws-modules/iam/aws//modules/iam-assumable-role-with-oidc\"\n  {url}\n  oidc_fully_qualified_subjects = [\"{subject}\"]\n}}\n"
        );
        assert_eq!(codes(&text), wanted, "{text}");
    }
}

#[test]
fn a_providers_url_is_no_principal() {
    for (name, wanted) in [
        ("aws_iam_openid_connect_provider.x.url", &["provider-arn"][..]),
        ("data.aws_iam_openid_connect_provider.x.url", &["provider-arn"]),
        ("aws_iam_openid_connect_provider.x[0].url", &["provider-arn"]),
        ("aws_iam_openid_connect_provider.x.arn", &[]),
        ("module.eks.oidc_provider_arn", &[]),
    ] {
        let text = format!(
            r#"data "aws_iam_policy_document" "trust" {{
  statement {{
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {{
      type        = "Federated"
      identifiers = [{name}]
    }}
    condition {{
      test     = "StringEquals"
      variable = "oidc.example.com:sub"
      values   = ["system:serviceaccount:demo:app"]
    }}
    condition {{
      test     = "StringEquals"
      variable = "oidc.example.com:aud"
      values   = ["sts.amazonaws.com"]
    }}
  }}
}}
"#
        );
        assert_eq!(codes(&text), wanted, "{text}");
    }
}

#[test]
fn statements_in_inputs_of_modules_are_linted() {
    let inputs = |subject: &str| {
        let statement = format!(
            r#"{{
      actions    = ["sts:AssumeRoleWithWebIdentity"]
      principals = [{{ type = "Federated", identifiers = ["arn:aws:iam::111122223333:oidc-provider/oidc.example.com"] }}]
      condition = [
        {{ test = "StringEquals", variable = "oidc.example.com:sub", values = ["{subject}"] }},
        {{ test = "StringEquals", variable = "oidc.example.com:aud", values = ["sts.amazonaws.com"] }},
      ]
    }}"#
        );
        let by_name = statement.replacen("condition = [", "conditions = {", 1).replacen(
            "      ]\n",
            "      }\n",
            1,
        );
        let by_name = by_name.replacen(
            "{ test = \"StringEquals\", variable = \"oidc.example.com:sub\"",
            "a = { test = \"StringEquals\", variable = \"oidc.example.com:sub\"",
            1,
        );
        let by_name = by_name.replacen(
            "{ test = \"StringEquals\", variable = \"oidc.example.com:aud\"",
            "b = { test = \"StringEquals\", variable = \"oidc.example.com:aud\"",
            1,
        );
        [
            format!(
                "module \"x\" {{\n  source = \"x\"\n  trust_policy_statements = [{statement}]\n}}\n"
            ),
            format!(
                "module \"x\" {{\n  source = \"x\"\n  trust_policy_permissions = {{\n    Pods = {statement}\n  }}\n}}\n"
            ),
            format!(
                "module \"x\" {{\n  source = \"x\"\n  permissions = {{\n    Pods = {by_name}\n  }}\n}}\n"
            ),
            format!(
                "inputs = {{\n  source = \"x\"\n  trust_policy_statements = [{statement}]\n}}\n"
            ),
        ]
    };
    for (subject, wanted) in [
        ("system:serviceaccount:demo:app", &[][..]),
        ("system:serviceaccount:demo:*", &["wildcard-not-expanded"]),
    ] {
        for text in inputs(subject) {
            assert_eq!(codes(&text), wanted, "{text}");
        }
    }
    // What the module fills in is not missing, and what is no statement is none.
    for input in [
        "policy_statements = { a = { actions = [\"s3:GetObject\"] } }",
        "policy_statements = { a = { effect = \"Allow\", actions = [\"s3:GetObject\"], resources = [\"arn:aws:s3:::b/*\"] } }",
        "rules = [{ actions = [\"opened\"] }]",
        "rules = [{ actions = [\"opened\"] }, { name = \"x\" }]",
    ] {
        let text = format!("module \"x\" {{\n  source = \"x\"\n  {input}\n}}\n");
        let errors = lint_file("main.tf", &text);
        let errors: Vec<_> = errors.iter().filter(|it| it.severity() == Severity::Error).collect();
        assert!(errors.is_empty(), "{text}{errors:?}");
    }
}
