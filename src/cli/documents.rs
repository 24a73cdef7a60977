//! `completion` and `man`: what is made of the command line itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Args, Clone, Debug)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
    /// Name that the program is called by
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook", value_parser = name)]
    pub name: String,
}

/// It becomes part of a script.
fn name(text: &str) -> Result<String, &'static str> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_good);
    if is_name { Ok(text.to_owned()) } else { Err("not a name of letters, digits, -, _ and .") }
}

#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Folder for the pages; made where there is none
    #[arg(long, value_name = "PATH", default_value = "man")]
    pub out: PathBuf,
}
