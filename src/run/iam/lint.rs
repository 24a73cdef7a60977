//! `iam lint`.

mod github;
mod sarif;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::exit::Exit;
use super::inputs::{self, Input};
use super::output::{self, Head, Tone};
use super::report::{self, Kind, Summary, Word};
use crate::cli::{DataFormat, IamLintArgs, LintFormat};
use iam::{Code, Finding, Position, Severity, lint_for_prefix};

/// A finding and the file that it is in.
type InFile<'a> = (&'a Path, Finding);

/// A file that could not be read, among the codes.
const UNREAD: &str = "unread-file";

/// What would be understood, where nothing was.
const UNDERSTOOD: &str = "found no policy, role, provider or ServiceAccount in any file; iam lint reads \
    policies (JSON), CloudFormation templates, Terraform (HCL, JSON, plans), Kubernetes manifests and \
    Markdown; to allow such files, use --allow-no-policy";

pub(super) fn run(args: &IamLintArgs) -> anyhow::Result<Exit> {
    let mut paths: Vec<(PathBuf, Vec<Finding>)> = Vec::new();
    let mut unread: Vec<String> = Vec::new();
    let mut understood = false;
    let prefix = args.annotation_prefix.trim_end_matches('/');
    for Input { path, text, is_named } in inputs::read(&args.files) {
        match text {
            Ok(text) => {
                let name = path.to_string_lossy();
                let mut findings = lint_for_prefix(prefix, &name, &text);
                let is_nothing = |finding: &Finding| finding.code == Code::NothingToLint;
                understood |= !findings.iter().any(is_nothing);
                if args.allow_no_policy || !is_named {
                    findings.retain(|finding| !is_nothing(finding));
                }
                paths.push((path, findings));
            }
            Err(error) => {
                // The other files may have something to tell all the same.
                unread.push(error.to_string());
                output::fail(error);
            }
        }
    }
    let found: Vec<InFile<'_>> = paths
        .iter()
        .flat_map(|(path, findings)| findings.iter().map(|it| (path.as_path(), it.clone())))
        .collect();
    let nothing = !understood && !args.allow_no_policy;
    match args.output {
        LintFormat::Text => text(&found),
        LintFormat::Json => data(DataFormat::Json, &found, &unread, nothing),
        LintFormat::Yaml => data(DataFormat::Yaml, &found, &unread, nothing),
        LintFormat::Sarif => output::out().json(&sarif::log(&found, &unread)),
        LintFormat::Github => github::print(&found, &unread),
    }
    .context("failed to print what was found")?;
    let is_error = |finding: &Finding| finding.severity() == Severity::Error;
    if found.iter().any(|(_, finding)| is_error(finding)) {
        return Ok(Exit::Failed);
    }
    if !unread.is_empty() {
        return Ok(Exit::Unknown);
    }
    if nothing {
        output::fail(UNDERSTOOD);
        return Ok(Exit::Unknown);
    }
    Ok(if args.strict && !found.is_empty() { Exit::Failed } else { Exit::Fine })
}

fn text(found: &[InFile<'_>]) -> io::Result<()> {
    let mut out = output::out();
    for (path, finding) in found {
        let Finding { code, at, message, fix, .. } = finding;
        let (path, severity) = (path.display(), finding.severity().word());
        let more = more(finding);
        let tone = match finding.severity() {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Doubtful,
        };
        let head = Head::new().text(&format!("{path}:{at}: "));
        let head = head.word(tone, &format!("{severity}:")).hanging(4);
        out.prose(head, format_args!("{message} [{code}]{more}"))?;
        // Text to copy, so not to be wrapped.
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

/// One document; files that could not be read are findings too.
fn data(
    format: DataFormat,
    found: &[InFile<'_>],
    unread: &[String],
    nothing: bool,
) -> io::Result<()> {
    let place = |at: &Position| json!({"line": at.line, "column": at.column});
    let word = |severity: Severity| match severity {
        Severity::Error => Word::Fail,
        Severity::Warning => Word::Warning,
    };
    let findings = found.iter().map(|(path, finding)| {
        json!({
            "id": finding.code.word(),
            "status": word(finding.severity()),
            "message": finding.message,
            "file": path.to_string_lossy(),
            "line": finding.at.line,
            "column": finding.at.column,
            "fix": finding.fix,
            "count": finding.count,
            "also": finding.also.iter().map(place).collect::<Vec<_>>(),
        })
    });
    let unread_files =
        unread.iter().map(|why| json!({"id": UNREAD, "status": Word::Unknown, "message": why}));
    let body = json!({"findings": findings.chain(unread_files).collect::<Vec<_>>()});
    let words = found.iter().map(|(_, finding)| word(finding.severity()));
    let summary = Summary::of(words.chain(unread.iter().map(|_| Word::Unknown)));
    let summary = if nothing { summary.at_least(Word::Unknown) } else { summary };
    report::print(format, Kind::LintReport, &body, summary)
}

#[cfg(test)]
mod tests;
