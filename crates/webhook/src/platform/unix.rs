//! Linux, macOS and their kin.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

pub use std::os::fd::AsFd as AsTerminal;

use rustix::fs::OFlags;
use rustix::process::{Resource, getrlimit, setpriority_process, setrlimit};
use tokio::signal::unix::{self, Signal, SignalKind};

/// Opening never waits: a pipe opens at once, with a writer or without.
pub(crate) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed())
}

/// Files that are made get this mode.
pub fn with_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    options.mode(mode)
}

/// Folders that are made are for their owner alone.
pub fn for_owner(builder: &mut DirBuilder) -> &mut DirBuilder {
    builder.mode(0o700)
}

/// The signal that ended a process.
pub(crate) fn signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// To as many files as the system allows: each connection is one, and container
/// runtimes start processes with a soft limit that is made for `select`.
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Lets others go first, by `nice`: this thread alone on Linux, the process elsewhere. Where it can't be had, nothing
/// is lost but the order.
pub fn step_back(nice: i32) {
    let _ = setpriority_process(None, nice);
}

/// The machine's name, which is the pod's in a pod.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The signals that end the program: SIGTERM, as kubelet sends it, and SIGINT, as a terminal does.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the program by themselves.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and gives its name. Cancel-safe.
    pub async fn next(&mut self) -> &'static str {
        // Both arms are cancel-safe: a signal that is not taken stays.
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
