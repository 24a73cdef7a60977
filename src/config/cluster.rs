//! The cluster that a command asks.

use std::path::PathBuf;

use super::checks::{label, optional};
use super::{BearerToken, ConfigError, Impersonated, UserCluster};
use crate::cli::ClusterArgs;

/// By kubectl's flags. A blank value says nothing, as scripts write `--context=`.
pub(crate) fn user_cluster(args: ClusterArgs) -> Result<UserCluster, ConfigError> {
    let given = |value: Option<String>| value.and_then(optional);
    let file = |value: Option<PathBuf>| value.filter(|path| !path.as_os_str().is_empty());
    let namespace = given(args.namespace).map(|name| label("--namespace", name)).transpose()?;
    Ok(UserCluster {
        kubeconfig: given(args.kubeconfig).map(PathBuf::from),
        context: given(args.context),
        cluster: given(args.cluster),
        user: given(args.user),
        namespace,
        server: given(args.server),
        token: given(args.bearer_token).map(BearerToken),
        impersonated: Impersonated {
            user: given(args.as_user),
            groups: args.as_group.into_iter().filter_map(optional).collect(),
            uid: given(args.as_uid),
        },
        certificate_authority: file(args.certificate_authority),
        client_certificate: file(args.client_certificate),
        client_key: file(args.client_key),
        insecure_skip_tls_verify: args.insecure_skip_tls_verify,
        tls_server_name: given(args.tls_server_name),
        request_timeout: args.request_timeout.0,
    })
}
