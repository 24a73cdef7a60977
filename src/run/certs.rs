//! `certs init`: certificates in files, for a webhook outside the cluster.

use anyhow::Context as _;
use jiff::Timestamp;

use super::exit::{Exit, OrMisuse as _};
use super::output;
use crate::certificate_controller;
use crate::cli::{CertsArgs, CertsCommand, CertsInitArgs};
use certificates::Lifetimes;

pub(super) fn run(args: CertsArgs) -> anyhow::Result<Exit> {
    let CertsCommand::Init(args) = args.command;
    init(&args)?;
    Ok(Exit::Fine)
}

fn init(args: &CertsInitArgs) -> anyhow::Result<()> {
    let CertsInitArgs { out, names, lifetime, force } = args;
    let lifetimes = Lifetimes::new(*lifetime, *lifetime, std::time::Duration::ZERO).or_misuse()?;
    let made = certificate_controller::init(out, names, &lifetimes, Timestamp::now(), *force)?;
    let mut notes = output::errors();
    let written = [&made.authority, &made.certificate, &made.key];
    for path in written {
        let wrote = format_args!("wrote {}", path.display());
        notes.line(wrote).context("failed to print the written files")?;
    }
    let ends = made.ends;
    notes
        .line(format_args!("valid until {ends}; caBundle for the MutatingWebhookConfiguration:"))?;
    // Alone on standard output, for a script to take.
    output::out().line(made.ca_bundle).context("failed to print the caBundle")
}
