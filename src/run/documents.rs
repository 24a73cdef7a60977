//! `completion` and `man`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{error_text, output};
use crate::cli::{Cli, CompletionArgs, ManArgs};

pub(super) fn completion(args: CompletionArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), args.name, &mut text);
    let text = String::from_utf8_lossy(&text);
    ended(output::out().document(&text).context("failed to print the completions"))
}

pub(super) fn man(args: &ManArgs) -> ExitCode {
    ended(write_pages(args))
}

fn write_pages(args: &ManArgs) -> anyhow::Result<()> {
    let out = &args.out;
    let failed = || format!("failed to write man pages to {}", out.display());
    std::fs::create_dir_all(out).with_context(failed)?;
    clap_mangen::generate_to(Cli::command(), out).with_context(failed)
}

fn ended(ended: anyhow::Result<()>) -> ExitCode {
    let Err(error) = ended else { return ExitCode::SUCCESS };
    output::fail(error_text(&error));
    ExitCode::FAILURE
}
