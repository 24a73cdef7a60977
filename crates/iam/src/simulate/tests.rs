//! What IAM documents, case by case: the page, the statement, the verdict.

mod absent;
mod claims;
mod session;
mod sources;
mod types;

use super::*;

const OPERATORS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html";
const SETS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html";
const KEYS: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html";
const LOGIC: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html";
const VARIABLES: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html";
const PRINCIPAL: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";
const ACTION_PAGE: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html";
const NOT_ACTION: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html";
const EVALUATION: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html";
const VERSION: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html";

const ARN: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/X";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Allowed,
    Denied,
    Explicitly,
    Unknown,
}
use Wanted::{Allowed, Denied, Explicitly, Unknown};

fn request() -> WebIdentityRequest {
    let mut request = WebIdentityRequest::new(
        "https://oidc.example.com/id/X",
        "system:serviceaccount:demo:app",
        &["sts.amazonaws.com"],
    );
    request.methods = vec!["authenticated".to_owned(), "mfa".to_owned()];
    request
        .with_context("aws:CurrentTime", "2026-11-22T12:00:00Z")
        .with_context("aws:MultiFactorAuthAge", "300")
        .with_context("aws:SecureTransport", "true")
        .with_context("aws:PrincipalArn", "arn:aws:iam::111122223333:role/team/app")
}

fn verdict_of(document: &str, request: &WebIdentityRequest) -> Verdict {
    let policy =
        Policy::trust_policy(document).unwrap_or_else(|error| panic!("{document}: {error}"));
    simulate(&policy, request)
}

fn outcome(verdict: &Verdict) -> Wanted {
    match verdict {
        Verdict::Allowed { .. } => Allowed,
        Verdict::Denied { explicitly: Some(_), .. } => Explicitly,
        Verdict::Denied { .. } => Denied,
        Verdict::Unknown { .. } => Unknown,
    }
}

fn statement(effect: &str, rest: &str) -> String {
    format!(
        r#"{{"Effect": "{effect}", "Principal": {{"Federated": "{ARN}"}}, "Action": "sts:AssumeRoleWithWebIdentity"{rest}}}"#
    )
}

fn document(statements: &[String]) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(","))
}

/// An Allow with this condition; `P:` stands for the provider.
fn conditional(condition: &str) -> String {
    let condition = condition.replace("P:", "oidc.example.com/id/X:");
    document(&[statement("Allow", &format!(r#", "Condition": {{{condition}}}"#))])
}

/// The data source of a role's trust policy, with this in its statement.
fn hcl(principal: &str, subject: &str) -> String {
    format!(
        r#"data "aws_iam_policy_document" "trust" {{
  statement {{
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {{
      type        = "Federated"
      identifiers = [{principal}]
    }}
    condition {{
      test     = "StringEquals"
      variable = "oidc.example.com/id/X:sub"
      values   = [{subject}]
    }}
  }}
}}
"#
    )
}

#[test]
fn evaluates_conditions_as_documented() {
    for (page, condition, wanted) in [
        (OPERATORS, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:app"}"#, Allowed),
        (OPERATORS, r#""StringEquals": {"P:sub": "System:serviceaccount:demo:app"}"#, Denied),
        (OPERATORS, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:*"}"#, Denied),
        (
            OPERATORS,
            r#""StringEqualsIgnoreCase": {"P:sub": "SYSTEM:serviceaccount:demo:APP"}"#,
            Allowed,
        ),
        (
            OPERATORS,
            r#""StringNotEqualsIgnoreCase": {"P:sub": "SYSTEM:serviceaccount:demo:APP"}"#,
            Denied,
        ),
        (OPERATORS, r#""StringNotEquals": {"P:sub": "system:serviceaccount:demo:app"}"#, Denied),
        (OPERATORS, r#""StringNotEquals": {"P:sub": "system:serviceaccount:demo:other"}"#, Allowed),
        (OPERATORS, r#""StringLike": {"P:sub": "system:serviceaccount:demo:*"}"#, Allowed),
        (OPERATORS, r#""StringLike": {"P:sub": "system:serviceaccount:demo:ap?"}"#, Allowed),
        (OPERATORS, r#""StringLike": {"P:sub": "system:serviceaccount:demo:?"}"#, Denied),
        (OPERATORS, r#""StringLike": {"P:sub": "SYSTEM:*"}"#, Denied),
        (OPERATORS, r#""StringNotLike": {"P:sub": "system:serviceaccount:kube-*:*"}"#, Allowed),
        (OPERATORS, r#""StringNotLike": {"P:sub": "*:demo:*"}"#, Denied),
        // A key that the request lacks: no match, but for the negated operators.
        (OPERATORS, r#""StringEquals": {"P:groups": "x"}"#, Denied),
        (OPERATORS, r#""StringNotEquals": {"P:groups": "x"}"#, Allowed),
        (OPERATORS, r#""StringNotLike": {"P:groups": "*"}"#, Allowed),
        (OPERATORS, r#""StringEqualsIfExists": {"P:groups": "x"}"#, Allowed),
        (OPERATORS, r#""StringEqualsIfExists": {"P:aud": "x"}"#, Denied),
        (OPERATORS, r#""Null": {"P:groups": "true"}"#, Allowed),
        (OPERATORS, r#""Null": {"P:sub": true}"#, Denied),
        (OPERATORS, r#""Null": {"P:sub": "false"}"#, Allowed),
        (OPERATORS, r#""Null": {"P:groups": "false"}"#, Denied),
        (OPERATORS, r#""Bool": {"aws:SecureTransport": "true"}"#, Allowed),
        (OPERATORS, r#""Bool": {"aws:SecureTransport": false}"#, Denied),
        (OPERATORS, r#""NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}"#, Allowed),
        (OPERATORS, r#""NumericLessThanEquals": {"aws:MultiFactorAuthAge": 300}"#, Allowed),
        (OPERATORS, r#""NumericGreaterThan": {"aws:MultiFactorAuthAge": "300"}"#, Denied),
        (OPERATORS, r#""NumericEquals": {"aws:MultiFactorAuthAge": "300.0"}"#, Allowed),
        (OPERATORS, r#""NumericNotEquals": {"aws:MultiFactorAuthAge": "300"}"#, Denied),
        (OPERATORS, r#""DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}"#, Allowed),
        (OPERATORS, r#""DateLessThan": {"aws:CurrentTime": "2026-11-22"}"#, Denied),
        (OPERATORS, r#""DateGreaterThanEquals": {"aws:CurrentTime": "0"}"#, Allowed),
        (OPERATORS, r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/team/*"}"#, Allowed),
        (OPERATORS, r#""ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/team/*"}"#, Allowed),
        (OPERATORS, r#""ArnLike": {"aws:PrincipalArn": "arn:*:role/team/app"}"#, Denied),
        (OPERATORS, r#""ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}"#, Allowed),
        (OPERATORS, r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, Unknown),
        (OPERATORS, r#""NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, Unknown),
        // Keys: without regard to case; another provider's are not there.
        (
            KEYS,
            r#""StringEquals": {"OIDC.Example.com/ID/X:SUB": "system:serviceaccount:demo:app"}"#,
            Allowed,
        ),
        (
            KEYS,
            r#""StringEquals": {"oidc.example.com/id/Y:sub": "system:serviceaccount:demo:app"}"#,
            Denied,
        ),
        (
            KEYS,
            r#""StringEquals": {"https://oidc.example.com/id/X:sub": "system:serviceaccount:demo:app"}"#,
            Denied,
        ),
        (KEYS, r#""StringEquals": {"P:aud": "system:serviceaccount:demo:app"}"#, Denied),
        (KEYS, r#""StringEquals": {"sts:RoleSessionName": "me"}"#, Unknown),
        // Values are alternatives, keys and operators are not.
        (LOGIC, r#""StringEquals": {"P:aud": ["x", "sts.amazonaws.com"]}"#, Allowed),
        (LOGIC, r#""StringNotEquals": {"P:aud": ["x", "sts.amazonaws.com"]}"#, Denied),
        (LOGIC, r#""StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "x"}"#, Denied),
        (
            LOGIC,
            r#""StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "x*"}"#,
            Denied,
        ),
        // What fails for certain needs nothing that AWS alone knows.
        (LOGIC, r#""StringEquals": {"P:aud": "x", "sts:RoleSessionName": "me"}"#, Denied),
        // Several values of one key.
        (SETS, r#""ForAnyValue:StringEquals": {"P:amr": ["mfa", "x"]}"#, Allowed),
        (SETS, r#""ForAnyValue:StringLike": {"P:amr": "un*"}"#, Denied),
        (SETS, r#""ForAllValues:StringEquals": {"P:amr": ["mfa", "x"]}"#, Denied),
        (SETS, r#""ForAllValues:StringEquals": {"P:amr": ["mfa", "authenticated", "x"]}"#, Allowed),
        (SETS, r#""ForAllValues:StringEquals": {"P:groups": "x"}"#, Allowed),
        (SETS, r#""ForAnyValue:StringEquals": {"P:groups": "x"}"#, Denied),
        (SETS, r#""ForAnyValue:StringNotEquals": {"P:amr": "mfa"}"#, Allowed),
        (SETS, r#""ForAllValues:StringNotEquals": {"P:amr": "mfa"}"#, Denied),
        (
            SETS,
            r#""ForAnyValue:StringEquals": {"P:sub": "system:serviceaccount:demo:app"}"#,
            Allowed,
        ),
        (SETS, r#""StringEquals": {"P:amr": "mfa"}"#, Unknown),
        // Variables, and the three characters that are written as such.
        (VARIABLES, r#""StringEquals": {"P:sub": "${aws:username}"}"#, Denied),
        (VARIABLES, r#""StringEquals": {"P:sub": "${aws:SourceIp}"}"#, Unknown),
        (VARIABLES, r#""StringLike": {"P:sub": "system:serviceaccount:demo:${*}"}"#, Denied),
        (VARIABLES, r#""StringNotEquals": {"P:sub": "${$}"}"#, Allowed),
    ] {
        let verdict = verdict_of(&conditional(condition), &request());
        assert_eq!(outcome(&verdict), wanted, "{page}\n{condition}\n{verdict:?}");
    }
}

#[test]
fn evaluates_statements_as_documented() {
    let allow = || statement("Allow", "");
    let with = |effect: &str, principal: &str, action: &str| {
        format!(r#"{{"Effect": "{effect}", {principal}, {action}}}"#)
    };
    let ours = format!(
        r#""Principal": {{"Federated": ["arn:aws:iam::111122223333:oidc-provider/other.example", "{ARN}"]}}"#
    );
    let assume = r#""Action": "sts:AssumeRoleWithWebIdentity""#;
    for (page, statements, wanted) in [
        (EVALUATION, vec![allow()], Allowed),
        (EVALUATION, vec![statement("Deny", "")], Explicitly),
        (EVALUATION, vec![allow(), statement("Deny", "")], Explicitly),
        (
            EVALUATION,
            vec![
                statement(
                    "Deny",
                    r#", "Condition": {"StringEquals": {"oidc.example.com/id/X:sub": "x"}}"#,
                ),
                allow(),
            ],
            Allowed,
        ),
        // A Deny that may hold leaves it open; one that holds does not.
        (
            EVALUATION,
            vec![
                allow(),
                statement(
                    "Deny",
                    r#", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#,
                ),
            ],
            Unknown,
        ),
        (
            EVALUATION,
            vec![
                statement(
                    "Allow",
                    r#", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#,
                ),
                statement("Deny", ""),
            ],
            Explicitly,
        ),
        (
            EVALUATION,
            vec![
                statement(
                    "Allow",
                    r#", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#,
                ),
                allow(),
            ],
            Allowed,
        ),
        (PRINCIPAL, vec![with("Allow", &ours, assume)], Allowed),
        (PRINCIPAL, vec![with("Allow", r#""Principal": "*""#, assume)], Allowed),
        (PRINCIPAL, vec![with("Allow", r#""Principal": {"AWS": "*"}"#, assume)], Allowed),
        (PRINCIPAL, vec![with("Allow", r#""Principal": {"AWS": "111122223333"}"#, assume)], Denied),
        (
            PRINCIPAL,
            vec![with("Allow", r#""Principal": {"Service": "ec2.amazonaws.com"}"#, assume)],
            Denied,
        ),
        (
            PRINCIPAL,
            vec![with(
                "Allow",
                r#""Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/*"}"#,
                assume,
            )],
            Denied,
        ),
        (
            PRINCIPAL,
            vec![with("Allow", r#""Principal": {"Federated": "oidc.example.com/id/X"}"#, assume)],
            Denied,
        ),
        (
            PRINCIPAL,
            vec![with(
                "Allow",
                r#""Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/https://oidc.example.com/id/X"}"#,
                assume,
            )],
            Denied,
        ),
        (
            ACTION_PAGE,
            vec![with("Allow", &ours, r#""Action": "STS:assumerolewithwebidentity""#)],
            Allowed,
        ),
        (
            ACTION_PAGE,
            vec![with("Allow", &ours, r#""Action": ["sts:TagSession", "sts:AssumeRole*"]"#)],
            Allowed,
        ),
        (ACTION_PAGE, vec![with("Allow", &ours, r#""Action": "*""#)], Allowed),
        (ACTION_PAGE, vec![with("Allow", &ours, r#""Action": "sts:AssumeRole""#)], Denied),
        (NOT_ACTION, vec![with("Allow", &ours, r#""NotAction": "sts:AssumeRole""#)], Allowed),
        (NOT_ACTION, vec![with("Allow", &ours, r#""NotAction": "sts:*""#)], Denied),
        (
            NOT_ACTION,
            vec![allow(), with("Deny", &ours, r#""NotAction": "sts:TagSession""#)],
            Explicitly,
        ),
    ] {
        let document = document(&statements);
        let verdict = verdict_of(&document, &request());
        assert_eq!(outcome(&verdict), wanted, "{page}\n{document}\n{verdict:?}");
    }
}

#[test]
fn takes_variables_for_text_in_the_old_language() {
    // VERSION: policy variables came with 2012-10-17.
    for (old, wanted) in [
        (r#""Version": "2008-10-17", "#, Denied),
        ("", Denied),
        (r#""Version": "2012-10-17", "#, Unknown),
    ] {
        let statement = statement(
            "Allow",
            r#", "Condition": {"StringEquals": {"oidc.example.com/id/X:sub": "${aws:RequestedRegion}"}}"#,
        );
        let document = format!(r#"{{{old}"Statement": {statement}}}"#);
        assert_eq!(outcome(&verdict_of(&document, &request())), wanted, "{VERSION}\n{document}");
    }
}

#[test]
fn compares_the_whole_arn_where_it_is_known() {
    let mut request = request();
    request.provider_arn = Some(ARN.replace("111122223333", "444455556666"));
    let verdict = verdict_of(&document(&[statement("Allow", "")]), &request);
    assert!(
        matches!(&verdict, Verdict::Denied { reasons, .. } if reasons[0].why.contains("account")),
        "{verdict:?}"
    );
}

#[test]
fn says_why_a_comparison_of_no_text_fails() {
    for (value, condition, why) in [
        ("role", r#""ArnLike": {"K": "role"}"#, "six parts between colons"),
        ("5", r#""NumericLessThan": {"K": "5"}"#, "the comparison fails"),
        (
            "2026-01-01T00:00:00Z",
            r#""DateGreaterThan": {"K": "2026-01-01T00:00:00Z"}"#,
            "the comparison fails",
        ),
        ("192.0.2.1", r#""IpAddress": {"K": "192.0.2.2"}"#, "no range with this address"),
        ("192.0.2.1", r#""NotIpAddress": {"K": ["here", "192.0.2.0/24"]}"#, "rules out this value"),
        ("5", r#""NumericNotEquals": {"K": ["five", "5"]}"#, "rules out this value"),
    ] {
        let request = request().with_context("aws:PrincipalTag/k", value);
        let condition = condition.replace("\"K\"", "\"aws:PrincipalTag/k\"");
        let Verdict::Denied { reasons, .. } = verdict_of(&conditional(&condition), &request) else {
            panic!("{condition} is denied");
        };
        assert!(reasons[0].why.contains(why), "{condition}: {}", reasons[0].why);
    }
}

#[test]
fn puts_both_values_side_by_side() {
    for (condition, why) in [
        (r#""StringEquals": {"P:sub": "system:serviceaccount:demo:web"}"#, "they differ"),
        (r#""StringEquals": {"P:sub": "system:serviceaccount:demo:App"}"#, "upper and lower case"),
        (r#""StringEquals": {"P:sub": "system:serviceaccount:demo:app "}"#, "white space"),
        (r#""StringEquals": {"P:sub": "system:serviceaccount:demo:*"}"#, "StringLike"),
        (r#""StringEquals": {"P:sub": "sts.amazonaws.com"}"#, "swapped"),
    ] {
        let Verdict::Denied { reasons, .. } = verdict_of(&conditional(condition), &request())
        else {
            panic!("{condition} is denied");
        };
        let told = reasons[0].to_string();
        assert!(
            told.contains(why) && told.contains("\"system:serviceaccount:demo:app\""),
            "{told}"
        );
        assert!(told.contains(&format!("{:?}", reasons[0].policy[0])), "{told}");
    }
}

#[test]
fn a_statement_by_itself_holds_of_whom_it_lets_in() {
    let policy = |condition: &str| {
        let text = conditional(condition);
        Policy::trust_policy(&text).expect("a policy").statements.remove(0)
    };
    let of = |sub: &str, aud: &[&str]| {
        WebIdentityRequest::new("https://oidc.example.com/id/X", sub, aud)
    };
    for (condition, sub, aud, wanted) in [
        (r#""StringLike": {"P:sub": "system:serviceaccount:demo*"}"#, "s", "sts", Holds::No),
        (
            r#""StringLike": {"P:sub": "system:serviceaccount:demo*"}"#,
            "system:serviceaccount:demo-x:app",
            "sts",
            Holds::Yes,
        ),
        (r#""StringEqualsIfExists": {"P:sub": "x"}"#, "", "sts", Holds::Yes),
        (r#""Null": {"P:sub": "false"}"#, "anybody", "sts", Holds::Yes),
        (r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, "anybody", "sts", Holds::Unknown),
        (
            r#""StringEquals": {"P:sub": "x"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#,
            "anybody",
            "sts",
            Holds::No,
        ),
    ] {
        let holds = holds(&policy(condition), &of(sub, &[aud]), true);
        assert_eq!(holds, wanted, "{condition} {sub}");
    }
}

#[test]
fn a_statement_without_a_sid_has_a_number() {
    for sid in ["", "\"Sid\": \"\", "] {
        let document = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{{sid}"Effect": "Allow", "Principal": "*", "Action": "*"}}]}}"#
        );
        let Verdict::Allowed { by } = verdict_of(&document, &request()) else {
            panic!("{document}")
        };
        assert_eq!((by.to_string().as_str(), by.sid), ("statement 1", None));
    }
}

#[test]
fn denies_tokens_of_issuers_that_sts_does_not_take() {
    let of = |principal: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal}, "Action": "*"}}}}"#
        )
    };
    let ours = of(&format!(r#"{{"Federated": "{ARN}"}}"#));
    for (issuer, principal) in [
        ("oidc.example.com/id/X", ours.clone()),
        ("http://oidc.example.com/id/X", ours),
        ("oidc.example.com/id/X", of(r#""*""#)),
    ] {
        let request = WebIdentityRequest::new(issuer, "system:serviceaccount:demo:app", &["sts"]);
        let verdict = verdict_of(&principal, &request);
        let Verdict::Denied { explicitly: None, reasons } = verdict else {
            panic!("{issuer}: {verdict:?}")
        };
        assert!(reasons[0].why.contains("does not begin with https://"), "{reasons:?}");
    }
    let google = of(r#"{"Federated": "accounts.google.com"}"#);
    let request = WebIdentityRequest::new("accounts.google.com", "1", &["x"]);
    assert!(matches!(verdict_of(&google, &request), Verdict::Allowed { .. }));
}
