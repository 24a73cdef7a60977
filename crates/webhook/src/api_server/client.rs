//! Clients for API servers: every one that the program has is made here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::http::uri::Scheme;
use hyper::{Request, Uri};
use kube::api::GetParams;
use kube::client::{Body, RustlsTlsError};
use kube::config::{AuthInfo, KubeConfigOptions};
use kube::{Client, Config, Resource};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::client_error::{ClientError, OF_KUBECONFIG, proxy_setting};
use super::credentials::{CredentialsError, PLUGIN_TIMEOUT, Plugin, TokenSource};
use super::kubeconfig;
use super::no_proxy;
use super::request::{Largest, OwnDeadline, Traced};
use super::transport::{CONNECT_TIMEOUT, server, transport};
use super::user_cluster::{Resolved, UserCluster};

/// How long one request may take, its response included. `None` is for ever.
pub type RequestTimeout = Option<Duration>;

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
            let context = kubeconfig::current(&read).and_then(|it| kubeconfig::context(&read, it));
            let cluster = context.and_then(|it| kubeconfig::cluster(&read, &it.cluster));
            let user = context.and_then(|it| kubeconfig::user(&read, it.user.as_deref()?));
            kubeconfig::check_files(cluster, user, &[])?;
            let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
            let file = |source| ClientError::UseFile { path: path.to_owned(), source };
            config.map_err(|source| ClientError::of_use(source, file))?
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
pub async fn of_user(cluster: &UserCluster) -> Result<(Client, String), ClientError> {
    let Resolved { config, namespace } = cluster.resolve().await?;
    Ok((connect(config, cluster.request_timeout).await?, namespace))
}

/// Gets one object, within a deadline that the caller has for it: that of the client does not count.
pub(crate) async fn get_opt<K>(
    client: &Client,
    (namespace, name): (&str, &str),
    traced: Option<Traced>,
) -> kube::Result<Option<K>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let path = K::url_path(&(), Some(namespace));
    let request = kube::core::Request::new(path).get(name, &GetParams::default());
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    request.extensions_mut().insert(OwnDeadline);
    if let Some(traced) = traced {
        request.extensions_mut().insert(traced);
    }
    match client.request(request).await {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same client with responses of so many bytes at most. Where a page of a list is larger, fewer objects are asked
/// for at once.
#[must_use]
pub fn limited(client: Client, largest: u64) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let client = client.clone();
        request.extensions_mut().insert(Largest(largest));
        async move { client.send(request).await }
    });
    Client::new(service, namespace)
}

async fn connect(config: Config, limit: RequestTimeout) -> Result<Client, ClientError> {
    let mut config = with_roots(config);
    let (url, names_a_ca) = (config.cluster_url.clone(), config.root_cert.is_some());
    if let Some(proxy) = &config.proxy_url {
        let setting = proxy_setting(|it| it.is_ok_and(|it| it == *proxy));
        // Of a proxy that the kubeconfig itself names there are no exceptions, as with client-go.
        if setting == OF_KUBECONFIG || !no_proxy::exempts(&url) {
            let proxy = server(proxy);
            return Err(ClientError::Proxy { server: server(&url), setting, proxy });
        }
        config.proxy_url = None;
    }
    let namespace = config.default_namespace.clone();
    let tokens = token_source(&mut config).await;
    let tokens =
        tokens.map_err(|error| ClientError::Credentials { server: server(&url), error })?;
    let made = match legacy_plugin(&config) {
        None => transport(&config, tokens, limit, CONNECT_TIMEOUT),
        // kube runs it on this thread, and waits for it without end.
        Some(plugin) => {
            let made = spawn_blocking(move || transport(&config, tokens, limit, CONNECT_TIMEOUT));
            let made = timeout(PLUGIN_TIMEOUT, made).await.map_err(|_| {
                let error = CredentialsError::Slow { plugin, limit: PLUGIN_TIMEOUT };
                ClientError::Credentials { server: server(&url), error }
            })?;
            made.map_err(ClientError::Panicked)?
        }
    };
    let transport = made.map_err(|error| explained(error, &url, names_a_ca))?;
    Ok(Client::new(transport, namespace))
}

/// Takes from the configuration what kube is not to read or run: a file with a token, and a credential
/// plugin, which counts where there are no other credentials.
async fn token_source(config: &mut Config) -> Result<Option<Arc<TokenSource>>, CredentialsError> {
    let user = &mut config.auth_info;
    let exec = user.exec.take();
    if let Some(file) = user.token_file.take().filter(|file| !file.is_empty()) {
        // As with client-go, it counts before a token beside it.
        user.token = None;
        return Ok(Some(Arc::new(TokenSource::of_file(PathBuf::from(file)).await?)));
    }
    if let Some(token) = plain_token(user) {
        // kube panics where it has characters that no header can have.
        user.token = None;
        return Ok(Some(Arc::new(TokenSource::given(&token)?)));
    }
    let has_others = user.username.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    let Some(exec) = exec.filter(|_| !has_others) else { return Ok(None) };
    let plugin = Plugin::new(exec)?;
    let obtained = plugin.run().await?;
    if let Some((certificate, key)) = &obtained.certificate {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key).into());
    }
    Ok(TokenSource::of_plugin(plugin, &obtained)?.map(Arc::new))
}

/// What kube hides: it gives its own type for secrets no other way out.
fn plain_token(user: &AuthInfo) -> Option<String> {
    user.token.as_ref()?;
    let shown = serde_json::to_value(user).ok()?;
    Some(shown["token"].as_str()?.to_owned()).filter(|token| !token.is_empty())
}

/// The command of an `auth-provider`, which came before credential plugins.
fn legacy_plugin(config: &Config) -> Option<String> {
    config.auth_info.auth_provider.as_ref()?.config.get("cmd-path").cloned()
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
        ClientError::Build { server: server(url), source: Box::new(error) }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

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

    #[tokio::test]
    async fn reads_no_more_than_whoever_asks_has_room_for() {
        use std::convert::Infallible;

        use http_body_util::Full;
        use hyper::Response;
        use hyper::body::Bytes;
        use tower::{BoxError, ServiceExt as _};

        use crate::api_server::FailureKind;
        use crate::api_server::request::{Bounded, text};

        let service = tower::service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"0123456789"))))
        });
        let service = service.map_err(BoxError::from);
        let bounded = Bounded { service, server: "x".into(), limit: None, max_response: 64 };
        let client = Client::new(bounded, "default");
        let ask = async |client: &Client| {
            let request = Request::get("/x").body(Vec::new()).unwrap();
            text(client, request).await.map_err(|failure| failure.kind)
        };
        assert_eq!(ask(&client).await, Ok("0123456789".to_owned()));
        assert_eq!(ask(&limited(client.clone(), 10)).await, Ok("0123456789".to_owned()));
        assert_eq!(ask(&limited(client.clone(), 9)).await, Err(FailureKind::TooLarge));
        // Nobody gets more than all have.
        assert_eq!(ask(&limited(client, u64::MAX)).await, Ok("0123456789".to_owned()));
    }
}
