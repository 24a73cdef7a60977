//! How commands end: one vocabulary for all of them.

use std::fmt::{self, Display};
use std::process::ExitCode;

use super::error_text;

/// How a command ended, and its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: done, and nothing is wrong.
    Fine,
    /// 1: something is wrong and the command says what; or it failed to make what it was asked for.
    Failed,
    /// 2: it can't be told, since something could not be read or asked.
    Unknown,
    /// 64: the command line is wrong, as `EX_USAGE` of sysexits(3).
    Usage,
    /// 130: stopped by Ctrl-C before all was done, as shells have it.
    Interrupted,
}

impl Exit {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Unknown => 2,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that says how the command ends.
#[derive(Debug)]
struct Ending {
    exit: Exit,
    text: String,
}

impl Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Ending {}

impl Exit {
    /// An error that ends the command so.
    pub(super) fn because(self, error: &impl Display) -> anyhow::Error {
        anyhow::Error::new(Ending { exit: self, text: error.to_string() })
    }

    /// What an error says of how the command ends, where it says so.
    pub(super) fn of(error: &anyhow::Error) -> Option<Self> {
        error.downcast_ref().map(|ending: &Ending| ending.exit)
    }
}

/// Says of an error that an argument is its cause, of which only the command itself can tell.
pub(super) trait OrMisuse<T> {
    fn or_misuse(self) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrMisuse<T> for Result<T, E> {
    fn or_misuse(self) -> anyhow::Result<T> {
        self.map_err(|error| Exit::Usage.because(&error_text(&error.into())))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_keeps_its_exit_status_whatever_is_said_around_it() {
        let wrong: Result<(), _> = "x".parse::<u8>().map(|_| ());
        let error = wrong.or_misuse().context("failed to use --port").expect_err("no number");
        assert_eq!(Exit::of(&error), Some(Exit::Usage));
        assert_eq!(error_text(&error), "failed to use --port: invalid digit found in string");
        assert_eq!(Exit::of(&anyhow::anyhow!("the server is down")), None);
    }
}
