//! A trust policy's statement: who, what, and under which conditions.

use super::actions::{self, WEB_IDENTITY};
use super::probe::{self, Denials};
use super::{claims, principals, shown};
use crate::audience;
use crate::finding::{Code, Finding};
use crate::partition::{self, AUDIENCE};
use crate::placeholder;
use crate::policy::{Condition, Effect, Principals, Statement, Text, UNKNOWN};
use crate::provider::{BUILT_IN, ProviderArn};
use crate::provider_url;
use crate::write::{member, object, text as quoted};

pub(super) fn findings(denials: &Denials<'_>, statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in statement.principals_of("Federated") {
        found.extend(federated(&name.name));
    }
    if is_of_clients(statement) {
        found.retain(|it| it.code != Code::TrailingSlash);
    }
    for kind in ["AWS", "Service", "CanonicalUser"] {
        for principal in statement.principals_of(kind) {
            let name = principal.name.as_str();
            if name.contains(":oidc-provider/")
                || name.starts_with("oidc.")
                || name.starts_with("https://oidc")
            {
                let message = format!(
                    "an OpenID Connect provider belongs under Federated; under {kind} it matches nobody"
                );
                let fix = member("Principal", &object(&[member("Federated", &quoted(name))]));
                found.push(
                    Finding::new(Code::WrongPrincipal, principal.kind.at, message).fixed(fix),
                );
            }
        }
    }
    found.extend(action_and_principal(statement).or_else(|| principals::mixed(statement)));
    found.extend(principals::wildcard(denials, statement));
    found.extend(principals::keys_of_other_calls(statement));
    let names: Vec<&Text> = statement.principals_of("Federated").map(|p| &p.name).collect();
    let is_built_in = names.iter().any(|it| BUILT_IN.contains(&it.as_str()));
    if statement.is_for_web_identity() || is_built_in {
        found.extend(claims::findings(denials, statement, &names));
    }
    found
}

/// Whether it asks for an audience that is not that of pods. Issuers of clients often end with a
/// slash, such as Auth0's, under whichever domain.
fn is_of_clients(statement: &Statement) -> bool {
    let audiences = || {
        let of_aud = |it: &&Condition| probe::claim_of(it).is_some_and(|claim| claim == "aud");
        statement.conditions.iter().filter(of_aud).flat_map(|it| &it.values)
    };
    let is_other =
        |it: &Text| it.is_known() && it.value != AUDIENCE && audience::slip(&it.value).is_none();
    audiences().next().is_some() && audiences().all(is_other)
}

/// Providers of other accounts than the role's.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub(super) fn of_others(statement: &Statement, account: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for principal in statement.oidc_principals().filter(|it| it.name.is_known()) {
        let value = principal.name.value.trim();
        let Some(arn) = ProviderArn::read(value) else { continue };
        if arn.account == account || arn.account.len() != 12 {
            continue;
        }
        let message = format!(
            "the provider belongs to the account {}, but the role to {account}: STS only uses providers of the role's account",
            arn.account
        );
        let fix = value.replacen(arn.account, account, 1);
        let finding = Finding::new(Code::ProviderAccount, principal.name.at, message);
        found.push(finding.fixed(quoted(&fix)));
    }
    found
}

/// One name under `Federated`.
pub(super) fn federated(name: &Text) -> Vec<Finding> {
    let mut found = Vec::new();
    let known = name.known();
    let value = &*known;
    if value != value.trim() && name.is_known() {
        let message =
            format!("{} has white space around it, so it names no provider", shown(value));
        let finding = Finding::new(Code::SpaceInValue, name.at, message);
        found.push(finding.fixed(quoted(value.trim())));
    }
    let Some(arn) = ProviderArn::read(value.trim()) else {
        found.extend(not_an_arn(name));
        return found;
    };
    if arn.account.is_empty() {
        let message =
            "the ARN has no account ID: a provider's ARN has 12 digits before :oidc-provider";
        found.push(Finding::new(Code::AccountId, name.at, message));
    }
    let prefix = value.trim().strip_suffix(arn.name).unwrap_or_default();
    let mended = quoted(&format!("{prefix}{}", claims::bare(arn.name)));
    // What is not known can't be written.
    let fixed = |finding: Finding| if name.is_known() { finding.fixed(&mended) } else { finding };
    if arn.name.contains("://") {
        let message =
            "a provider's ARN has the issuer without https://; this one names no provider";
        found.push(fixed(Finding::new(Code::SchemeInProvider, name.at, message)));
    }
    if arn.name.ends_with('/') && !provider_url::has_slash(arn.name) {
        let message = "the provider's name ends with a slash: correct only if the issuer in the tokens ends with one too";
        found.push(fixed(Finding::new(Code::TrailingSlash, name.at, message)));
    }
    if arn.name.contains('*') {
        let message = "a principal's ARN can't have wildcards; name one provider";
        found.push(Finding::new(Code::ProviderArn, name.at, message));
    }
    let url = claims::bare(arn.name);
    let of_url = provider_url::mistakes(url).into_iter().find(|it| it.code == Code::ProviderUrl);
    if let Some(mistake) = of_url.filter(|_| !arn.name.contains('*')) {
        found.push(Finding::new(Code::ProviderUrl, name.at, mistake.message));
    }
    if let Some(wanted) = partition::of_eks_issuer(arn.name)
        && wanted != arn.partition
        && partition::PARTITIONS.contains(&arn.partition)
    {
        let message = format!(
            "the issuer's region is in the partition {wanted}, but the ARN says {}: no such provider exists",
            arn.partition
        );
        let fix = name.value.replacen(arn.partition, wanted, 1);
        found.push(Finding::new(Code::Partition, name.at, message).fixed(quoted(&fix)));
    } else if let Some(wanted) = partition::mended_eks_issuer(arn.name) {
        let message = "the issuers of EKS end with amazonaws.com.cn in China's regions, and there alone: no such provider exists";
        let finding = Finding::new(Code::Partition, name.at, message);
        found.push(if name.is_known() {
            finding.fixed(quoted(&format!("{prefix}{wanted}")))
        } else {
            finding
        });
    }
    found
}

fn not_an_arn(name: &Text) -> Option<Finding> {
    let value = name.as_str();
    if let Some(provider) = url_of_resource(value) {
        let message = format!(
            "{} is the provider's URL; Federated needs its ARN: {provider}.arn",
            shown(value)
        );
        return Some(Finding::new(Code::ProviderArn, name.at, message));
    }
    if BUILT_IN.iter().any(|known| name.may_be(known)) || value.contains(":saml-provider/") {
        return None;
    }
    if placeholder::is_shouted_name(value) {
        return Some(placeholder::unfilled(value, name.at));
    }
    let known = name.known();
    let beginning = known.split(UNKNOWN).next().unwrap_or_default();
    if !name.is_known() && ("arn:".starts_with(beginning) || beginning.starts_with("arn:")) {
        return None;
    }
    let message = format!(
        "{} is not the ARN of a provider (arn:PARTITION:iam::ACCOUNT:oidc-provider/HOST/PATH)",
        shown(value)
    );
    let finding = Finding::new(Code::ProviderArn, name.at, message);
    let bare = value.trim_start_matches("https://");
    if value.starts_with("arn:") || !bare.contains('.') || !name.is_known() {
        return Some(finding);
    }
    let partition = partition::of_eks_issuer(bare).unwrap_or("aws");
    let arn = format!("arn:{partition}:iam::ACCOUNT_ID:oidc-provider/{}", claims::bare(bare));
    Some(finding.fixed(quoted(&arn)))
}

/// `aws_iam_openid_connect_provider.x` of its `url`, in Terraform.
fn url_of_resource(text: &str) -> Option<&str> {
    let provider = text.strip_suffix(".url")?;
    let resource = provider.strip_prefix("data.").unwrap_or(provider);
    resource.starts_with("aws_iam_openid_connect_provider.").then_some(provider)
}

/// A provider can only be asked with a token, and a token only for a provider.
fn action_and_principal(statement: &Statement) -> Option<Finding> {
    let is = |action: &Text, wanted: &str| action.value.eq_ignore_ascii_case(wanted);
    let covers = |action: &Text| {
        if !action.is_known() {
            return true;
        }
        let pattern = crate::glob::Pattern::new(&action.value.to_ascii_lowercase());
        pattern.matches(&WEB_IDENTITY.to_ascii_lowercase())
    };
    let provider = statement.principals_of("Federated").find(|principal| {
        principal.name.value.contains("oidc") || BUILT_IN.contains(&principal.name.as_str())
    });
    let with_token = statement.actions.iter().find(|action| is(action, WEB_IDENTITY));
    if let Some(excluded) = statement.not_actions.iter().find(|it| it.is_known() && covers(it))
        && provider.is_some()
        && statement.effect == Effect::Allow
    {
        let message = format!(
            "a pod with a token calls {WEB_IDENTITY}, which NotAction excludes; list it under Action"
        );
        return Some(Finding::new(Code::WrongAction, excluded.at, message));
    }
    if provider.is_some()
        && !statement.actions.is_empty()
        && !statement.actions.iter().any(covers)
        && !actions::are_extras(statement)
    {
        let first = &statement.actions[0];
        if actions::meant(first.as_str()).is_some() {
            // Told as a misspelt action.
            return None;
        }
        let message = format!(
            "a pod with a token calls {WEB_IDENTITY}, which {} does not allow",
            ::text::shortened(first.as_str(), 120)
        );
        return Some(
            Finding::new(Code::WrongAction, first.at, message)
                .fixed(member("Action", &quoted(WEB_IDENTITY))),
        );
    }
    if let Some(Principals::Of(all)) = &statement.principals
        && let Some(first) = statement.actions.first()
        && !all.is_empty()
        && all.iter().all(|p| p.name.known().contains(":saml-provider/"))
        && statement.actions.iter().all(|it| is(it, "sts:AssumeRole") || actions::is_extra(it))
        && !actions::are_extras(statement)
    {
        let message = "users of a SAML provider call sts:AssumeRoleWithSAML, which sts:AssumeRole does not allow";
        let fix = member("Action", &quoted("sts:AssumeRoleWithSAML"));
        return Some(Finding::new(Code::WrongAction, first.at, message).fixed(fix));
    }
    if let (Some(action), Some(Principals::Of(all))) = (with_token, &statement.principals)
        && let Some(saml) = all.iter().find(|p| p.name.known().contains(":saml-provider/"))
        && all.iter().all(|p| p.name.known().contains(":saml-provider/"))
    {
        let message = format!(
            "{} takes the token of an OpenID Connect provider, and the principal is a SAML provider",
            action.value
        );
        return Some(Finding::new(Code::WrongPrincipal, saml.name.at, message));
    }
    if let (Some(action), Some(Principals::Of(all))) = (with_token, &statement.principals)
        && !all.is_empty()
        && !all.iter().any(|p| p.kind.may_be("Federated") || p.name.may_be("*"))
    {
        let kind = &all[0].kind;
        if all[0].name.value.contains("oidc") {
            // Told already, with its mended text.
            return None;
        }
        let message = format!(
            "{} is called without AWS credentials, so the principal must be the provider, under Federated instead of {}",
            action.value, kind.value
        );
        let provider = quoted("arn:aws:iam::ACCOUNT_ID:oidc-provider/HOST/PATH");
        let fix = member("Principal", &object(&[member("Federated", &provider)]));
        return Some(Finding::new(Code::WrongPrincipal, kind.at, message).fixed(fix));
    }
    None
}
