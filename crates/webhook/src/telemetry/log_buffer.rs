//! Lines on their way out: those of one turn of a thread leave together.
//!
//! A thread that answers admissions writes its lines before it sleeps, when
//! its answers have left: alone, a line leaves at once; under load, one write
//! takes those of all requests that came in meanwhile. Nothing waits for a
//! clock, another thread or more lines.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lines of more bytes do not wait for the thread that wrote them.
const MOST: usize = 64 << 10;

thread_local! {
    /// Whether this thread has promised to write before it sleeps.
    static PROMISED: Cell<bool> = const { Cell::new(false) };
}

/// Where lines go.
#[derive(Clone)]
pub struct LogBuffer(Arc<Mutex<Lines>>);

struct Lines {
    bytes: Vec<u8>,
    out: Box<dyn Write + Send>,
}

impl LogBuffer {
    pub(crate) fn new(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Lines { bytes: Vec::new(), out: Box::new(out) })))
    }

    /// For a thread that is about to sleep, and calls this each time: from now
    /// on its lines wait for that.
    pub fn write_before_sleep(&self) {
        PROMISED.set(true);
        self.write();
    }

    /// For a thread that ends.
    pub fn write_before_end(&self) {
        PROMISED.set(false);
        self.write();
    }

    /// Writes what any thread has said.
    pub fn write(&self) {
        self.lines().write();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Whole lines are added, whatever panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn write(&mut self) {
        if !self.bytes.is_empty() {
            // A failure has nowhere to be reported: this is standard error.
            let _ = self.out.write_all(&self.bytes);
            self.bytes.clear();
        }
    }
}

/// Takes one line.
#[derive(Debug)]
pub struct Line<'a> {
    to: &'a LogBuffer,
    /// A warning may be the last thing that is said.
    urgent: bool,
}

impl<'a> MakeWriter<'a> for LogBuffer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { to: self, urgent: true }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { to: self, urgent: *event.level() <= Level::WARN }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.to.lines();
        lines.bytes.extend_from_slice(line);
        if self.urgent || !PROMISED.get() || lines.bytes.len() > MOST {
            lines.write();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for LogBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogBuffer")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Each write is one of these.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            self.0.lock().expect("not poisoned").push(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Writes {
        fn all(&self) -> Vec<String> {
            self.0.lock().expect("not poisoned").clone()
        }
    }

    fn say(buffer: &LogBuffer, urgent: bool, line: &str) {
        Line { to: buffer, urgent }.write_all(line.as_bytes()).expect("never fails");
    }

    fn buffer() -> (LogBuffer, Writes) {
        let writes = Writes::default();
        (LogBuffer::new(writes.clone()), writes)
    }

    #[test]
    fn writes_at_once_where_nobody_promised_to() {
        let (buffer, writes) = buffer();
        say(&buffer, false, "a\n");
        assert_eq!(writes.all(), ["a\n"]);
    }

    #[test]
    fn writes_the_lines_of_one_turn_together_before_the_thread_sleeps() {
        let (buffer, writes) = buffer();
        buffer.write_before_sleep();
        say(&buffer, false, "a\n");
        say(&buffer, false, "b\n");
        assert!(writes.all().is_empty());
        buffer.write_before_sleep();
        buffer.write_before_sleep();
        assert_eq!(writes.all(), ["a\nb\n"]);
    }

    #[test]
    fn lets_no_warning_wait_and_keeps_the_order() {
        let (buffer, writes) = buffer();
        buffer.write_before_sleep();
        say(&buffer, false, "a\n");
        say(&buffer, true, "b\n");
        assert_eq!(writes.all(), ["a\nb\n"]);
    }

    #[test]
    fn holds_no_more_than_so_much() {
        let (buffer, writes) = buffer();
        buffer.write_before_sleep();
        let line = "x".repeat(MOST / 2 + 1);
        say(&buffer, false, &line);
        say(&buffer, false, &line);
        assert_eq!(writes.all(), [line.repeat(2)]);
    }

    #[test]
    fn any_thread_writes_what_the_others_hold() {
        let (buffer, writes) = buffer();
        let other = buffer.clone();
        let spoke = thread::spawn(move || {
            other.write_before_sleep();
            say(&other, false, "a\n");
        });
        spoke.join().expect("it speaks");
        assert!(writes.all().is_empty());
        buffer.write();
        assert_eq!(writes.all(), ["a\n"]);
    }

    #[test]
    fn goes_on_after_a_write_that_failed() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let buffer = LogBuffer::new(Closed);
        say(&buffer, true, "a\n");
        assert!(buffer.lines().bytes.is_empty());
    }
}
