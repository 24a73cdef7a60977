//! The webhook's own configuration, where it is known; else what the command line says of it.

use anyhow::Context as _;

use super::cluster;
use crate::config::Installation;
use crate::evidence;
use crate::input::{self, Limit};
use diagnosis::{Commands, Fact, WebhookFlags, WebhookSettings, flags_not_known};
use injection::identity::ContainerCredentialsKeys;

/// The most of a file that lists who gets container credentials.
const LONGEST: Limit = Limit::mebibytes(8);

/// What counts.
pub(super) struct InUse {
    pub(super) installation: Installation,
    pub(super) settings: WebhookSettings,
}

/// The webhook's own flags count where they are known, those of the command line else.
pub(super) async fn in_use(
    user: &Installation,
    configurations: &[String],
    flags: &Fact<WebhookFlags>,
    commands: Commands,
) -> anyhow::Result<InUse> {
    let (installation, notes) = match flags {
        Fact::Known(flags) => match user.deployed(flags) {
            Ok(deployed) => deployed,
            Err(why) => {
                let why = format!("{}: {why}", flags.of);
                (user.clone(), vec![flags_not_known(&why.as_str().into())])
            }
        },
        Fact::Absent | Fact::Unknown(_) | Fact::NotAsked => (user.clone(), Vec::new()),
    };
    let account = cluster::account(&installation.role_names).await?;
    let policy = installation.policy.clone();
    let composes =
        |of: &WebhookFlags| of.flags.get("compose-role-arn").is_some_and(|it| it == "true");
    let settings = WebhookSettings {
        completes_names: account.is_none() && flags.known().is_some_and(composes),
        reader: policy.reader(account),
        policy,
        configurations: configurations.to_vec(),
        notes,
        commands,
    };
    Ok(InUse { installation, settings })
}

/// Flags that can't be used are not known.
pub(super) fn usable(user: &Installation, flags: Fact<WebhookFlags>) -> Fact<WebhookFlags> {
    match flags {
        Fact::Known(flags) => match user.deployed(&flags) {
            Ok(_) => Fact::Known(flags),
            Err(why) => Fact::Unknown(format!("{}: {why}", flags.of).into()),
        },
        other => other,
    }
}

/// By the file that the command line names, else by what the cluster has.
pub(super) fn container_credentials(
    user: &Installation,
    of_cluster: Fact<ContainerCredentialsKeys>,
) -> anyhow::Result<Fact<ContainerCredentialsKeys>> {
    let Some(path) = &user.container_credentials_file else { return Ok(of_cluster) };
    let text = input::read_text(path, LONGEST)
        .context("failed to read --watch-container-credentials-config")?;
    Ok(evidence::keys(text.as_bytes()))
}
