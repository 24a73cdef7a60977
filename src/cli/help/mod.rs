//! The command line with all that its help says: which flags a short help shows, and what stands
//! below them.

mod manual;
mod pages;
mod program;

use clap::{Arg, Command, CommandFactory as _};

pub use manual::{Manual, manual};
pub use pages::{Page, page};
pub use program::{NAME, invoked};

use super::Cli;

/// Those of serve's flags that a first look needs; `--help` has the others.
const OF_SERVE: [&str; 14] = [
    "port",
    "tls-cert",
    "tls-key",
    "in-cluster",
    "service-name",
    "namespace",
    "metrics-port",
    "kubeconfig",
    "watch-config-map",
    "annotation-prefix",
    "token-audience",
    "aws-default-region",
    "log-format",
    "v",
];

/// What a webhook was given elsewhere: commands that predict it find that out by themselves.
const RARE_GROUPS: [&str; 4] = [
    "IAM roles for service accounts (IRSA)",
    "Role names instead of role ARNs",
    "Container credentials (EKS Pod Identity)",
    "How the webhook is installed",
];

/// Of a cluster, kubectl lists the same only under `kubectl options`.
const RARE: [&str; 14] = [
    "as",
    "as-group",
    "as-uid",
    "ca-file",
    "certificate-authority",
    "client-certificate",
    "client-key",
    "insecure-skip-tls-verify",
    "jwks-path",
    "request-timeout",
    "tls-server-name",
    "user",
    "watch-config-map",
    "webhook-namespace",
];

/// The whole command line, by the name that the program was called by.
#[must_use]
pub fn command() -> Command {
    of_program(invoked())
}

/// The same by another name.
#[must_use]
pub fn of_program(program: &str) -> Command {
    let usage = format!("{program} [COMMAND]\n       {program} [FLAGS OF SERVE]");
    let pointer = format!("'{program} COMMAND --help' has examples; serve --help has its flags.");
    let root = Cli::command().bin_name(program).mut_args(|flag| flag.hide(true));
    let root = if program == NAME {
        root.override_usage(usage).after_help(pointer)
    } else {
        // Nobody serves as kubectl's plugin.
        let root = root.override_usage(format!("{program} COMMAND")).after_help(pointer);
        root.subcommand_required(true).arg_required_else_help(true)
    };
    let names: Vec<String> = root.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    let root = names.iter().fold(root, |root, name| {
        root.mut_subcommand(name, |inner| complete(inner, program, &[name]))
    });
    below(root, program, &[])
}

/// A command, and those below it.
fn complete(command: Command, program: &str, path: &[&str]) -> Command {
    let of_serve = path == ["serve"];
    let command = command.mut_args(|flag| looks(flag, of_serve));
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |inner| complete(inner, program, &[path, &[name]].concat()))
    });
    below(command, program, path)
}

fn looks(flag: Arg, of_serve: bool) -> Arg {
    let is_rare = if of_serve {
        !flag.get_long().is_some_and(|long| OF_SERVE.contains(&long))
    } else {
        flag.get_help_heading().is_some_and(|heading| RARE_GROUPS.contains(&heading))
            || flag.get_long().is_some_and(|long| RARE.contains(&long))
    };
    // The rule, or the list, stands below the flags; the value may be nobody else's business.
    let flag = flag.hide_env(true);
    if is_rare { flag.hide_short_help(true) } else { flag }
}

/// Examples, exit status and environment stand below the flags.
fn below(command: Command, program: &str, path: &[&str]) -> Command {
    let Some(page) = page(path) else { return command };
    let text = page.text(program, &variables(&command));
    command.after_long_help(text)
}

/// The variables that set flags of a command, each with its flag where that has another name.
#[must_use]
pub fn variables(command: &Command) -> Vec<String> {
    let variable = |flag: &Arg| {
        let name = flag.get_env()?.to_string_lossy();
        let long = flag.get_long()?;
        let by_rule = format!("PODID_{}", long.replace('-', "_").to_uppercase());
        Some(if name == by_rule { by_rule } else { format!("{name} (--{long})") })
    };
    command.get_arguments().filter_map(variable).collect()
}

#[cfg(test)]
mod tests;
