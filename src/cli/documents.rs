//! `completion` and `man`: what is made of the command line itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Args, Clone, Debug)]
pub struct CompletionArgs {
    /// Shell to print completions for
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
    /// Command name to complete
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook", value_parser = name)]
    pub name: String,
}

/// It becomes part of a script.
fn name(text: &str) -> Result<String, &'static str> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_good);
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("use only letters, digits, -, _ and ., beginning with a letter or digit")
    }
}

#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Folder to write the man pages to; created if missing
    #[arg(long, value_name = "PATH", default_value = "man")]
    pub out: PathBuf,
}
