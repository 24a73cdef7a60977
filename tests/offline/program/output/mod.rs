//! What every command does with its output: for a reader that leaves, on a terminal of each
//! width, and anywhere else.

mod golden;
mod progress;
mod scene;
mod schema;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use clap::CommandFactory as _;
use pod_identity_webhook::cli::Cli;

use crate::support::on_terminal;
use scene::{Scene, program};

/// The commands that do something, as they are typed.
fn leaves(command: &clap::Command, typed: &str) -> Vec<String> {
    let inner = command.get_subcommands().filter(|it| it.get_name() != "help");
    let inner: Vec<String> =
        inner.flat_map(|it| leaves(it, format!("{typed} {}", it.get_name()).trim())).collect();
    if inner.is_empty() { vec![typed.to_owned()] } else { inner }
}

#[test]
fn a_reader_that_leaves_ends_every_command_quietly_and_well() {
    let scene = Scene::new();
    let mut commands = scene.commands.clone();
    for leaf in leaves(&Cli::command(), "") {
        let words: Vec<String> = leaf.split(' ').map(str::to_owned).collect();
        let is_tried = scene.commands.iter().any(|args| args.starts_with(&words));
        assert!(is_tried || leaf == "serve", "no case of {leaf}; add one to the scene");
        commands.push([words, vec!["--help".to_owned()]].concat());
    }
    commands.extend([vec!["--help".to_owned()], vec!["--version".to_owned()]]);
    for args in &commands {
        // `man` has nothing to say.
        let is_silent = args[0] == "man" && args.len() > 2;
        for lines in if is_silent { 0..1 } else { 0..2 } {
            let mut command = program(args);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut reader = BufReader::new(child.stdout.take().unwrap());
            for _ in 0..lines {
                let mut line = String::new();
                assert!(reader.read_line(&mut line).unwrap() > 0, "{args:?} says nothing");
            }
            drop(reader);
            let ended = child.wait_with_output().unwrap();
            let errors = String::from_utf8(ended.stderr).unwrap();
            assert!(
                !errors.contains("error") && !errors.contains("panicked"),
                "{args:?}: {errors}"
            );
            // What fits into the pipe was written before its reader left.
            if lines == 0 {
                assert_eq!(ended.status.code(), Some(0), "{args:?}: {errors}");
            }
        }
    }
}

#[test]
fn standard_error_without_a_reader_changes_nothing() {
    let scene = Scene::new();
    for args in &scene.commands {
        let whole = program(args).output().unwrap();
        let mut command = program(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), whole.status.code(), "{args:?}");
        // A certificate is another each time.
        let lines = |text: &[u8]| text.split(|byte| *byte == b'\n').count();
        assert_eq!(lines(&ended.stdout), lines(&whole.stdout), "{args:?}");
    }
}

#[test]
fn colours_are_for_terminals_alone() {
    let scene = Scene::new();
    for args in &scene.commands {
        let piped = program(args).env("TERM", "xterm").output().unwrap();
        for text in [&piped.stdout, &piped.stderr] {
            assert!(!text.contains(&0x1b), "{args:?}");
        }
        for plain in [[("TERM", "dumb"), ("LANG", "C")], [("TERM", "xterm"), ("NO_COLOR", "1")]] {
            let (_, shown) = on_terminal(program(args).envs(plain), 100);
            let shown = shown.replace("\u{1b}[2K", "");
            assert!(!shown.contains('\u{1b}'), "{args:?}: {shown:?}");
        }
        let forced = program(args).env("CLICOLOR_FORCE", "1").output().unwrap();
        let is_for_people = !args.iter().any(|arg| ["json", "sarif"].contains(&arg.as_str()));
        let checks = ["doctor", "lint", "simulate", "verify"];
        if is_for_people
            && args.iter().take(2).any(|arg| checks.contains(&arg.as_str()))
            && !args.contains(&"github".to_owned())
        {
            let text = String::from_utf8(forced.stdout).unwrap();
            assert!(text.contains("\u{1b}["), "{args:?}: {text}");
            let (_, shown) = on_terminal(program(args).env("TERM", "xterm"), 100);
            assert!(shown.contains("\u{1b}["), "{args:?}: {shown}");
        }
    }
}

/// Documents and tables are for programs too; text for people is wrapped.
#[test]
fn wraps_between_words_to_the_width_of_the_terminal() {
    let scene = Scene::new();
    let wrapped = ["doctor", "lint", "simulate", "verify", "explain", "rotate", "migrate"];
    // A head is as long as the path that it names: this one is the same wherever the folder is.
    let folder = scene.folder.path();
    let prefix = format!("{}/", folder.display());
    let inside = |args: &[String]| {
        let args: Vec<String> = args.iter().map(|arg| arg.replace(&prefix, "")).collect();
        let mut command = program(&args);
        command.current_dir(folder);
        command
    };
    for args in &scene.commands {
        let is_data = args.iter().any(|arg| ["json", "sarif", "github"].contains(&arg.as_str()));
        if is_data || !args.iter().any(|arg| wrapped.contains(&arg.as_str())) {
            continue;
        }
        let piped = inside(args).output().unwrap();
        let piped = String::from_utf8([piped.stdout, piped.stderr].concat()).unwrap();
        for columns in [80, 100, 160] {
            let (_, shown) = on_terminal(inside(args).env("TERM", "dumb"), columns);
            for line in shown.lines().filter(|line| line.chars().count() > columns.into()) {
                // Text to be copied, and words of which one alone is too long.
                let is_whole = piped.lines().any(|it| it.contains(line.trim()));
                let is_word = !line.trim().rsplit("  ").next().unwrap().contains(' ');
                let is_command =
                    ["kubectl ", "aws ", "fix: ", "--"].iter().any(|it| line.contains(it));
                assert!(
                    is_whole && (is_word || is_command || line.contains("https://")),
                    "{columns}: {line}"
                );
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let (mut shown, mut piped) = (words(&shown), words(&piped));
            // Standard error may come between.
            shown.sort();
            piped.sort();
            assert_eq!(shown, piped, "{args:?} at {columns}");
        }
    }
}
