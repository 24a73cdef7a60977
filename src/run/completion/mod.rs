//! `completion`: scripts that ask the program itself, each time, what a word can be.

use anyhow::Context as _;
use text::shell::Word;

use super::exit::Exit;
use super::output;
use crate::cli::{CompletionArgs, CompletionShell, help};

pub(super) fn run(args: &CompletionArgs) -> anyhow::Result<Exit> {
    let called = help::invoked();
    let file = called.replace(' ', "-");
    let name = args.name.as_deref().unwrap_or(&file);
    let text = match args.shell {
        CompletionShell::Bash => of(include_str!("bash.sh"), name),
        CompletionShell::Zsh => of(include_str!("zsh.sh"), name),
        CompletionShell::Fish => of(include_str!("fish.fish"), name),
        CompletionShell::Kubectl => kubectl(called, &file),
        CompletionShell::Elvish => generated(clap_complete::Shell::Elvish, name),
        CompletionShell::Powershell => generated(clap_complete::Shell::PowerShell, name),
    };
    output::out().document(&text).context("failed to print the completions")?;
    Ok(Exit::Fine)
}

/// A name of a function has no hyphens and dots in every shell.
fn of(script: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let function: String = name.chars().map(plain).collect();
    let command = help::command();
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let commands = commands.collect::<Vec<_>>().join(", ");
    script
        .replace("_FUNCTION", &format!("_complete_{function}"))
        .replace("COMMANDS", &commands)
        .replace("PROGRAM", name)
}

/// Not for a shell: kubectl runs it.
fn kubectl(called: &str, file: &str) -> String {
    let (called, file) = match called.strip_prefix("kubectl ") {
        Some(_) => (called, file),
        None => ("kubectl podid", "kubectl-podid"),
    };
    let link = called.trim_start_matches("kubectl ").replace('-', "_").replace(' ', "-");
    include_str!("kubectl.sh")
        .replace("CALLED", called)
        .replace("LINK", &link)
        .replace("FILE", &Word(file).to_string())
}

/// As clap writes it, of the commands and flags alone.
fn generated(shell: clap_complete::Shell, name: &str) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut help::command(), name, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
