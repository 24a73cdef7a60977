//! The manifests of `inject`: of files, folders, URLs and standard input, as `kubectl apply -f` takes them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http_client::manifests as remote;
use crate::input::{self, InputError, Limit, Problem};
use injection::identity::Manifests;
use injection::workloads;

/// The manifests of one file, and what it is called.
pub(super) struct Read {
    pub(super) name: String,
    text: String,
    pub(super) documents: Vec<Value>,
}

/// What kubectl reads in folders.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
/// More than a repository of manifests has.
const MOST_FILES: usize = 10_000;
/// Of all files together.
const MOST_BYTES: Limit = Limit::mebibytes(64);
/// Nobody nests deeper.
const DEEPEST: usize = 32;

/// Reads all that is named.
///
/// # Errors
/// What can't be read, and input without any object.
pub(super) async fn read(named: &[String], is_recursive: bool) -> anyhow::Result<Vec<Read>> {
    let mut all = Vec::new();
    let mut left = MOST_BYTES.bytes();
    for name in named {
        let path = Path::new(name);
        if remote::is_url(name) {
            let text = remote::get(name).await?;
            take(&mut all, &mut left, path, name.clone(), text)?;
        } else if path.is_dir() {
            let mut files = Vec::new();
            folder(path, is_recursive, 0, &mut files)?;
            if files.is_empty() {
                let more = if is_recursive { "" } else { "; -R also reads the folders in it" };
                bail!("failed to read {name}: no .json, .yaml or .yml file is in the folder{more}");
            }
            for file in files {
                let text = input::read_text(&file, Limit::DOCUMENTS)?;
                take(&mut all, &mut left, &file, file.display().to_string(), text)?;
            }
        } else {
            let text = input::read_text(path, Limit::DOCUMENTS)?;
            let shown = if name == "-" { "standard input".to_owned() } else { name.clone() };
            take(&mut all, &mut left, path, shown, text)?;
        }
    }
    if all.iter().all(|read| read.documents.is_empty()) {
        let inputs: Vec<_> = all.iter().take(5).map(|read| read.name.as_str()).collect();
        bail!(
            "no objects in {}; check the command or the file that the manifests come from",
            inputs.join(", ")
        );
    }
    Ok(all)
}

fn take(
    all: &mut Vec<Read>,
    left: &mut u64,
    path: &Path,
    name: String,
    text: String,
) -> anyhow::Result<()> {
    let Some(rest) = left.checked_sub(text.len() as u64) else {
        bail!(InputError::of(path, Problem::TooMuch(MOST_BYTES)));
    };
    *left = rest;
    let documents = workloads::read(&text).with_context(|| name.clone())?;
    all.push(Read { name, text, documents });
    Ok(())
}

/// Adds the manifests of a folder, in the order of their names.
fn folder(
    path: &Path,
    is_recursive: bool,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), InputError> {
    let failed = |problem| InputError::of(path, problem);
    for entry in input::list(path, MOST_FILES, |_| true).map_err(failed)? {
        if entry.is_dir() {
            // A link to a folder may lead back.
            if is_recursive && !entry.is_symlink() && depth < DEEPEST {
                folder(&entry, true, depth + 1, found)?;
            }
        } else if entry.extension().is_some_and(|it| ENDINGS.iter().any(|ending| it == *ending)) {
            if found.len() == MOST_FILES {
                return Err(failed(Problem::TooManyFiles(MOST_FILES)));
            }
            found.push(entry);
        }
    }
    Ok(())
}

/// All documents, and the `ServiceAccount`s among them.
pub(super) fn parsed(texts: &[Read], namespace: &str) -> anyhow::Result<(Vec<Value>, Manifests)> {
    let (mut documents, mut manifests) = (Vec::new(), Manifests::default());
    for Read { name, text, documents: read } in texts {
        documents.extend(read.iter().cloned());
        manifests.extend(Manifests::parse_in(namespace, text).with_context(|| name.clone())?);
    }
    Ok((documents, manifests))
}
