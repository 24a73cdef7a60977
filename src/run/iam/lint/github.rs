//! Workflow commands, which GitHub Actions shows beside the lines of a change.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use text::Printable;

use super::{InFile, more, output};
use iam::Finding;

pub(super) fn print(found: &[InFile<'_>], unread: &[String]) -> io::Result<()> {
    let mut out = output::out();
    for why in unread {
        out.document(&unread_file(why))?;
    }
    found.iter().try_for_each(|(path, finding)| out.document(&command(path, finding)))
}

/// One command, which is one line.
pub(super) fn command(path: &Path, finding: &Finding) -> String {
    let Finding { code, at, message, fix, .. } = finding;
    let name = finding.severity().word();
    let mut properties = String::new();
    // Standard input is no file that GitHub could show.
    if path != Path::new("-") {
        let path = path.display().to_string();
        let path = path.strip_prefix("./").unwrap_or(&path);
        properties = format!("file={},line={},col={},", property(path), at.line, at.column);
    }
    let title = property(code.word());
    // Escaped line by line: the newlines between them are ours.
    let mut said = format!("{}{}", Printable(message), more(finding));
    for line in fix.iter().flat_map(|fix| fix.lines()) {
        // Writing to a `String` can't fail.
        let _ = write!(said, "\nfix: {}", Printable(line));
    }
    format!("::{name} {properties}title={title}::{}\n", data(&said))
}

/// For a file that could not be read.
pub(super) fn unread_file(why: &str) -> String {
    format!("::error title=unread-file::{}\n", data(&Printable(why).to_string()))
}

/// What stands behind the command, as GitHub reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands in a property, in which more is escaped. Nothing else ends a
/// line or drives a terminal.
fn property(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let text = text.replace(':', "%3A").replace(',', "%2C");
    Printable(text).to_string()
}
