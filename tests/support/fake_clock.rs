//! A process with a clock that is off: libfaketime moves it (Debian's package `faketime`).

use std::process::Command;

use super::webhook::Builder;

impl Builder {
    /// Its clock is ahead by so much, in libfaketime's words: `+370d`, `-1h`.
    #[must_use]
    pub fn clock(self, ahead: &str) -> Self {
        self.env("LD_PRELOAD", library())
            .env("FAKETIME", ahead)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

/// Where libfaketime is, as its own program knows.
fn library() -> String {
    let printed = Command::new("faketime").args(["-f", "+1d", "printenv", "LD_PRELOAD"]).output();
    let printed = printed.expect("faketime runs: scripts/setup test installs it");
    let path = String::from_utf8(printed.stdout).unwrap().trim().to_owned();
    assert!(path.contains("faketime"), "no library: {path:?}");
    path
}
