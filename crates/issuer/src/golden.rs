//! Messages that stand in files of `tests/messages`, so that a reader can
//! compare them and a change is seen.
//!
//! After a change, write the files again and read the difference:
//! `UPDATE_GOLDEN=1 cargo test -p issuer --lib messages`.

use std::fmt::Write as _;
use std::path::Path;

use super::IssuerCheck;

/// Compares with what is stored, or stores it.
pub(super) fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages").join(name);
    golden::check(&path, &format!("{}\n", found.trim_end()), "cargo test -p issuer --lib messages");
}

/// A check with all its lines.
pub(super) fn written(what: &str, check: &IssuerCheck) -> String {
    let mut text = format!("{}  {what}\n      {}\n", check.outcome.word(), check.found);
    for remark in &check.remarks {
        // Writing to a string can't fail.
        let _ = writeln!(text, "      note: {remark}");
    }
    if let Some(next) = &check.next {
        let _ = writeln!(text, "      next: {next}");
    }
    text
}
