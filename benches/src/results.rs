//! What was found, kept in files between the parts of a run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long the measurements may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Effort {
    /// Whether everything runs; the numbers are worth little.
    Smoke,
    /// What the tables are made of.
    Standard,
    /// Every axis.
    Full,
}

impl Effort {
    pub fn rounds(self) -> u32 {
        match self {
            Self::Smoke => 3,
            Self::Standard => 5,
            Self::Full => 9,
        }
    }
}

/// A folder of JSON files.
pub struct Results(pub PathBuf);

impl Results {
    pub fn write(&self, name: &str, found: &impl Serialize) -> anyhow::Result<()> {
        fs::create_dir_all(&self.0)?;
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec_pretty(found)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }

    pub fn read<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<T> {
        let path = self.path(name);
        let read = fs::read(&path);
        let read = read
            .with_context(|| format!("failed to read {}; run that part first", path.display()))?;
        serde_json::from_slice(&read)
            .with_context(|| format!("{} is of another version", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name).with_extension("json")
    }
}

#[expect(clippy::print_stderr, reason = "what it does, for whoever waits")]
pub fn progress(text: &str) {
    eprintln!("{text}");
}
