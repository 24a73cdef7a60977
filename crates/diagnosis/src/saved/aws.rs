//! Roles and providers, as the AWS CLI prints them in JSON or YAML, or as Terraform keeps them.

use serde_json::{Value, json};

use super::{Reason, terraform, unusable};

/// A role, as [`Facts::role`](crate::Facts::role) has it: of several the one with the ARN `wanted`.
///
/// What the AWS CLI printed in JSON stays as it is, since mistakes in a policy are named by line
/// and column.
///
/// # Errors
/// Why the file has no role that is known to be the one.
pub fn role(name: &str, text: &str, wanted: Option<&str>) -> Result<String, Reason> {
    let value = super::value(name, text)?;
    let role = &value["Role"];
    if is_role(role)
        || is_role(&value)
        || value["Statement"].is_array()
        || value["Statement"].is_object()
    {
        let text = text.trim_start_matches('\u{feff}');
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        return Ok(if is_json { text.to_owned() } else { value.to_string() });
    }
    if let Some(roles) = value["Roles"].as_array() {
        return one(name, "role", &roles.iter().collect::<Vec<_>>(), "Arn", wanted)
            .map(|role| json!({"Role": role}).to_string());
    }
    if let Some(roles) = terraform::resources(&value, "aws_iam_role") {
        let role = one(name, "role", &roles, "arn", wanted)?;
        let (arn, policy) = (&role["arn"], &role["assume_role_policy"]);
        return Ok(json!({"Role": {"Arn": arn, "AssumeRolePolicyDocument": policy}}).to_string());
    }
    Err(unusable(name, "has no role: it should be what aws iam get-role prints"))
}

/// An identity provider, as [`Facts::provider`](crate::Facts::provider) has it: of several the one
/// of the issuer `wanted`, a URL.
///
/// # Errors
/// Why the file has no provider that is known to be the one.
pub fn provider(name: &str, text: &str, wanted: Option<&str>) -> Result<Value, Reason> {
    let value = super::value(name, text)?;
    if value["Url"].is_string() || value["OpenIDConnectProviderList"].is_array() {
        return Ok(value);
    }
    if let Some(providers) = terraform::resources(&value, "aws_iam_openid_connect_provider") {
        let bare = wanted.map(|url| url.strip_prefix("https://").unwrap_or(url));
        let provider = one(name, "provider", &providers, "url", bare)?;
        return Ok(json!({"Url": provider["url"], "ClientIDList": provider["client_id_list"]}));
    }
    let why = "has no provider: it should be what aws iam get-open-id-connect-provider prints";
    Err(unusable(name, why))
}

/// The one whose `member` is what is wanted; without that, the only one.
fn one<'v>(
    name: &str,
    what: &str,
    all: &[&'v Value],
    member: &str,
    wanted: Option<&str>,
) -> Result<&'v Value, Reason> {
    let count = all.len();
    let Some(wanted) = wanted else {
        return match all {
            [only] => Ok(only),
            _ => Err(unusable(
                name,
                format!("has {count} {what}s, and it is not known which counts"),
            )),
        };
    };
    let is_it = |it: &&&Value| {
        let value = it[member].as_str().unwrap_or_default();
        value.strip_prefix("https://").unwrap_or(value) == wanted
    };
    let found = all.iter().find(is_it).copied();
    found.ok_or_else(|| {
        unusable(name, format!("has {count} {what}s, and {wanted} is not among them"))
    })
}

fn is_role(value: &Value) -> bool {
    let arn = value["Arn"].as_str().is_some_and(|arn| arn.contains(":role/"));
    arn || !value["AssumeRolePolicyDocument"].is_null()
}
