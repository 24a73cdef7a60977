//! What a process takes of the machine, as Linux counts it.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::keeper::Process;

impl Process {
    /// Its memory in KiB: what is resident, libraries included.
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most that it ever had of it.
    pub fn peak_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{path}: {status}"))
    }

    /// How many files and sockets it holds.
    pub fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.id());
        fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
    }
}

/// Lets this process, and those that it starts from now on, open as many files as it may ask for, within
/// reason.
pub fn raise_open_files() {
    const WANTED: u64 = 1 << 16;
    let limit = getrlimit(Resource::Nofile);
    let current = Some(limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
    if limit.current < current {
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}
