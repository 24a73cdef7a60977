//! How far long work is, on a terminal's last line. Nowhere else: a log would keep all of it.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use text::escaped;

use super::look::Look;
use super::wrap::wrapped;

/// One line on standard error that is written over again and again, and is gone in the end.
#[derive(Debug)]
pub(in crate::run) struct Progress {
    /// None where nobody looks on.
    width: Option<usize>,
    shown: bool,
    counted: (&'static str, usize),
    last: Option<Instant>,
}

/// How long a line stands at least: a terminal is slower than a list.
const PAUSE: Duration = Duration::from_millis(100);

impl Progress {
    /// For a terminal that can take back what it shows.
    pub(in crate::run) fn new() -> Self {
        let stderr = io::stderr();
        let can = stderr.is_terminal() && std::env::var_os("TERM").is_some_and(|it| it != "dumb");
        Self {
            width: if can { Look::of(&stderr).width } else { None },
            shown: false,
            counted: ("", 0),
            last: None,
        }
    }

    /// Shows how far it is now.
    pub(in crate::run) fn say(&mut self, text: impl Display) {
        let Some(width) = self.width else { return };
        let text = text.to_string();
        let line = wrapped(&escaped(&text), width.saturating_sub(1), 0, 0);
        let line = line.lines().next().unwrap_or_default();
        self.shown = write!(io::stderr(), "\r\u{1b}[2K{line}").is_ok();
    }

    /// Counts one more of a kind; how many there are is shown now and then.
    pub(in crate::run) fn count(&mut self, what: &'static str) {
        if self.width.is_none() {
            return;
        }
        if self.counted.0 != what {
            // The first of another kind is shown at once.
            (self.counted, self.last) = ((what, 0), None);
        }
        self.counted.1 += 1;
        let count = self.counted.1;
        if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.last = Some(Instant::now());
            self.say(format_args!("{what}: {count} ..."));
        }
    }

    /// Takes it back, before something else is said.
    pub(in crate::run) fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[2K");
            self.shown = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
