//! The files that `iam lint` is to read: those that were named, and what folders hold.

use std::path::{Path, PathBuf};

use crate::input::{self, InputError, Limit, Problem};

/// A file, or why there is none.
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) text: Result<String, InputError>,
    /// Somebody named it: that nothing is in it is worth a word.
    pub(super) is_named: bool,
}

/// More than a repository of templates has; a larger folder is another one.
const MOST_FILES: usize = 10_000;
/// Of all files that were found in folders.
const MOST_BYTES: Limit = Limit::mebibytes(64);
/// Links can't make a circle, and nobody nests deeper.
const DEEPEST: usize = 32;

/// What the names of files end with in which there may be policies.
const ENDINGS: [&str; 16] = [
    "json", "yaml", "yml", "tf", "tofu", "hcl", "tfvars", "template", "tftpl", "tpl", "tmpl",
    "gotmpl", "j2", "md", "markdown", "mdx",
];

/// Reads one file after the other; those of a folder, and of the folders in it, in their order.
pub(super) fn read(named: &[PathBuf]) -> impl Iterator<Item = Input> {
    let files = named.iter().flat_map(|path| {
        if path.is_dir() {
            let mut found = Vec::new();
            match folder(path, 0, &mut found) {
                Ok(()) => found.into_iter().map(|path| (Ok(path), false)).collect(),
                Err(error) => vec![(Err((path.clone(), error)), true)],
            }
        } else {
            vec![(Ok(path.clone()), true)]
        }
    });
    let mut left = MOST_BYTES.bytes();
    files.map(move |(path, is_named)| match path {
        Ok(path) => {
            let mut text = super::read(&path);
            if !is_named && let Ok(found) = &text {
                match left.checked_sub(found.len() as u64) {
                    Some(rest) => left = rest,
                    None => text = Err(InputError::of(&path, Problem::TooMuch(MOST_BYTES))),
                }
            }
            Input { path, text, is_named }
        }
        Err((path, error)) => Input { path, text: Err(error), is_named },
    })
}

/// Adds the files of a folder. Hidden folders and those of package managers are left out.
fn folder(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let failed = |problem| InputError::of(path, problem);
    let entries = input::list(path, MOST_FILES, |_| true).map_err(failed)?;
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        // A link to a folder may lead back.
        let is_folder = entry.is_dir() && !entry.is_symlink();
        if is_folder && !name.starts_with('.') && name != "node_modules" && depth < DEEPEST {
            folder(&entry, depth + 1, found)?;
        }
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        if entry.is_file() && ENDINGS.contains(&ending) {
            if found.len() == MOST_FILES {
                return Err(failed(Problem::TooManyFiles(MOST_FILES)));
            }
            found.push(entry);
        }
    }
    Ok(())
}
