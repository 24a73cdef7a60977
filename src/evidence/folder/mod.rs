//! Facts in a folder: one file each, JSON or YAML, as `doctor --save` writes
//! them or as kubectl and the AWS CLI print them.

mod file;
mod load;
mod printed;
mod save;

use std::io;
use std::path::PathBuf;

pub(crate) use load::{load, saved_flags};
pub(crate) use printed::{printed_provider, printed_role};
pub(crate) use save::{save, vacant};

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("failed to read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to save to {}: not an empty folder; choose a new one", path.display())]
    NotVacant { path: PathBuf },
    #[error("{}: {why}", path.display())]
    Parse { path: PathBuf, why: String },
}

#[cfg(test)]
mod tests;
