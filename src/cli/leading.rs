//! kubectl's flags before the command, where kubectl takes them too: `-n shop audit`.
//!
//! They can't be flags of the program as a whole: that has serve's, of which some have the same
//! name and another meaning. So they are moved behind the command.

use std::ffi::OsString;

use clap::{Arg, Args as _, Command};

use super::ClusterArgs;

/// The same words, with the leading flags behind the names of the command. Words that are not of
/// this form, or a command without such flags, are left to the parser as they are.
pub(super) fn behind_the_command(words: Vec<OsString>, root: &Command) -> Vec<OsString> {
    match found(&words, root) {
        Some((flags, names)) => {
            let (program, rest) = words.split_at(1);
            let (leading, rest) = rest.split_at(flags);
            let (path, rest) = rest.split_at(names);
            [program, path, leading, rest].concat()
        }
        None => words,
    }
}

/// How many words the flags are, and how many the names of the command behind them.
fn found(words: &[OsString], root: &Command) -> Option<(usize, usize)> {
    let mut flags = ClusterArgs::augment_args(Command::new("flags"));
    flags.build();
    let mut leading = Vec::new();
    let mut rest = words.get(1..)?;
    let all = rest.len();
    while let Some((word, behind)) = rest.split_first() {
        let word = word.to_str()?;
        if !word.starts_with('-') {
            break;
        }
        let (flag, is_complete) = flag(word, &flags)?;
        leading.push(flag);
        rest = if is_complete { behind } else { behind.get(1..)? };
    }
    let before = all - rest.len();
    let mut command = root;
    let mut names = 0;
    while let Some(inner) = rest.get(names).and_then(|name| command.find_subcommand(name)) {
        command = inner;
        names += 1;
    }
    let has = |flag: &&Arg| {
        let is = |own: &Arg| own.get_id() == flag.get_id() && own.get_long() == flag.get_long();
        command.get_arguments().any(is)
    };
    // Serve's flags stand there as well, and have no command behind them.
    let takes_them = names > 0 && command.get_name() != "serve" && leading.iter().all(has);
    (before > 0 && takes_them).then_some((before, names))
}

/// Whether the value of a flag of the cluster, if it has one, is in the same word; none for other words.
pub(super) fn is_complete_flag_of_a_cluster(word: &str) -> Option<bool> {
    let mut flags = ClusterArgs::augment_args(Command::new("flags"));
    flags.build();
    flag(word, &flags).map(|(_, is_complete)| is_complete)
}

/// The flag that a word names, and whether its value, if it has one, is in the same word.
fn flag<'a>(word: &str, flags: &'a Command) -> Option<(&'a Arg, bool)> {
    let mut all = flags.get_arguments();
    let (flag, has_value) = if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next();
        (all.find(|flag| flag.get_long() == name)?, long.contains('='))
    } else {
        let mut letters = word.strip_prefix('-')?.chars();
        let letter = Some(letters.next()?);
        (all.find(|flag| flag.get_short() == letter)?, letters.next().is_some())
    };
    let takes_more = flag.get_num_args().is_some_and(|it| it.min_values() > 0);
    Some((flag, has_value || !takes_more))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::super::help;
    use super::*;

    fn moved(text: &str) -> String {
        let words = text.split(' ').map(OsString::from).collect();
        let words = behind_the_command(words, &help::of_program("kubectl podid"));
        words.join(OsStr::new(" ")).into_string().expect("what went in")
    }

    #[test]
    fn flags_of_the_cluster_may_stand_before_the_command() {
        for (typed, read) in [
            ("podid -n shop audit", "podid audit -n shop"),
            ("podid -nshop doctor pod x", "podid doctor -nshop pod x"),
            (
                "podid --context=a --namespace b audit -A",
                "podid audit --context=a --namespace b -A",
            ),
            ("podid --insecure-skip-tls-verify audit", "podid audit --insecure-skip-tls-verify"),
            ("podid --kubeconfig f issuer verify", "podid issuer verify --kubeconfig f"),
            ("podid --as me --as-group us inject -f a", "podid inject --as me --as-group us -f a"),
            ("podid -n audit audit", "podid audit -n audit"),
        ] {
            assert_eq!(moved(typed), read);
        }
    }

    /// Flags of serve, commands that ask no cluster, other meanings, and what is incomplete.
    #[test]
    fn all_else_stays_where_it_is() {
        for typed in [
            "podid",
            "podid -n",
            "podid -n shop",
            "podid audit -n shop",
            "podid --namespace kube-system --port 8443",
            "podid --kubeconfig f serve --tls-cert c",
            "podid --in-cluster=false --namespace=default",
            "podid --v=5 audit",
            "podid --context a completion bash",
            "podid --token t issuer verify",
            "podid -- audit",
            "podid - audit",
            "podid --nosuch audit",
        ] {
            assert_eq!(moved(typed), typed);
        }
    }
}
