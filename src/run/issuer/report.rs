//! Checks on paper.

use std::io::{self, Write};

use crate::run::output::Lines;

use issuer::IssuerCheck;

/// A line for each check, then what goes with it.
pub(super) fn write_checks(
    out: &mut Lines<impl Write>,
    checks: &[IssuerCheck],
    indent: &str,
) -> io::Result<()> {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    for check in checks {
        let IssuerCheck { id, outcome, found, next, remarks } = check;
        out.line(format_args!("{indent}{}  {id:width$}  {found}", outcome.word()))?;
        for remark in remarks {
            out.line(format_args!("{indent}      {:width$}  note: {remark}", ""))?;
        }
        if let Some(next) = next {
            out.line(format_args!("{indent}      {:width$}  next: {next}", ""))?;
        }
    }
    Ok(())
}
