//! `certs init`: certificates in files, for a webhook outside the cluster.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::cli::{CertsArgs, CertsCommand, CertsInitArgs};
use crate::tls::managed;
use certificates::Lifetimes;

pub(super) fn run(args: CertsArgs) -> ExitCode {
    let CertsCommand::Init(args) = args.command;
    match init(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed, the exit code must do.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn init(args: &CertsInitArgs) -> anyhow::Result<()> {
    let CertsInitArgs { out, names, lifetime, force } = args;
    let lifetimes = Lifetimes::new(*lifetime, *lifetime, std::time::Duration::ZERO)?;
    let made = managed::init(out, names, &lifetimes, Timestamp::now(), *force)?;
    let mut told = std::io::stderr().lock();
    let written = [&made.authority, &made.certificate, &made.key];
    for path in written {
        writeln!(told, "wrote {}", path.display()).context("failed to say what was written")?;
    }
    writeln!(told, "valid until {}; the caBundle of the webhook configuration:", made.ends)?;
    // Alone on standard output, for a script to take.
    writeln!(std::io::stdout(), "{}", made.ca_bundle).context("failed to print the caBundle")
}
