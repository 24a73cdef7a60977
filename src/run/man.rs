//! `man`: manual pages.

use anyhow::Context as _;

use super::exit::Exit;
use crate::cli::{ManArgs, help};

pub(super) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let out = &args.out;
    let failed = || format!("failed to write man pages to {}", out.display());
    std::fs::create_dir_all(out).with_context(failed)?;
    for page in help::manual(help::invoked()).with_context(failed)? {
        std::fs::write(out.join(page.file), page.text).with_context(failed)?;
    }
    Ok(Exit::Fine)
}
