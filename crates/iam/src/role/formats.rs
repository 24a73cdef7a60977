//! The same role in three formats; the fourth is the script.

use std::fmt::Write as _;

use super::Role;
use super::value::{Value, hcl_text, map};
use arn::Account;

/// The shapes in which `aws iam get-*` prints them, so that `lint`,
/// `simulate` and `doctor` take the result as it is.
pub(super) fn json(role: &Role, account: &Account) -> String {
    let provider_arn = role.provider_arn(account);
    let mut members = vec![("OpenIDConnectProviderArn".to_owned(), Value::text(&provider_arn))];
    let mut put = |key: &str, value: Value| members.push((key.to_owned(), value));
    if !role.provider_exists {
        put("OpenIDConnectProvider", provider(role, "ClientIDList"));
    }
    let mut of_role = vec![
        ("Path".to_owned(), Value::text(role.path.as_str())),
        ("RoleName".to_owned(), Value::text(role.name.as_str())),
        ("Arn".to_owned(), Value::text(role.arn(account))),
        ("AssumeRolePolicyDocument".to_owned(), role.trust_policy(Value::text(&provider_arn))),
    ];
    of_role.extend(settings(role, |boundary| {
        map([
            ("PermissionsBoundaryType", Value::text("Policy")),
            ("PermissionsBoundaryArn", Value::text(boundary)),
        ])
    }));
    put("Role", Value::Map(of_role));
    let policies = role.policies().map(|(name, document)| {
        map([
            ("RoleName", Value::text(role.name.as_str())),
            ("PolicyName", Value::text(name)),
            ("PolicyDocument", document.clone()),
        ])
    });
    if let Some((key, value)) = some("RolePolicy", "RolePolicies", policies.collect()) {
        put(key, value);
    }
    let accounts = role.service_accounts(&Value::text(role.arn(account)));
    if let Some((key, value)) = some("ServiceAccount", "ServiceAccounts", accounts) {
        put(key, value);
    }
    Value::Map(members).json() + "\n"
}

/// The only one, or a list of them.
fn some(
    one: &'static str,
    many: &'static str,
    mut all: Vec<Value>,
) -> Option<(&'static str, Value)> {
    match all.len() {
        0 => None,
        1 => Some((one, all.pop()?)),
        _ => Some((many, Value::List(all))),
    }
}

fn provider(role: &Role, client_ids: &str) -> Value {
    let audiences = role.audiences.iter().map(|it| Value::text(it.as_str())).collect();
    let mut members = vec![
        ("Url".to_owned(), Value::text(role.issuer.url())),
        (client_ids.to_owned(), Value::List(audiences)),
    ];
    if !role.thumbprints.is_empty() {
        members.push(("ThumbprintList".to_owned(), thumbprints(role)));
    }
    Value::Map(members)
}

fn thumbprints(role: &Role) -> Value {
    Value::List(role.thumbprints.iter().map(|one| Value::text(one.as_str())).collect())
}

/// What was asked for besides names and policies, by its names in IAM's API.
fn settings(role: &Role, boundary: impl Fn(&str) -> Value) -> Vec<(String, Value)> {
    let mut members = Vec::new();
    if let Some(duration) = role.max_session {
        let seconds = Value::Word(duration.seconds().to_string());
        members.push(("MaxSessionDuration".to_owned(), seconds));
    }
    if let Some(arn) = &role.boundary {
        members.push(("PermissionsBoundary".to_owned(), boundary(arn.as_str())));
    }
    if !role.tags.is_empty() {
        members.push(("Tags".to_owned(), tags(role)));
    }
    members
}

/// As the API has them: a list.
pub(super) fn tags(role: &Role) -> Value {
    let tag = |(key, value)| map([("Key", Value::text(key)), ("Value", Value::text(value))]);
    Value::List(role.tags.each().map(tag).collect())
}

/// Manifests behind one another, indented.
pub(super) fn manifests(accounts: &[Value], depth: usize) -> String {
    let all: Vec<String> = accounts.iter().map(|one| one.yaml(depth)).collect();
    all.join(&format!("{}---\n", "  ".repeat(depth)))
}

pub(super) fn cloudformation(role: &Role) -> String {
    let mut resources = Vec::new();
    if !role.provider_exists {
        let properties = provider(role, "ClientIdList");
        let resource =
            map([("Type", Value::text("AWS::IAM::OIDCProvider")), ("Properties", properties)]);
        resources.push(("Provider".to_owned(), resource));
    }
    let trusted = match &role.account {
        _ if !role.provider_exists => Value::Raw("!GetAtt Provider.Arn".to_owned()),
        Some(account) => Value::text(role.provider_arn(account)),
        None => Value::Raw(format!(
            "!Sub \"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{}\"",
            role.issuer.name()
        )),
    };
    let mut properties = vec![("RoleName".to_owned(), Value::text(role.name.as_str()))];
    if !role.path.is_default() {
        properties.push(("Path".to_owned(), Value::text(role.path.as_str())));
    }
    properties.push(("AssumeRolePolicyDocument".to_owned(), role.trust_policy(trusted)));
    let policies = role.policies().map(|(name, document)| {
        map([("PolicyName", Value::text(name)), ("PolicyDocument", document.clone())])
    });
    let policies: Vec<Value> = policies.collect();
    if !policies.is_empty() {
        properties.push(("Policies".to_owned(), Value::List(policies)));
    }
    properties.extend(settings(role, |boundary| Value::text(boundary)));
    resources.push((
        "Role".to_owned(),
        map([("Type", Value::text("AWS::IAM::Role")), ("Properties", Value::Map(properties))]),
    ));
    let mut outputs = vec![output(
        "RoleArn",
        "For the ServiceAccount's annotation",
        Value::Raw("!GetAtt Role.Arn".to_owned()),
    )];
    let accounts = role.service_accounts(&Value::Raw("${Role.Arn}".to_owned()));
    if !accounts.is_empty() {
        // What an audience has of ${} is text, and so written ${!}.
        let manifest = manifests(&accounts, 4);
        let manifest = manifest.replace("${", "${!").replace("${!Role.Arn}", "${Role.Arn}");
        let value = Value::Raw(format!("!Sub |\n{}", manifest.trim_end_matches('\n')));
        outputs.push(output("ServiceAccount", "The manifest, for kubectl apply", value));
    }
    map([
        ("AWSTemplateFormatVersion", Value::text("2010-09-09")),
        ("Description", Value::text(description(role))),
        ("Resources", Value::Map(resources)),
        ("Outputs", Value::Map(outputs)),
    ])
    .yaml(0)
}

fn output(name: &str, description: &str, value: Value) -> (String, Value) {
    (name.to_owned(), map([("Description", Value::text(description)), ("Value", value)]))
}

/// Whom the role is for, on one line.
pub(super) fn description(role: &Role) -> String {
    let claims = role.subjects.claims();
    match &claims[..] {
        [first, rest @ ..] if !rest.is_empty() => {
            format!("A role for {first} and {} more", rest.len())
        }
        _ => format!("A role for {}", claims.concat()),
    }
}

/// The first version of the provider that needs no thumbprints, and all behind it of which it is
/// known that they take this.
const PROVIDERS: &str = r#"terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
  }
}
"#;

pub(super) fn terraform(role: &Role) -> String {
    let mut blocks = vec![PROVIDERS.to_owned()];
    let trusted = match &role.account {
        _ if !role.provider_exists => "aws_iam_openid_connect_provider.cluster.arn".to_owned(),
        Some(account) => hcl_text(&role.provider_arn(account)),
        None => format!(
            "\"arn:${{data.aws_partition.current.partition}}:iam::${{data.aws_caller_identity.current.account_id}}:oidc-provider/{}\"",
            role.issuer.name()
        ),
    };
    if trusted.contains("data.aws_partition") {
        blocks.push("data \"aws_caller_identity\" \"current\" {}\n".to_owned());
        blocks.push("data \"aws_partition\" \"current\" {}\n".to_owned());
    }
    if !role.provider_exists {
        let audiences: Vec<String> =
            role.audiences.iter().map(|it| hcl_text(it.as_str())).collect();
        let mut members = vec![
            ("url", hcl_text(role.issuer.url())),
            ("client_id_list", format!("[{}]", audiences.join(", "))),
        ];
        if !role.thumbprints.is_empty() {
            members.push(("thumbprint_list", thumbprints(role).hcl(1)));
        }
        blocks.push(block("resource \"aws_iam_openid_connect_provider\" \"cluster\"", &members));
    }
    let encoded = |value: Value| format!("jsonencode({})", value.hcl(1));
    let policy = encoded(role.trust_policy(Value::Raw(trusted)));
    let mut members = vec![("name", hcl_text(role.name.as_str())), ("assume_role_policy", policy)];
    if !role.path.is_default() {
        members.push(("path", hcl_text(role.path.as_str())));
    }
    if let Some(duration) = role.max_session {
        members.push(("max_session_duration", duration.seconds().to_string()));
    }
    if let Some(boundary) = &role.boundary {
        members.push(("permissions_boundary", hcl_text(boundary.as_str())));
    }
    if !role.tags.is_empty() {
        let tag = |(key, value): (&str, &str)| (key.to_owned(), Value::text(value));
        members.push(("tags", Value::Map(role.tags.each().map(tag).collect()).hcl(1)));
    }
    blocks.push(block("resource \"aws_iam_role\" \"this\"", &members));
    for (index, (name, document)) in role.policies().enumerate() {
        let members = [
            ("name", hcl_text(&name)),
            ("role", "aws_iam_role.this.id".to_owned()),
            ("policy", encoded(document.clone())),
        ];
        let label = if index == 0 { "this".to_owned() } else { format!("this_{}", index + 1) };
        blocks.push(block(&format!("resource \"aws_iam_role_policy\" \"{label}\""), &members));
    }
    let accounts = role.service_accounts(&Value::Raw("aws_iam_role.this.arn".to_owned()));
    let encoded = |one: &Value, depth| format!("yamlencode({})", one.hcl(depth));
    let value = match &accounts[..] {
        [] => None,
        [one] => Some(encoded(one, 1)),
        all => {
            let all: Vec<String> =
                all.iter().map(|one| format!("    {}", encoded(one, 2))).collect();
            Some(format!("join(\"---\\n\", [\n{}\n  ])", all.join(",\n")))
        }
    };
    if let Some(value) = value {
        let description = hcl_text("The manifest, for kubectl apply");
        let members = [("description", description), ("value", value)];
        blocks.push(block("output \"service_account\"", &members));
    }
    blocks.join("\n")
}

/// The signs of equality stand below one another, as `terraform fmt` has it, in neighbouring
/// lines; a value over more lines than one ends a group.
fn block(head: &str, members: &[(&str, String)]) -> String {
    format!("{head} {{\n{}}}\n", aligned(members, "  "))
}

pub(super) fn aligned<K: AsRef<str>>(members: &[(K, String)], indent: &str) -> String {
    let is_line = |(_, value): &&(K, String)| !value.contains('\n');
    let mut out = String::new();
    for group in members.chunk_by(|a, b| is_line(&a) && is_line(&b)) {
        let width = group.iter().map(|(name, _)| name.as_ref().chars().count()).max();
        for (name, value) in group {
            let name = name.as_ref();
            // Into a string it can't fail.
            let _ = writeln!(out, "{indent}{name:0$} = {value}", width.unwrap_or_default());
        }
    }
    out
}
