//! The names of principals: which IAM takes under `AWS` and `Service`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use super::shown;
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::placeholder;
use crate::policy::{Principal, Principals, Statement, Text};
use crate::write::text as quoted;

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    let both = [&statement.principals, &statement.not_principals];
    let listed = both.into_iter().flatten().filter_map(|principals| match principals {
        Principals::Of(all) => Some(all),
        Principals::Any(_) | Principals::Unknown(_) => None,
    });
    listed.flatten().filter_map(check).collect()
}

fn check(principal: &Principal) -> Option<Finding> {
    let name = &principal.name;
    // `*` alone is everybody.
    if !name.is_known() || !principal.kind.is_known() || name.value.contains("${") {
        return None;
    }
    match principal.kind.value.as_str() {
        "AWS" => of_account(name),
        "Service" => of_service(name),
        _ => None,
    }
}

/// An account, a user, a role, or a session.
fn of_account(name: &Text) -> Option<Finding> {
    let text = name.as_str();
    let tell = |message: String| Some(Finding::new(Code::PrincipalName, name.at, message));
    if text != text.trim() {
        let message = format!("{} has white space around it, so it names nobody", shown(text));
        let finding = Finding::new(Code::SpaceInValue, name.at, message);
        return Some(finding.fixed(quoted(text.trim())));
    }
    // `ACCOUNT-B-ID`, "the ID of your account"
    // The names of CloudFront's users have spaces.
    if (placeholder::is_shouted_name(text) && !is_id(text))
        || (text.contains(' ') && !text.starts_with("arn:"))
    {
        return Some(placeholder::unfilled(text, name.at));
    }
    if text == "*" || text.contains(":oidc-provider/") || text.contains("oidc.") {
        return None;
    }
    if is_glob(text) {
        return tell(format!(
            "{} has a wildcard, which a principal can't have: IAM rejects the policy; name it, or the account with a condition on aws:PrincipalArn",
            shown(text)
        ));
    }
    let Some(arn) = text.strip_prefix("arn:") else {
        let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_service = text.ends_with(".amazonaws.com");
        let message = if is_service {
            format!("{} is a service, which belongs under Service", shown(text))
        } else {
            format!("{} is neither an account ID nor an ARN: IAM rejects the policy", shown(text))
        };
        // Digits alone are told as an account ID.
        return if is_account || is_id(text) { None } else { tell(message) };
    };
    let resource = arn.splitn(5, ':').nth(4).unwrap_or_default();
    let service = arn.split(':').nth(1).unwrap_or_default();
    let is_one = match service {
        "iam" => {
            resource == "root"
                || ["user/", "role/", "oidc-provider/", "saml-provider/"]
                    .iter()
                    .any(|it| resource.starts_with(it))
        }
        "sts" => {
            ["assumed-role/", "federated-user/", "self"].iter().any(|it| resource.starts_with(it))
        }
        // CloudFront's, and others of services' own making.
        _ => service != "s3",
    };
    if is_one {
        return None;
    }
    let message = format!(
        "{} is not the ARN of an account, a user, a role or a session: IAM rejects the policy",
        shown(text)
    );
    tell(message)
}

/// Of a principal that is gone, IAM keeps its ID: `AROACKCEVSQ6C2EXAMPLE`.
fn is_id(text: &str) -> bool {
    text.len() >= 16
        && text.starts_with('A')
        && text.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
}

/// What names of services end with in all partitions.
const DOMAINS: [&str; 9] = ["aws", "cn", "com", "eu", "gov", "internal", "net", "scloud", "uk"];

/// `SERVICE.amazonaws.com`
fn of_service(name: &Text) -> Option<Finding> {
    let text = name.as_str();
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim().trim_start_matches("https://").trim_end_matches('/');
    if is_glob(text) {
        let message = format!(
            "{} has a wildcard, which a service's name can't have: name the services",
            shown(text)
        );
        return Some(Finding::new(Code::PrincipalName, name.at, message));
    }
    let is_host = bare.rsplit_once('.').is_some_and(|(_, last)| DOMAINS.contains(&last));
    let meant = if is_host || bare.contains(':') || bare.is_empty() {
        let host = bare.strip_suffix(".amazon.com").or_else(|| bare.strip_suffix(".aws.com"));
        host.map_or(bare.to_owned(), |host| format!("{host}.amazonaws.com"))
    } else {
        format!("{bare}.amazonaws.com")
    };
    let is_right = text == meant && is_host && !text.starts_with("arn:");
    if is_right {
        return None;
    }
    let message =
        format!("{} is not a service, which is SERVICE.amazonaws.com in lower case", shown(text));
    let finding = Finding::new(Code::PrincipalName, name.at, message);
    Some(if meant.contains('.') && !meant.contains(':') {
        finding.fixed(quoted(&meant))
    } else {
        finding
    })
}
