use clap::FromArgMatches as _;

use super::*;

const PLUGIN: &str = "kubectl podid";

/// A terminal of 80 columns has so many lines, the last of which the shell needs.
const SCREEN: usize = 24;

/// What a command of this path is, and all below it, as they are shown.
fn all(program: &str) -> Vec<(Vec<String>, Command)> {
    fn add(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        found.push((path.to_vec(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            add(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
        }
    }
    let mut root = of_program(program);
    root.build();
    let mut found = Vec::new();
    add(&root, &[], &mut found);
    found
}

fn page_of(path: &[String]) -> &'static Page {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    page(&path).unwrap_or_else(|| panic!("{path:?} has no page"))
}

fn short(command: &Command) -> String {
    command.clone().term_width(80).render_help().to_string()
}

fn long(command: &Command) -> String {
    command.clone().term_width(80).render_long_help().to_string()
}

#[test]
fn the_first_help_fits_on_a_screen_and_begins_with_the_commands() {
    for program in [NAME, PLUGIN] {
        let help = short(&of_program(program));
        assert!(help.trim_end().lines().count() < SCREEN, "{help}");
        for (path, _) in all(program).iter().filter(|(path, _)| path.len() == 1) {
            assert!(help.contains(&format!("\n  {} ", path[0])), "{path:?}: {help}");
        }
        // Of the flags of serve there is none, and the way to them.
        assert!(!help.contains("--port") && help.contains("serve --help"), "{help}");
        assert!(help.find("Commands:") < help.find("Options:"), "{help}");
    }
}

#[test]
fn a_short_help_of_a_command_leaves_out_what_is_rarely_used() {
    for (path, command) in all(NAME) {
        let (short, long) = (short(&command), long(&command));
        assert!(short.lines().count() <= 60, "{path:?}: {} lines", short.lines().count());
        assert!(!short.contains("Exit status"), "{short}");
        let hidden = command.get_arguments().filter(|flag| !flag.is_hide_set());
        let hidden = hidden.filter(|flag| flag.is_hide_short_help_set());
        for flag in hidden.filter_map(Arg::get_long) {
            let shown = long.contains(&format!("--{flag}"));
            assert!(shown && !short.contains(&format!("--{flag} ")), "{path:?} --{flag}");
        }
    }
}

#[test]
fn every_page_says_how_the_command_ends_and_shows_examples_that_are_taken() {
    for (path, command) in all(NAME) {
        let page = page_of(&path);
        let codes: Vec<u8> = page.exits.iter().map(|(code, _)| *code).collect();
        assert!(codes.starts_with(&[0]) && codes.contains(&64), "{path:?}: {codes:?}");
        assert!(codes.is_sorted() && codes.iter().all(|code| [0, 1, 2, 64, 130].contains(code)));
        // A group is nothing that one calls.
        let is_called = !command.has_subcommands() || path.is_empty();
        assert!(!is_called || path == ["version"] || !page.examples.is_empty(), "{path:?}");
        let long = long(&command);
        for part in ["Exit status:", "64  the command line is wrong"] {
            assert!(long.contains(part), "{path:?}: {long}");
        }
        for (what, line) in page.examples {
            let line = line.replace("\\\n", " ");
            for part in line.split(['|', '\n', '<', '>', '(', ')']) {
                let words: Vec<&str> = part.split_whitespace().collect();
                if words.first() == Some(&"PROGRAM") {
                    let read = of_program(NAME).try_get_matches_from(&words);
                    let read = read.and_then(|matches| super::Cli::from_arg_matches(&matches));
                    let command = read.unwrap_or_else(|error| panic!("{line}: {error}"));
                    let of = command.into_command();
                    assert!(path.is_empty() || of.path() == path, "{what}: {line}");
                }
            }
        }
    }
}

#[test]
fn no_line_below_the_flags_is_wider_than_a_terminal() {
    for program in [NAME, PLUGIN] {
        for (path, command) in all(program) {
            let text = page_of(&path).text(program, &variables(&command));
            for line in text.lines() {
                assert!(line.len() <= 80, "{path:?}: {line}");
            }
        }
    }
}

#[test]
fn a_plugin_calls_itself_as_kubectl_does_wherever_it_is_called() {
    for (path, command) in all(PLUGIN) {
        for help in [short(&command), long(&command)] {
            let usage = help.lines().find(|line| line.starts_with("Usage:")).expect("a usage");
            assert!(usage.starts_with("Usage: kubectl podid"), "{path:?}: {usage}");
            // The webhook itself, its objects, and their defaults keep their name.
            let called = help.lines().filter(|line| {
                line.contains(&format!("{NAME} "))
                    && !line.contains("ConfigMap")
                    && !line.contains("--namespace")
            });
            assert_eq!(called.collect::<Vec<_>>(), Vec::<&str>::new(), "{path:?}");
        }
    }
}

#[test]
fn manual_pages_have_all_that_the_help_has() {
    let manuals = manual(PLUGIN).expect("written to memory");
    for (path, command) in all(PLUGIN) {
        let file = format!("{}.1", [&["kubectl-podid".to_owned()], &path[..]].concat().join("-"));
        let manual = manuals.iter().find(|manual| manual.file == file);
        let text = &manual.unwrap_or_else(|| panic!("no {file}")).text;
        let text = String::from_utf8(text.clone()).expect("UTF-8");
        let text = text.replace("\\*(Aq", "'").replace("\\(aq", "'").replace('\\', "");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] {
            assert!(text.contains(section), "{file}: {section}");
        }
        let page = page_of(&path);
        assert_eq!(text.contains("EXAMPLES"), !page.examples.is_empty(), "{file}");
        for (_, line) in page.examples {
            let line = Page::lines(line, PLUGIN);
            let line = line.lines().next().expect("a line").trim_end_matches('\\').trim_end();
            assert!(text.contains(line), "{file}: {line}");
        }
        for flag in command.get_arguments() {
            // That of --help itself tells a short help from a long one.
            if flag.is_hide_set() || flag.get_id() == "help" {
                continue;
            }
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let begins: String = help.chars().take(30).collect();
            assert!(text.contains(&begins.replace('\\', "")), "{file}: {begins}");
        }
    }
}

/// All help, as a terminal of 80 columns shows it.
fn golden(name: &str, flag: &str, render: fn(&Command) -> String) {
    let mut text = String::new();
    for (path, command) in all(NAME) {
        let path = [&[NAME.to_owned()], &path[..]].concat().join(" ");
        text.extend(["$ ", &path, " ", flag, "\n", render(&command).trim_end(), "\n\n"]);
    }
    crate::golden_tests::check(name, &text);
}

#[test]
fn golden_help_of_every_command() {
    golden("help.txt", "--help", long);
    golden("help-short.txt", "-h", short);
}
