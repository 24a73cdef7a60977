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
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook")]
    pub name: String,
}

#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Folder for the pages; made where there is none
    #[arg(long, value_name = "PATH", default_value = "man")]
    pub out: PathBuf,
}
