//! Why an input can't be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Limit;

/// The input's name and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {}: {problem}", Name(path))]
pub struct InputError {
    path: PathBuf,
    // Not the source: the message tells it.
    problem: Problem,
}

/// What is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Io(io::Error),
    #[error("is larger than {0}, the maximum")]
    TooLarge(Limit),
    #[error("the files of its folder are larger than {0} together, the maximum")]
    TooMuch(Limit),
    #[error("is a folder; give a file")]
    Folder,
    #[error("is not a regular file; give a regular file")]
    NotRegular,
    #[error("the folder has more than {0} files, the maximum")]
    TooManyFiles(usize),
    #[error(
        "no process opened this pipe for writing within {0:?}; start the writer, or give a file"
    )]
    NoWriter(Duration),
    #[error("no data arrived for {0:?}; check the command that writes to it, or give a file")]
    Silent(Duration),
    #[error("was not complete after {0:?}; write it to a file first")]
    Slow(Duration),
    #[error("is {0} text; convert it: iconv -f {0} -t UTF-8")]
    Encoding(&'static str),
    #[error(
        "is not UTF-8 text (byte 0x{byte:02x} in line {line}); convert it, for example: \
         iconv -f WINDOWS-1252 -t UTF-8"
    )]
    NotText { line: usize, byte: u8 },
}

impl InputError {
    /// The problem with the input at this path.
    #[must_use]
    pub fn of(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    #[must_use]
    pub(crate) fn into_problem(self) -> Problem {
        self.problem
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// For errors that carry one of the system's.
impl From<Problem> for io::Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Io(error) => error,
            Problem::TooLarge(_) | Problem::TooMuch(_) | Problem::TooManyFiles(_) => {
                Self::new(io::ErrorKind::FileTooLarge, problem)
            }
            Problem::NoWriter(_) | Problem::Silent(_) | Problem::Slow(_) => {
                Self::new(io::ErrorKind::TimedOut, problem)
            }
            _ => Self::new(io::ErrorKind::InvalidData, problem),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

struct Name<'a>(&'a Path);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Path::new("-") {
            return f.write_str("standard input");
        }
        self.0.display().fmt(f)
    }
}
