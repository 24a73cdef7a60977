//! Files of a folder that somebody else may have filled: regular files alone,
//! each up to a size. What is in them may be of no use, which is a fact.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use diagnosis::{Reason, saved};
use serde_json::{Deserializer, Value};

use super::FolderError;
use crate::evidence::items::{self, Around, Take};
use crate::input::{self, Limit};

/// What is in a file, or why it is of no use.
pub(super) type Content<T> = Result<T, Reason>;

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
pub(super) fn text(path: &Path) -> Result<Option<Content<String>>, FolderError> {
    let bytes = optional(path, input::read_file(path, LONGEST))?;
    let decoded =
        |bytes| input::decode(bytes).map_err(|problem| saved::garbled(&name(path), &problem));
    Ok(bytes.map(decoded))
}

/// The first document in a file, of JSON or YAML.
pub(super) fn value(path: &Path) -> Result<Option<Content<Value>>, FolderError> {
    let read = text(path)?;
    Ok(read.map(|read| saved::value(&name(path), &read?)))
}

/// A list: its items one by one, and what is around them. A file of YAML gives
/// its items as well.
pub(super) fn list(
    path: &Path,
    take: &mut Take<'_>,
) -> Result<Option<Content<Around>>, FolderError> {
    let Some(mut file) = optional(path, input::open_file(path))? else { return Ok(None) };
    let failed = |source| FolderError::Read { path: path.to_owned(), source };
    let mut head = [0; 512];
    let read = file.read(&mut head).map_err(failed)?;
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
            Ok(around) => Ok(Some(Ok(around))),
            Err(error) if error.is_io() => Err(failed(error.into())),
            Err(error) => Ok(Some(Err(saved::misshapen(&name(path), &error)))),
        };
    }
    let Some(read) = value(path)? else { return Ok(None) };
    let around = read.and_then(|value| {
        items::read(value, take).map_err(|error| saved::misshapen(&name(path), &error))
    });
    Ok(Some(around))
}

/// The file's name, for people.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
