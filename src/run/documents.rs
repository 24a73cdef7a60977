//! `completion` and `man`.

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::exit::Exit;
use super::output;
use crate::cli::{Cli, CompletionArgs, ManArgs};

pub(super) fn completion(args: CompletionArgs) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), args.name, &mut text);
    let text = String::from_utf8_lossy(&text);
    output::out().document(&text).context("failed to print the completions")?;
    Ok(Exit::Fine)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let out = &args.out;
    let failed = || format!("failed to write man pages to {}", out.display());
    std::fs::create_dir_all(out).with_context(failed)?;
    clap_mangen::generate_to(Cli::command(), out).with_context(failed)?;
    Ok(Exit::Fine)
}
