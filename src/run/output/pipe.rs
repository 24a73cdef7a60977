//! Readers that leave before all is said, such as `head`.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The reader of standard output has gone. Of the process, as standard output is.
static GONE: AtomicBool = AtomicBool::new(false);
/// Something failed, so that the exit status counts although the reader has gone.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Standard output.
#[derive(Debug)]
pub(in crate::run) struct Out<W>(pub(super) W);

/// Standard error.
#[derive(Debug)]
pub(in crate::run) struct Errors<W>(pub(super) W);

pub(super) fn reader_has_gone() -> bool {
    GONE.load(Ordering::Relaxed)
}

/// The exit status is that of the command, even where nobody reads its output any more.
pub(in crate::run) fn failed() {
    FAILED.store(true, Ordering::Relaxed);
}

/// The exit code of the process: that of the command, or success where the reader of its
/// output had enough before the end.
pub(in crate::run) fn exit_code(command: ExitCode) -> ExitCode {
    let _ = super::out().flush();
    if reader_has_gone() && !FAILED.load(Ordering::Relaxed) {
        return ExitCode::SUCCESS;
    }
    command
}

fn noted<T>(result: io::Result<T>) -> io::Result<T> {
    result.inspect_err(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            GONE.store(true, Ordering::Relaxed);
        }
    })
}

fn unheard<T>(result: io::Result<T>, otherwise: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(otherwise),
        result => result,
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        noted(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        noted(self.0.flush())
    }
}

impl<W: Write> Write for Errors<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unheard(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unheard(self.0.flush(), ())
    }
}
