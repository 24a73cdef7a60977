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
pub(crate) struct Held(Arc<Mutex<Lines>>);

struct Lines {
    held: Vec<u8>,
    out: Box<dyn Write + Send>,
}

impl Held {
    pub(crate) fn new(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Lines { held: Vec::new(), out: Box::new(out) })))
    }

    /// For a thread that is about to sleep, and calls this each time: from now
    /// on its lines wait for that.
    pub(crate) fn write_before_sleep(&self) {
        PROMISED.set(true);
        self.write();
    }

    /// For a thread that ends.
    pub(crate) fn write_before_end(&self) {
        PROMISED.set(false);
        self.write();
    }

    /// Writes what any thread has said.
    pub(crate) fn write(&self) {
        self.lines().write();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Whole lines are added, whatever panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn write(&mut self) {
        if !self.held.is_empty() {
            // Nobody is left to be told: standard error is where one would be.
            let _ = self.out.write_all(&self.held);
            self.held.clear();
        }
    }
}

/// Takes one line.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    to: &'a Held,
    /// A warning may be the last thing that is said.
    urgent: bool,
}

impl<'a> MakeWriter<'a> for Held {
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
        lines.held.extend_from_slice(line);
        if self.urgent || !PROMISED.get() || lines.held.len() > MOST {
            lines.write();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
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

    fn say(held: &Held, urgent: bool, line: &str) {
        Line { to: held, urgent }.write_all(line.as_bytes()).expect("never fails");
    }

    fn held() -> (Held, Writes) {
        let writes = Writes::default();
        (Held::new(writes.clone()), writes)
    }

    #[test]
    fn writes_at_once_where_nobody_promised_to() {
        let (held, writes) = held();
        say(&held, false, "a\n");
        assert_eq!(writes.all(), ["a\n"]);
    }

    #[test]
    fn writes_the_lines_of_one_turn_together_before_the_thread_sleeps() {
        let (held, writes) = held();
        held.write_before_sleep();
        say(&held, false, "a\n");
        say(&held, false, "b\n");
        assert!(writes.all().is_empty());
        held.write_before_sleep();
        held.write_before_sleep();
        assert_eq!(writes.all(), ["a\nb\n"]);
    }

    #[test]
    fn lets_no_warning_wait_and_keeps_the_order() {
        let (held, writes) = held();
        held.write_before_sleep();
        say(&held, false, "a\n");
        say(&held, true, "b\n");
        assert_eq!(writes.all(), ["a\nb\n"]);
    }

    #[test]
    fn holds_no_more_than_so_much() {
        let (held, writes) = held();
        held.write_before_sleep();
        let line = "x".repeat(MOST / 2 + 1);
        say(&held, false, &line);
        say(&held, false, &line);
        assert_eq!(writes.all(), [line.repeat(2)]);
    }

    #[test]
    fn any_thread_writes_what_the_others_hold() {
        let (held, writes) = held();
        let other = held.clone();
        let spoke = thread::spawn(move || {
            other.write_before_sleep();
            say(&other, false, "a\n");
        });
        spoke.join().expect("it speaks");
        assert!(writes.all().is_empty());
        held.write();
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
        let held = Held::new(Closed);
        say(&held, true, "a\n");
        assert!(held.lines().held.is_empty());
    }
}
