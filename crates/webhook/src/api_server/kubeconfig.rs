//! Kubeconfig files, read with bounds and merged by client-go's rules: kube itself would read one for as long as it
//! lasts, refuse a list with a missing file, and take an empty `current-context` for one that is set.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};

use super::client_error::ClientError;
use crate::input::{self, InputError, Limit, Problem};

/// A kubeconfig of thousands of clusters fits.
const LIMIT: Limit = Limit::DOCUMENTS;

/// The names of what kubeconfigs have.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub contexts: Vec<String>,
    pub clusters: Vec<String>,
    pub users: Vec<String>,
}

/// What the files say together, and which they are.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) config: Kubeconfig,
    /// Those that were read, or else those that are missing.
    pub(super) files: Vec<PathBuf>,
    /// Nothing is there.
    pub(super) is_missing: bool,
}

impl Loaded {
    pub(super) fn names(self) -> Names {
        let Kubeconfig { contexts, clusters, auth_infos, .. } = self.config;
        Names {
            contexts: contexts.into_iter().map(|it| it.name).collect(),
            clusters: clusters.into_iter().map(|it| it.name).collect(),
            users: auth_infos.into_iter().map(|it| it.name).collect(),
        }
    }
}

/// The file that a flag names; its relative paths are from its own folder.
pub(super) fn read(path: &Path) -> Result<Kubeconfig, ClientError> {
    let text = input::read_text(path, LIMIT)?;
    let broken = |why: String| ClientError::Broken { path: path.to_owned(), why, is_flag: false };
    // As kubectl does, no other document than the first counts.
    let mut documents: Vec<Option<Kubeconfig>> =
        serde_saphyr::from_multiple(&text).map_err(|error| broken(reason(&error.to_string())))?;
    let first = if documents.is_empty() { None } else { documents.swap_remove(0) };
    let mut config = first.unwrap_or_default();
    check(&config).map_err(broken)?;
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

/// What the parser says, without the lines that it shows.
fn reason(error: &str) -> String {
    let first = error.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

/// The files of `KUBECONFIG`, merged, else the one in the home folder.
pub(super) fn find() -> Result<Loaded, ClientError> {
    if let Some(list) = env::var_os("KUBECONFIG").filter(|it| !it.is_empty()) {
        let paths = env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
        return merged(&paths.collect::<Vec<_>>());
    }
    let home = env::home_dir().map(|home| home.join(".kube").join("config"));
    merged(&home.into_iter().collect::<Vec<_>>())
}

/// Those of the files that are there, merged: the first that has an entry, or a
/// `current-context`, counts. Missing files are left out, as kubectl leaves them out.
pub(super) fn merged(paths: &[PathBuf]) -> Result<Loaded, ClientError> {
    let mut loaded = Loaded::default();
    for path in paths {
        // One that a right hides is not missing.
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok(_) | Err(_) => {}
        }
        let next = read(path)?;
        merge(&mut loaded.config, next);
        loaded.files.push(path.clone());
    }
    if loaded.files.is_empty() {
        loaded.is_missing = true;
        loaded.files = paths.to_vec();
    }
    Ok(loaded)
}

fn merge(into: &mut Kubeconfig, next: Kubeconfig) {
    fn add<T>(into: &mut Vec<T>, next: Vec<T>, name: impl Fn(&T) -> &str) {
        let known: BTreeSet<String> = into.iter().map(|it| name(it).to_owned()).collect();
        into.extend(next.into_iter().filter(|it| !known.contains(name(it))));
    }
    add(&mut into.clusters, next.clusters, |it| &it.name);
    add(&mut into.auth_infos, next.auth_infos, |it| &it.name);
    add(&mut into.contexts, next.contexts, |it| &it.name);
    if current(into).is_none() {
        into.current_context = next.current_context;
    }
}

/// The context that is chosen: `kubectl config unset` leaves an empty one.
pub(super) fn current(config: &Kubeconfig) -> Option<&str> {
    config.current_context.as_deref().filter(|name| !name.is_empty())
}

/// What client-go refuses of a file.
fn check(config: &Kubeconfig) -> Result<(), String> {
    if let Some(kind) = config.kind.as_deref().filter(|it| !["", "Config"].contains(it)) {
        return Err(format!("its kind is {kind:?}, not \"Config\""));
    }
    if let Some(version) = config.api_version.as_deref().filter(|it| !["", "v1"].contains(it)) {
        return Err(format!("its apiVersion is {version:?}, not \"v1\""));
    }
    unique("clusters", config.clusters.iter().map(|it| it.name.as_str()))?;
    unique("users", config.auth_infos.iter().map(|it| it.name.as_str()))?;
    unique("contexts", config.contexts.iter().map(|it| it.name.as_str()))
}

fn unique<'a>(what: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(format!("it has two {what} of the name {name:?}")),
        None => Ok(()),
    }
}

pub(super) fn context<'a>(config: &'a Kubeconfig, name: &str) -> Option<&'a Context> {
    config.contexts.iter().find(|it| it.name == name)?.context.as_ref()
}

pub(super) fn cluster<'a>(config: &'a Kubeconfig, name: &str) -> Option<&'a Cluster> {
    config.clusters.iter().find(|it| it.name == name)?.cluster.as_ref()
}

pub(super) fn user<'a>(config: &'a Kubeconfig, name: &str) -> Option<&'a AuthInfo> {
    config.auth_infos.iter().find(|it| it.name == name)?.auth_info.as_ref()
}

/// The files that clusters and users name.
fn files(config: &mut Kubeconfig) -> impl Iterator<Item = &mut String> {
    let clusters = config.clusters.iter_mut().filter_map(|it| it.cluster.as_mut());
    let users = config.auth_infos.iter_mut().filter_map(|it| it.auth_info.as_mut());
    let authorities = clusters.filter_map(|it| it.certificate_authority.as_mut());
    let credentials = users.flat_map(|it| {
        [&mut it.client_certificate, &mut it.client_key, &mut it.token_file].into_iter().flatten()
    });
    // An empty path names no file.
    authorities.chain(credentials).filter(|file| !file.is_empty())
}

fn resolve(file: &mut String, folder: &Path) {
    // An absolute path takes the folder's place.
    if let Some(path) = folder.join(file.as_str()).to_str() {
        path.clone_into(file);
    }
}

/// Looks at the files that a context leads to, before kube reads them: each is a
/// regular file of a size that a key, a certificate or a token has. Those of `flags` come from there.
pub(super) fn check_files(
    cluster: Option<&Cluster>,
    user: Option<&AuthInfo>,
    flags: &[&str],
) -> Result<(), ClientError> {
    let named = [
        ("certificate-authority", cluster.and_then(|it| it.certificate_authority.as_ref())),
        ("client-certificate", user.and_then(|it| it.client_certificate.as_ref())),
        ("client-key", user.and_then(|it| it.client_key.as_ref())),
        ("tokenFile", user.and_then(|it| it.token_file.as_ref())),
    ];
    for (member, path) in named {
        let Some(path) = path.filter(|it| !it.is_empty()).map(Path::new) else { continue };
        let length = input::open_file(path).and_then(|file| Ok(file.metadata()?.len()));
        let problem = match length {
            Ok(length) if length > Limit::KEYS.bytes() => Problem::TooLarge(Limit::KEYS),
            Ok(_) => continue,
            Err(error) => Problem::Io(error),
        };
        let error = InputError::of(path, problem);
        let setting = if flags.contains(&member) {
            format!("--{member}")
        } else {
            format!("{member} in the kubeconfig")
        };
        return Err(ClientError::CredentialFile { setting, error });
    }
    Ok(())
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
        for missing in ["missing", "missing/config"] {
            let none = merged(&[at(missing)]).expect(missing);
            assert!(none.is_missing && none.files == [at(missing)], "{missing}: {none:?}");
            let found = merged(&[at(missing), good.clone()]).expect(missing);
            assert_eq!(current(&found.config), Some("x"), "{missing}");
            assert!(!found.is_missing && found.files == [good.clone()], "{found:?}");
        }
        std::fs::write(at("broken"), "clusters: [").expect("a file");
        std::fs::write(at("other-kind"), "kind: Other").expect("a file");
        std::fs::write(at("other-version"), "apiVersion: v2").expect("a file");
        std::fs::write(at("two"), "users: [{name: u}, {name: v}, {name: u}]").expect("a file");
        std::fs::write(at("large"), vec![b' '; (16 << 20) + 1]).expect("a file");
        std::fs::create_dir(at("folder")).expect("a folder");
        std::os::unix::fs::symlink(at("loop"), at("loop")).expect("a link");
        for unread in
            ["broken", "other-kind", "other-version", "two", "large", "folder", "loop", "config/x"]
        {
            for paths in
                [vec![at(unread)], vec![at("missing"), at(unread)], vec![good.clone(), at(unread)]]
            {
                let error = merged(&paths).expect_err(unread).to_string();
                assert!(error.contains(unread), "{unread}: {error}");
                assert!(!error.contains("--kubeconfig"), "{unread}: {error}");
            }
        }
    }

    /// The rules of client-go's `ClientConfigLoadingRules.Load`.
    #[test]
    fn takes_each_entry_of_the_first_file_that_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let empty = file("empty", "");
        let comment = file("comment", "# nothing\n");
        // As `kubectl config unset current-context` leaves it.
        let unset = file("unset", "current-context: ''\ncontexts: []\nclusters: null\n");
        let first = file(
            "first",
            "clusters: [{name: c, cluster: {server: 'https://a.example'}}]\n\
             users: [{name: u, user: {token: a}}]\n\
             contexts: [{name: x, context: {cluster: c, user: u}}]\n",
        );
        let second = file(
            "second",
            "clusters: [{name: c, cluster: {server: 'https://b.example', tls-server-name: b}}, {name: d, cluster: {server: 'https://d.example'}}]\n\
             contexts: [{name: y, context: {cluster: d, user: u}}]\n\
             current-context: y\n---\ncurrent-context: of-another-document\n",
        );
        let read = |paths: &[&PathBuf]| {
            let paths: Vec<_> = paths.iter().map(|it| (*it).clone()).collect();
            merged(&paths).expect("a kubeconfig").config
        };
        let both = read(&[&empty, &comment, &unset, &first, &second]);
        assert_eq!(current(&both), Some("y"));
        let server = |name: &str| cluster(&both, name).and_then(|it| it.server.as_deref());
        assert_eq!(server("c"), Some("https://a.example"));
        assert_eq!(server("d"), Some("https://d.example"));
        // Nothing of an entry is taken from a later file.
        assert_eq!(cluster(&both, "c").and_then(|it| it.tls_server_name.as_deref()), None);
        assert!(context(&both, "x").is_some() && context(&both, "z").is_none());
        assert_eq!(current(&read(&[&unset, &empty, &comment, &first])), None);
    }

    #[test]
    fn refuses_what_is_no_file_of_a_key_where_the_context_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = read(&config(folder.path(), "ca.crt")).expect("a kubeconfig");
        let of =
            |name: &str| check_files(cluster(&read, name), None, &[]).map_err(|it| it.to_string());
        let error = of("c").expect_err("missing");
        assert!(error.contains("certificate-authority") && error.contains("ca.crt"), "{error}");
        let error = of("d").expect_err("no regular file");
        assert!(error.contains("/dev/zero") && error.contains("regular file"), "{error}");
        std::fs::write(folder.path().join("ca.crt"), vec![b'a'; (1 << 20) + 1]).expect("a file");
        let error = of("c").expect_err("too large");
        assert!(error.contains("ca.crt") && error.contains("1 MiB"), "{error}");
        let user = read.auth_infos[0].auth_info.as_ref();
        let error = check_files(None, user, &[]).expect_err("missing").to_string();
        assert!(error.contains("client-key"), "{error}");
    }
}
