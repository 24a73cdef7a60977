//! The composition root: from a command to its exit code.

mod audit;
mod certificate;
mod certs;
mod clients;
mod cluster;
mod doctor;
mod documents;
mod iam;
mod inject;
mod installation;
mod issuer;
mod output;
mod serve;
mod signals;

use std::fmt::Display;
use std::process::ExitCode;

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::cli::{Command, usage_error};
use crate::config::Config;
use crate::telemetry::logs::{self, LogBuffer};

/// Does what was asked for. 0 is success, 1 failure, 2 a wrong command line.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    output::ended(match command {
        Command::Certs(args) => certs::run(args),
        Command::Doctor(args) => doctor::run(*args),
        Command::Audit(args) => audit::run(*args),
        Command::Iam(args) => iam::run(args),
        Command::Completion(args) => documents::completion(args),
        Command::Man(args) => documents::man(&args),
        Command::Inject(args) => inject::run(*args),
        Command::Issuer(args) => issuer::run(*args),
        Command::Serve(args) => match Config::from_args(*args) {
            Ok((config, warnings)) => begin_to_serve(config, &warnings),
            Err(error) => misused(&error),
        },
    })
}

/// Arguments that are wrong together.
fn misused(error: &impl Display) -> ExitCode {
    let error = usage_error(error);
    // Where standard error is closed, the exit code must do.
    let _ = error.print();
    exit_code(error.exit_code())
}

fn begin_to_serve(config: Config, warnings: &[String]) -> ExitCode {
    let ended = logs::init(config.log).map_err(anyhow::Error::from).and_then(|log| {
        for warning in warnings {
            tracing::warn!(warning, "configuration warning");
        }
        raise_open_files();
        let runtime = served_by(&log).build()?;
        let ended = runtime.block_on(serve::serve(config));
        // To drop it would wait for files and names that are still being looked up.
        runtime.shutdown_background();
        log.write();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error_text(&error), "exiting");
            ExitCode::FAILURE
        }
    }
}

/// A runtime whose threads answer first and tell of it then.
fn served_by(log: &LogBuffer) -> tokio::runtime::Builder {
    let (sleeping, ending) = (log.clone(), log.clone());
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .enable_all()
        .on_thread_park(move || sleeping.write_before_sleep())
        .on_thread_stop(move || ending.write_before_end());
    runtime
}

/// Runs what has to wait, on a runtime of its own: one thread does for a command.
fn completed<T>(waiting: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("failed to start the async runtime")?;
    let ended = runtime.block_on(waiting);
    // To drop it would wait for names that are still looked up, and for credential plugins that hang.
    runtime.shutdown_background();
    ended
}

/// To as many files as the system allows: each connection is one, and container
/// runtimes start processes with a soft limit that is made for `select`.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        // The server lowers its cap when it runs out of files.
        tracing::debug!(%error, "failed to raise open file limit");
    }
}

/// The error and its causes, without those that its message contains: our own
/// messages name their cause, with the next step behind it.
fn error_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_each_cause_once() {
        let error = anyhow::anyhow!("not found").context("failed to read a: not found; mount it");
        assert_eq!(error_text(&error), "failed to read a: not found; mount it");
        let error = error.context("failed to start");
        assert_eq!(error_text(&error), "failed to start: failed to read a: not found; mount it");
    }
}
