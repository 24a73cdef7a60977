//! All pairs of some conditions on `:sub`: what the linter says is what `simulate` answers.

use iam::{Policy, Verdict, WebIdentityRequest, lint, simulate};

const OPERATORS: [&str; 10] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "StringLikeIfExists",
    "ForAnyValue:StringLike",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotLike",
];

const VALUES: [&str; 7] = [
    r#""system:serviceaccount:demo:app""#,
    r#""system:serviceaccount:demo:*""#,
    r#""system:serviceaccount:demo*""#,
    r#""system:serviceaccount:*:app""#,
    r#""*:app""#,
    r#""s*""#,
    r#"["system:serviceaccount:demo:app", "s*"]"#,
];

/// Pods that none of the values names.
const STRANGERS: [&str; 4] = [
    "system:serviceaccount:other:app",
    "system:serviceaccount:zq7:k-4w",
    "system:serviceaccount:b-9:y.8",
    "system:serviceaccount:demo-other:app",
];

fn conditions() -> Vec<(&'static str, &'static str)> {
    let of_text = OPERATORS.iter().flat_map(|operator| VALUES.map(|value| (*operator, value)));
    of_text.chain([("Null", "\"false\""), ("Null", "\"true\"")]).collect()
}

fn policy(first: (&str, &str), second: (&str, &str)) -> String {
    let test = |(operator, value): (&str, &str)| {
        format!(r#""{operator}": {{"oidc.example.com/id/X:sub": {value}}}"#)
    };
    let second = if second.0 == first.0 { String::new() } else { format!(", {}", test(second)) };
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
  "Principal": {{"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/X"}},
  "Action": "sts:AssumeRoleWithWebIdentity",
  "Condition": {{"ForAnyValue:StringEquals": {{"oidc.example.com/id/X:aud": "sts.amazonaws.com"}}, {}{second}}}}}]}}"#,
        test(first)
    )
}

fn gets_in(policy: &Policy, subject: &str) -> bool {
    let call =
        WebIdentityRequest::new("https://oidc.example.com/id/X", subject, &["sts.amazonaws.com"]);
    matches!(simulate(policy, &call), Verdict::Allowed { .. })
}

#[test]
fn who_gets_in_is_told_and_nobody_else() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for first in conditions() {
        for second in conditions() {
            let text = policy(first, second);
            let found = lint(&text);
            let Ok(read) = Policy::trust_policy(&text) else { continue };
            let code = |it: &iam::Finding| it.code.word();
            let of_subjects = ["subject-not-tested", "subject-too-wide", "subject-any-namespace"];
            let is_told = found.iter().any(|it| of_subjects.contains(&code(it)));
            let stranger = STRANGERS.iter().find(|it| gets_in(&read, it));
            let examples_get_in = found
                .iter()
                .filter_map(|it| super::example(&it.message))
                .all(|example| gets_in(&read, example));
            if is_told != stranger.is_some() || !examples_get_in {
                let codes: Vec<_> = found.iter().map(code).collect();
                wrong.push(format!("{first:?}, {second:?}: {stranger:?} gets in; told {codes:?}"));
            }
            tried += 1;
        }
    }
    assert!(tried > 5_000, "{tried}");
    assert!(wrong.is_empty(), "{} of {tried}: {:#?}", wrong.len(), &wrong[..wrong.len().min(40)]);
}
