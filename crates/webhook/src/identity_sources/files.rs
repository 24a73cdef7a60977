//! `ServiceAccounts` and the `ConfigMap` from files, in place of a cluster.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use injection::identity::{ConfigMapManifest, ManifestError, Manifests};

use super::config_map;
use crate::input::{self, Limit, Problem};

/// Why the files of `--service-accounts` could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("failed to read {}: {source}; set --service-accounts to a file, or to a folder of .yaml, .yml and .json files", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}; correct the file", path.display())]
    Parse { path: PathBuf, source: ManifestError },
    #[error("failed to read {}: the task failed: {source}; please report this bug", path.display())]
    Task { path: PathBuf, source: tokio::task::JoinError },
}

/// Of a folder, whatever is in it; and of its manifests all together.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: Limit = Limit::mebibytes(64);

/// Gives each state of the files once.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    /// The hash of the state that was given last.
    last: Option<u64>,
}

impl Files {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    /// What they hold: at the first call, and where that has changed since.
    pub(super) async fn poll(&mut self) -> Option<Result<Manifests, FilesError>> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || read(&path)).await;
        let read = reading
            .unwrap_or_else(|source| Err(FilesError::Task { path: self.path.clone(), source }));
        let mut hasher = DefaultHasher::new();
        match &read {
            Ok(texts) => texts.hash(&mut hasher),
            Err(error) => error.to_string().hash(&mut hasher),
        }
        if self.last.replace(hasher.finish()) == Some(hasher.finish()) {
            return None;
        }
        Some(read.and_then(|texts| parse(&texts)))
    }
}

/// The one in `namespace` counts, else one in `default`, where a manifest
/// without a namespace lands: what is written for trying it out names none.
pub(super) fn config_map<'a>(
    manifests: &'a Manifests,
    namespace: &str,
) -> Option<&'a ConfigMapManifest> {
    let find = |namespace: &str| {
        let mut found = manifests.config_maps.iter().rev();
        found.find(|found| found.name == config_map::NAME && found.namespace == namespace)
    };
    find(namespace).or_else(|| find("default"))
}

/// In the order of their names, so that where two files give the same object,
/// it is always the same one that counts: the last.
fn read(path: &Path) -> Result<Vec<(PathBuf, String)>, FilesError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| FilesError::Read { path, source }
    };
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        let listed = input::list(path, MOST_FILES, is_manifest).map_err(io::Error::from);
        paths = listed.map_err(failed(path))?;
    }
    let mut left = MOST_BYTES.bytes() + 1;
    let text = |path: PathBuf| {
        // A command may be given what a shell makes of `<(...)`.
        let text = input::read_text(&path, Limit::CONFIGURATION)
            .map_err(|error| failed(&path)(error.into_problem().into()))?;
        left = left.saturating_sub(text.len() as u64);
        if left == 0 {
            return Err(failed(&path)(Problem::TooMuch(MOST_BYTES).into()));
        }
        Ok((path, text))
    };
    paths.into_iter().map(text).collect()
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    matches!(extension, Some("yaml" | "yml" | "json")) && !hidden && path.is_file()
}

fn parse(texts: &[(PathBuf, String)]) -> Result<Manifests, FilesError> {
    let mut manifests = Manifests::default();
    for (path, text) in texts {
        let parsed = Manifests::parse(text)
            .map_err(|source| FilesError::Parse { path: path.clone(), source })?;
        manifests.extend(parsed);
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(manifests: &Manifests) -> Vec<&str> {
        manifests.service_accounts.iter().map(|sa| sa.name.as_str()).collect()
    }

    #[tokio::test]
    async fn reads_the_manifests_of_a_folder_and_tells_each_state_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("b.yaml", "kind: ServiceAccount\nmetadata: {name: b}\n");
        write("a.json", r#"{"kind":"ServiceAccount","metadata":{"name":"a"}}"#);
        write("notes.txt", "kind: [");
        write(".hidden.yaml", "kind: [");
        std::fs::create_dir(folder.path().join("folder.yaml")).expect("a folder");

        let mut files = Files::new(folder.path().to_owned());
        let first = files.poll().await.expect("news").expect("good files");
        assert_eq!(names(&first), ["a", "b"]);
        assert!(files.poll().await.is_none());

        write("b.yaml", "kind: [");
        let error = files.poll().await.expect("news").expect_err("bad").to_string();
        assert!(error.contains("b.yaml"), "{error}");
        assert!(files.poll().await.is_none());
    }

    #[tokio::test]
    async fn names_a_path_that_is_not_there() {
        let mut files = Files::new("/nowhere/at/all.yaml".into());
        let error = files.poll().await.expect("news").expect_err("missing").to_string();
        assert!(error.contains("/nowhere/at/all.yaml"), "{error}");
    }

    #[test]
    fn takes_the_config_map_of_the_namespace_else_of_default() {
        let parse = |text: &str| Manifests::parse(text).expect("good YAML");
        let without = "kind: ConfigMap\nmetadata: {name: pod-identity-webhook}\n";
        let other = "kind: ConfigMap\nmetadata: {name: pod-identity-webhook, namespace: other}\n";
        let wanted = "kind: ConfigMap\nmetadata: {name: pod-identity-webhook, namespace: eks}\n";
        let all = parse(&format!("{without}---\n{wanted}---\n{other}"));
        assert_eq!(config_map(&all, "eks").map(|found| &*found.namespace), Some("eks"));
        let some = parse(&format!("{without}---\n{other}"));
        assert_eq!(config_map(&some, "eks").map(|found| &*found.namespace), Some("default"));
        assert_eq!(config_map(&parse(other), "eks"), None);
    }
}
