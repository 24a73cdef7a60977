//! Why there is no client for an API server.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::InvalidUri;
use kube::config::{InClusterError, KubeconfigError};

use crate::input::InputError;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("failed to read --kube-api {url}")]
    Url { url: String, source: InvalidUri },
    #[error("failed to read the kubeconfig {}", path.display())]
    Read { path: PathBuf, source: KubeconfigError },
    #[error("failed to use --kubeconfig: {0}")]
    FlagFile(InputError),
    #[error("failed to use the kubeconfig: {0}")]
    NamedFile(#[from] InputError),
    /// There is none, and nothing else is the matter.
    #[error("failed to find a kubeconfig; set --kubeconfig")]
    Find(#[source] KubeconfigError),
    #[error("failed to use --kubeconfig {}", path.display())]
    Use { path: PathBuf, source: KubeconfigError },
    #[error("failed to use the kubeconfig")]
    UseFound(#[source] KubeconfigError),
    #[error(
        "failed to find a cluster to run in; outside a cluster, set --kubeconfig, or \
         --service-accounts to serve from files"
    )]
    NoCluster(#[source] InClusterError),
    #[error(
        "failed to find CA certificates to verify the API server at {url}; set \
         SSL_CERT_FILE to a file with its CA, or use a --kubeconfig that has it"
    )]
    NoRoots { url: String, source: Box<kube::Error> },
    #[error(
        "failed to make a client for {server}: {setting} is {proxy}, and proxies are not supported; \
         remove the setting, and reach the API server directly"
    )]
    Proxy { server: String, setting: &'static str, proxy: String },
    #[error("failed to read {setting} as a URL; remove it, since proxies are not supported")]
    ProxyUrl { setting: &'static str, source: InvalidUri },
    #[error(
        "failed to get credentials for {server}: the credential plugin {command} did not end \
         within {limit:?}; run it in a shell to see what it waits for"
    )]
    Plugin { server: String, command: String, limit: Duration },
    #[error("failed to make a client for the API server")]
    Build(#[source] Box<kube::Error>),
    #[error("failed to make a client for the API server: its thread panicked")]
    Panicked(#[source] tokio::task::JoinError),
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
            other => other,
        }
    }
}

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
        "proxy-url in the kubeconfig"
    }
}
