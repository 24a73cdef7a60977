//! Folders: what is in them, as far as anyone would put it there.

use std::path::{Path, PathBuf};

use super::Problem;

/// The paths in a folder that are wanted, sorted.
///
/// # Errors
/// More than `most` entries, wanted or not.
pub fn list(
    folder: &Path,
    most: usize,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, Problem> {
    let mut paths = Vec::new();
    for (index, entry) in std::fs::read_dir(folder)?.enumerate() {
        if index == most {
            return Err(Problem::TooManyFiles(most));
        }
        let path = entry?.path();
        if wanted(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
