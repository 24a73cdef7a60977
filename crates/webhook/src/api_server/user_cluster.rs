//! The cluster that a command asks, as client-go's `clientcmd` finds it: kubeconfig files, the flags of kubectl
//! that override what they say, and the pod's own cluster where there are none.

use std::fmt;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo};
use kube::config::{NamedCluster, NamedContext};

use super::client::RequestTimeout;
use super::client_error::{ClientError, Entry};
use super::in_pod::pod_namespace;
use super::kubeconfig::{self, Loaded, Names};

/// The name of the one context that kube is given.
const ONLY: &str = "only";

/// What kubectl's flags say of the cluster to ask. All of it may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserCluster {
    /// The one kubeconfig file to read.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// The name of a cluster in the kubeconfig.
    pub cluster: Option<String>,
    /// The name of a user in the kubeconfig.
    pub user: Option<String>,
    pub namespace: Option<String>,
    /// The API server's URL.
    pub server: Option<String>,
    pub token: Option<BearerToken>,
    pub impersonated: Impersonated,
    pub certificate_authority: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub insecure_skip_tls_verify: bool,
    pub tls_server_name: Option<String>,
    /// How long one request may take; for ever where there is none.
    pub request_timeout: RequestTimeout,
}

/// Whom to act as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonated {
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub uid: Option<String>,
}

/// A secret: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(pub String);

/// One cluster, and how to get in.
pub(super) struct Resolved {
    pub(super) config: Config,
    pub(super) namespace: String,
}

impl UserCluster {
    /// Whether any flag says which cluster, or as whom.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let Self { kubeconfig, context, cluster, user, server, token, .. } = self;
        kubeconfig.is_some()
            || token.is_some()
            || [context, cluster, user, server].into_iter().any(Option::is_some)
    }

    /// The flags as kubectl takes them, each as one word, for commands that ask the same cluster as the same user. The
    /// namespace stands in those commands anyway, and a token is a secret.
    #[must_use]
    pub fn typed(&self) -> Vec<String> {
        // A new one does not compile until it stands here.
        let Self {
            kubeconfig,
            context,
            cluster,
            user,
            namespace: _,
            server,
            token: _,
            impersonated: Impersonated { user: as_user, groups, uid },
            certificate_authority,
            client_certificate,
            client_key,
            insecure_skip_tls_verify,
            tls_server_name,
            request_timeout: _,
        } = self;
        let path = |path: &Option<PathBuf>| path.as_deref().map(shown);
        let flags = [
            ("kubeconfig", path(kubeconfig)),
            ("context", context.clone()),
            ("cluster", cluster.clone()),
            ("user", user.clone()),
            ("server", server.clone()),
            ("certificate-authority", path(certificate_authority)),
            ("client-certificate", path(client_certificate)),
            ("client-key", path(client_key)),
            ("tls-server-name", tls_server_name.clone()),
            ("as", as_user.clone()),
            ("as-uid", uid.clone()),
            ("insecure-skip-tls-verify", insecure_skip_tls_verify.then(|| "true".to_owned())),
        ];
        let one =
            flags.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?)));
        one.chain(groups.iter().map(|group| format!("--as-group={group}"))).collect()
    }

    /// The namespace where nobody names one: that of the flag, of the context or of the pod. No
    /// cluster has to be known for it.
    ///
    /// # Errors
    /// A kubeconfig that can't be read, or that lacks the context that is asked for.
    pub fn default_namespace(&self) -> Result<String, ClientError> {
        if let Some(namespace) = &self.namespace {
            return Ok(namespace.clone());
        }
        let loaded = self.load()?;
        let context = self.context(&loaded)?;
        self.namespace_of(context)
    }

    /// What the kubeconfig has; nothing where it can't be read.
    pub fn names(&self) -> Names {
        self.load().map(Loaded::names).unwrap_or_default()
    }

    pub(super) async fn resolve(&self) -> Result<Resolved, ClientError> {
        let loaded = self.load()?;
        let context = self.context(&loaded)?;
        let namespace = self.namespace_of(context)?;
        let cluster = self.cluster_of(&loaded, context)?;
        let user = self.user_of(&loaded, context)?;
        let Some(mut cluster) = cluster else {
            let config = self.in_cluster(&loaded)?;
            return Ok(Resolved { config, namespace });
        };
        let is_secure = cluster.server.as_mut().is_some_and(complete_url);
        let user = if is_secure { user } else { without_credentials(user) };
        let given = [
            ("certificate-authority", &self.certificate_authority),
            ("client-certificate", &self.client_certificate),
            ("client-key", &self.client_key),
        ];
        let given = given.iter().filter(|(_, path)| path.is_some()).map(|(flag, _)| *flag);
        let flags: Vec<_> = given.collect();
        kubeconfig::check_files(Some(&cluster), Some(&user), &flags)?;
        let kubeconfig = Kubeconfig {
            clusters: vec![NamedCluster {
                name: ONLY.to_owned(),
                cluster: Some(cluster),
                ..NamedCluster::default()
            }],
            auth_infos: vec![NamedAuthInfo {
                name: ONLY.to_owned(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext {
                name: ONLY.to_owned(),
                context: Some(Context {
                    cluster: ONLY.to_owned(),
                    user: Some(ONLY.to_owned()),
                    namespace: Some(namespace.clone()),
                    ..Context::default()
                }),
                ..NamedContext::default()
            }],
            current_context: Some(ONLY.to_owned()),
            ..Kubeconfig::default()
        };
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let config = config.map_err(|source| ClientError::of_use(source, ClientError::Use))?;
        Ok(Resolved { config, namespace })
    }

    fn load(&self) -> Result<Loaded, ClientError> {
        match &self.kubeconfig {
            Some(path) => {
                let config = kubeconfig::read(path).map_err(ClientError::of_flag)?;
                Ok(Loaded { config, files: vec![path.clone()], is_missing: false })
            }
            None => kubeconfig::find(),
        }
    }

    /// The context, where one is chosen.
    fn context<'a>(&self, loaded: &'a Loaded) -> Result<Option<&'a Context>, ClientError> {
        let current = kubeconfig::current(&loaded.config);
        let (name, from) = match (self.context.as_deref(), current) {
            (Some(name), _) => (name, "--context".to_owned()),
            (None, Some(name)) => (name, "current-context".to_owned()),
            (None, None) => return Ok(None),
        };
        let contexts = loaded.config.contexts.iter().map(|it| it.name.as_str());
        match kubeconfig::context(&loaded.config, name) {
            Some(context) => Ok(Some(context)),
            None => Err(missing(Entry::Context, name, from, contexts, loaded)),
        }
    }

    /// The cluster with what the flags say of it; none where nothing says anything.
    fn cluster_of(
        &self,
        loaded: &Loaded,
        context: Option<&Context>,
    ) -> Result<Option<Cluster>, ClientError> {
        let named =
            name(self.cluster.as_deref(), context.map(|it| it.cluster.as_str()), "--cluster", self);
        let found = named.as_ref().map(|(name, _)| kubeconfig::cluster(&loaded.config, name));
        let mut cluster = match (found, named) {
            (Some(Some(cluster)), _) => cluster.clone(),
            // The server alone will do, where the context's cluster is not there.
            (Some(None), Some((name, from))) if self.server.is_none() || self.cluster.is_some() => {
                let clusters = loaded.config.clusters.iter().map(|it| it.name.as_str());
                return Err(missing(Entry::Cluster, &name, from, clusters, loaded));
            }
            (None, _) if self.server.is_none() => return Ok(None),
            _ => Cluster::default(),
        };
        if let Some(server) = &self.server {
            cluster.server = Some(server.clone());
            // It was that of the other server.
            cluster.tls_server_name = None;
        }
        if self.tls_server_name.is_some() {
            cluster.tls_server_name.clone_from(&self.tls_server_name);
        }
        if self.insecure_skip_tls_verify || self.certificate_authority.is_some() {
            cluster.insecure_skip_tls_verify = Some(self.insecure_skip_tls_verify);
            cluster.certificate_authority = self.certificate_authority.as_deref().map(shown);
            cluster.certificate_authority_data = None;
        }
        for text in [
            &mut cluster.server,
            &mut cluster.tls_server_name,
            &mut cluster.certificate_authority,
            &mut cluster.certificate_authority_data,
        ] {
            text.take_if(|text| text.is_empty());
        }
        if cluster.server.is_none() {
            let name = self.cluster.clone().or_else(|| context.map(|it| it.cluster.clone()));
            return Err(ClientError::NoServer(name.unwrap_or_default()));
        }
        let verifies =
            cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
        if cluster.insecure_skip_tls_verify == Some(true) && verifies {
            return Err(ClientError::InsecureWithAuthority);
        }
        Ok(Some(cluster))
    }

    /// The user with what the flags say.
    fn user_of(&self, loaded: &Loaded, context: Option<&Context>) -> Result<AuthInfo, ClientError> {
        let of_context = context.and_then(|it| it.user.as_deref());
        let brings_credentials = self.token.is_some() || self.client_certificate.is_some();
        let mut user = match name(self.user.as_deref(), of_context, "--user", self) {
            None => AuthInfo::default(),
            Some((name, from)) => {
                let named = loaded.config.auth_infos.iter().find(|it| it.name == name);
                match named {
                    Some(user) => user.auth_info.clone().unwrap_or_default(),
                    None if brings_credentials && self.user.is_none() => AuthInfo::default(),
                    None => {
                        let users = loaded.config.auth_infos.iter().map(|it| it.name.as_str());
                        return Err(missing(Entry::User, &name, from, users, loaded));
                    }
                }
            }
        };
        if let Some(BearerToken(token)) = &self.token {
            user.token = Some(token.clone().into());
            user.token_file = None;
            user.username = None;
            user.password = None;
        }
        if let Some(path) = &self.client_certificate {
            user.client_certificate = Some(shown(path));
            user.client_certificate_data = None;
        }
        if let Some(path) = &self.client_key {
            user.client_key = Some(shown(path));
            user.client_key_data = None;
        }
        let Impersonated { user: as_user, groups, uid } = &self.impersonated;
        if as_user.is_some() {
            user.impersonate.clone_from(as_user);
        }
        if !groups.is_empty() {
            user.impersonate_groups = Some(groups.clone());
        }
        if uid.is_some() {
            user.impersonate_uid.clone_from(uid);
        }
        for text in [
            &mut user.token_file,
            &mut user.client_certificate,
            &mut user.client_certificate_data,
            &mut user.client_key,
            &mut user.impersonate,
            &mut user.impersonate_uid,
            &mut user.username,
        ] {
            text.take_if(|text| text.is_empty());
        }
        let acts_as_more = user.impersonate_uid.is_some()
            || user.impersonate_groups.as_ref().is_some_and(|it| !it.is_empty())
            || user.impersonate_user_extra.as_ref().is_some_and(|it| !it.is_empty());
        if user.impersonate.is_none() && acts_as_more {
            return Err(ClientError::AsNobody);
        }
        Ok(user)
    }

    fn namespace_of(&self, context: Option<&Context>) -> Result<String, ClientError> {
        let of_context = context.and_then(|it| it.namespace.clone());
        let named = self.namespace.clone().or(of_context).filter(|it| !it.is_empty());
        let name = named.or_else(pod_namespace).unwrap_or_else(|| "default".to_owned());
        // It becomes a part of paths.
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > 63 || !name.chars().all(is_name) {
            return Err(ClientError::Namespace(text::shortened(&name, 64)));
        }
        Ok(name)
    }
}

/// How many names an error lists.
pub(super) const MOST_NAMES: usize = 5;

/// The entry's name, by the flag or by the context, and which of the two says so.
fn name(
    flag: Option<&str>,
    of_context: Option<&str>,
    is: &str,
    wanted: &UserCluster,
) -> Option<(String, String)> {
    if let Some(name) = flag {
        return Some((name.to_owned(), is.to_owned()));
    }
    let name = of_context.filter(|it| !it.is_empty())?;
    let from = match &wanted.context {
        Some(context) => format!("context {context:?}"),
        None => "the current context".to_owned(),
    };
    Some((name.to_owned(), from))
}

fn missing<'a>(
    what: Entry,
    name: &str,
    from: String,
    known: impl Iterator<Item = &'a str>,
    loaded: &Loaded,
) -> ClientError {
    ClientError::NoEntry {
        what,
        name: text::shortened(name, 253),
        from,
        known: known.take(MOST_NAMES + 1).map(|it| text::shortened(it, 100)).collect(),
        files: loaded.files.clone(),
    }
}

/// Whether requests are encrypted. Without a scheme they are not, as with kubectl.
fn complete_url(server: &mut String) -> bool {
    if !server.contains("://") {
        server.insert_str(0, "http://");
    }
    if let Some(end) = server.find(['?', '#']) {
        server.truncate(end);
    }
    !server.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("http://"))
}

/// No credentials are sent in clear text.
fn without_credentials(user: AuthInfo) -> AuthInfo {
    AuthInfo {
        impersonate: user.impersonate,
        impersonate_uid: user.impersonate_uid,
        impersonate_groups: user.impersonate_groups,
        impersonate_user_extra: user.impersonate_user_extra,
        ..AuthInfo::default()
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_what_was_typed_but_for_the_secret() {
        let cluster = UserCluster {
            kubeconfig: Some("a b".into()),
            context: Some("prod".to_owned()),
            namespace: Some("demo".to_owned()),
            token: Some(BearerToken("hush".to_owned())),
            impersonated: Impersonated {
                user: Some("jane".to_owned()),
                groups: vec!["one".to_owned(), "two".to_owned()],
                uid: None,
            },
            insecure_skip_tls_verify: true,
            ..UserCluster::default()
        };
        let typed = [
            "--kubeconfig=a b",
            "--context=prod",
            "--as=jane",
            "--insecure-skip-tls-verify=true",
            "--as-group=one",
            "--as-group=two",
        ];
        assert_eq!(cluster.typed(), typed);
        assert!(UserCluster::default().typed().is_empty());
    }
}
