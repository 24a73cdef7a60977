//! Where the system says whether there is something to read.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{PIECE, Patience};
use crate::input::{Limit, Problem};

/// Standard input. Its flags are those of other processes too, so it is asked
/// first and read then.
pub(in crate::input) fn standard_input(
    limit: Limit,
    patience: Patience,
) -> Result<Vec<u8>, Problem> {
    let own = rustix::stdio::stdin().try_clone_to_owned()?;
    let file = File::from(own);
    if file.metadata()?.is_dir() {
        return Err(Problem::Folder);
    }
    Reading::of(&file, limit, patience).all(Kind::Blocking)
}

/// A file that was opened so that it never blocks.
pub(in crate::input) fn read(
    file: &File,
    limit: Limit,
    patience: Patience,
) -> Result<Vec<u8>, Problem> {
    // The writers of a pipe without a name, `<(...)`, had it open before.
    let link = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let is_anonymous =
        link.is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"pipe:"));
    let kind = if is_anonymous { Kind::Anonymous } else { Kind::Named };
    Reading::of(file, limit, patience).all(kind)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// To be read only where there is something.
    Blocking,
    /// Without writers it has ended, and `poll` would not say so.
    Anonymous,
    /// Writers may yet come.
    Named,
}

struct Reading<'a> {
    file: &'a File,
    limit: Limit,
    patience: Patience,
    begun: Instant,
    last: Instant,
    bytes: Vec<u8>,
    piece: Vec<u8>,
}

enum Step {
    More,
    Nothing,
    End,
}

impl<'a> Reading<'a> {
    fn of(file: &'a File, limit: Limit, patience: Patience) -> Self {
        let now = Instant::now();
        Self {
            file,
            limit,
            patience,
            begun: now,
            last: now,
            bytes: Vec::new(),
            piece: vec![0; PIECE],
        }
    }

    fn all(mut self, kind: Kind) -> Result<Vec<u8>, Problem> {
        let mut had_writer = kind != Kind::Named;
        let mut is_ready = kind == Kind::Anonymous;
        loop {
            is_ready = is_ready || self.wait(had_writer)?;
            match self.step()? {
                // Somebody has it open, and may be silent.
                Step::More | Step::Nothing => had_writer = true,
                Step::End if had_writer || is_ready => return Ok(self.bytes),
                Step::End => return Err(Problem::NoWriter(self.patience.writer)),
            }
            is_ready = false;
        }
    }

    /// Whether there is something to read, or the end. Where nobody has opened
    /// a pipe for long, a read tells whether somebody has.
    fn wait(&self, had_writer: bool) -> Result<bool, Problem> {
        let now = Instant::now();
        let total = (self.begun + self.patience.total).saturating_duration_since(now);
        let (until, missing) = if had_writer {
            (self.last + self.patience.silence, Problem::Silent(self.patience.silence))
        } else {
            (self.begun + self.patience.writer, Problem::NoWriter(self.patience.writer))
        };
        let own = until.saturating_duration_since(now);
        if is_readable(self.file, own.min(total))? {
            return Ok(true);
        }
        match (total <= own, had_writer) {
            (true, _) => Err(Problem::Slow(self.patience.total)),
            (false, true) => Err(missing),
            (false, false) => Ok(false),
        }
    }

    fn step(&mut self) -> Result<Step, Problem> {
        match self.file.read(&mut self.piece) {
            Ok(0) => Ok(Step::End),
            Ok(count) => {
                self.bytes.extend_from_slice(&self.piece[..count]);
                self.last = Instant::now();
                if self.bytes.len() as u64 > self.limit.bytes() {
                    return Err(Problem::TooLarge(self.limit));
                }
                Ok(Step::More)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Step::Nothing),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_readable(file: &impl AsFd, within: Duration) -> Result<bool, Problem> {
    let deadline = Instant::now() + within;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(file, PollFlags::IN)], timeout.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}
