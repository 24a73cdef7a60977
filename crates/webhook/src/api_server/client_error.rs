//! Why there is no client for an API server.

use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use hyper::http::uri::InvalidUri;
use kube::config::{InClusterError, KubeconfigError};

use super::credentials::CredentialsError;
use crate::input::InputError;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("failed to read --kube-api {url}")]
    Url { url: String, source: InvalidUri },
    #[error("failed to use the kubeconfig {path}: {why}; correct the file{}", out_of_list(*.is_flag), path = path.display())]
    Broken { path: PathBuf, why: String, is_flag: bool },
    #[error("failed to use --kubeconfig: {0}")]
    FlagFile(InputError),
    #[error("failed to use the kubeconfig: {0}")]
    NamedFile(#[from] InputError),
    #[error("{error}; correct {setting}")]
    CredentialFile { setting: String, error: InputError },
    #[error(
        "failed to find a kubeconfig: {}; set --kubeconfig, KUBECONFIG or --server",
        absent(.files)
    )]
    NoKubeconfig { files: Vec<PathBuf> },
    #[error(
        "failed to find a cluster: {} sets no current-context; {}",
        Files(.files), choose(.contexts)
    )]
    NoContext { files: Vec<PathBuf>, contexts: Vec<String> },
    #[error("failed to find {what} {name:?} in {} (named by {from}); {}", Files(.files), alternatives(*.what, .known))]
    NoEntry { what: Entry, name: String, from: String, known: Vec<String>, files: Vec<PathBuf> },
    #[error(
        "failed to use cluster {0:?} of the kubeconfig: it has no server; add one, or set --server"
    )]
    NoServer(String),
    #[error(
        "failed to use the kubeconfig: a CA and insecure-skip-tls-verify exclude each other; \
         remove one of them"
    )]
    InsecureWithAuthority,
    #[error(
        "failed to use the namespace {0:?} of the kubeconfig's context: it is not a valid name; correct it, or set --namespace"
    )]
    Namespace(String),
    #[error("failed to act as a group or uid: no user is named; add --as USER")]
    AsNobody,
    #[error("failed to use --kubeconfig {}", path.display())]
    UseFile { path: PathBuf, source: KubeconfigError },
    #[error("failed to use the kubeconfig")]
    Use(#[source] KubeconfigError),
    #[error(
        "failed to find a cluster to run in; outside a cluster, set --kubeconfig, or \
         --service-accounts to serve from files"
    )]
    NoCluster(#[source] InClusterError),
    #[error("failed to use this pod's cluster")]
    InPod(#[source] InClusterError),
    #[error(
        "failed to find CA certificates to verify the API server at {url}; set \
         SSL_CERT_FILE to a file with its CA, or use a --kubeconfig that has it"
    )]
    NoRoots { url: String, source: Box<kube::Error> },
    #[error(
        "failed to make a client for {server}: {setting} is {proxy}, and proxies are not supported; \
         reach the API server directly, and name it in NO_PROXY or remove the setting"
    )]
    Proxy { server: String, setting: &'static str, proxy: String },
    #[error("failed to read {setting} as a URL; remove it, since proxies are not supported")]
    ProxyUrl { setting: &'static str, source: InvalidUri },
    #[error("failed to get credentials for {server}: {error}")]
    Credentials { server: String, error: CredentialsError },
    #[error("failed to make a client for {server}")]
    Build { server: String, source: Box<kube::Error> },
    #[error("failed to make a client for the API server: its thread panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// What a kubeconfig has, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Context,
    Cluster,
    User,
}

impl ClientError {
    /// What kube could not use: a file, or the environment.
    pub(super) fn of_use(
        source: KubeconfigError,
        file: impl FnOnce(KubeconfigError) -> Self,
    ) -> Self {
        match source {
            KubeconfigError::ParseProxyUrl(source) => {
                Self::ProxyUrl { setting: proxy_setting(|it| it.is_err()), source }
            }
            source => file(source),
        }
    }

    /// The same, where the file is the one that a flag names.
    pub(super) fn of_flag(self) -> Self {
        match self {
            Self::NamedFile(error) => Self::FlagFile(error),
            Self::Broken { path, why, .. } => Self::Broken { path, why, is_flag: true },
            other => other,
        }
    }
}

fn absent(files: &[PathBuf]) -> String {
    match files {
        [] => "KUBECONFIG names no file".to_owned(),
        [file] => format!("{} does not exist", file.display()),
        files => format!("none of {} exists", Files(files)),
    }
}

fn out_of_list(is_flag: bool) -> &'static str {
    if is_flag { "" } else { ", or leave it out of KUBECONFIG" }
}

/// Names that may have been meant.
const LISTED: usize = 5;

fn alternatives(what: Entry, known: &[String]) -> String {
    match known {
        [] => format!("add it, or set --kubeconfig to the file that has the {what}"),
        known => format!("use one of: {}", listed(known)),
    }
}

fn choose(contexts: &[String]) -> String {
    match contexts {
        [] => "set --kubeconfig, or --server".to_owned(),
        known => format!("set --context to one of: {}", listed(known)),
    }
}

fn listed(names: &[String]) -> String {
    let (first, more) = names.split_at(names.len().min(LISTED));
    let rest = if more.is_empty() { "" } else { ", ..." };
    format!("{}{rest}", first.join(", "))
}

struct Files<'a>(&'a [PathBuf]);

impl fmt::Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("the kubeconfig"),
            [first, rest @ ..] => {
                write!(f, "{}", first.display())?;
                rest.iter().try_for_each(|path| write!(f, ", {}", path.display()))
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Context => "context",
            Self::Cluster => "cluster",
            Self::User => "user",
        })
    }
}

/// What names a proxy, where the environment does not.
pub(super) const OF_KUBECONFIG: &str = "proxy-url in the kubeconfig";

/// What names the proxy: kube also takes it from the environment, where the
/// kubeconfig has none.
pub(super) fn proxy_setting(is_it: impl Fn(Result<Uri, InvalidUri>) -> bool) -> &'static str {
    let names_it =
        |name: &str| std::env::var(name).is_ok_and(|url| !url.is_empty() && is_it(url.parse()));
    if names_it("HTTPS_PROXY") {
        "HTTPS_PROXY in the environment"
    } else if names_it("https_proxy") {
        "https_proxy in the environment"
    } else {
        OF_KUBECONFIG
    }
}
