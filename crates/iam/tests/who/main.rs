//! Who gets in by a trust policy: one row a policy, with the codes that the linter tells of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

mod correct;
mod open;
mod pairs;

use iam::{Policy, Severity, Verdict, WebIdentityRequest, lint, simulate};
use serde_json::Value;

/// What goes into a policy, and what is told of it.
struct Row {
    /// JSON, or the letter of a provider of [`PROVIDERS`].
    principal: &'static str,
    /// JSON; nothing for a call with a web identity's token.
    action: &'static str,
    /// JSON, in which `"P:` and the other letters stand for the provider's name.
    condition: &'static str,
    /// In their order in the alphabet.
    codes: &'static [&'static str],
}

const fn row(
    principal: &'static str,
    condition: &'static str,
    codes: &'static [&'static str],
) -> Row {
    Row { principal, action: "", condition, codes }
}

const fn calling(
    principal: &'static str,
    action: &'static str,
    condition: &'static str,
    codes: &'static [&'static str],
) -> Row {
    Row { principal, action, condition, codes }
}

/// A letter for each provider.
const PROVIDERS: [(char, &str); 17] = [
    ('P', "oidc.example.com/id/X"),
    ('Q', "oidc.example.com/id/Y"),
    ('E', "oidc.eks.eu-west-1.amazonaws.com/id/A1B2C3"),
    ('R', "rh-oidc.s3.us-east-1.amazonaws.com/2f785sojlpb85i7402pk3qogugim5nfa"),
    ('K', "my-oidc-store.s3.eu-west-1.amazonaws.com/kops.example.com/discovery"),
    ('G', "token.actions.githubusercontent.com"),
    ('L', "gitlab.com"),
    ('S', "gitlab.example.com"),
    ('T', "app.terraform.io"),
    ('B', "agent.buildkite.com"),
    ('V', "oidc.vercel.com"),
    ('U', "api.pulumi.com/oidc"),
    ('A', "tenant.eu.auth0.com/"),
    ('O', "dev-1234.okta.com/oauth2/default"),
    ('Z', "eastus.oic.prod-aks.azure.com/11111111/22222222/"),
    ('C', "cognito-identity.amazonaws.com"),
    ('D', "accounts.google.com"),
];

/// The providers that IAM knows by their name alone.
const BUILT_IN: &str = "CD";

fn arn(letter: char) -> String {
    let (_, name) = PROVIDERS.iter().find(|(it, _)| *it == letter).unwrap();
    if BUILT_IN.contains(letter) {
        return (*name).to_owned();
    }
    format!("arn:aws:iam::111122223333:oidc-provider/{name}")
}

fn statement(row: &Row) -> String {
    let mut condition = row.condition.to_owned();
    for (letter, name) in PROVIDERS {
        condition = condition.replace(&format!("\"{letter}:"), &format!("\"{name}:"));
    }
    let principal = if row.principal.chars().all(|c| c.is_ascii_uppercase()) {
        let arns: Vec<String> = row.principal.chars().map(arn).collect();
        if let [one] = arns.as_slice() {
            format!(r#"{{"Federated": "{one}"}}"#)
        } else {
            format!(r#"{{"Federated": {arns:?}}}"#)
        }
    } else {
        let mut principal = row.principal.to_owned();
        for (letter, _) in PROVIDERS {
            principal = principal.replace(&format!("\"{letter}\""), &format!("{:?}", arn(letter)));
        }
        principal
    };
    let action =
        if row.action.is_empty() { r#""sts:AssumeRoleWithWebIdentity""# } else { row.action };
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#", "Condition": {condition}"#) };
    format!(r#"{{"Effect": "Allow", "Principal": {principal}, "Action": {action}{condition}}}"#)
}

fn policy(statements: &[String]) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(",\n"))
}

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> = lint(text).iter().map(|it| it.code.word()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        let text = policy(&[statement(row)]);
        let found = codes(&text);
        if found != row.codes {
            wrong.push(format!("{text}\n  has {found:?}, not {:?}", row.codes));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn roles_that_others_can_take_are_told() {
    check(open::ROWS);
}

#[test]
fn correct_policies_have_no_findings() {
    check(correct::ROWS);
    assert!(correct::ROWS.len() >= 50, "{}", correct::ROWS.len());
    for pairs in correct::STATEMENTS {
        let text = policy(&pairs.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(codes(&text), [""; 0], "{text}");
    }
}

/// The last of them keeps the others out, though so many are not asked.
#[test]
fn statements_beyond_the_maximum_may_keep_others_out() {
    let statement =
        statement(&row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}}"#, &[]));
    let deny = |operator: &str, name: &str| {
        statement
            .replace("Allow", "Deny")
            .replace("StringEquals", operator)
            .replace(":aud", ":sub")
            .replace("sts.amazonaws.com", &format!("system:serviceaccount:demo:{name}"))
    };
    let denials = (0..40).map(|n| deny("StringEquals", &format!("app-{n}")));
    let last = deny("StringNotLike", "*");
    let all: Vec<String> = [statement.clone()].into_iter().chain(denials).chain([last]).collect();
    assert!(!codes(&policy(&all)).contains(&"subject-not-tested"));
    assert!(codes(&policy(&all[..9])).contains(&"subject-not-tested"));
}

/// The words that a message has, beside its code.
#[test]
fn each_says_who_gets_in() {
    for (row, example) in [
        (
            row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}}"#, &[]),
            "system:serviceaccount:other:app",
        ),
        (
            row(
                "P",
                r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "*:web"}}"#,
                &[],
            ),
            "system:serviceaccount:other:web",
        ),
        (
            row(
                "P",
                r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:demo*"}}"#,
                &[],
            ),
            "demo-other",
        ),
        (
            row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}}"#, &[]),
            "repo:someone-else/repo:ref:refs/heads/main",
        ),
        (
            row(
                "G",
                r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": "repo:org*"}}"#,
                &[],
            ),
            "repo:org-other/repo",
        ),
        (
            row("L", r#"{"StringEquals": {"L:aud": "https://gitlab.com"}}"#, &[]),
            "project_path:someone-else/project",
        ),
        (
            row("C", r#"{"ForAnyValue:StringLike": {"C:amr": "authenticated"}}"#, &[]),
            "every identity pool of every AWS account",
        ),
        (calling(r#"{"AWS": "*"}"#, r#""sts:AssumeRole""#, "", &[]), "anyone with an AWS account"),
    ] {
        let text = policy(&[statement(&row)]);
        let found = lint(&text);
        let is_told =
            found.iter().any(|it| it.severity() == Severity::Error && it.message.contains(example));
        assert!(is_told, "{example}\n{text}\n{found:#?}");
    }
}

/// GitHub's and other jobs are none of a cluster.
#[test]
fn only_clusters_have_service_accounts() {
    let rows = open::ROWS.iter().chain(correct::ROWS);
    for row in rows.filter(|it| it.principal.chars().all(|c| "GLSTBVUAOCD".contains(c))) {
        let text = policy(&[statement(row)]);
        for finding in lint(&text) {
            let told = format!("{} {:?}", finding.message, finding.fix);
            assert!(
                !told.contains("erviceAccount") && !told.contains("serviceaccount"),
                "{text}\n{told}"
            );
        }
    }
}

/// The subject behind "such as", where it is a pod's.
fn example(message: &str) -> Option<&str> {
    let (_, behind) = message.split_once("such as ")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || ":-.".contains(c);
    let subject = behind.split(|c| !is_part(c)).next()?.trim_end_matches([':', '.']);
    subject.starts_with("system:serviceaccount:").then_some(subject)
}

#[test]
fn the_examples_get_in() {
    let mut told = 0;
    for row in open::ROWS.iter().filter(|it| ["P", "E", "R", "K", "Z"].contains(&it.principal)) {
        let text = policy(&[statement(row)]);
        let (_, name) = PROVIDERS.iter().find(|(it, _)| row.principal.contains(*it)).unwrap();
        for subject in lint(&text).iter().filter_map(|it| example(&it.message)) {
            let call = WebIdentityRequest::new(
                &format!("https://{name}"),
                subject,
                &["sts.amazonaws.com"],
            )
            .with_context("aws:RequestedRegion", "eu-west-1")
            .with_context("aws:SourceVpc", "vpc-1");
            let verdict = simulate(&Policy::trust_policy(&text).unwrap(), &call);
            assert!(matches!(verdict, Verdict::Allowed { .. }), "{subject}\n{text}\n{verdict:?}");
            told += 1;
        }
    }
    assert!(told > 30, "{told}");
}

/// The value with `${value}` for each text in it.
fn unknown(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(unknown).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), unknown(value))).collect()
        }
        _ => Value::from("${value}"),
    }
}

#[test]
fn nobody_gets_in_by_a_value_that_is_not_known() {
    let mut tried = 0;
    for row in open::ROWS.iter().filter(|it| it.condition.contains(":sub\"")) {
        let mut document: Value = serde_json::from_str(&policy(&[statement(row)])).unwrap();
        let condition = &mut document["Statement"][0]["Condition"];
        // What is a list or not, and which keys there are, stays.
        *condition = unknown(condition);
        // One provider may be the other.
        if row.principal.len() != 1 || !row.condition.contains(&format!("\"{}:sub", row.principal))
        {
            continue;
        }
        let text = document.to_string();
        let alarms: Vec<_> =
            codes(&text).into_iter().filter(|it| it.starts_with("subject-")).collect();
        assert!(alarms.is_empty(), "{text}\n{alarms:?}");
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}
