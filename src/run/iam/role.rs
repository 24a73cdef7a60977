//! `iam role`.

use anyhow::Context as _;

use super::exit::{Exit, OrMisuse as _};
use super::output;
use crate::cli::{IamRoleArgs, RoleFormat};
use iam::{Format, Permissions, Role, Subject, account};

pub(super) fn run(args: &IamRoleArgs) -> anyhow::Result<Exit> {
    let format = match args.format {
        RoleFormat::Json => Format::Json,
        RoleFormat::Cli => Format::Cli,
        RoleFormat::CloudFormation => Format::CloudFormation,
        RoleFormat::Terraform => Format::Terraform,
    };
    let text = role(args)?.write(format)?;
    output::out().document(&text).context("failed to print the role")?;
    Ok(Exit::Fine)
}

fn role(args: &IamRoleArgs) -> anyhow::Result<Role> {
    let subject = Subject::new(&args.namespace, &args.service_account).or_misuse()?;
    let name = match &args.role_name {
        Some(name) => name.parse().or_misuse()?,
        None => subject.role_name().or_misuse()?,
    };
    let permissions = match &args.policy {
        Some(path) => {
            let failed = || format!("failed to use {} as a permission policy", path.display());
            Some(Permissions::read(&super::read(path)?).with_context(failed)?)
        }
        None => None,
    };
    // Checked with or without an account.
    let of = |id: &str| account(&args.partition, id).or_misuse();
    of("000000000000")?;
    Ok(Role {
        issuer: args.issuer.parse().or_misuse()?,
        audience: args.audience.parse().or_misuse()?,
        account: args.account_id.as_deref().map(of).transpose()?,
        thumbprints: args
            .thumbprints
            .iter()
            .map(|one| one.parse().or_misuse())
            .collect::<Result<_, _>>()?,
        provider_exists: args.existing_provider,
        subject,
        name,
        permissions,
    })
}
