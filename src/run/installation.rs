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
    let settings = WebhookSettings {
        completes_names: flags.known().and_then(|of| composes(of, account.is_some())),
        reader: policy.reader(account),
        policy,
        configurations: configurations.to_vec(),
        notes,
        commands,
    };
    Ok(InUse { installation, settings })
}

/// Whether the webhook completes names with an account that is not known here, where that is known.
fn composes(flags: &WebhookFlags, is_account_known: bool) -> Option<bool> {
    const FLAG: &str = "compose-role-arn";
    if is_account_known {
        return Some(false);
    }
    let given = flags.flags.get(FLAG).is_some_and(|it| it == "true");
    (!flags.is_unsure(FLAG)).then_some(given)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_name_for_completed_where_the_webhook_completes_none() {
        let flags = |flag: Option<&str>, not_known: &[&str]| WebhookFlags {
            flags: flag
                .map(|value| ("compose-role-arn".to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
            not_known: not_known.iter().map(ToString::to_string).collect(),
            ..WebhookFlags::default()
        };
        for (flag, not_known, wanted) in [
            (None, &[][..], Some(false)),
            (Some("false"), &[], Some(false)),
            (Some("true"), &[], Some(true)),
            (Some("true"), &["--aws-account-id"], Some(true)),
            (None, &["--compose-role-arn"], None),
            (None, &["PODID_COMPOSE_ROLE_ARN"], None),
            (None, &["PODID_TOKEN_AUDIENCE"], Some(false)),
        ] {
            let flags = flags(flag, not_known);
            assert_eq!(composes(&flags, false), wanted, "{flag:?} {not_known:?}");
            assert_eq!(composes(&flags, true), Some(false));
        }
    }
}
