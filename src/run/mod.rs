//! The composition root: from a command to its exit code.

mod audit;
mod certificate;
mod certs;
mod clients;
mod cluster;
mod complete;
mod completion;
mod doctor;
mod exit;
mod iam;
mod inject;
mod installation;
mod issuer;
mod man;
mod output;
mod report;
mod serve;
mod status;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;

use self::exit::{Exit, OrMisuse as _};
use crate::cli::{self, Cli, Command, help};
use crate::config::Config;
use crate::platform;
use crate::telemetry::logs::{self, LogBuffer};

/// Does what was asked for, or says what is wrong with how it was asked. The exit status is 0 if
/// nothing is wrong, 1 if something is, 2 if that can't be told, and 64 for a wrong command line.
#[must_use]
pub fn run(command: Result<Command, clap::Error>) -> ExitCode {
    let command = match command {
        // Somebody tries it out: in a cluster, and in a service, there is no terminal.
        Ok(Command::Serve(_)) if Cli::is_asked_for_nothing() && output::is_terminal() => {
            let _ = output::out().document(&help::command().render_help().to_string());
            return output::ended(Exit::Fine.into());
        }
        Ok(command) => command,
        Err(error) => return output::ended(shown(&error).into()),
    };
    let path = command.path();
    // Where a command that makes something ends early, it has failed to; the others can't tell.
    let otherwise = match command {
        Command::Serve(_) | Command::Certs(_) | Command::Completion(_) | Command::Man(_) => {
            Exit::Failed
        }
        _ => Exit::Unknown,
    };
    let ended = match command {
        Command::Certs(args) => certs::run(args),
        Command::Doctor(args) => doctor::run(*args),
        Command::Audit(args) => audit::run(*args),
        Command::Iam(args) => iam::run(args),
        Command::Completion(args) => completion::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Complete(words) => complete::run(&words),
        Command::Inject(args) => inject::run(*args),
        Command::Issuer(args) => issuer::run(*args),
        Command::Version => version(),
        Command::Serve(args) => {
            Config::from_args(*args).or_misuse().map(|(config, mut warnings)| {
                let environment: Vec<_> = std::env::vars_os().collect();
                let config = config.in_environment(environment.into_iter(), &mut warnings);
                begin_to_serve(config, &warnings)
            })
        }
    };
    let exit = ended.unwrap_or_else(|error| match Exit::of(&error) {
        Some(Exit::Usage) => shown(&cli::usage_error(path, &error_text(&error))),
        exit => {
            output::fail(error_text(&error));
            exit.unwrap_or(otherwise)
        }
    });
    output::ended(exit.into())
}

/// Shows what clap has to say: what is wrong with the command line, or help.
fn shown(error: &clap::Error) -> Exit {
    // Who names no command is told which there are, as by kubectl: nothing is wrong with that.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = output::out().document(&error.to_string());
        return Exit::Fine;
    }
    if error.kind() == ErrorKind::DisplayVersion {
        // clap would name the command, which has no version of its own.
        return version().unwrap_or(Exit::Failed);
    }
    // Where standard error is closed, the exit status must do.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Fine }
}

fn version() -> anyhow::Result<Exit> {
    output::out().line(format_args!("{} {}", help::NAME, env!("CARGO_PKG_VERSION")))?;
    Ok(Exit::Fine)
}

fn begin_to_serve(config: Config, warnings: &[String]) -> Exit {
    let ended = logs::init(config.log).map_err(anyhow::Error::from).and_then(|log| {
        for warning in warnings {
            tracing::warn!(warning, "configuration warning");
        }
        if let Err(error) = platform::raise_open_files() {
            // The server lowers its cap when it runs out of files.
            tracing::debug!(%error, "failed to raise open file limit");
        }
        let runtime = served_by(&log).build()?;
        let ended = runtime.block_on(serve::serve(config));
        // To drop it would wait for files and names that are still being looked up.
        runtime.shutdown_background();
        log.write();
        ended
    });
    match ended {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tracing::error!(error = error_text(&error), "exiting");
            Exit::Failed
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
