//! `audit`: what all pods of a cluster lack.

mod restart;
mod table;

use anyhow::Context as _;

use super::exit::{Exit, OrMisuse as _};
use super::installation::{InUse, container_credentials, in_use, usable};
use super::output::{self, Head, Progress};
use super::report::{self, Kind, Summary, Word};
use super::{cluster, completed};
use crate::cli::{AuditArgs, WideFormat};
use crate::config::Auditing;
use crate::evidence::{config_map, everything, installed, webhooks, without_namespace};
use diagnosis::{Audit, Auditor, Commands, Fact, Sources};

use restart::Restart;

pub(super) fn run(args: AuditArgs) -> anyhow::Result<Exit> {
    let (auditing, warnings) = Auditing::from_args(args).or_misuse()?;
    for warning in warnings {
        output::warn(warning);
    }
    completed(audit(&auditing))
}

fn exit(audit: &Audit) -> Exit {
    if audit.is_wrong() {
        Exit::Failed
    } else if audit.is_incomplete() {
        Exit::Unknown
    } else {
        Exit::Fine
    }
}

async fn audit(auditing: &Auditing) -> anyhow::Result<Exit> {
    let (client, current) = cluster::user_client(&auditing.cluster).await?;
    let namespace = auditing.namespaces.asked(&current);
    let (user, configurations) = (&auditing.installation, &auditing.configurations);
    let webhooks = webhooks(&client).await;
    let installed = installed(&client, &webhooks, configurations).await;
    let flags = usable(user, installed.flags);
    let commands = cluster::commands(&auditing.cluster);
    let InUse { installation, settings } = in_use(user, configurations, &flags, commands).await?;
    let config_map = match &installation.config_map_in {
        Some(home) => config_map(&client, home).await,
        None => Fact::NotAsked,
    };
    let container_credentials = container_credentials(user, installed.container_credentials)?;
    let sources = Sources { webhooks, config_map, container_credentials };
    let mut auditor = Auditor::new(&sources, &settings);
    if let Fact::Unknown(why) = &flags {
        auditor.without_flags(why);
    }
    let mut progress = Progress::new();
    let mut is_empty = true;
    let mut seen = |what| {
        is_empty = false;
        progress.count(what);
    };
    everything(&client, namespace, &mut auditor, &mut seen).await?;
    drop(progress);
    if let Some(name) = namespace.filter(|_| is_empty)
        && let Some(error) = without_namespace(&client, name).await
    {
        return Err(error.into());
    }
    if let Some(restarting) = &auditing.restarting {
        let restart = Restart {
            client: &client,
            webhooks: &sources.webhooks,
            configurations,
            commands: &settings.commands,
            format: auditing.output,
            restarting,
        };
        return restart.run(&mut auditor).await;
    }
    let audit = auditor.finish();
    print(&audit, auditing.output, &settings.commands)?;
    Ok(exit(&audit))
}

fn print(audit: &Audit, format: WideFormat, commands: &Commands) -> anyhow::Result<()> {
    if let Some(format) = format.data() {
        let summary = Summary::of(audit.found.iter().map(|pod| pod.status.into()));
        let unknown = if audit.is_incomplete() { Word::Unknown } else { Word::Pass };
        return report::print(format, Kind::AuditReport, audit, summary.at_least(unknown))
            .context("failed to print what was found");
    }
    table::write(&mut output::out(), audit, format == WideFormat::Wide, commands)
        .context("failed to print what was found")?;
    // The rows alone are on standard output, for a script to take.
    let mut notes = output::errors();
    audit.notes.iter().try_for_each(|note| notes.prose(Head::note(), note))?;
    notes.line(audit.summary())?;
    Ok(())
}
