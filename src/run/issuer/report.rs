//! Checks on paper.

use std::io::{self, Write};

use issuer::Check;

/// A line for each check, then what goes with it.
pub(super) fn write_checks(out: &mut impl Write, checks: &[Check], indent: &str) -> io::Result<()> {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    for check in checks {
        let Check { id, outcome, found, next, remarks } = check;
        writeln!(out, "{indent}{}  {id:width$}  {found}", outcome.word())?;
        for remark in remarks {
            writeln!(out, "{indent}      {:width$}  note: {remark}", "")?;
        }
        if let Some(next) = next {
            writeln!(out, "{indent}      {:width$}  next: {next}", "")?;
        }
    }
    Ok(())
}
