//! Files, folders, pipes and standard input that a user names, read with a
//! maximum of bytes and of waiting. What is not UTF-8 is an error.
//!
//! [`read`] and [`read_text`] are for commands: files, `-`, pipes and what a
//! shell makes of `<(...)`. [`read_file`] is for what a server reads again and
//! again, which must be a regular file. [`list`] is for folders.

mod encoding;
mod error;
mod folder;
mod stream;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

pub use encoding::{check_encoding, decode};
pub use error::{InputError, Problem};
pub use folder::list;
pub(crate) use stream::{Patience, is_interactive};

use crate::platform;

/// The maximum number of bytes of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u64);

impl Limit {
    /// Manifests, policies, templates: larger ones are dumps of a whole cluster.
    pub const DOCUMENTS: Self = Self::mebibytes(16);
    /// Configuration that the server follows.
    pub(crate) const CONFIGURATION: Self = Self::mebibytes(16);
    /// Keys, tokens, certificates and bundles of authorities.
    pub const KEYS: Self = Self::mebibytes(1);

    /// So many MiB.
    #[must_use]
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// As a number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// The bytes of a file, of a pipe, or of standard input for `-`.
///
/// # Errors
/// More bytes than the limit; a writer that does not come, or falls silent.
pub fn read(path: &Path, limit: Limit) -> Result<Vec<u8>, InputError> {
    read_patiently(path, limit, Patience::default())
}

/// The same as text, without a byte order mark.
///
/// # Errors
/// As [`read`], and text in another encoding than UTF-8.
pub fn read_text(path: &Path, limit: Limit) -> Result<String, InputError> {
    decode(read(path, limit)?).map_err(|problem| InputError::of(path, problem))
}

/// The bytes of a regular file, also behind symlinks: nothing that could wait.
///
/// # Errors
/// Anything else than a regular file; more bytes than the limit. The kind of
/// an error of the system stays.
pub fn read_file(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    Ok(whole(&open_file(path)?, limit)?)
}

/// A regular file, for who reads it bit by bit and bounds that.
///
/// # Errors
/// Anything else than a regular file.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Problem::NotRegular.into());
    }
    Ok(file)
}

fn read_patiently(path: &Path, limit: Limit, patience: Patience) -> Result<Vec<u8>, InputError> {
    let bytes = if path == Path::new("-") {
        stream::standard_input(limit, patience)
    } else {
        open(path)
            .map_err(|error| unopened(path, error))
            .and_then(|file| any(&file, limit, patience))
    };
    bytes.map_err(|problem| InputError::of(path, problem))
}

/// Never waits: a pipe opens at once, with a writer or without.
fn open(path: &Path) -> io::Result<File> {
    platform::without_waiting(OpenOptions::new().read(true)).open(path)
}

/// Windows opens no folder, and says nothing of folders.
fn unopened(path: &Path, error: io::Error) -> Problem {
    if path.is_dir() { Problem::Folder } else { error.into() }
}

fn any(file: &File, limit: Limit, patience: Patience) -> Result<Vec<u8>, Problem> {
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(Problem::Folder);
    }
    if kind.is_file() { whole(file, limit) } else { stream::read(file, limit, patience) }
}

fn whole(file: &File, limit: Limit) -> Result<Vec<u8>, Problem> {
    let length = file.metadata()?.len();
    if length > limit.bytes() {
        return Err(Problem::TooLarge(limit));
    }
    // Once: a key that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(limit.bytes() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit.bytes() {
        return Err(Problem::TooLarge(limit));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
