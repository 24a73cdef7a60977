//! Files of a folder that somebody else may have filled: regular files alone,
//! each up to a size.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use injection::identity::ManifestError;
use injection::workloads;
use serde_json::{Deserializer, Value};

use super::FolderError;
use crate::evidence::items::{self, Around, Take};
use crate::input::{self, Limit};

/// The most bytes of a file, and of an item of a list. The API server takes
/// objects of 1.5 MiB; kubectl indents them.
const LONGEST: Limit = Limit::mebibytes(8);

/// The most bytes of a list, which is read item by item.
const LONGEST_LIST: Limit = Limit::mebibytes(1 << 10);

/// Nothing where there is no file.
fn optional<T>(path: &Path, read: io::Result<T>) -> Result<Option<T>, FolderError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Read { path: path.to_owned(), source }),
    }
}

/// A file's text.
pub(super) fn text(path: &Path) -> Result<Option<String>, FolderError> {
    let text = input::read_file(path, LONGEST).and_then(|bytes| Ok(input::decode(bytes)?));
    optional(path, text)
}

/// The first document in a file, of JSON or YAML.
pub(super) fn value(path: &Path) -> Result<Option<Value>, FolderError> {
    let Some(text) = text(path)? else { return Ok(None) };
    if is_json(text.as_bytes()) {
        match serde_json::from_str(&text) {
            Ok(value) => return Ok(Some(value)),
            // Flow style of YAML begins in the same way.
            Err(_) if is_yaml(path) => {}
            Err(error) => return Err(wrong(path, &format!("failed to read it as JSON: {error}"))),
        }
    }
    yaml(&text, path).map(Some)
}

/// A list: its items one by one, and what is around them. A file of YAML gives
/// its items as well.
pub(super) fn list(path: &Path, take: &mut Take<'_>) -> Result<Option<Around>, FolderError> {
    let Some(mut file) = optional(path, input::open_file(path))? else { return Ok(None) };
    let mut head = [0; 512];
    let read = file.read(&mut head);
    let read = read.map_err(|source| FolderError::Read { path: path.to_owned(), source })?;
    let head = head.get(..read).unwrap_or_default();
    if is_json(head) && !is_yaml(path) {
        let budget = Rc::new(Cell::new(LONGEST.bytes()));
        let whole = io::Cursor::new(without_mark(head)).chain(file);
        let reader =
            Metered { reader: whole, left: LONGEST_LIST.bytes(), budget: Rc::clone(&budget) };
        let mut json = Deserializer::from_reader(BufReader::new(reader));
        let around = items::read(&mut json, &mut |item| {
            budget.set(LONGEST.bytes());
            take(item)
        });
        let around = around.and_then(|around| json.end().map(|()| around));
        return match around {
            Ok(around) => Ok(Some(around)),
            Err(error) => Err(wrong(path, &format!("failed to read it as JSON: {error}"))),
        };
    }
    let Some(text) = text(path)? else { return Ok(None) };
    let value = yaml(&text, path)?;
    items::read(value, take).map(Some).map_err(|error| wrong(path, &error.to_string()))
}

fn yaml(text: &str, path: &Path) -> Result<Value, FolderError> {
    let read = workloads::read(text).map_err(|error| {
        let hint = if matches!(error, ManifestError::TooMuch) { ", or give JSON" } else { "" };
        wrong(path, &format!("{error}{hint}"))
    });
    Ok(read?.into_iter().next().unwrap_or_default())
}

fn wrong(path: &Path, why: &str) -> FolderError {
    FolderError::Parse { path: path.to_owned(), why: diagnosis::bounded(why) }
}

fn is_json(text: &[u8]) -> bool {
    matches!(without_mark(text).trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

/// Without the mark that some editors put before UTF-8.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A reader that gives so many bytes in all, and so many between two items.
struct Metered<R> {
    reader: R,
    left: u64,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let too_long = |what: &str, limit: Limit| {
            io::Error::other(format!("{what} is larger than {limit}, the most that is read"))
        };
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| too_long("the file", LONGEST_LIST))?;
        let left = self.budget.get().checked_sub(read as u64);
        self.budget.set(left.ok_or_else(|| too_long("an item of the list", LONGEST))?);
        Ok(read)
    }
}
