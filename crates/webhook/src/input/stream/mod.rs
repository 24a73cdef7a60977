//! Pipes, terminals and devices: what comes when it comes, and may never end.

#[cfg(unix)]
mod poll;
#[cfg(any(windows, test))]
mod thread;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

#[cfg(unix)]
pub(super) use poll::{read, standard_input};
#[cfg(windows)]
pub(super) use thread::{read, standard_input};

const PIECE: usize = 64 << 10;

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Until some process opens a named pipe for writing.
    pub writer: Duration,
    /// Until more comes from whoever has it open.
    pub silence: Duration,
    /// Until the end.
    pub total: Duration,
}

impl Default for Patience {
    /// A command that writes may first ask a cluster, or compile.
    fn default() -> Self {
        Self {
            writer: Duration::from_secs(5),
            silence: Duration::from_mins(2),
            total: Duration::from_mins(15),
        }
    }
}

/// Whether a person may be there to answer: standard input is a terminal.
#[must_use]
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}
