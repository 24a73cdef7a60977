//! A folder written, for `--from-dir` elsewhere.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::FolderError;
use crate::platform;
use diagnosis::{Fact, Redacted};

/// Whether a folder can be saved to: it is empty, or not there yet. Files of
/// another run would be mixed up with those of this one.
///
/// # Errors
/// [`FolderError::NotVacant`], or a folder that can't be read.
pub(crate) fn vacant(folder: &Path) -> Result<(), FolderError> {
    let path = || folder.to_owned();
    match std::fs::read_dir(folder).map(|mut files| files.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(FolderError::NotVacant { path: path() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(FolderError::NotVacant { path: path() })
        }
        Err(source) => Err(FolderError::Read { path: path(), source }),
    }
}

/// Writes the facts for their owner alone, and gives the files. No file that is
/// there is written to, and no symlink followed.
///
/// # Errors
/// [`FolderError`] where the folder is not empty or can't be written.
pub(crate) fn save(folder: &Path, facts: &Redacted) -> Result<Vec<PathBuf>, FolderError> {
    vacant(folder)?;
    let failed = |path: &Path, source| FolderError::Write { path: path.to_owned(), source };
    let made = platform::for_owner(DirBuilder::new().recursive(true)).create(folder);
    made.map_err(|source| failed(folder, source))?;
    let facts = facts.facts();
    let files = [
        ("subject", Some(text(&facts.subject))),
        ("version", stored(&facts.version)),
        ("webhooks", stored(&facts.webhooks)),
        ("namespace", stored(&facts.namespace)),
        ("service-account", stored(&facts.service_account)),
        ("config-map", stored(&facts.config_map)),
        ("webhook-flags", stored(&facts.webhook_flags)),
        ("container-credentials", stored(&facts.container_credentials)),
        ("probes", stored(&facts.probes)),
        ("dry-run", stored(&facts.dry_run)),
        ("token", stored(&facts.token)),
        ("discovery", stored(&facts.discovery)),
        ("jwks", stored(&facts.jwks)),
        ("pods", stored(&facts.pods)),
        ("provider", stored(&facts.provider)),
        // As the AWS CLI printed it.
        ("role", facts.role.known().cloned().or_else(|| stored(&facts.role))),
    ];
    let mut written = Vec::new();
    for (name, text) in files {
        let Some(text) = text else { continue };
        let path = folder.join(format!("{name}.json"));
        // Exclusive: a file or a symlink that came meanwhile is left alone.
        let mut options = OpenOptions::new();
        let file = platform::with_mode(options.write(true).create_new(true), 0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| failed(&path, source))?;
        written.push(path);
    }
    Ok(written)
}

fn text(of: &impl Serialize) -> String {
    // Maps with text for keys: it can't fail.
    let text = serde_json::to_string_pretty(of).unwrap_or_default();
    format!("{text}\n")
}

fn stored<T: Serialize>(fact: &Fact<T>) -> Option<String> {
    match fact {
        Fact::Known(known) => Some(text(known)),
        Fact::Absent => Some(text(&json!({"absent": true}))),
        Fact::Unknown(why) => Some(text(&json!({"unknown": why}))),
        Fact::NotAsked => None,
    }
}
