//! `iam`: text in, text out.

mod inputs;
mod lint;
mod role;
mod simulate;

use std::path::Path;
use std::process::ExitCode;

use super::{error_text, output};
use crate::cli::{IamArgs, IamCommand};
use crate::input::{self, InputError, Limit};

pub(super) fn run(args: IamArgs) -> ExitCode {
    let ended = match args.command {
        IamCommand::Role(args) => role::run(&args),
        IamCommand::Lint(args) => lint::run(&args),
        IamCommand::Simulate(args) => simulate::run(&args),
    };
    ended.unwrap_or_else(|error| {
        output::fail(error_text(&error));
        ExitCode::from(2)
    })
}

/// The text of a file, or of standard input for `-`.
fn read(path: &Path) -> Result<String, InputError> {
    input::read_text(path, Limit::DOCUMENTS)
}
