//! All messages of `iam lint`, `iam simulate` and `iam role`, side by side in
//! `lint.txt`, `simulate.txt` and `role.txt`: a reader can compare them, and a
//! change is seen.
//!
//! After a change, write the files again and read the difference:
//! `UPDATE_GOLDEN=1 cargo test -p iam --test messages`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

mod lint;
mod mended;
mod role;
mod simulate;

use std::path::Path;

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages").join(name);
    golden::check(&path, &format!("{}\n", found.trim_end()), "cargo test -p iam --test messages");
}

/// Each line of a text behind two spaces.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n") + "\n"
}
