//! A file's bytes, now and whenever they have changed.
//!
//! It compares contents and asks nothing of the file system's notifications:
//! those miss what happens behind the kubelet's symlinks (`..data`), on
//! overlay file systems and where an editor replaces the file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::input::{self, Limit};
use crate::telemetry::metrics::{MetricsError, Registry};

/// How often files are read.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Ticks at once and then every `interval`; ticks that were missed are not made up for.
#[must_use]
pub fn ticks(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What is at a path now, where something else was there before.
#[derive(Debug)]
pub(crate) enum Change {
    Content(Vec<u8>),
    /// Nothing is there: for an optional file as good as an empty one.
    Missing,
    /// Something is there and does not let itself be read: nothing is known
    /// about what it holds.
    Unreadable(io::Error),
}

/// How often what is in a file was taken into use, and how often refused.
#[derive(Debug, Default)]
pub struct Reloads {
    loaded: AtomicU64,
    failed: AtomicU64,
}

impl Reloads {
    /// One reading of new content.
    pub(crate) fn count(&self, is_good: bool) {
        let counter = if is_good { &self.loaded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    #[must_use]
    pub(crate) fn loaded(&self) -> u64 {
        self.loaded.load(Ordering::Relaxed)
    }

    #[must_use]
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// As a counter by `result`, `loaded` or `failed`.
    pub(crate) fn register(
        self: &Arc<Self>,
        registry: &Registry,
        name: &str,
        help: &str,
    ) -> Result<(), MetricsError> {
        let reloads = Arc::clone(self);
        let results = [("loaded", true), ("failed", false)];
        let read = move |is_good| if is_good { reloads.loaded() } else { reloads.failed() };
        registry.read_counters(name, help, "result", results, read)
    }
}

/// Gives each state of a file once.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    path: PathBuf,
    /// The state that was given last.
    last: Option<State>,
}

/// What was given, without the bytes: they may be a private key, or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Content { length: usize, hash: u64 },
    Missing,
    Unreadable(io::ErrorKind),
}

impl WatchedFile {
    #[must_use]
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), last: None }
    }

    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file: something at the first call, then only what has changed
    /// since the last call that gave something.
    pub(crate) async fn poll(&mut self) -> Option<Change> {
        let path = self.path.clone();
        let reading = move || input::read_file(&path, Limit::CONFIGURATION);
        let read = tokio::task::spawn_blocking(reading).await;
        self.change(read.unwrap_or_else(|error| Err(io::Error::other(error))))
    }

    /// Waits for the next change, reading at once and then every `interval`.
    /// Safe to cancel: a change that was not returned is found again.
    pub(crate) async fn changed(&mut self, interval: Duration) -> Change {
        loop {
            if let Some(change) = self.poll().await {
                return change;
            }
            tokio::time::sleep(interval).await;
        }
    }

    fn change(&mut self, read: io::Result<Vec<u8>>) -> Option<Change> {
        let (state, change) = match read {
            Ok(bytes) => {
                let mut hasher = DefaultHasher::new();
                bytes.hash(&mut hasher);
                let state = State::Content { length: bytes.len(), hash: hasher.finish() };
                (state, Change::Content(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (State::Missing, Change::Missing)
            }
            Err(error) => (State::Unreadable(error.kind()), Change::Unreadable(error)),
        };
        if self.last == Some(state) {
            return None;
        }
        self.last = Some(state);
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> io::Error {
        io::ErrorKind::NotFound.into()
    }

    #[test]
    fn tells_the_same_content_once() {
        let mut file = WatchedFile::new("config.json");
        assert!(
            matches!(file.change(Ok(b"a".into())), Some(Change::Content(bytes)) if bytes == b"a")
        );
        assert!(file.change(Ok(b"a".into())).is_none());
        assert!(
            matches!(file.change(Ok(b"b".into())), Some(Change::Content(bytes)) if bytes == b"b")
        );
    }

    #[test]
    fn tells_a_missing_file_from_an_unreadable_and_from_an_empty_one() {
        let mut file = WatchedFile::new("config.json");
        assert!(matches!(file.change(Err(missing())), Some(Change::Missing)));
        assert!(file.change(Err(missing())).is_none());
        let denied = || Err(io::ErrorKind::PermissionDenied.into());
        assert!(matches!(file.change(denied()), Some(Change::Unreadable(_))));
        assert!(file.change(denied()).is_none());
        assert!(matches!(file.change(Ok(Vec::new())), Some(Change::Content(_))));
    }

    #[test]
    fn tells_a_content_again_that_was_away_in_between() {
        let mut file = WatchedFile::new("config.json");
        assert!(file.change(Ok(b"a".into())).is_some());
        assert!(file.change(Err(missing())).is_some());
        assert!(file.change(Ok(b"a".into())).is_some());
    }

    #[tokio::test]
    async fn follows_a_swapped_symlink() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (version, content) in [("..1", "old"), ("..2", "new")] {
            std::fs::create_dir(at(version)).expect("a folder");
            std::fs::write(at(version).join("file"), content).expect("written");
        }
        std::os::unix::fs::symlink("..1", at("..data")).expect("a link");
        std::os::unix::fs::symlink("..data/file", at("file")).expect("a link");
        let mut file = WatchedFile::new(at("file"));
        assert!(matches!(file.poll().await, Some(Change::Content(bytes)) if bytes == b"old"));
        std::os::unix::fs::symlink("..2", at("..tmp")).expect("a link");
        std::fs::rename(at("..tmp"), at("..data")).expect("swapped");
        assert!(matches!(file.poll().await, Some(Change::Content(bytes)) if bytes == b"new"));
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_next_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "old").expect("written");
        let mut file = WatchedFile::new(&path);
        let second = Duration::from_secs(1);
        assert!(matches!(file.changed(second).await, Change::Content(_)));
        let unchanged = tokio::time::timeout(10 * second, file.changed(second)).await;
        assert!(unchanged.is_err(), "nothing has changed");
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(file.changed(second).await, Change::Missing));
    }
}
