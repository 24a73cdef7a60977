//! What each check costs grows as the policy does.

use super::*;

/// A list of so many, each with its number in the place of `#`.
fn many(size: usize, one: &str) -> String {
    (0..size).map(|n| one.replace('#', &n.to_string())).collect::<Vec<_>>().join(", ")
}

#[test]
fn cost_of_policies_is_linear() {
    let linted = |text: &String| {
        let _ = lint(text);
    };
    let conditions = |one: &'static str| {
        move |size: usize| {
            let condition = format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}}}, "StringLike": {{{}}}}}"#,
                many(size, one)
            );
            conditional(&condition)
        }
    };
    for (what, one) in [
        ("undocumented keys", r#""aws:MadeUp#": "a""#),
        ("keys of tags", r#""aws:RequestTag/a#": "a""#),
        ("keys without a service", r#""key#": "a""#),
    ] {
        crate::cost::assert_linear(what, 300, conditions(one), linted);
    }
    let statements = |one: &'static str| {
        move |size: usize| {
            format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, many(size, one))
        }
    };
    for (what, one) in [
        (
            "tags without an action",
            r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:RequestTag/a#": "a"}}}"#,
        ),
        (
            "actions that are none",
            r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": ["sts:AssumeRole", "s3:Get#"]}"#,
        ),
        (
            "roles to pass on",
            r#"{"Effect": "Allow", "Action": "iam:PassRole", "Resource": ["arn:aws:iam::*:role/*", "arn:aws:s3:reports#"]}"#,
        ),
    ] {
        crate::cost::assert_linear(what, 200, statements(one), linted);
    }
    let values = |operator: &'static str, key: &'static str, one: &'static str| {
        move |size: usize| {
            let both = format!(
                r#"{{"StringEquals": {{{AUD}, {SUB}}}, "{operator}": {{"{key}": [{}]}}, "StringLike": {{"{key}": [{}]}}}}"#,
                many(size, one),
                many(size, one)
            );
            conditional(&both)
        }
    };
    for (what, of) in [
        ("addresses", values("IpAddress", "aws:SourceIp", r#""10.0.0.#/24""#)),
        ("limits", values("NumericLessThan", "aws:EpochTime", r##""#""##)),
        ("texts", values("StringNotLike", "aws:SourceVpc", r#""vpc-#*""#)),
        ("variables", values("StringNotLike", "aws:SourceVpc", r#""${aws:Made#}${""#)),
    ] {
        crate::cost::assert_linear(what, 300, of, linted);
    }
}
