//! `iam role`.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::exit::{Exit, OrMisuse as _};
use super::output;
use crate::cli::{IamRoleArgs, RoleFormat};
use iam::{
    AUDIENCE, Audience, Boundary, Format, Issuer, PartitionHints, Permissions, Role, RoleError,
    Subjects, Tags, Thumbprint,
};
use issuer::IssuerUrl;

/// IAM takes no more.
const MOST_THUMBPRINTS: usize = 5;

pub(super) fn run(args: &IamRoleArgs) -> anyhow::Result<Exit> {
    let permissions = args.policy.iter().map(|path| permissions(path));
    let permissions = permissions.collect::<anyhow::Result<_>>()?;
    // All else is typed.
    let role = role(args, permissions).or_misuse()?;
    let format = once("--output", &args.format).or_misuse()?;
    let format = match format.unwrap_or(&RoleFormat::Json) {
        RoleFormat::Json => Format::Json,
        RoleFormat::Cli => Format::Cli,
        RoleFormat::CloudFormation => Format::CloudFormation,
        RoleFormat::Terraform => Format::Terraform,
    };
    let (text, warnings) = match role.write_with_warnings(format) {
        // All of it is typed, or the account should be.
        Err(error) if args.policy.is_empty() || error == RoleError::AccountNeeded => {
            return Err(error).or_misuse();
        }
        Err(error) => return Err(Exit::Failed.because(&format_args!("{}: {error}", failed(args)))),
        Ok(written) => written,
    };
    for finding in warnings {
        let code = finding.code.word();
        // The role is right without a warning on a closed standard error.
        let _ = output::errors().line(format_args!("warning: {} ({code})", finding.message));
    }
    output::out().document(&text).context("failed to print the role")?;
    Ok(Exit::Fine)
}

fn failed(args: &IamRoleArgs) -> String {
    let files: Vec<_> = args.policy.iter().map(|path| path.display().to_string()).collect();
    format!("failed to make the role with {}", files.join(", "))
}

fn role(args: &IamRoleArgs, permissions: Vec<Permissions>) -> anyhow::Result<Role> {
    let issuer = issuer(once("--issuer", &args.issuer)?.map_or("", String::as_str))?;
    let subjects = Subjects::new(&args.namespace, &args.service_account)?;
    let name = match once("--role-name", &args.role_name)? {
        Some(name) => name.parse()?,
        None => subjects.role_name()?,
    };
    let boundary = once("--permissions-boundary", &args.permissions_boundary)?;
    let boundary: Option<Boundary> = boundary.map(|arn| arn.parse()).transpose()?;
    let region = once("--region", &args.region)?;
    let hints = PartitionHints {
        partition: once("--partition", &args.partition)?.map(String::as_str),
        region: region.map(String::as_str),
        issuer: &issuer,
        boundary: boundary.as_ref(),
    };
    let partition = hints.partition()?;
    let account = once("--account-id", &args.account_id)?;
    let account = account.map(|id| iam::account(partition, id)).transpose()?;
    if let (Some(boundary), Some(account)) = (&boundary, &account) {
        boundary.check(account)?;
    }
    let path = once("--path", &args.path)?.map(|path| path.parse()).transpose()?;
    let max_session = once("--max-session-duration", &args.max_session_duration)?;
    Ok(Role {
        subjects,
        audiences: audiences(&args.audience)?,
        name,
        path: path.unwrap_or_default(),
        partition,
        account,
        region: region.cloned(),
        permissions,
        max_session: max_session.map(|seconds| seconds.parse()).transpose()?,
        boundary,
        tags: Tags::new(&args.tags)?,
        provider_exists: args.existing_provider,
        thumbprints: thumbprints(&args.thumbprints)?,
        issuer,
    })
}

/// The value of a flag that has one.
fn once<'a, T>(flag: &str, values: &'a [T]) -> anyhow::Result<Option<&'a T>> {
    match values {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => bail!("{flag} is given {} times; give it once", values.len()),
    }
}

/// What IAM takes, and what STS can fetch: the same judgement as in `issuer documents`.
fn issuer(text: &str) -> anyhow::Result<Issuer> {
    let issuer: Issuer = text.parse()?;
    let url = IssuerUrl::parse(text).with_context(|| format!("{text:?} can't be an issuer"))?;
    // A slash at the end is a warning: issuers of AKS and Auth0 have one.
    if url.is_private()
        && let Some(remark) = url.remarks().last()
    {
        bail!("the issuer {remark}");
    }
    Ok(issuer)
}

fn audiences(given: &[String]) -> anyhow::Result<Vec<Audience>> {
    let default = [AUDIENCE.to_owned()];
    let given = if given.is_empty() { &default[..] } else { given };
    let mut all: Vec<Audience> = Vec::new();
    for text in given {
        let audience = text.parse()?;
        if !all.contains(&audience) {
            all.push(audience);
        }
    }
    Ok(all)
}

fn permissions(path: &Path) -> anyhow::Result<Permissions> {
    let failed = || format!("failed to use {} as a permission policy", path.display());
    Permissions::read(&super::read(path)?).with_context(failed)
}

fn thumbprints(given: &[String]) -> anyhow::Result<Vec<Thumbprint>> {
    let mut all: Vec<Thumbprint> = Vec::new();
    for text in given {
        let thumbprint = text.parse()?;
        if !all.contains(&thumbprint) {
            all.push(thumbprint);
        }
    }
    if all.len() > MOST_THUMBPRINTS {
        bail!("{} thumbprints; IAM takes at most {MOST_THUMBPRINTS}", all.len());
    }
    Ok(all)
}
