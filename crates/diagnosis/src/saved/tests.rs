use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:iam::111122223333:role/app";

fn why<T: std::fmt::Debug>(read: Result<T, Reason>) -> String {
    let reason = read.expect_err("it can't be used");
    assert_eq!(reason.kind, ReasonKind::Evidence);
    reason.message
}

#[test]
fn says_of_a_file_that_a_failed_command_left_what_it_is() {
    for (text, said) in [
        ("", "a.json is empty: the command that wrote it failed; get it again"),
        (" \n", "a.json is empty"),
        ("null", "a.json is null"),
        ("---\n", "a.json is null"),
        ("<!DOCTYPE html>\n<title>403</title>", "a.json is a page of HTML or XML"),
        ("\u{feff}<?xml version=\"1.0\"?><Error/>", "a.json is a page of HTML or XML"),
        ("{\"kind\": \"Po", "a.json is cut off: EOF while parsing a string at line 1 column 12"),
        ("{\"kind\": Pod}", "a.json is not JSON"),
        ("a: [", "a.json can't be read: not valid YAML"),
        (
            "Error from server (Forbidden): pods is forbidden",
            "a.json is an error message: Error from server (Forbidden): pods is forbidden",
        ),
        ("\nAn error occurred (NoSuchEntity) when calling", "a.json is an error message: An"),
        ("kind: Status\nmessage: no\n", "a.json is an error of the API server: no"),
    ] {
        let told = why(value("a.json", text));
        assert!(told.starts_with(said), "{text:?}: {told}");
    }
    assert_eq!(value("a.json", "{\"a\": \"x\\nerror: y\"}"), Ok(json!({"a": "x\nerror: y"})));
    assert_eq!(value("a.yaml", "{a: 1}"), Ok(json!({"a": 1})));
}

#[test]
fn takes_one_object_out_of_a_list_where_it_is_clear_which() {
    let account = |name: &str| json!({"kind": "ServiceAccount", "metadata": {"name": name}});
    let of = |value: Value, wanted: Option<&str>| object("a.json", value, "ServiceAccount", wanted);
    let list = |items: &[Value]| json!({"kind": "List", "items": items});
    assert_eq!(of(account("a"), None), Ok(account("a")));
    assert_eq!(of(list(&[account("a")]), None), Ok(account("a")));
    assert_eq!(of(json!([account("a"), account("b")]), Some("b")), Ok(account("b")));
    for (value, said) in [
        (list(&[account("a"), account("b")]), "a list of 2 ServiceAccounts"),
        (list(&[]), "a list without a ServiceAccount"),
        (json!({"kind": "Pod", "metadata": {}}), "is a Pod, expected a ServiceAccount"),
        (list(&[account("a"), json!({"kind": "Pod"})]), "is a Pod, expected"),
        (json!({}), "is another object, expected"),
        (json!("x"), "is a text, expected"),
        (json!(5), "is a single value, expected"),
        (json!([5]), "is a single value, expected"),
    ] {
        let told = why(of(value.clone(), None));
        assert!(told.contains(said), "{value}: {told}");
    }
}

#[test]
fn takes_a_list_or_its_one_object() {
    let one = json!({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "a"}});
    let of = |value: Value| list("a.json", value, "MutatingWebhookConfiguration");
    for value in [one.clone(), json!([one]), json!({"items": [one]})] {
        assert_eq!(of(value).expect("a list")["items"], json!([one]));
    }
    assert!(of(json!({"items": null})).is_ok());
    for value in [json!({}), json!("x"), json!({"items": [{"kind": "Pod"}]}), json!([1])] {
        assert!(why(of(value.clone())).contains("expected a Mutating"), "{value}");
    }
}

#[test]
fn reads_roles_and_providers_of_every_tool() {
    let policy = json!({"Version": "2012-10-17", "Statement": []});
    let state = json!({"version": 4, "resources": [{"mode": "managed", "type": "aws_iam_role", "instances": [
        {"attributes": {"arn": "arn:aws:iam::111122223333:role/other", "assume_role_policy": "{}"}},
        {"attributes": {"arn": ARN, "assume_role_policy": policy.to_string()}},
    ]}, {"type": "aws_iam_openid_connect_provider", "instances": [
        {"attributes": {"url": "oidc.example.com", "client_id_list": ["a"]}}]}]});
    let shown = json!({"format_version": "1.0", "values": {"root_module": {"child_modules": [{"resources": [
        {"type": "aws_iam_role", "values": {"arn": ARN, "assume_role_policy": policy.to_string()}},
        {"type": "aws_iam_openid_connect_provider",
            "values": {"url": "https://oidc.example.com", "client_id_list": ["a"]}},
    ]}]}}});
    let yaml = format!("Role:\n  Arn: {ARN}\n  AssumeRolePolicyDocument: {policy}\n");
    let listed = json!({"Roles": [{"Arn": ARN, "AssumeRolePolicyDocument": policy}]});
    for text in [&yaml, &listed.to_string(), &state.to_string(), &shown.to_string()] {
        let read = role("role.json", text, Some(ARN)).expect(text);
        let read: Value = serde_json::from_str(&read).expect("JSON");
        assert_eq!(read["Role"]["Arn"], ARN, "{text}");
        let document = &read["Role"]["AssumeRolePolicyDocument"];
        let text_of = document.as_str().map(|text| serde_json::from_str(text).expect("JSON"));
        assert_eq!(text_of.as_ref().unwrap_or(document), &policy, "{text}");
    }
    for text in [state.to_string(), shown.to_string()] {
        let read = provider("p.json", &text, Some("https://oidc.example.com")).expect("one");
        assert_eq!(read["ClientIDList"], json!(["a"]));
        assert!(why(provider("p.json", &text, Some("https://b"))).contains("b is not among them"));
    }
    for text in [policy.to_string(), json!({"Role": {"Arn": ARN}}).to_string()] {
        assert_eq!(role("role.json", &text, None).as_ref(), Ok(&text), "as it was");
    }
    assert!(why(role("r", &state.to_string(), None)).contains("has 2 roles, and it is not known"));
    for text in ["{}", "[]", "5", "a: b", "{\"User\": {}}"] {
        assert!(why(role("role.json", text, None)).contains("has no role"), "{text}");
        assert!(why(provider("p.json", text, None)).contains("has no provider"), "{text}");
    }
}

#[test]
fn reads_what_kubectl_printed_of_a_refusal() {
    let text = "Warning: x\nError from server (InternalError): error when creating \"a.yaml\": Internal \
                error occurred: failed calling webhook \"b\": refused\n";
    let (reason, message) = refusal(text).expect("a refusal");
    assert_eq!(reason, "InternalError");
    assert!(
        message.starts_with("Internal error occurred: failed calling webhook \"b\""),
        "{message}"
    );
    let denied = "admission webhook \"validate.kyverno.svc-fail\" denied the request: no";
    assert_eq!(refusal(&format!("Error from server: {denied}\n")), Some(("", denied)));
    for none in ["error: no", "Error from server", "Error from server (Forbidden"] {
        assert_eq!(refusal(none), None, "{none}");
    }
}

#[test]
fn takes_a_token_also_from_its_request() {
    assert!(why(token("token.jwt", "")).contains("is empty"));
    assert!(why(token("token.jwt", "<html>")).contains("HTML"));
    assert!(why(token("token.jwt", "a.b")).contains("can't be read: not a token"));
    assert!(why(token("token.jwt", "{\"kind\": \"Pod\"}")).contains("is a Pod, expected a token"));
}
