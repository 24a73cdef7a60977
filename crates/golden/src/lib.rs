//! Texts held to what files beside the tests have, so that a change to one of
//! them is seen and read. For tests alone.

#![warn(missing_docs)]

use std::path::Path;
use std::{env, fs};

/// Compares `found` with the file at `path`; with `UPDATE_GOLDEN` in the
/// environment, writes it there. `command` is what is then to be run, such as
/// `cargo test -p iam --test messages`.
///
/// # Panics
///
/// If they differ, with the difference; or if the file can't be written.
#[expect(clippy::disallowed_methods, reason = "the files are beside the tests")]
#[expect(clippy::expect_used, reason = "it is for tests alone")]
pub fn check(path: &Path, found: &str, command: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, found).expect("the file can be written");
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    let difference = difference(&stored, found);
    assert!(
        difference.is_empty(),
        "{} differs from the texts now. If they read well, run UPDATE_GOLDEN=1 {command}, and \
         commit the file.\n{difference}",
        path.display()
    );
}

/// Empty only where they are the same.
fn difference(stored: &str, found: &str) -> String {
    similar::TextDiff::from_lines(stored, found).unified_diff().context_radius(2).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_no_difference() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), "");
    }

    #[test]
    fn any_other_text_is_shown_as_a_difference() {
        for (stored, found) in [
            ("", "\n"),
            ("", "a\n"),
            ("a\n", "\n"),
            ("a", "a\n"),
            ("a \n", "a\n"),
            ("a\r\n", "a\n"),
        ] {
            assert_ne!(difference(stored, found), "", "{stored:?}, {found:?}");
        }
        let shown = difference("a\nb\n", "a\nc\n");
        assert!(shown.contains("\n-b\n+c\n"), "{shown}");
    }
}
