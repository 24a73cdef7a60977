//! Where the system can't be asked whether there is something to read: a thread reads, and is
//! given up once it takes too long.

use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Instant;

use super::{PIECE, Patience};
use crate::input::{Limit, Problem};

#[cfg(windows)]
pub(in crate::input) fn standard_input(
    limit: Limit,
    patience: Patience,
) -> Result<Vec<u8>, Problem> {
    all(io::stdin(), limit, patience)
}

/// A file that is not a regular one.
pub(in crate::input) fn read(
    file: &File,
    limit: Limit,
    patience: Patience,
) -> Result<Vec<u8>, Problem> {
    all(file.try_clone()?, limit, patience)
}

fn all(
    input: impl Read + Send + 'static,
    limit: Limit,
    patience: Patience,
) -> Result<Vec<u8>, Problem> {
    // One piece waits while the next is read: never more than the limit and two of them.
    let (sender, pieces) = sync_channel(1);
    // Nobody waits for its end: a read that hangs ends with the process.
    Builder::new().name("input".to_owned()).spawn(move || send(input, &sender))?;
    let end = Instant::now() + patience.total;
    let mut bytes = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match pieces.recv_timeout(patience.silence.min(left)) {
            Ok(piece) => {
                let piece = piece?;
                if piece.is_empty() {
                    return Ok(bytes);
                }
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > limit.bytes() {
                    return Err(Problem::TooLarge(limit));
                }
            }
            Err(RecvTimeoutError::Timeout) if left <= patience.silence => {
                return Err(Problem::Slow(patience.total));
            }
            Err(RecvTimeoutError::Timeout) => return Err(Problem::Silent(patience.silence)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

/// Piece by piece, with an empty one at the end.
fn send(mut input: impl Read, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match input.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map(|count| {
                piece.truncate(count);
                piece
            }),
        };
        let is_last = read.as_ref().map_or(true, Vec::is_empty);
        if pieces.send(read).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Write as _, pipe};
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use super::*;

    const SMALL: Limit = Limit(64);

    fn patience(silence: Duration, total: Duration) -> Patience {
        Patience { silence, total, ..Patience::default() }
    }

    const LATE: Duration = Duration::from_mins(1);
    const SOON: Duration = Duration::from_millis(50);

    fn open_pipe() -> (File, PipeWriter) {
        let (reader, writer) = pipe().expect("a pipe");
        (File::from(OwnedFd::from(reader)), writer)
    }

    #[test]
    fn reads_to_the_end() {
        let (file, mut writer) = open_pipe();
        writer.write_all(b"all of it").expect("written");
        drop(writer);
        assert_eq!(read(&file, SMALL, patience(LATE, LATE)).expect("read"), b"all of it");
    }

    #[test]
    fn reads_no_more_than_the_limit() {
        let (file, mut writer) = open_pipe();
        writer.write_all(&[b'x'; 65]).expect("written");
        let error = read(&file, SMALL, patience(LATE, LATE)).expect_err("too large").to_string();
        assert!(error.contains("larger than 64 bytes"), "{error}");
    }

    #[test]
    fn gives_up_a_silent_writer_and_one_that_never_ends() {
        let (file, _writer) = open_pipe();
        let error = read(&file, SMALL, patience(SOON, LATE)).expect_err("silent").to_string();
        assert!(error.contains("no data arrived for 50ms"), "{error}");
        let (file, _writer) = open_pipe();
        let error = read(&file, SMALL, patience(LATE, SOON)).expect_err("slow").to_string();
        assert!(error.contains("not complete after 50ms"), "{error}");
    }
}
