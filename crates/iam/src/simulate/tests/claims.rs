//! Claims of a token, as STS maps them; policy variables; keys of AWS.

use super::*;

const WEB_IDENTITY: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif";
pub(super) const STS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-sts";
const GLOBAL: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html";

/// The request of a token with these claims beside `iss` and `sub`.
pub(super) fn of_token(claims: &str) -> WebIdentityRequest {
    let all = format!(
        r#"{{"iss": "https://oidc.example.com/id/X", "sub": "system:serviceaccount:demo:app"{claims}}}"#
    );
    let all: serde_json::Value = serde_json::from_str(&all).expect(&all);
    WebIdentityRequest::of_claims(all.as_object().expect("an object"))
}

pub(super) fn check(
    page: &str,
    request: &WebIdentityRequest,
    document: &str,
    wanted: Wanted,
) -> Verdict {
    let verdict = verdict_of(document, request);
    assert_eq!(outcome(&verdict), wanted, "{page}\n{request:?}\n{document}\n{verdict:?}");
    verdict
}

/// (claims, condition, verdict)
fn check_conditions(page: &str, cases: &[(&str, &str, Wanted)]) {
    for (claims, condition, wanted) in cases {
        check(page, &of_token(claims), &conditional(condition), *wanted);
    }
}

#[rustfmt::skip]
#[test]
fn claims_are_keys_as_sts_maps_them() {
    let aud = r#", "aud": "sts.amazonaws.com""#;
    let azp = r#", "aud": "sts.amazonaws.com", "azp": "client""#;
    let several = r#", "aud": ["a", "b"]"#;
    check_conditions(WEB_IDENTITY, &[
        (aud, r#""StringEquals": {"P:aud": "sts.amazonaws.com"}"#, Allowed),
        (aud, r#""StringEquals": {"P:oaud": "sts.amazonaws.com"}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": "sts.amazonaws.com", "P:oaud": "sts.amazonaws.com"}"#, Allowed),
        (azp, r#""StringEquals": {"P:aud": "sts.amazonaws.com"}"#, Denied),
        (azp, r#""StringEquals": {"P:aud": "client"}"#, Allowed),
        (azp, r#""StringEquals": {"P:oaud": "sts.amazonaws.com"}"#, Allowed),
        (azp, r#""StringEquals": {"P:oaud": "client"}"#, Denied),
        (azp, r#""StringEquals": {"P:azp": "client"}"#, Denied),
        (azp, r#""StringNotEquals": {"P:azp": "client"}"#, Allowed),
        (r#", "aud": ["sts.amazonaws.com"]"#, r#""StringEquals": {"P:aud": "sts.amazonaws.com"}"#, Allowed),
        // Of several audiences, none may fit, and all may.
        (several, r#""StringEquals": {"P:aud": "c"}"#, Denied),
        (several, r#""StringEquals": {"P:oaud": "c"}"#, Denied),
        (several, r#""StringEquals": {"P:aud": "a"}"#, Unknown),
        (several, r#""StringLike": {"P:aud": "c*"}"#, Denied),
        (several, r#""Null": {"P:aud": "false"}"#, Allowed),
        (several, r#""Null": {"P:aud": "true"}"#, Denied),
        (several, r#""ForAnyValue:StringEquals": {"P:aud": ["a", "b"]}"#, Allowed),
        (several, r#""ForAllValues:StringEquals": {"P:aud": ["a", "b", "c"]}"#, Allowed),
        (several, r#""ForAllValues:StringEquals": {"P:aud": ["a"]}"#, Unknown),
        (several, r#""ForAnyValue:StringEquals": {"P:aud": ["c"]}"#, Denied),
        (several, r#""StringNotEquals": {"P:aud": ["a", "b"]}"#, Denied),
        (several, r#""StringNotEquals": {"P:aud": "a"}"#, Unknown),
        (several, r#""StringNotEquals": {"P:aud": "c"}"#, Allowed),
        (several, r#""StringEquals": {"P:aud": ["a", "b"]}"#, Allowed),
        (several, r#""StringLike": {"P:oaud": "?"}"#, Allowed),
        (several, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:app"}"#, Allowed),
        (r#", "aud": ["a", "b"], "azp": "a""#, r#""StringEquals": {"P:aud": "a"}"#, Allowed),
        (r#", "aud": ["a", "b"], "azp": "a""#, r#""StringEquals": {"P:oaud": "a"}"#, Unknown),
        // amr, which may have several values.
        (r#", "amr": ["mfa"]"#, r#""StringEquals": {"P:amr": "mfa"}"#, Allowed),
        (r#", "amr": "mfa""#, r#""ForAnyValue:StringEquals": {"P:amr": "mfa"}"#, Allowed),
        (r#", "amr": ["mfa", "pwd"]"#, r#""ForAnyValue:StringLike": {"P:amr": "m*"}"#, Allowed),
        (r#", "amr": ["mfa", "pwd"]"#, r#""ForAllValues:StringEquals": {"P:amr": "mfa"}"#, Denied),
        (r#", "amr": []"#, r#""ForAllValues:StringEquals": {"P:amr": "mfa"}"#, Allowed),
        (r#", "amr": []"#, r#""ForAnyValue:StringEquals": {"P:amr": "mfa"}"#, Denied),
        (r#", "amr": []"#, r#""Null": {"P:amr": "true"}"#, Allowed),
        ("", r#""ForAnyValue:StringEquals": {"P:amr": "mfa"}"#, Denied),
        ("", r#""StringEqualsIfExists": {"P:amr": "mfa"}"#, Allowed),
        // email.
        (r#", "email": "a@example.com""#, r#""StringEquals": {"P:email": "a@example.com"}"#, Allowed),
        (r#", "email": "a@example.com""#, r#""StringLike": {"P:EMAIL": "*@example.com"}"#, Allowed),
        (r#", "email": "a@example.com""#, r#""StringEquals": {"P:email": "b@example.com"}"#, Denied),
        ("", r#""StringEquals": {"P:email": "a@example.com"}"#, Denied),
        // Other claims are no keys.
        (r#", "groups": "admin""#, r#""StringEquals": {"P:groups": "admin"}"#, Denied),
        (r#", "groups": "admin""#, r#""Null": {"P:groups": "true"}"#, Allowed),
        (r#", "kubernetes.io": {"namespace": "demo"}"#, r#""StringEquals": {"P:kubernetes.io": "demo"}"#, Denied),
        ("", r#""StringEquals": {"P:iss": "https://oidc.example.com/id/X"}"#, Denied),
        ("", r#""StringEquals": {"P:exp": "1"}"#, Denied),
        (r#", "repository": "a/b""#, r#""StringEquals": {"P:repository": "a/b"}"#, Denied),
        // Keys ignore case, values do not.
        (aud, r#""StringEquals": {"OIDC.EXAMPLE.COM/ID/x:Aud": "sts.amazonaws.com"}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": "STS.amazonaws.com"}"#, Denied),
        (aud, r#""StringEquals": {"oidc.example.com/id/Y:aud": "sts.amazonaws.com"}"#, Denied),
        (aud, r#""StringEquals": {"oidc.example.com:aud": "sts.amazonaws.com"}"#, Denied),
        (aud, r#""StringNotEquals": {"oidc.example.com/id/Y:sub": "x"}"#, Allowed),
        (aud, r#""StringEquals": {"sub": "system:serviceaccount:demo:app"}"#, Denied),
    ]);
}

#[rustfmt::skip]
#[test]
fn variables_are_replaced_by_what_the_request_has() {
    let aud = r#", "aud": "app""#;
    check_conditions(VARIABLES, &[
        (aud, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:${P:aud}"}"#, Allowed),
        (aud, r#""StringLike": {"P:sub": "system:serviceaccount:*:${P:aud}"}"#, Allowed),
        (aud, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:${OIDC.example.com/id/x:AUD}"}"#, Allowed),
        (aud, r#""StringEquals": {"P:sub": "system:serviceaccount:demo:${P:amr}"}"#, Denied),
        (aud, r#""StringNotEquals": {"P:sub": "system:serviceaccount:demo:${P:amr}"}"#, Allowed),
        (aud, r#""StringNotLike": {"P:sub": "${aws:username}*"}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": ["${aws:username}", "app"]}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": "${aws:username}"}"#, Denied),
        (aud, r#""StringEquals": {"P:aud": "${aws:PrincipalTag/team, 'app'}"}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": "${aws:PrincipalTag/team, 'web'}"}"#, Denied),
        (aud, r#""StringEquals": {"P:aud": "${P:aud, 'web'}"}"#, Allowed),
        (aud, r#""StringEquals": {"P:aud": "${aws:PrincipalTag/team,'app'}"}"#, Allowed),
        (aud, r#""StringNotEquals": {"P:aud": "${aws:PrincipalTag/team, 'app'}"}"#, Denied),
        (aud, r#""StringEqualsIfExists": {"P:amr": "${aws:username}"}"#, Allowed),
        // A value is no pattern, whatever it holds.
        (r#", "aud": "*""#, r#""StringLike": {"P:sub": "${P:aud}"}"#, Denied),
        // The three characters that are written as variables.
        (r#", "aud": "a*""#, r#""StringLike": {"P:aud": "a${*}"}"#, Allowed),
        (aud, r#""StringLike": {"P:aud": "a${*}"}"#, Denied),
        (r#", "aud": "a?""#, r#""StringLike": {"P:aud": "a${?}"}"#, Allowed),
        (r#", "aud": "ab""#, r#""StringLike": {"P:aud": "a${?}"}"#, Denied),
        (r#", "aud": "$x""#, r#""StringEquals": {"P:aud": "${$}x"}"#, Allowed),
        (r#", "aud": "$x""#, r#""StringEquals": {"P:aud": "$x"}"#, Allowed),
        (r#", "aud": "${*}""#, r#""StringEquals": {"P:aud": "${$}{${*}}"}"#, Allowed),
        // What only AWS knows, unless the rest rules it out.
        (aud, r#""StringEquals": {"P:aud": "${aws:RequestedRegion}"}"#, Unknown),
        (aud, r#""StringEquals": {"P:sub": "web:${aws:RequestedRegion}"}"#, Denied),
        (aud, r#""StringEquals": {"P:sub": "web:${aws:SourceIp}"}"#, Denied),
        (r#", "amr": ["a", "b"]"#, r#""StringEquals": {"P:sub": "${P:amr}"}"#, Unknown),
        // Not as documented.
        (aud, r#""StringEquals": {"P:aud": "${P:aud"}"#, Unknown),
        (aud, r#""StringEquals": {"P:aud": "${}"}"#, Unknown),
        (aud, r#""StringEquals": {"P:aud": "${ P:aud }"}"#, Unknown),
        (aud, r#""StringEquals": {"P:aud": "${aws:username, app}"}"#, Unknown),
        // In other types there are none; in ARNs, there are.
        (aud, r#""NumericEquals": {"P:aud": "${P:aud}"}"#, Denied),
        (r#", "aud": "1""#, r#""NumericEquals": {"P:aud": "${P:aud}"}"#, Denied),
        (r#", "aud": "arn:aws:s:r:1:x""#, r#""ArnLike": {"P:aud": "${P:aud}"}"#, Allowed),
        (r#", "aud": "true""#, r#""Bool": {"P:aud": "${P:aud}"}"#, Unknown),
        (aud, r#""Bool": {"P:aud": "${aws:username}"}"#, Denied),
    ]);
    let old = |version: &str, value: &str| {
        let condition = conditional(&format!(r#""StringEquals": {{"P:aud": "{value}"}}"#));
        condition.replace(r#""Version": "2012-10-17", "#, version)
    };
    for version in ["", r#""Version": "2008-10-17", "#] {
        for (claims, value, wanted) in [
            (r#", "aud": "${aws:username}""#, "${aws:username}", Allowed),
            (r#", "aud": "${*}""#, "${*}", Allowed),
            (r#", "aud": "*""#, "${*}", Denied),
            (r#", "aud": "a""#, "${a, 'a'}", Denied),
        ] {
            check(VARIABLES, &of_token(claims), &old(version, value), wanted);
        }
    }
}

#[rustfmt::skip]
#[test]
fn aws_keys_are_there_absent_or_not_known() {
    check_conditions(GLOBAL, &[
        ("", r#""Bool": {"aws:SecureTransport": "true"}"#, Allowed),
        ("", r#""Bool": {"aws:SecureTransport": "false"}"#, Denied),
        ("", r#""Bool": {"aws:ViaAWSService": "true"}"#, Denied),
        ("", r#""Null": {"aws:CurrentTime": "true"}"#, Denied),
        ("", r#""DateLessThan": {"aws:CurrentTime": "2027"}"#, Unknown),
        ("", r#""StringEquals": {"aws:RequestedRegion": "eu-central-1"}"#, Unknown),
        ("", r#""StringLike": {"aws:UserAgent": "*"}"#, Allowed),
        ("", r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, Unknown),
        ("", r#""StringEquals": {"aws:SourceVpce": "vpce-1"}"#, Unknown),
        ("", r#""StringLikeIfExists": {"aws:SourceVpce": "*"}"#, Allowed),
        ("", r#""StringNotLike": {"aws:UserAgent": "*"}"#, Denied),
        // The call is not signed.
        ("", r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}"#, Denied),
        ("", r#""StringEquals": {"aws:PrincipalOrgID": "o-1"}"#, Denied),
        ("", r#""StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}"#, Allowed),
        ("", r#""StringEquals": {"aws:PrincipalTag/team": "a"}"#, Denied),
        ("", r#""Bool": {"aws:MultiFactorAuthPresent": "true"}"#, Denied),
        ("", r#""BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}"#, Allowed),
        ("", r#""Null": {"aws:TokenIssueTime": "true"}"#, Allowed),
        ("", r#""StringEquals": {"aws:SourceAccount": "111122223333"}"#, Denied),
        // Of other services.
        ("", r#""StringEquals": {"s3:prefix": "x"}"#, Denied),
        ("", r#""StringEquals": {"saml:aud": "x"}"#, Denied),
    ]);
    check_conditions(STS, &[
        ("", r#""StringEquals": {"sts:RoleSessionName": "me"}"#, Unknown),
        ("", r#""StringLike": {"sts:RoleSessionName": "*"}"#, Allowed),
        ("", r#""StringEquals": {"sts:ExternalId": "me"}"#, Denied),
        ("", r#""NumericLessThan": {"sts:DurationSeconds": "3600"}"#, Denied),
        ("", r#""NumericLessThanIfExists": {"sts:DurationSeconds": "3600"}"#, Allowed),
        ("", r#""StringEquals": {"sts:SourceIdentity": "me"}"#, Denied),
        ("", r#""StringLike": {"aws:RequestTag/team": "*"}"#, Denied),
        ("", r#""Null": {"aws:TagKeys": "true"}"#, Allowed),
    ]);
    let told = of_token("").with_context("aws:SourceIp", "192.0.2.7").with_context("sts:RoleSessionName", "me");
    let told = told.with_context("aws:CurrentTime", "2026-11-22T12:00:00Z").without_key("aws:SourceVpce");
    for (condition, wanted) in [
        (r#""IpAddress": {"AWS:sourceIP": "192.0.2.0/24"}"#, Allowed),
        (r#""StringEquals": {"sts:RoleSessionName": "${sts:rolesessionname}"}"#, Allowed),
        (r#""StringEquals": {"sts:RoleSessionName": "you"}"#, Denied),
        (r#""StringNotEquals": {"aws:SourceVpce": "vpce-1"}"#, Allowed),
        (r#""StringEquals": {"aws:SourceVpce": "vpce-1"}"#, Denied),
        (r#""NumericGreaterThan": {"aws:EpochTime": "1767225600"}"#, Allowed),
        (r#""DateGreaterThan": {"aws:EpochTime": "2026"}"#, Allowed),
    ] {
        check(GLOBAL, &told, &conditional(condition), wanted);
    }
}

#[test]
fn what_is_told_by_another_key_is_not_absent() {
    let told =
        request().with_context("aws:TagKeys", "Team").with_context("sts:SourceIdentity", "me");
    for (key, wanted) in [
        ("aws:RequestTag/team", true),
        ("aws:RequestTag/Other", false),
        ("aws:SourceIdentity", true),
    ] {
        let is_absent = told.key(key) == crate::Known::Absent;
        assert_eq!(!is_absent, wanted, "{key}");
        assert_eq!(request().key(key), crate::Known::Absent, "{key}");
    }
}

#[test]
fn what_is_not_known_names_the_key_and_how_to_give_it() {
    for (condition, key) in [
        (r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#, "aws:SourceIp"),
        (r#""StringEquals": {"STS:RoleSessionName": "x"}"#, "STS:RoleSessionName"),
        (r#""StringEquals": {"P:aud": "${aws:RequestedRegion}"}"#, "aws:RequestedRegion"),
    ] {
        let request = of_token(r#", "aud": "a""#);
        let verdict = check(GLOBAL, &request, &conditional(condition), Unknown);
        let Verdict::Unknown { reasons } = verdict else { panic!("{verdict:?}") };
        let why = &reasons[0].why;
        assert!(why.contains(&format!("--condition-key {key}=VALUE")), "{why}");
    }
}

#[test]
fn some_issuers_claims_are_keys_of_their_own() {
    let github = "token.actions.githubusercontent.com";
    let document = |key: &str, value: &str| {
        let text = conditional(&format!(r#""StringEquals": {{"{key}": "{value}"}}"#));
        text.replace(
            "oidc-provider/oidc.example.com/id/X",
            &format!("oidc-provider/{}", key.rsplit_once(':').expect(key).0),
        )
    };
    for (issuer, claims, key, value, wanted) in [
        (github, r#", "repository_id": "42""#, "repository_id", "42", Allowed),
        (github, r#", "repository_id": 42"#, "repository_id", "42", Allowed),
        (github, r#", "repository_id": "42""#, "repository_id", "43", Denied),
        (
            github,
            r#", "job_workflow_ref": "a/b/.github/workflows/c@main""#,
            "job_workflow_ref",
            "a/b/.github/workflows/c@main",
            Allowed,
        ),
        (github, "", "environment", "prod", Denied),
        (github, r#", "event_name": "push""#, "event_name", "push", Denied),
        ("gitlab.com", r#", "project_id": "7""#, "project_id", "7", Allowed),
        ("gitlab.example.com", r#", "project_id": "7""#, "project_id", "7", Denied),
        (
            "oidc.circleci.com/org/1",
            r#", "oidc.circleci.com/project-id": "p""#,
            "oidc.circleci.com/project-id",
            "p",
            Allowed,
        ),
        ("accounts.google.com", r#", "aud": "a", "azp": "b""#, "aud", "b", Allowed),
        ("accounts.google.com", r#", "aud": "a", "azp": "b""#, "oaud", "a", Allowed),
        (
            "cognito-identity.amazonaws.com",
            r#", "aud": "pool", "amr": ["authenticated"]"#,
            "aud",
            "pool",
            Allowed,
        ),
    ] {
        let claims = format!(r#"{{"iss": "https://{issuer}", "sub": "s"{claims}}}"#);
        let claims: serde_json::Value = serde_json::from_str(&claims).expect(&claims);
        let request = WebIdentityRequest::of_claims(claims.as_object().expect("an object"));
        check(WEB_IDENTITY, &request, &document(&format!("{issuer}:{key}"), value), wanted);
    }
    let verdict = check(
        WEB_IDENTITY,
        &WebIdentityRequest::new(&format!("https://{github}"), "s", &["a"]),
        &document(&format!("{github}:event_name"), "push"),
        Denied,
    );
    let Verdict::Denied { reasons, .. } = verdict else { panic!("{verdict:?}") };
    let why = &reasons[0].why;
    assert!(why.contains("email, actor, ") && why.contains(" and workflow of the token"), "{why}");
    // Which claims a token has, nobody says that names three of them.
    let request = WebIdentityRequest::new(&format!("https://{github}"), "s", &["a"]);
    check(WEB_IDENTITY, &request, &document(&format!("{github}:repository_id"), "42"), Unknown);
}
