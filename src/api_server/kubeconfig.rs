//! Kubeconfig files, read with bounds: kube itself would read one, and the
//! files that it names, for as long as they last.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use super::client_error::ClientError;
use crate::input::{self, InputError, Limit, Problem};

/// A kubeconfig of thousands of clusters fits.
const LIMIT: Limit = Limit::DOCUMENTS;

/// The names of what kubeconfigs have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) contexts: Vec<String>,
    pub(crate) clusters: Vec<String>,
    pub(crate) users: Vec<String>,
}

/// Of the file that a flag names, else of those that kubectl reads; none where they can't be read.
pub(crate) fn names(file: Option<&Path>) -> Names {
    let Ok(config) = file.map_or_else(find, read) else { return Names::default() };
    Names {
        contexts: config.contexts.into_iter().map(|it| it.name).collect(),
        clusters: config.clusters.into_iter().map(|it| it.name).collect(),
        users: config.auth_infos.into_iter().map(|it| it.name).collect(),
    }
}

/// The file that a flag names; its relative paths are from its own folder.
pub(super) fn read(path: &Path) -> Result<Kubeconfig, ClientError> {
    let text = input::read_text(path, LIMIT)?;
    let failed = |source| ClientError::Read { path: path.to_owned(), source };
    let mut config = Kubeconfig::from_yaml(&text).map_err(failed)?;
    if let Some(folder) = path.parent() {
        for file in files(&mut config) {
            resolve(file, folder);
        }
        for exec in
            config.auth_infos.iter_mut().filter_map(|it| it.auth_info.as_mut()?.exec.as_mut())
        {
            // A name alone is looked for on the PATH, as client-go does.
            if let Some(command) = exec.command.as_mut().filter(|it| it.contains('/')) {
                resolve(command, folder);
            }
        }
    }
    Ok(config)
}

/// The files of `KUBECONFIG`, merged, else the one in the home folder.
/// [`ClientError::Find`] says that there is none, and no other error does.
pub(super) fn find() -> Result<Kubeconfig, ClientError> {
    let named: Vec<PathBuf> = env::var_os("KUBECONFIG")
        .iter()
        .flat_map(env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if !named.is_empty() {
        return first_of_all(&named);
    }
    let home = env::home_dir().ok_or(ClientError::Find(KubeconfigError::FindPath))?;
    first_of_all(&[home.join(".kube").join("config")])
}

/// Those of the files that are there, merged: what the first says counts. As
/// kubectl does, it leaves out those that are missing.
fn first_of_all(paths: &[PathBuf]) -> Result<Kubeconfig, ClientError> {
    let (mut merged, mut missing) = (None, None);
    for path in paths {
        if let Err(absent) = look_for(path)? {
            missing = missing.or(Some(KubeconfigError::ReadConfig(absent, path.clone())));
            continue;
        }
        let next = read(path)?;
        merged = Some(match merged {
            None => next,
            Some(merged) => Kubeconfig::merge(merged, next).map_err(ClientError::UseFound)?,
        });
    }
    merged.ok_or_else(|| ClientError::Find(missing.unwrap_or(KubeconfigError::FindPath)))
}

/// Whether anything is there; the inner error says that nothing is. One that a
/// right hides is not missing.
fn look_for(path: &Path) -> Result<Result<(), io::Error>, ClientError> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match path.metadata() {
        Ok(_) => Ok(Ok(())),
        Err(error) if [NotFound, NotADirectory].contains(&error.kind()) => Ok(Err(error)),
        Err(error) => Err(InputError::of(path, Problem::Io(error)).into()),
    }
}

/// Looks at the files that the context names, before kube reads them: each is a
/// regular file of a size that a key, a certificate or a token has. One that is
/// missing is kube's to report.
pub(super) fn check_files(config: &Kubeconfig, context: Option<&str>) -> Result<(), ClientError> {
    let name = context.or(config.current_context.as_deref());
    let context = config.contexts.iter().find(|it| Some(it.name.as_str()) == name);
    let Some(context) = context.and_then(|it| it.context.as_ref()) else { return Ok(()) };
    let mut used = config.clone();
    used.clusters.retain(|it| it.name == context.cluster);
    used.auth_infos.retain(|it| Some(&it.name) == context.user.as_ref());
    for file in files(&mut used) {
        let path = Path::new(file.as_str());
        let found = match input::open_file(path) {
            Ok(file) => file.metadata().map(|it| it.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => Err(error),
        };
        match found {
            Ok(length) if length > Limit::KEYS.bytes() => {
                return Err(InputError::of(path, Problem::TooLarge(Limit::KEYS)).into());
            }
            Ok(_) => {}
            Err(error) => return Err(InputError::of(path, Problem::Io(error)).into()),
        }
    }
    Ok(())
}

/// The files that clusters and users name.
fn files(config: &mut Kubeconfig) -> impl Iterator<Item = &mut String> {
    let clusters = config.clusters.iter_mut().filter_map(|it| it.cluster.as_mut());
    let users = config.auth_infos.iter_mut().filter_map(|it| it.auth_info.as_mut());
    let authorities = clusters.filter_map(|it| it.certificate_authority.as_mut());
    let credentials = users.flat_map(|it| {
        [&mut it.client_certificate, &mut it.client_key, &mut it.token_file].into_iter().flatten()
    });
    authorities.chain(credentials)
}

fn resolve(file: &mut String, folder: &Path) {
    // An absolute path takes the folder's place.
    if let Some(path) = folder.join(file.as_str()).to_str() {
        path.clone_into(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path, authority: &str) -> PathBuf {
        let path = folder.join("config");
        let text = format!(
            "clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1', certificate-authority: {authority}}}}}, {{name: d, cluster: {{certificate-authority: /dev/zero}}}}]\n\
             users: [{{name: u, user: {{client-key: keys/u.key, tokenFile: /absolute, exec: {{command: bin/log-in}}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}, {{name: y, context: {{cluster: d, user: u}}}}]\n\
             current-context: x\n"
        );
        std::fs::write(&path, text).expect("a file");
        path
    }

    #[test]
    fn takes_relative_paths_from_the_folder_of_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut read = read(&config(folder.path(), "ca.crt")).expect("a kubeconfig");
        let exec = read.auth_infos[0].auth_info.as_ref().and_then(|it| it.exec.clone());
        let files: Vec<_> = files(&mut read).map(|it| it.clone()).collect();
        let within = |name: &str| folder.path().join(name).display().to_string();
        let wanted = [&within("ca.crt"), "/dev/zero", &within("keys/u.key"), "/absolute"];
        assert_eq!(files, wanted);
        assert_eq!(exec.and_then(|it| it.command), Some(within("bin/log-in")));
    }

    /// Only where nothing is there may a pod's own cluster take its place.
    #[test]
    fn says_that_there_is_none_only_where_nothing_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let good = config(folder.path(), "ca.crt");
        for missing in ["missing", "missing/config", "config/below"] {
            let error = first_of_all(&[at(missing)]).expect_err(missing);
            assert!(matches!(error, ClientError::Find(_)), "{missing}: {error:?}");
            let found = first_of_all(&[at(missing), good.clone()]).expect(missing);
            assert_eq!(found.current_context.as_deref(), Some("x"), "{missing}");
        }
        std::fs::write(at("broken"), "clusters: [").expect("a file");
        std::fs::write(at("other-kind"), "kind: Other").expect("a file");
        std::fs::write(at("large"), vec![b' '; (16 << 20) + 1]).expect("a file");
        std::fs::create_dir(at("folder")).expect("a folder");
        std::os::unix::fs::symlink(at("loop"), at("loop")).expect("a link");
        for unread in ["broken", "large", "folder", "loop"] {
            for paths in [vec![at(unread)], vec![at("missing"), at(unread)]] {
                let error = first_of_all(&paths).expect_err(unread);
                assert!(!matches!(error, ClientError::Find(_)), "{unread}: {error:?}");
                assert!(error.to_string().contains(unread), "{unread}: {error}");
                assert!(!error.to_string().contains("--kubeconfig"), "{unread}: {error}");
            }
        }
        std::fs::write(at("kind"), "kind: Config").expect("a file");
        let error = first_of_all(&[at("kind"), at("other-kind")]).expect_err("two kinds");
        assert!(matches!(error, ClientError::UseFound(_)), "{error:?}");
    }

    #[test]
    fn refuses_what_is_no_file_of_a_key_where_the_context_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = read(&config(folder.path(), "ca.crt")).expect("a kubeconfig");
        // kube reports what is missing, since it knows what it is for.
        assert!(check_files(&read, None).is_ok());
        let error = check_files(&read, Some("y")).expect_err("no regular file").to_string();
        assert!(error.contains("/dev/zero") && error.contains("regular file"), "{error}");
        std::fs::write(folder.path().join("ca.crt"), vec![b'a'; (1 << 20) + 1]).expect("a file");
        let error = check_files(&read, Some("x")).expect_err("too large").to_string();
        assert!(error.contains("ca.crt") && error.contains("1 MiB"), "{error}");
    }
}
