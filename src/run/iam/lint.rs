//! `iam lint`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

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
                writeln!(std::io::stderr(), "error: {error:#}")?;
            }
        }
    }
    super::print(&match args.output {
        ReportFormat::Text => text(&found)?,
        ReportFormat::Json => json(&found)?,
    })?;
    let worst = found.iter().map(|(_, finding)| finding.severity()).max();
    Ok(match worst {
        _ if unread => ExitCode::from(2),
        Some(Severity::Error) => ExitCode::FAILURE,
        Some(Severity::Warning) if args.strict => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn text(found: &[(&Path, Finding)]) -> anyhow::Result<String> {
    let mut out = String::new();
    for (path, finding) in found {
        let Finding { code, at, message, fix } = finding;
        writeln!(
            out,
            "{}:{at}: {}: {message} [{code}]",
            path.display(),
            finding.severity().word()
        )?;
        if let Some(fix) = fix {
            for line in fix.lines() {
                writeln!(out, "    mended: {line}")?;
            }
        }
    }
    Ok(out)
}

fn json(found: &[(&Path, Finding)]) -> anyhow::Result<String> {
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
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}
