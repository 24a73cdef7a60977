//! `iam lint`.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::output;
use crate::cli::{IamLintArgs, ReportFormat};
use iam::{Finding, Severity, lint};

pub(super) fn run(args: &IamLintArgs) -> anyhow::Result<ExitCode> {
    let mut found: Vec<(&Path, Finding)> = Vec::new();
    let mut unread = false;
    for path in &args.files {
        match super::read(path) {
            Ok(text) => {
                found.extend(lint(&text).into_iter().map(|finding| (path.as_path(), finding)));
            }
            Err(error) => {
                // The other files may have something to tell all the same.
                unread = true;
                output::fail(error);
            }
        }
    }
    match args.output {
        ReportFormat::Text => text(&found),
        ReportFormat::Json => json(&found),
    }
    .context("failed to print what was found")?;
    let worst = found.iter().map(|(_, finding)| finding.severity()).max();
    Ok(match worst {
        _ if unread => ExitCode::from(2),
        Some(Severity::Error) => ExitCode::FAILURE,
        Some(Severity::Warning) if args.strict => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn text(found: &[(&Path, Finding)]) -> io::Result<()> {
    let mut out = output::out();
    for (path, finding) in found {
        let Finding { code, at, message, fix } = finding;
        let (path, severity) = (path.display(), finding.severity().word());
        out.line(format_args!("{path}:{at}: {severity}: {message} [{code}]"))?;
        for line in fix.iter().flat_map(|fix| fix.lines()) {
            out.line(format_args!("    fix: {line}"))?;
        }
    }
    Ok(())
}

fn json(found: &[(&Path, Finding)]) -> io::Result<()> {
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
            })
        })
        .collect();
    output::out().json(&list)
}
