//! What a session brings beside its subject: tags, a source identity, and its length.

use super::claims::{STS, check, of_token};
use super::*;

const SESSION_TAGS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html";

const TAGS: &str = r#", "https://aws.amazon.com/tags": {"principal_tags": {"Team": ["a"], "Stage": ["dev"]}, "transitive_tag_keys": ["Team"]}"#;
const FLAT_TAGS: &str = r#", "https://aws.amazon.com/tags/principal_tags/Team": "a", "https://aws.amazon.com/tags/principal_tags/Stage": "dev", "https://aws.amazon.com/tags/transitive_tag_keys": ["Team"]"#;
const SOURCE_IDENTITY: &str = r#", "https://aws.amazon.com/source_identity": "Diego""#;

/// An Allow of this action, as JSON.
fn plain(action: &str) -> String {
    statement("Allow", "").replace("\"sts:AssumeRoleWithWebIdentity\"", action)
}

fn assume() -> String {
    plain(r#""sts:AssumeRoleWithWebIdentity""#)
}

fn both() -> String {
    plain(r#"["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]"#)
}

/// Beside [`assume`], an Allow of this action under a condition.
fn and(action: &str, condition: &str) -> Vec<String> {
    let text = statement("Allow", &format!(r#", "Condition": {{{condition}}}"#));
    vec![assume(), text.replace("sts:AssumeRoleWithWebIdentity", action)]
}

#[rustfmt::skip]
#[test]
fn session_tags_need_an_action_of_their_own() {
    let tag = || plain(r#""sts:TagSession""#);
    let tagging = |condition| and("sts:TagSession", condition);
    for tags in [TAGS, FLAT_TAGS] {
        for (statements, wanted) in [
            (vec![assume()], Denied),
            (vec![assume(), tag()], Allowed),
            (vec![both()], Allowed),
            (vec![tag()], Denied),
            (vec![plain(r#""sts:*""#)], Allowed),
            (vec![plain(r#""*""#)], Allowed),
            (vec![plain(r#""sts:AssumeRole*""#)], Denied),
            (vec![plain(r#""sts:AssumeRole*""#), plain(r#""STS:tagsession""#)], Allowed),
            (vec![both(), tag().replace("Allow", "Deny")], Explicitly),
            (tagging(r#""StringEquals": {"aws:RequestTag/team": ["a", "b"]}"#), Allowed),
            (tagging(r#""StringEquals": {"aws:RequestTag/Team": "b"}"#), Denied),
            (tagging(r#""StringLike": {"aws:RequestTag/Cost": "*"}"#), Denied),
            (tagging(r#""ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Stage"]}"#), Allowed),
            (tagging(r#""ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}"#), Denied),
            (tagging(r#""ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["Team"]}"#), Allowed),
            (tagging(r#""Null": {"sts:TransitiveTagKeys": "true"}"#), Denied),
            (tagging(r#""IpAddress": {"aws:SourceIp": "192.0.2.0/24"}"#), Unknown),
        ] {
            check(SESSION_TAGS, &of_token(tags), &document(&statements), wanted);
        }
    }
    // Without them, nothing is needed, and neither is for no tags at all.
    for claims in ["", r#", "https://aws.amazon.com/tags": {"principal_tags": {}}"#] {
        check(SESSION_TAGS, &of_token(claims), &document(&[assume()]), Allowed);
    }
    let verdict = check(SESSION_TAGS, &of_token(TAGS), &document(&[assume()]), Denied);
    let Verdict::Denied { reasons, .. } = verdict else { panic!("{verdict:?}") };
    assert!(reasons[0].why.contains("needs sts:TagSession allowed too"), "{reasons:?}");
    for wrong in ["\"a\"", r#"{"principal_tags": {"a": "b"}}"#, r#"{"principal_tags": {"a": ["b", "c"]}}"#] {
        let claims = format!(r#", "https://aws.amazon.com/tags": {wrong}"#);
        check(SESSION_TAGS, &of_token(&claims), &document(&[both()]), Denied);
    }
}

#[test]
fn a_source_identity_needs_an_action_of_its_own() {
    let setting = |condition| and("sts:SetSourceIdentity", condition);
    for (statements, wanted) in [
        (vec![assume()], Denied),
        (vec![assume(), plain(r#""sts:SetSourceIdentity""#)], Allowed),
        (setting(r#""StringEquals": {"sts:SourceIdentity": "Diego"}"#), Allowed),
        (setting(r#""StringLike": {"sts:SourceIdentity": "D?"}"#), Denied),
    ] {
        check(STS, &of_token(SOURCE_IDENTITY), &document(&statements), wanted);
    }
}

#[test]
fn a_session_is_no_longer_than_the_role_allows() {
    let allowed = || verdict_of(&document(&[statement("Allow", "")]), &of_token(""));
    for (seconds, longest, wanted) in [
        (3600, None, Allowed),
        (3601, None, Unknown),
        (3600, Some(3600), Allowed),
        (3601, Some(3600), Denied),
        (43200, Some(43200), Allowed),
    ] {
        let verdict = allowed().for_session(seconds, longest);
        assert_eq!(outcome(&verdict), wanted, "{seconds} {longest:?} {verdict:?}");
    }
    let denied = verdict_of(&document(&[statement("Deny", "")]), &of_token(""));
    assert_eq!(outcome(&denied.for_session(43200, None)), Explicitly);
}

#[test]
fn the_longest_session_stands_in_the_file() {
    let policy = document(&[statement("Allow", "")]);
    let role = |more: &str| {
        format!(r#"{{"Role": {{"RoleName": "x", "AssumeRolePolicyDocument": {policy}{more}}}}}"#)
    };
    let hcl = |value: &str| {
        format!(
            "resource \"aws_iam_role\" \"x\" {{\n  max_session_duration = {value}\n  assume_role_policy = jsonencode({policy})\n}}\n"
        )
    };
    let template = |value: &str| {
        format!(
            "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      MaxSessionDuration: {value}\n      AssumeRolePolicyDocument: {policy}\n"
        )
    };
    for (name, text, wanted) in [
        ("role.json", role(r#", "MaxSessionDuration": 7200"#), Some(7200)),
        ("role.json", role(""), None),
        ("trust.json", policy.clone(), None),
        ("main.tf", hcl("7200"), Some(7200)),
        ("main.tf", hcl("var.longest"), None),
        ("role.yaml", template("7200"), Some(7200)),
        ("role.yaml", template("!Ref Longest"), None),
    ] {
        assert_eq!(crate::max_session_duration(name, &text), wanted, "{text}");
    }
}

#[test]
fn the_account_of_the_role_stands_in_what_get_role_prints() {
    let policy = document(&[statement("Allow", "")]);
    let arn = "arn:aws-cn:iam::111122223333:role/x";
    let role = format!(r#"{{"Arn": "{arn}", "AssumeRolePolicyDocument": {policy}}}"#);
    let yaml = format!("Arn: {arn}\nAssumeRolePolicyDocument: {policy}\n");
    let nested = format!("Role:\n  Arn: {arn}\n  AssumeRolePolicyDocument: {policy}\n");
    let told = Some(("aws-cn".to_owned(), "111122223333".to_owned()));
    for (text, wanted) in [
        (format!(r#"{{"Role": {role}}}"#), &told),
        (role, &told),
        (nested.clone(), &told),
        (yaml, &told),
        (format!("{nested}---\n{nested}"), &None),
        (format!(r#"{{"Arn": "{arn}"}}"#), &None),
        (policy, &None),
        (String::new(), &None),
    ] {
        assert_eq!(crate::account_of_role(&text), *wanted, "{text}");
    }
}
