//! `iam`: text in, text out.

mod inputs;
mod lint;
mod role;
mod simulate;

use std::path::Path;

use super::exit::Exit;
use super::{exit, output, report};
use crate::cli::{IamArgs, IamCommand};
use crate::input::{self, InputError, Limit};

pub(super) fn run(args: IamArgs) -> anyhow::Result<Exit> {
    match args.command {
        IamCommand::Role(args) => role::run(&args),
        IamCommand::Lint(args) => lint::run(&args),
        IamCommand::Simulate(args) => simulate::run(&args),
    }
}

/// The text of a file, or of standard input for `-`.
fn read(path: &Path) -> Result<String, InputError> {
    input::read_text(path, Limit::DOCUMENTS)
}
