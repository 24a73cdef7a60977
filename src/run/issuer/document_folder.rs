//! A folder that is uploaded as it is: documents are replaced whole, and those
//! that differ only where that was asked for.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::input::{Limit, read_file};

/// A file to be: its path below the folder, and its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) path: String,
    pub(super) contents: Vec<u8>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Created,
    Replaced,
    /// It was there, byte by byte.
    Unchanged,
}

/// Why the documents are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("failed to read {path:?}: {source}; check its permissions")]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to create the folder {path:?}: {source}; choose a writable folder")]
    CreateFolder { path: PathBuf, source: io::Error },
    #[error("failed to write {path:?}: {source}; check that the folder is writable")]
    Write { path: PathBuf, source: io::Error },
}

/// The contents of a file of the folder, where it exists.
pub(super) fn existing(folder: &Path, path: &str) -> Result<Option<Vec<u8>>, FolderError> {
    let path = folder.join(path);
    match read_file(&path, Limit::KEYS) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Read { path, source }),
    }
}

/// Writes the documents in their order, each whole or not at all.
pub(super) fn write(folder: &Path, documents: &[Document]) -> Result<Vec<Written>, FolderError> {
    documents.iter().map(|document| write_one(folder, document)).collect()
}

fn write_one(folder: &Path, document: &Document) -> Result<Written, FolderError> {
    let before = existing(folder, &document.path)?;
    if before.as_deref() == Some(&document.contents) {
        return Ok(Written::Unchanged);
    }
    let path = folder.join(&document.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(|source| FolderError::CreateFolder { path: parent.to_owned(), source })?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = PathBuf::from(name);
    let placed = create(&unfinished, &document.contents)
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(|source| FolderError::Write { path, source });
    if placed.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    placed.map(|()| if before.is_some() { Written::Replaced } else { Written::Created })
}

fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(contents: &str) -> Document {
        Document { path: "a/b".to_owned(), contents: contents.as_bytes().to_owned() }
    }

    #[test]
    fn leaves_one_whole_file_and_says_what_became_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        for (contents, became) in
            [("one", Written::Created), ("one", Written::Unchanged), ("two", Written::Replaced)]
        {
            let written = write(folder.path(), &[document(contents)]).expect("it is written");
            assert_eq!(written, [became]);
            let now = existing(folder.path(), "a/b").expect("it can be read");
            assert_eq!(now.as_deref(), Some(contents.as_bytes()));
        }
        let left = fs::read_dir(folder.path().join("a")).expect("a folder").count();
        assert_eq!(left, 1, "nothing unfinished stays");
    }

    #[test]
    fn names_the_path_that_it_can_not_write() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "a file").expect("it is written");
        let error = write(folder.path(), &[document("x")]).expect_err("no folder").to_string();
        assert!(error.contains("/a"), "{error}");
    }
}
