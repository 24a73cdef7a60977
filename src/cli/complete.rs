//! What can stand at a place of the command line: flags, sub-commands and fixed values by clap's
//! own engine, names of a cluster and of a kubeconfig by a function that is given.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use super::help;
use super::leading::{behind_the_command, is_complete_flag_of_a_cluster};

/// The hidden word that asks for completions, as programs made with cobra have it: kubectl too.
pub(crate) const WORD: &str = "__complete";

/// How kubectl finds the completions of a plugin.
const LINK: &str = "kubectl_complete-";

/// Names that only a cluster or a kubeconfig has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Namespaces,
    Contexts,
    Clusters,
    Users,
    /// Of a kind as it is typed: `pod`, `deploy`.
    Objects(String),
    /// In the namespace that is asked.
    ServiceAccounts,
    /// As NAMESPACE/NAME.
    QualifiedServiceAccounts,
    WebhookConfigurations,
}

/// Finds names; none where they are not known.
pub(crate) type Lookup = Arc<dyn Fn(&Wanted) -> Vec<String> + Send + Sync>;

/// What shells do with the candidates, in the numbers of cobra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// The shell completes files.
    Files = 0,
    /// They are all there are, and nothing follows the one that is chosen: more of the word does.
    NoSpace = 6,
    /// They are all there are.
    Words = 4,
    /// The shell completes folders.
    Folders = 16,
}

/// What can stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// Values, each with a description where it has one.
    pub(crate) candidates: Vec<(String, String)>,
    pub(crate) directive: Directive,
}

/// The words of this process's command line that are to be completed, where that is what it asks
/// for: the last of them is not complete yet.
pub(crate) fn asked() -> Option<Vec<OsString>> {
    let mut args = env::args_os();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(OsStr::to_str).unwrap_or_default();
    if !name.starts_with(LINK) && args.next()? != WORD {
        return None;
    }
    Some(args.collect())
}

/// What the words before the last say of the command: as much as can be read of them.
pub(crate) fn read(words: &[OsString]) -> Option<ArgMatches> {
    let before = words.split_last().map_or(words, |(_, before)| before);
    // A flag that the last word is the value of has none yet, which would be an error.
    let before = match before.split_last() {
        Some((flag, others)) if waits_for_a_value(flag) => others,
        _ => before,
    };
    let program = OsString::from(help::NAME);
    let command = help::command().ignore_errors(true);
    let before = behind_the_command([&[program], before].concat(), &command);
    let matches = command.try_get_matches_from(before).ok()?;
    let mut leaf = matches;
    while let Some((_, inner)) = leaf.remove_subcommand() {
        leaf = inner;
    }
    Some(leaf)
}

/// Whether a word is a flag without its value. Of flags that are not the cluster's only `=` tells.
fn waits_for_a_value(word: &OsString) -> bool {
    let word = word.to_string_lossy();
    word.starts_with('-')
        && !is_complete_flag_of_a_cluster(&word).unwrap_or_else(|| word.contains('='))
}

/// What can stand in place of the last of the words.
pub(crate) fn at_the_end(words: &[OsString], lookup: &Lookup) -> Completion {
    let (word, before) = words.split_last().unzip();
    let before = [&[OsString::from(help::NAME)], before.unwrap_or_default()].concat();
    let mut args = behind_the_command(before, &help::command());
    args.push(word.cloned().unwrap_or_default());
    let last = args.len() - 1;
    let previous = args.get(last - 1).and_then(|word| word.to_str()).unwrap_or_default();
    let mut command = with_values(help::command(), &[], previous, lookup);
    let begins_flag = args[last].to_string_lossy().starts_with('-');
    let mut found = complete(&mut command, args, last, None).unwrap_or_default();
    // Flags are for who begins one, or has nothing else to write.
    if !begins_flag && found.iter().any(|it| !text(it).starts_with('-')) {
        found.retain(|it| !text(it).starts_with('-'));
    }
    let is_mark = |mark: &str| found.iter().any(|it| text(it).ends_with(mark));
    let directive = if is_mark(FILES) {
        Directive::Files
    } else if is_mark(FOLDERS) {
        Directive::Folders
    } else if !found.is_empty() && found.iter().all(|it| text(it).ends_with(['/', '='])) {
        Directive::NoSpace
    } else {
        Directive::Words
    };
    let candidates = found.iter().filter_map(|found| {
        let value = found.get_value().to_str()?.to_owned();
        let help = found.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        // A line of a menu has no room for more.
        let help = help.split([';', '[']).next().unwrap_or_default().trim_end().to_owned();
        // A name with such characters would be several, or act on the terminal.
        let is_plain = |text: &str| !text.contains(text::is_unprintable);
        (is_plain(&value) && is_plain(&help)).then_some((value, help))
    });
    Completion { candidates: candidates.collect(), directive }
}

fn text(candidate: &CompletionCandidate) -> &str {
    candidate.get_value().to_str().unwrap_or_default()
}

/// Marks of values that shells complete better themselves. They end in what no value shows.
const FILES: &str = "files\u{1}";
const FOLDERS: &str = "folders\u{1}";

/// Flags whose value is a path elsewhere: in a container, or below a URL.
const ELSEWHERE: [&str; 4] = [
    "token-mount-path",
    "container-credentials-token-mount-path",
    "container-credentials-token-path",
    "jwks-path",
];

const KINDS: [&str; 9] = [
    "pod",
    "deployment",
    "statefulset",
    "daemonset",
    "cronjob",
    "job",
    "replicaset",
    "replicationcontroller",
    "serviceaccount",
];

/// The command line with what the values of its flags can be.
fn with_values(command: Command, path: &[&str], previous: &str, lookup: &Lookup) -> Command {
    let command = command.mut_args(|arg| with_value(arg, path, previous, lookup));
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| {
        let path = [path, &[name.as_str()]].concat();
        command.mut_subcommand(name, |inner| with_values(inner, &path, previous, lookup))
    })
}

fn with_value(arg: Arg, path: &[&str], previous: &str, lookup: &Lookup) -> Arg {
    let names = |wanted: Wanted| {
        let lookup = Arc::clone(lookup);
        ArgValueCompleter::new(move |current: &OsStr| beginning(current, lookup(&wanted)))
    };
    let mark = |mark: &'static str| {
        ArgValueCompleter::new(move |_: &OsStr| vec![CompletionCandidate::new(mark)])
    };
    let long = arg.get_long().unwrap_or_default();
    let completer = match long {
        "namespace" | "webhook-namespace" => names(Wanted::Namespaces),
        "context" => names(Wanted::Contexts),
        "cluster" => names(Wanted::Clusters),
        "user" => names(Wanted::Users),
        "service-account" if path == ["iam", "role"] => names(Wanted::ServiceAccounts),
        "service-account" => names(Wanted::QualifiedServiceAccounts),
        "webhook-config-name" => names(Wanted::WebhookConfigurations),
        _ if arg.get_id() == "target" => {
            let (previous, lookup) = (previous.to_owned(), Arc::clone(lookup));
            ArgValueCompleter::new(move |current: &OsStr| targets(current, &previous, &lookup))
        }
        _ if ELSEWHERE.contains(&long) => return arg,
        _ => match arg
            .get_value_names()
            .and_then(|names| names.first())
            .map(clap::builder::Str::as_str)
        {
            Some("FILE" | "PATH") => mark(FILES),
            Some("DIR") => mark(FOLDERS),
            _ => return arg,
        },
    };
    arg.add(completer)
}

fn beginning(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let names = names.into_iter().filter(|name| name.starts_with(&*current));
    names.map(CompletionCandidate::new).collect()
}

/// `pod/`, then `pod/NAME`; behind `pod` as a word of its own, NAME.
fn targets(current: &OsStr, previous: &str, lookup: &Lookup) -> Vec<CompletionCandidate> {
    let text = current.to_string_lossy();
    if let Some((kind, _)) = text.split_once('/') {
        let names = lookup(&Wanted::Objects(kind.to_owned()));
        return beginning(current, names.iter().map(|name| format!("{kind}/{name}")).collect());
    }
    if KINDS.contains(&previous) {
        return beginning(current, lookup(&Wanted::Objects(previous.to_owned())));
    }
    beginning(current, KINDS.iter().map(|kind| format!("{kind}/")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Completion {
        let lookup: Lookup = Arc::new(|wanted: &Wanted| match wanted {
            Wanted::Objects(kind) => vec![format!("{kind}-a"), "b".to_owned(), "c\n:d".to_owned()],
            wanted => vec![format!("{wanted:?}")],
        });
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        at_the_end(&words, &lookup)
    }

    fn values(line: &str) -> Vec<String> {
        completed(line).candidates.into_iter().map(|(value, _)| value).collect()
    }

    #[test]
    fn completes_commands_flags_and_fixed_values() {
        assert_eq!(values("do"), ["doctor"]);
        assert_eq!(values("iam "), ["role", "lint", "simulate", "help"]);
        assert_eq!(values("audit --all-"), ["--all-namespaces"]);
        assert!(values("audit ").iter().all(|value| value.starts_with('-')));
        assert!(!values("doctor ").iter().any(|value| value.starts_with('-')));
        assert_eq!(values("inject -o "), ["yaml", "diff", "patch", "explain"]);
        assert_eq!(values("inject --output=d"), ["--output=diff"]);
        assert_eq!(values("completion b"), ["bash"]);
        // What the first help leaves out is completed where it is begun.
        assert!(!values("-").contains(&"--port".to_owned()), "{:?}", values("-"));
        assert_eq!(values("--metrics-p"), ["--metrics-port"]);
        assert!(values("").contains(&"doctor".to_owned()));
        let described = completed("do").candidates;
        assert_eq!(described[0].1, "Find out why a pod gets no AWS credentials");
    }

    #[test]
    fn completes_what_a_cluster_and_a_kubeconfig_have() {
        for (line, values_of) in [
            ("doctor -n ", "Namespaces"),
            ("audit --namespace=", "--namespace=Namespaces"),
            ("audit --context ", "Contexts"),
            ("iam role --service-account ", "ServiceAccounts"),
            ("issuer verify https://a.example --service-account ", "QualifiedServiceAccounts"),
            ("doctor pod/x --webhook-config-name ", "WebhookConfigurations"),
        ] {
            assert_eq!(values(line), [values_of], "{line}");
        }
    }

    #[test]
    fn completes_objects_by_type_and_name() {
        let kinds = completed("doctor s");
        let of_kinds: Vec<&str> = kinds.candidates.iter().map(|(value, _)| &**value).collect();
        assert_eq!(of_kinds, ["statefulset/", "serviceaccount/"]);
        assert_eq!(kinds.directive, Directive::NoSpace);
        // A name that would be two lines is none.
        assert_eq!(values("doctor deploy/"), ["deploy/deploy-a", "deploy/b"]);
        assert_eq!(completed("doctor pod/p").directive, Directive::Words);
        assert_eq!(values("doctor pod/p"), ["pod/pod-a"]);
    }

    #[test]
    fn leaves_files_and_folders_to_the_shell() {
        for (line, directive) in [
            ("inject -f ", Directive::Files),
            ("inject --filename=a/", Directive::Files),
            ("iam lint ", Directive::Files),
            ("doctor --role-json ro", Directive::Files),
            ("doctor --from-dir ", Directive::Folders),
            ("audit --kubeconfig ~/", Directive::Files),
            ("issuer documents --jwks-path ", Directive::Words),
        ] {
            let completion = completed(line);
            assert_eq!(
                (completion.directive, completion.candidates),
                (directive, vec![]),
                "{line}"
            );
        }
    }

    #[test]
    fn reads_what_is_typed_so_far_though_it_is_no_command_yet() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let context = |line: &str| {
            let matches = read(&words(line)).expect("what can be read");
            matches.try_get_one::<String>("context").ok().flatten().cloned()
        };
        assert_eq!(context("audit --context a -n x").as_deref(), Some("a"));
        assert_eq!(context("issuer rotate --context=a --nope --old-key ").as_deref(), Some("a"));
        assert_eq!(context("doctor --context a pod/").as_deref(), Some("a"));
        assert_eq!(context("doctor --context a -n ").as_deref(), Some("a"));
        assert_eq!(context("doctor --context=a pod/").as_deref(), Some("a"));
        assert_eq!(
            context("doctor --context a --insecure-skip-tls-verify pod/").as_deref(),
            Some("a")
        );
        let namespace = read(&words("doctor -nshop pod/")).expect("what can be read");
        assert_eq!(namespace.get_one::<String>("namespace").map(String::as_str), Some("shop"));
        assert_ne!(context("doctor --context a").as_deref(), Some("a"), "not complete yet");
    }
}
