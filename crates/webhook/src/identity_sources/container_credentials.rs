//! The file of `--watch-container-credentials-config`: its last good keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::watched_file::{Change, WatchedFile};
use injection::identity::{ContainerCredentialsKeys, Key, Skipped};

#[derive(Debug, Default)]
pub(super) struct ContainerCredentialsFile {
    keys: ArcSwap<ContainerCredentialsKeys>,
    loads: AtomicU64,
    errors: AtomicU64,
}

impl ContainerCredentialsFile {
    pub(super) fn contains(&self, key: Key<'_>) -> bool {
        self.keys.load().contains(key)
    }

    pub(super) fn keys(&self) -> ContainerCredentialsKeys {
        ContainerCredentialsKeys::clone(&self.keys.load())
    }

    pub(super) fn len(&self) -> usize {
        self.keys.load().len()
    }

    /// How often it was taken.
    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// How often it could not be read, and entries that were skipped.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Reads the file as it is now. To be awaited before the first lookup, so
    /// that no pod of a listed key slips through at the start.
    pub(super) async fn begin(&self, path: PathBuf) -> WatchedFile {
        let mut file = WatchedFile::new(path);
        if let Some(change) = file.poll().await {
            self.take(&file, change);
        }
        file
    }

    /// Follows the file for ever.
    pub(super) async fn follow(&self, mut file: WatchedFile, interval: Duration) {
        loop {
            let change = file.changed(interval).await;
            self.take(&file, change);
        }
    }

    fn take(&self, file: &WatchedFile, change: Change) {
        let path = file.path().display();
        let read = match change {
            Change::Content(bytes) => {
                ContainerCredentialsKeys::parse(&bytes).map_err(|error| error.to_string())
            }
            Change::Missing => Ok((ContainerCredentialsKeys::default(), Skipped::default())),
            Change::Unreadable(error) => Err(format!(
                "failed to read the container credentials file: {error}; keeping the previous one"
            )),
        };
        match read {
            Ok((keys, skipped)) => {
                self.errors.fetch_add(skipped.total() as u64, Ordering::Relaxed);
                for error in skipped.kept() {
                    let in_all = skipped.total();
                    tracing::warn!(%path, in_all, %error, "skipped container credentials entry");
                }
                self.loads.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%path, keys = keys.len(), "loaded container credentials file");
                self.keys.store(Arc::new(keys));
            }
            Err(why) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%path, error = why, "failed to load container credentials file");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_last_good_keys_and_empties_with_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identities.json");
        let app = Key { namespace: "shop", name: "app" };
        let file = ContainerCredentialsFile::default();
        let mut watched = file.begin(path.clone()).await;
        assert_eq!((file.len(), file.errors()), (0, 0), "a missing file is none");

        let good = r#"{"identities":[{"namespace":"shop","serviceAccount":"app"}]}"#;
        for (content, listed, errors) in
            [(good, true, 0), ("{", true, 1), ("", false, 1), (good, true, 1)]
        {
            std::fs::write(&path, content).expect("written");
            let change = watched.poll().await.expect("it has changed");
            file.take(&watched, change);
            assert_eq!((file.contains(app), file.errors()), (listed, errors), "{content}");
        }

        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("a folder in its place");
        let change = watched.poll().await.expect("it has changed");
        file.take(&watched, change);
        assert!(file.contains(app) && file.errors() == 2, "unreadable keeps the last good");
    }
}
