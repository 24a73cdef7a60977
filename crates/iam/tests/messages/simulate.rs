//! Every verdict of `simulate`, and every reason for it.

use std::fmt::Write as _;

use iam::{Policy, Verdict, WebIdentityRequest, simulate};

const OIDC: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/X";

/// A statement's members; `PROVIDER` stands for the ARN of the token's.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    ("it matches", r#""Effect": "Allow", "Principal": {"Federated": "PROVIDER"}, "Action": "*""#),
    ("it denies", r#""Effect": "Deny", "Principal": "*", "Action": "*""#),
    ("no statement is about it", r#""Effect": "Deny", "Principal": "*", "Action": "s3:*""#),
    ("another provider", r#""Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/Y"}, "Action": "*""#),
    ("a provider that looks alike", r#""Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/x"}, "Action": "*""#),
    ("another account's provider", r#""Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::444455556666:oidc-provider/oidc.example.com/X"}, "Action": "*""#),
    ("another action", r#""Effect": "Allow", "Principal": {"Federated": "PROVIDER"}, "Action": "sts:AssumeRole""#),
    ("NotAction", r#""Effect": "Allow", "Principal": {"Federated": "PROVIDER"}, "NotAction": "sts:AssumeRoleWithWebIdentity""#),
    ("a claim that the token lacks", r#"CONDITION {"StringEquals": {"oidc.example.com/X:amr": "x"}}"#),
    ("another value", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "system:serviceaccount:demo:web"}}"#),
    ("several values", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": ["a", "b"]}}"#),
    ("white space", r#"CONDITION {"StringLike": {"oidc.example.com/X:sub": "system:serviceaccount:demo:app "}}"#),
    ("upper case", r#"CONDITION {"StringLike": {"oidc.example.com/X:sub": "system:serviceaccount:demo:APP"}}"#),
    ("a wildcard", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "system:serviceaccount:demo:*"}}"#),
    ("a value that is ruled out", r#"CONDITION {"StringNotEquals": {"oidc.example.com/X:aud": "sts.amazonaws.com"}}"#),
    ("claims swapped", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "sts.amazonaws.com"}}"#),
    ("another provider's key", r#"CONDITION {"StringEquals": {"oidc.example.com/Y:sub": "system:serviceaccount:demo:app"}}"#),
    ("a claim that STS drops", r#"CONDITION {"StringEquals": {"oidc.example.com/X:groups": "x"}}"#),
    ("a key that is absent", r#"CONDITION {"StringEquals": {"saml:sub": "x"}}"#),
    ("a key that AWS knows", r#"CONDITION {"StringEquals": {"aws:SourceVpc": "x"}}"#),
    ("a key of another call", r#"CONDITION {"StringEquals": {"sts:ExternalId": "x"}}"#),
    ("email", r#"CONDITION {"StringEquals": {"oidc.example.com/X:email": "x"}}"#),
    ("azp", r#"CONDITION {"StringEquals": {"oidc.example.com/X:azp": "x"}}"#),
    ("a policy variable without a value", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "${aws:username}"}}"#),
    ("a policy variable", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "${aws:SourceIp}"}}"#),
    ("a policy variable with a mistake", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "${aws:SourceIp, x}"}}"#),
    ("a policy variable without its brace", r#"CONDITION {"StringEquals": {"oidc.example.com/X:sub": "${aws:SourceIp"}}"#),
    ("a key that is there", r#"CONDITION {"Null": {"oidc.example.com/X:sub": "true"}}"#),
    ("not true or false", r#"CONDITION {"Bool": {"aws:SecureTransport": "yes"}}"#),
    ("not Base64", r#"CONDITION {"BinaryEquals": {"oidc.example.com/X:sub": "!"}}"#),
    ("nothing matches", r#"CONDITION {"StringNotLike": {"aws:UserAgent": "*"}}"#),
    ("several audiences", r#"AUDIENCES {"StringEquals": {"oidc.example.com/X:aud": "a"}}"#),
    ("several audiences, none of which fits", r#"AUDIENCES {"StringEquals": {"oidc.example.com/X:aud": "x"}}"#),
    ("azp instead of the audience", r#"AZP {"StringEquals": {"oidc.example.com/X:aud": "a"}}"#),
    ("session tags", "TAGS {}"),
    ("session tags that STS refuses", "BAD_TAGS {}"),
    ("several methods", r#"AMR {"StringEquals": {"oidc.example.com/X:amr": "mfa"}}"#),
    ("not a number", r#"CONDITION {"NumericEquals": {"oidc.example.com/X:sub": "1"}}"#),
    ("not a date", r#"CONDITION {"DateEquals": {"oidc.example.com/X:sub": "2026-01-01T00:00:00Z"}}"#),
    ("an address", r#"CONDITION {"IpAddress": {"oidc.example.com/X:sub": "192.0.2.0/24"}}"#),
];

#[test]
fn simulate_says_what_stands_in_the_file() {
    let mut all = String::new();
    for (what, members) in CASES {
        let good = r#""Effect": "Allow", "Principal": {"Federated": "PROVIDER"}, "Action": "sts:AssumeRole*", "Condition":"#;
        let (kind, _) = members.split_once(' ').unwrap_or_default();
        let claims = match kind {
            "AUDIENCES" => r#""aud": ["a", "b"]"#,
            "AZP" => r#""aud": "a", "azp": "client""#,
            "TAGS" => r#""https://aws.amazon.com/tags": {"principal_tags": {"a": ["b"]}}"#,
            "BAD_TAGS" => r#""https://aws.amazon.com/tags": {"principal_tags": {"a": "b"}}"#,
            "AMR" => r#""amr": ["mfa", "pwd"]"#,
            _ => r#""aud": "sts.amazonaws.com""#,
        };
        let members = match kind {
            "CONDITION" | "AUDIENCES" | "AZP" | "TAGS" | "BAD_TAGS" | "AMR" => {
                members.replacen(kind, good, 1)
            }
            _ => (*members).to_owned(),
        };
        let members = members.replace("PROVIDER", OIDC);
        let policy = format!(r#"{{"Version": "2012-10-17", "Statement": [{{{members}}}]}}"#);
        let policy =
            Policy::trust_policy(&policy).unwrap_or_else(|error| panic!("{what}: {error}"));
        let claims = format!(
            r#"{{"iss": "https://oidc.example.com/X", "sub": "system:serviceaccount:demo:app", {claims}}}"#
        );
        let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
        let mut request = WebIdentityRequest::of_claims(claims.as_object().unwrap());
        request.provider_arn = Some(OIDC.to_owned());
        let (word, reasons) = match simulate(&policy, &request) {
            Verdict::Allowed { by } => (format!("allowed by {by}"), Vec::new()),
            Verdict::Denied { explicitly: Some(by), reasons } => {
                (format!("denied by {by}"), reasons)
            }
            Verdict::Denied { explicitly: None, reasons } => ("denied".to_owned(), reasons),
            Verdict::Unknown { reasons } => ("unknown".to_owned(), reasons),
        };
        writeln!(all, "# {what}\n{word}").unwrap();
        for reason in reasons {
            writeln!(all, "  {reason}").unwrap();
        }
        all.push('\n');
    }
    super::golden("simulate.txt", &all);
}
