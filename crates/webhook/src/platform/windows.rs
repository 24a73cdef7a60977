//! Windows: files have the rights that their folder passes on, and no limit of open files has to
//! be raised.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::process::ExitStatus;

pub use std::os::windows::io::AsHandle as AsTerminal;

use tokio::signal::windows::{CtrlC, CtrlClose, CtrlShutdown, ctrl_c, ctrl_close, ctrl_shutdown};

/// Opening does not wait here.
pub(crate) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// There are no modes: a profile's folders are their owner's alone.
pub fn with_mode(options: &mut OpenOptions, _mode: u32) -> &mut OpenOptions {
    options
}

/// As [`with_mode`].
pub fn for_owner(builder: &mut DirBuilder) -> &mut DirBuilder {
    builder
}

/// Nothing ends a process by a signal.
pub(crate) fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// Nothing limits them but memory.
#[allow(clippy::unnecessary_wraps, reason = "as on the other systems")]
pub fn raise_open_files() -> io::Result<()> {
    Ok(())
}

/// Threads share alike here.
pub fn step_back(_nice: i32) {}

/// The machine's name.
#[must_use]
pub fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// What ends the program: Ctrl+C, the console's window closed, the machine shut down.
#[derive(Debug)]
pub struct Signals {
    interrupt: CtrlC,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Signals {
    /// From now on they no longer end the program by themselves.
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    /// Waits for the next one and gives its name. Cancel-safe.
    pub async fn next(&mut self) -> &'static str {
        // Each arm is cancel-safe: what is not taken stays.
        tokio::select! {
            _ = self.interrupt.recv() => "CTRL_C_EVENT",
            _ = self.close.recv() => "CTRL_CLOSE_EVENT",
            _ = self.shutdown.recv() => "CTRL_SHUTDOWN_EVENT",
        }
    }
}
