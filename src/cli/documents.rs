//! `completion` and `man`: what is made of the command line itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug)]
pub struct CompletionArgs {
    /// Shell to print completions for
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: CompletionShell,
    /// Command name to complete [default: the program's]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<String>,
}

/// Who asks for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
    /// Elvish: commands and flags alone
    Elvish,
    /// `PowerShell`: commands and flags alone
    Powershell,
    /// Kubectl, for its plugin: a script to put on the PATH
    Kubectl,
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
