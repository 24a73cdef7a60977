//! Certificates for a webhook outside the cluster, written to files once.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::{IssueError, issue_authority, issue_leaf};
use crate::platform;
use certificates::Lifetimes;

/// What was written, and what a webhook configuration needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Initialised {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The value of `clientConfig.caBundle`: base64 of PEM.
    pub ca_bundle: String,
    /// When all of it has to be made anew. The CA's key is not kept.
    pub ends: Timestamp,
}

/// Why the files are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("failed to create the folder {path:?}: {source}; choose a writable folder")]
    CreateFolder { path: PathBuf, source: io::Error },
    #[error("failed to write {path:?}: the file exists; choose another folder, or add --force")]
    KeepExisting { path: PathBuf },
    #[error("failed to write {path:?}: {source}; check that the folder is writable")]
    Write { path: PathBuf, source: io::Error },
}

/// Makes a CA and a certificate for these DNS names and IP addresses, and
/// writes `ca.crt`, `tls.crt` and `tls.key` into the folder. Existing files are
/// replaced only where `force` says so.
pub(crate) fn init(
    folder: &Path,
    names: &[String],
    lifetimes: &Lifetimes,
    now: Timestamp,
    force: bool,
) -> Result<Initialised, InitError> {
    let authority = issue_authority(now, lifetimes)?;
    let leaf = issue_leaf(now, &authority, names, lifetimes)?;
    let ca_pem = authority.certificate.pem();

    fs::create_dir_all(folder)
        .map_err(|source| InitError::CreateFolder { path: folder.to_owned(), source })?;
    let path = |name: &str| folder.join(name);
    let files = [
        (path("ca.crt"), ca_pem.as_bytes(), 0o644),
        (path("tls.key"), leaf.key().pem().as_bytes(), 0o600),
        (path("tls.crt"), &*leaf.chain_pem().into_bytes(), 0o644),
    ];
    // All three or none, as far as that can be known beforehand.
    if let Some((path, ..)) = files.iter().find(|(path, ..)| !force && path.exists()) {
        return Err(InitError::KeepExisting { path: path.clone() });
    }
    for (path, contents, mode) in &files {
        write(path, contents, *mode, force).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => InitError::KeepExisting { path: path.clone() },
            _ => InitError::Write { path: path.clone(), source },
        })?;
    }
    let [(authority, ..), (key, ..), (certificate, ..)] = files;
    Ok(Initialised {
        authority,
        certificate,
        key,
        ca_bundle: STANDARD.encode(&ca_pem),
        ends: leaf.certificate().not_after(),
    })
}

/// Whoever reads the path finds the old contents or the new, whole.
fn write(path: &Path, contents: &[u8], mode: u32, force: bool) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let unfinished = PathBuf::from(name);
    let placed = create(&unfinished, contents, mode).and_then(|()| {
        if force {
            fs::rename(&unfinished, path)
        } else {
            // Unlike a rename it refuses to replace a file made meanwhile.
            fs::hard_link(&unfinished, path)
        }
    });
    // After a rename there is none.
    let _ = fs::remove_file(&unfinished);
    placed
}

fn create(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = platform::with_mode(&mut options, mode).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::crypto;
    use certificates::{Bundle, Certificate, PrivateKey};

    fn run(folder: &Path, force: bool) -> Result<Initialised, InitError> {
        let names = ["webhook.example".to_owned(), "192.0.2.1".to_owned()];
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        init(folder, &names, &Lifetimes::default(), now, force)
    }

    #[test]
    fn writes_what_belongs_together_and_gives_the_bundle() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = run(&folder.path().join("new"), false).expect("files");
        let read = |path: &Path| fs::read(path).expect("a file");
        let leaf = Certificate::from_pem(&read(&made.certificate)).expect("PEM").remove(0);
        assert!(
            PrivateKey::from_pem(&read(&made.key), crypto::CERTIFICATES)
                .expect("a key")
                .is_of(&leaf)
        );
        let pem = STANDARD.decode(&made.ca_bundle).expect("base64");
        assert_eq!(pem, read(&made.authority));
        for name in ["webhook.example", "192.0.2.1"] {
            assert!(
                Bundle::parse(&pem).verifies(&leaf, name, leaf.not_before(), crypto::CERTIFICATES),
                "{name}"
            );
        }
        let permissions = fs::metadata(&made.key).expect("the key").permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        let files = fs::read_dir(made.key.parent().expect("a folder")).expect("a folder");
        assert_eq!(files.count(), 3);
    }

    #[test]
    fn keeps_what_is_there_unless_forced() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = run(folder.path(), false).expect("files");
        fs::remove_file(&first.authority).expect("it goes");
        let error = run(folder.path(), false).expect_err("two are there").to_string();
        assert!(error.contains("tls.key") && error.contains("--force"), "{error}");
        assert!(!first.authority.exists(), "none is written where one is refused");
        let second = run(folder.path(), true).expect("files");
        assert_ne!(first.ca_bundle, second.ca_bundle);
    }
}
