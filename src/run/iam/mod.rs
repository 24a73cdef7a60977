//! `iam`: text in, text out.

mod lint;
mod role;
mod simulate;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::cli::{IamArgs, IamCommand};

/// A file that is larger is no policy, and would fill the memory.
const LARGEST: u64 = 32 << 20;

pub(super) fn run(args: IamArgs) -> ExitCode {
    let ended = match args.command {
        IamCommand::Role(args) => role::run(&args),
        IamCommand::Lint(args) => lint::run(&args),
        IamCommand::Simulate(args) => simulate::run(&args),
    };
    ended.unwrap_or_else(|error| {
        // Where standard error is closed, the exit code must do.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(2)
    })
}

/// The text of a file, or of standard input for `-`.
fn read(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let failed = || format!("failed to read {}", path.display());
    if path == Path::new("-") {
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes).with_context(failed)?;
    } else {
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .with_context(failed)?;
    }
    if bytes.len() as u64 > LARGEST {
        bail!("{}: it is larger than 32 MiB", failed());
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("failed to print the result")
}
