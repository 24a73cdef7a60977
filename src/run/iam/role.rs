//! `iam role`.

use std::process::ExitCode;

use anyhow::Context as _;

use super::output;
use crate::cli::{IamRoleArgs, RoleFormat};
use iam::{Format, Permissions, Role, Subject, account};

pub(super) fn run(args: &IamRoleArgs) -> anyhow::Result<ExitCode> {
    let format = match args.format {
        RoleFormat::Json => Format::Json,
        RoleFormat::Cli => Format::Cli,
        RoleFormat::CloudFormation => Format::CloudFormation,
        RoleFormat::Terraform => Format::Terraform,
    };
    let text = role(args)?.write(format)?;
    output::out().document(&text).context("failed to print the role")?;
    Ok(ExitCode::SUCCESS)
}

fn role(args: &IamRoleArgs) -> anyhow::Result<Role> {
    let subject = Subject::new(&args.namespace, &args.service_account)?;
    let name = match &args.role_name {
        Some(name) => name.parse()?,
        None => subject.role_name()?,
    };
    let permissions = match &args.policy {
        Some(path) => {
            let failed = || format!("failed to use {} as a permission policy", path.display());
            Some(Permissions::read(&super::read(path)?).with_context(failed)?)
        }
        None => None,
    };
    // Checked with or without an account.
    let of = |id: &str| account(&args.partition, id);
    of("000000000000")?;
    Ok(Role {
        issuer: args.issuer.parse()?,
        audience: args.audience.parse()?,
        account: args.account_id.as_deref().map(of).transpose()?,
        thumbprints: args.thumbprints.iter().map(|one| one.parse()).collect::<Result<_, _>>()?,
        provider_exists: args.existing_provider,
        subject,
        name,
        permissions,
    })
}
