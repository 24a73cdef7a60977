//! The same role, four times.

use text::shell::{Document, Opt};

use super::value::{Value, hcl_text, map};
use super::{Role, Thumbprint};
use arn::Account;

/// Between the words of a command.
const BETWEEN: &str = " \\\n  ";

/// The shapes in which `aws iam get-*` prints them, so that `lint`,
/// `simulate` and `doctor` take the result as it is.
pub(super) fn json(role: &Role, account: &Account) -> String {
    let provider_arn = role.provider_arn(account);
    let mut members = vec![("OpenIDConnectProviderArn".to_owned(), Value::text(&provider_arn))];
    let mut put = |key: &str, value: Value| members.push((key.to_owned(), value));
    if !role.provider_exists {
        put("OpenIDConnectProvider", provider(role, "ClientIDList"));
    }
    let trust = role.trust_policy(Value::text(&provider_arn));
    let name = || Value::text(role.name.as_str());
    put(
        "Role",
        map([
            ("RoleName", name()),
            ("Arn", Value::text(role.arn(account))),
            ("AssumeRolePolicyDocument", trust),
        ]),
    );
    if let Some(permissions) = &role.permissions {
        put(
            "RolePolicy",
            map([
                ("RoleName", name()),
                ("PolicyName", name()),
                ("PolicyDocument", permissions.0.clone()),
            ]),
        );
    }
    if let Some(account) = role.service_account(Value::text(role.arn(account))) {
        put("ServiceAccount", account);
    }
    Value::Map(members).json() + "\n"
}

fn provider(role: &Role, client_ids: &str) -> Value {
    let mut members = vec![
        ("Url".to_owned(), Value::text(role.issuer.url())),
        (client_ids.to_owned(), Value::List(vec![Value::text(role.audience.as_str())])),
    ];
    if !role.thumbprints.is_empty() {
        members.push(("ThumbprintList".to_owned(), thumbprints(role)));
    }
    Value::Map(members)
}

fn thumbprints(role: &Role) -> Value {
    Value::List(role.thumbprints.iter().map(|one| Value::text(one.as_str())).collect())
}

/// Lines for a POSIX shell; each value is one quoted word.
pub(super) fn cli(role: &Role, account: &Account) -> String {
    let name = role.name.as_str();
    let mut commands = Vec::new();
    if !role.provider_exists {
        let mut words = vec![
            "aws iam create-open-id-connect-provider".to_owned(),
            Opt("--url", role.issuer.url()).to_string(),
            Opt("--client-id-list", role.audience.as_str()).to_string(),
        ];
        if !role.thumbprints.is_empty() {
            let all: Vec<&str> = role.thumbprints.iter().map(Thumbprint::as_str).collect();
            words.push(format!("--thumbprint-list {}", all.join(" ")));
        }
        commands.push(words.join(BETWEEN));
    }
    let trust = role.trust_policy(Value::text(role.provider_arn(account))).json();
    let words = [
        "aws iam create-role".to_owned(),
        Opt("--role-name", name).to_string(),
        format!("--assume-role-policy-document {}", Document(&trust)),
    ];
    commands.push(words.join(BETWEEN));
    if let Some(permissions) = &role.permissions {
        let words = [
            "aws iam put-role-policy".to_owned(),
            Opt("--role-name", name).to_string(),
            Opt("--policy-name", name).to_string(),
            format!("--policy-document {}", Document(&permissions.0.json())),
        ];
        commands.push(words.join(BETWEEN));
    }
    if let Some(service_account) = role.service_account(Value::text(role.arn(account))) {
        let manifest = service_account.yaml(0);
        commands.push(format!("kubectl apply -f - <<'MANIFEST'\n{manifest}MANIFEST"));
    }
    commands.join("\n") + "\n"
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
    let mut properties = vec![
        ("RoleName".to_owned(), Value::text(role.name.as_str())),
        ("AssumeRolePolicyDocument".to_owned(), role.trust_policy(trusted)),
    ];
    if let Some(permissions) = &role.permissions {
        let policy = map([
            ("PolicyName", Value::text(role.name.as_str())),
            ("PolicyDocument", permissions.0.clone()),
        ]);
        properties.push(("Policies".to_owned(), Value::List(vec![policy])));
    }
    resources.push((
        "Role".to_owned(),
        map([("Type", Value::text("AWS::IAM::Role")), ("Properties", Value::Map(properties))]),
    ));
    let mut outputs = vec![output(
        "RoleArn",
        "For the ServiceAccount's annotation",
        Value::Raw("!GetAtt Role.Arn".to_owned()),
    )];
    if let Some(manifest) = role.service_account(Value::Raw("${Role.Arn}".to_owned())) {
        // What an audience has of ${} is text, and so written ${!}.
        let manifest = manifest.yaml(4).replace("${", "${!").replace("${!Role.Arn}", "${Role.Arn}");
        let value = Value::Raw(format!("!Sub |\n{}", manifest.trim_end_matches('\n')));
        outputs.push(output("ServiceAccount", "The manifest, for kubectl apply", value));
    }
    map([
        ("AWSTemplateFormatVersion", Value::text("2010-09-09")),
        ("Description", Value::text(format!("A role for {}", role.subject.claim()))),
        ("Resources", Value::Map(resources)),
        ("Outputs", Value::Map(outputs)),
    ])
    .yaml(0)
}

fn output(name: &str, description: &str, value: Value) -> (String, Value) {
    (name.to_owned(), map([("Description", Value::text(description)), ("Value", value)]))
}

pub(super) fn terraform(role: &Role) -> String {
    let mut blocks = Vec::new();
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
        let mut members = vec![
            ("url", hcl_text(role.issuer.url())),
            ("client_id_list", format!("[{}]", hcl_text(role.audience.as_str()))),
        ];
        if !role.thumbprints.is_empty() {
            members.push(("thumbprint_list", thumbprints(role).hcl(1)));
        }
        blocks.push(block("resource \"aws_iam_openid_connect_provider\" \"cluster\"", &members));
    }
    let encoded = |value: Value| format!("jsonencode({})", value.hcl(1));
    let name = ("name", hcl_text(role.name.as_str()));
    let policy = encoded(role.trust_policy(Value::Raw(trusted)));
    let members = [name.clone(), ("assume_role_policy", policy)];
    blocks.push(block("resource \"aws_iam_role\" \"this\"", &members));
    if let Some(permissions) = &role.permissions {
        let policy = encoded(permissions.0.clone());
        let members = [name, ("role", "aws_iam_role.this.id".to_owned()), ("policy", policy)];
        blocks.push(block("resource \"aws_iam_role_policy\" \"this\"", &members));
    }
    if let Some(manifest) = role.service_account(Value::Raw("aws_iam_role.this.arn".to_owned())) {
        let members = [
            ("description", hcl_text("The manifest, for kubectl apply")),
            ("value", format!("yamlencode({})", manifest.hcl(1))),
        ];
        blocks.push(block("output \"service_account\"", &members));
    }
    blocks.join("\n")
}

fn block(head: &str, members: &[(&str, String)]) -> String {
    let lines: Vec<String> =
        members.iter().map(|(name, value)| format!("  {name} = {value}\n")).collect();
    format!("{head} {{\n{}}}\n", lines.concat())
}
