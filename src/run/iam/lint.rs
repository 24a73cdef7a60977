//! `iam lint`.

mod github;
mod sarif;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::output;
use crate::cli::{IamLintArgs, LintFormat};
use iam::{Finding, Position, Severity, lint};

/// A finding and the file that it is in.
type InFile<'a> = (&'a Path, Finding);

pub(super) fn run(args: &IamLintArgs) -> anyhow::Result<ExitCode> {
    let mut found: Vec<InFile<'_>> = Vec::new();
    let mut unread: Vec<String> = Vec::new();
    for path in &args.files {
        match super::read(path) {
            Ok(text) => {
                found.extend(lint(&text).into_iter().map(|finding| (path.as_path(), finding)));
            }
            Err(error) => {
                // The other files may have something to tell all the same.
                unread.push(error.to_string());
                output::fail(error);
            }
        }
    }
    match args.output {
        LintFormat::Text => text(&found),
        LintFormat::Json => json(&found),
        LintFormat::Sarif => output::out().json(&sarif::log(&found, &unread)),
        LintFormat::Github => github::print(&found),
    }
    .context("failed to print what was found")?;
    let worst = found.iter().map(|(_, finding)| finding.severity()).max();
    Ok(match worst {
        _ if !unread.is_empty() => ExitCode::from(2),
        Some(Severity::Error) => ExitCode::FAILURE,
        Some(Severity::Warning) if args.strict => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn text(found: &[InFile<'_>]) -> io::Result<()> {
    let mut out = output::out();
    for (path, finding) in found {
        let Finding { code, at, message, fix, .. } = finding;
        let (path, severity) = (path.display(), finding.severity().word());
        let more = more(finding);
        out.line(format_args!("{path}:{at}: {severity}: {message} [{code}]{more}"))?;
        for line in fix.iter().flat_map(|fix| fix.lines()) {
            out.line(format_args!("    fix: {line}"))?;
        }
    }
    Ok(())
}

/// How many more there are of a finding and where the first of them are;
/// nothing where it is the only one.
fn more(finding: &Finding) -> String {
    const NAMED: usize = 3;
    if finding.count < 2 {
        return String::new();
    }
    let others = finding.count - 1;
    let mut places: Vec<String> =
        finding.also.iter().take(NAMED).map(ToString::to_string).collect();
    if others > places.len() {
        places.push("...".to_owned());
    }
    format!(" (and {others} more: {})", places.join(", "))
}

fn json(found: &[InFile<'_>]) -> io::Result<()> {
    let place = |at: &Position| json!({"line": at.line, "column": at.column});
    let list: Vec<_> = found
        .iter()
        .map(|(path, finding)| {
            json!({
                "file": path.to_string_lossy(),
                "code": finding.code.word(),
                "severity": finding.severity().word(),
                "line": finding.at.line,
                "column": finding.at.column,
                "message": finding.message,
                "fix": finding.fix,
                "count": finding.count,
                "also": finding.also.iter().map(place).collect::<Vec<_>>(),
            })
        })
        .collect();
    output::out().json(&list)
}

#[cfg(test)]
mod tests;
