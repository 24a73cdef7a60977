//! Folders that go away with their owner.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::Context as _;

use super::keeper::process_is_gone;

const PREFIX: &str = "pod-identity-webhook-test";

/// A private folder, removed on drop. Its path is short: the control plane's unix sockets are in it.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn new() -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_orphans();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("{PREFIX}-{}-{number}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| {
            format!("failed to create {}; remove it or set TMPDIR", path.display())
        })?;
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, contents)
            .with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what test processes that were killed, or that kept a folder in a static, left behind.
fn remove_orphans() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-').next())
            .and_then(|id| id.parse().ok());
        if owner.is_some_and(process_is_gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
