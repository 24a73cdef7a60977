//! Checks on paper.

use std::io::{self, Write};

use crate::run::output::{Head, Lines, Tone};

use issuer::{IssuerCheck, Outcome};

/// A line for each check, then what goes with it.
pub(super) fn write_checks(
    out: &mut Lines<impl Write>,
    checks: &[IssuerCheck],
    indent: &str,
) -> io::Result<()> {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    for check in checks {
        let IssuerCheck { id, outcome, found, next, remarks } = check;
        let tone = match outcome {
            Outcome::Pass => Tone::Good,
            Outcome::Fail => Tone::Bad,
            Outcome::Skip => Tone::Faint,
        };
        let head = Head::new().text(indent).column(Some(tone), outcome.word(), 7);
        out.prose(head.column(None, id, width), found)?;
        let below = || Head::new().text(indent).column(None, "", 7).column(None, "", width);
        for remark in remarks {
            out.prose(below().tone(Tone::Faint, "note: "), remark)?;
        }
        if let Some(next) = next {
            out.prose(below().tone(Tone::Strong, "next: "), next)?;
        }
    }
    Ok(())
}
