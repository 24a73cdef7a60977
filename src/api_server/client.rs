//! Clients for API servers: every one that the program has is made here.

use std::path::Path;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;
use kube::api::GetParams;
use kube::client::RustlsTlsError;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions};
use kube::{Client, Config, Resource};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::input;

use super::client_error::{ClientError, proxy_setting};
use super::kubeconfig;
use super::request::OwnDeadline;
use super::transport::{CONNECT_TIMEOUT, server, transport};

/// How long one request may take, its response included. `None` is for ever.
pub type RequestTimeout = Option<Duration>;

/// How long a credential plugin may take that asks nobody.
const PLUGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// And one that may ask the person at the terminal: to log in by a browser, say.
const INTERACTIVE_PLUGIN_TIMEOUT: Duration = Duration::from_mins(5);

/// A client for the API server that the flags of `serve` name, else for the cluster that this runs in.
pub async fn of_service(
    file: Option<&Path>,
    url: Option<&str>,
    limit: RequestTimeout,
) -> Result<Client, ClientError> {
    let parse =
        |url: &str| url.parse().map_err(|source| ClientError::Url { url: url.to_owned(), source });
    let mut config = match (file, url) {
        (Some(path), _) => {
            let read = kubeconfig::read(path).map_err(ClientError::of_flag)?;
            kubeconfig::check_files(&read, None)?;
            let used = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
            let file = |source| ClientError::Use { path: path.to_owned(), source };
            used.map_err(|source| ClientError::of_use(source, file))?
        }
        (None, Some(url)) => Config::new(parse(url)?),
        (None, None) => Config::incluster().map_err(ClientError::NoCluster)?,
    };
    if let Some(url) = url {
        config.cluster_url = parse(url)?;
    }
    connect(config, limit).await
}

/// A client for the cluster that kubectl would ask, and the namespace that it would ask in.
pub async fn of_user(
    file: Option<&Path>,
    context: Option<&str>,
    limit: RequestTimeout,
) -> Result<(Client, String), ClientError> {
    let read = match file {
        Some(path) => kubeconfig::read(path).map_err(ClientError::of_flag),
        None => kubeconfig::find(),
    };
    let options = KubeConfigOptions {
        context: context.map(ToOwned::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = match read {
        Ok(read) => {
            kubeconfig::check_files(&read, context)?;
            let used = Config::from_custom_kubeconfig(read, &options).await;
            used.map_err(|source| ClientError::of_use(source, ClientError::UseFound))?
        }
        // In a pod of the cluster there is none. One that is there and can't be read may name another cluster.
        Err(error @ ClientError::Find(_)) if context.is_none() => {
            Config::incluster().map_err(|_| error)?
        }
        Err(error) => return Err(error),
    };
    let namespace = config.default_namespace.clone();
    Ok((connect(config, limit).await?, namespace))
}

/// Gets one object, within a deadline that the caller has for it: that of the client does not count.
pub async fn get_opt<K>(client: &Client, namespace: &str, name: &str) -> kube::Result<Option<K>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let path = K::url_path(&(), Some(namespace));
    let request = kube::core::Request::new(path).get(name, &GetParams::default());
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    request.extensions_mut().insert(OwnDeadline);
    match client.request(request).await {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

async fn connect(config: Config, limit: RequestTimeout) -> Result<Client, ClientError> {
    let config = with_roots(config);
    let (url, names_a_ca) = (config.cluster_url.clone(), config.root_cert.is_some());
    if let Some(proxy) = &config.proxy_url {
        let setting = proxy_setting(|it| it.is_ok_and(|it| it == *proxy));
        return Err(ClientError::Proxy { server: server(&url), setting, proxy: server(proxy) });
    }
    let namespace = config.default_namespace.clone();
    let made = match plugin(&config.auth_info) {
        None => transport(&config, limit, CONNECT_TIMEOUT),
        // kube runs it on this thread, and waits for it without end.
        Some((command, patience)) => {
            let made = spawn_blocking(move || transport(&config, limit, CONNECT_TIMEOUT));
            let made = timeout(patience, made).await.map_err(|_| ClientError::Plugin {
                server: server(&url),
                command,
                limit: patience,
            })?;
            made.map_err(ClientError::Panicked)?
        }
    };
    let transport = made.map_err(|error| explained(error, &url, names_a_ca))?;
    Ok(Client::new(transport, namespace))
}

/// The command that credentials come from, where there is one, and how long it may take.
fn plugin(auth: &AuthInfo) -> Option<(String, Duration)> {
    if let Some(exec) = &auth.exec {
        let asks =
            exec.interactive_mode != Some(ExecInteractiveMode::Never) && input::is_interactive();
        let patience = if asks { INTERACTIVE_PLUGIN_TIMEOUT } else { PLUGIN_TIMEOUT };
        return Some((exec.command.clone().unwrap_or_default(), patience));
    }
    let provider = auth.auth_provider.as_ref()?;
    let command = provider.config.get("cmd-path")?;
    Some((command.clone(), PLUGIN_TIMEOUT))
}

/// Leaves the machine's CA certificates alone where none is needed: kube would insist on some, and an image
/// from scratch has none.
fn with_roots(mut config: Config) -> Config {
    let verifies =
        config.cluster_url.scheme() != Some(&Scheme::HTTP) && !config.accept_invalid_certs;
    if !verifies && config.root_cert.is_none() {
        config.root_cert = Some(Vec::new());
    }
    config
}

fn explained(error: kube::Error, url: &Uri, names_a_ca: bool) -> ClientError {
    let no_roots = !names_a_ca
        && matches!(&error, kube::Error::RustlsTls(RustlsTlsError::AddRootCertificate(_)));
    if no_roots {
        ClientError::NoRoots { url: server(url), source: Box::new(error) }
    } else {
        ClientError::Build(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn at(url: &str) -> Config {
        Config::new(url.parse().unwrap())
    }

    #[test]
    fn asks_for_the_machines_certificates_only_where_some_are_needed() {
        assert_eq!(with_roots(at("http://127.0.0.1:8001")).root_cert, Some(Vec::new()));
        assert_eq!(with_roots(at("https://127.0.0.1:6443")).root_cert, None);

        let mut unverified = at("https://127.0.0.1:6443");
        unverified.accept_invalid_certs = true;
        assert_eq!(with_roots(unverified).root_cert, Some(Vec::new()));

        let mut named = at("http://127.0.0.1:8001");
        named.root_cert = Some(vec![vec![1]]);
        assert_eq!(with_roots(named).root_cert, Some(vec![vec![1]]));
    }

    #[test]
    fn says_what_to_do_where_there_are_no_certificates_to_verify_by() {
        let error = |names_a_ca| {
            let missing = RustlsTlsError::AddRootCertificate("none here".into());
            let url = "https://192.0.2.1:6443".parse().unwrap();
            let error = explained(kube::Error::RustlsTls(missing), &url, names_a_ca);
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            format!("{error}: {source}")
        };
        for says in ["https://192.0.2.1:6443", "SSL_CERT_FILE", "--kubeconfig", "none here"] {
            assert!(error(false).contains(says), "{says}: {}", error(false));
        }
        // A CA that the kubeconfig names and that can't be read is another matter.
        assert!(!error(true).contains("SSL_CERT_FILE"), "{}", error(true));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_credential_plugin_that_hangs_and_names_it() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody writes into it until the error is there.
        let fifo = folder.path().join("fifo");
        let (kind, mode) = (FileType::Fifo, Mode::RUSR | Mode::WUSR);
        mknodat(CWD, &fifo, kind, mode, 0).unwrap();
        let mut config = at("http://127.0.0.1:1");
        config.auth_info.exec = serde_json::from_value(serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "cat", "args": [fifo], "interactiveMode": "Never",
        }))
        .unwrap();
        let connecting = tokio::spawn(connect(config, None));
        // Time does not advance by itself while a thread is busy.
        while !connecting.is_finished() {
            tokio::time::advance(PLUGIN_TIMEOUT).await;
        }
        let error = connecting.await.unwrap().err().unwrap().to_string();
        std::fs::write(&fifo, "the plugin ends").unwrap();
        assert!(error.contains("plugin cat did not end within 60s"), "{error}");
        assert!(error.contains("http://127.0.0.1:1"), "{error}");
    }
}
