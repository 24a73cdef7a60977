//! The manual pages: the same texts as `--help`, a page for each command.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::pages::{Page, page};
use super::{of_program, variables};

/// A page and the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    pub file: String,
    pub text: Vec<u8>,
}

/// The pages of all commands, by the name that the program goes by.
///
/// # Errors
/// None in practice: they are written to memory.
pub fn manual(program: &str) -> io::Result<Vec<Manual>> {
    let root = of_program(program).display_name(program.replace(' ', "-"));
    let mut root = in_full(root.disable_help_subcommand(true));
    root.build();
    let mut pages = Vec::new();
    add(&root, program, &[], &mut pages)?;
    Ok(pages)
}

/// With the text of every flag: `clap_mangen` leaves out that of flags which a short help hides.
fn in_full(command: Command) -> Command {
    let command = command.mut_args(|flag| flag.hide_short_help(false));
    let names: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| command.mut_subcommand(name, in_full))
}

fn add(command: &Command, program: &str, path: &[&str], pages: &mut Vec<Manual>) -> io::Result<()> {
    pages.push(written(command, program, path)?);
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        add(inner, program, &[path, &[inner.get_name()]].concat(), pages)?;
    }
    Ok(())
}

fn written(command: &Command, program: &str, path: &[&str]) -> io::Result<Manual> {
    let source = format!("{} {}", super::NAME, env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if let Some(page) = page(path) {
        below(page, program, &variables(command)).to_writer(&mut text)?;
    }
    Ok(Manual { file: man.get_filename(), text })
}

/// As the help has it: of serve, each flag by itself would fill the screen.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let name = command.get_bin_name().unwrap_or_default();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let forms = usage.trim_start_matches("Usage:").lines().map(str::trim);
    for (index, form) in forms.filter(|form| !form.is_empty()).enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        match form.strip_prefix(name) {
            Some(rest) => roff.text([bold(name), roman(rest)]),
            None => roff.text([roman(form)]),
        };
    }
    roff
}

fn below(page: &Page, program: &str, of_flags: &[String]) -> Roff {
    let mut roff = Roff::new();
    let list = |roff: &mut Roff, term: &str, meaning: &str| {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    };
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in page.exits {
        list(&mut roff, &code.to_string(), meaning);
    }
    let flags = page.flags(of_flags);
    if !page.environment.is_empty() || flags.is_some() {
        roff.control("SH", ["ENVIRONMENT"]);
    }
    for (name, meaning) in page.environment {
        list(&mut roff, name, meaning);
    }
    if let Some(flags) = flags {
        roff.control("PP", []);
        roff.text([roman(flags)]);
    }
    if !page.examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        for (what, line) in page.examples {
            roff.control("PP", []);
            roff.text([roman(*what)]);
            // As it is typed, without filling.
            roff.control("nf", []);
            roff.control("RS", ["4"]);
            for line in Page::lines(line, program).lines() {
                roff.text([roman(line)]);
            }
            roff.control("RE", []);
            roff.control("fi", []);
        }
    }
    roff
}
