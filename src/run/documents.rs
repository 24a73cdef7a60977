//! `completion` and `man`.

use anyhow::Context as _;

use super::exit::Exit;
use super::output;
use crate::cli::{CompletionArgs, ManArgs, help};

pub(super) fn completion(args: CompletionArgs) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut help::of_program(help::NAME), args.name, &mut text);
    let text = String::from_utf8_lossy(&text);
    output::out().document(&text).context("failed to print the completions")?;
    Ok(Exit::Fine)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let out = &args.out;
    let failed = || format!("failed to write man pages to {}", out.display());
    std::fs::create_dir_all(out).with_context(failed)?;
    for page in help::manual(help::invoked()).with_context(failed)? {
        std::fs::write(out.join(page.file), page.text).with_context(failed)?;
    }
    Ok(Exit::Fine)
}
