//! `certs init`: certificates in files, for a webhook outside the cluster.

use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;

use super::{error_text, output};
use crate::certificate_controller;
use crate::cli::{CertsArgs, CertsCommand, CertsInitArgs};
use certificates::Lifetimes;

pub(super) fn run(args: CertsArgs) -> ExitCode {
    let CertsCommand::Init(args) = args.command;
    match init(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::fail(error_text(&error));
            ExitCode::FAILURE
        }
    }
}

fn init(args: &CertsInitArgs) -> anyhow::Result<()> {
    let CertsInitArgs { out, names, lifetime, force } = args;
    let lifetimes = Lifetimes::new(*lifetime, *lifetime, std::time::Duration::ZERO)?;
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
