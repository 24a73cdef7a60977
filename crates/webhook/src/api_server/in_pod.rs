//! The cluster that this runs in as a pod, with what kubectl's flags say of it.

use std::env;
use std::io;
use std::path::Path;

use kube::Config;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::client_error::ClientError;
use super::kubeconfig::Loaded;
use super::user_cluster::{BearerToken, Impersonated, MOST_NAMES, UserCluster, shown};
use crate::input::{self, InputError, Problem};

/// Where kubelet mounts a pod's credentials.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
const POD_TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl UserCluster {
    /// The cluster that this runs in as a pod.
    pub(super) fn in_cluster(&self, loaded: &Loaded) -> Result<Config, ClientError> {
        if !in_pod() {
            let files = loaded.files.clone();
            return Err(if loaded.is_missing {
                ClientError::NoKubeconfig { files }
            } else {
                let contexts = loaded.config.contexts.iter().map(|it| it.name.clone());
                ClientError::NoContext { files, contexts: contexts.take(MOST_NAMES).collect() }
            });
        }
        let mut config = Config::incluster().map_err(ClientError::InPod)?;
        self.verify_as_told(&mut config)?;
        if let Some(BearerToken(token)) = &self.token {
            config.auth_info.token = Some(token.clone().into());
            config.auth_info.token_file = None;
        }
        let Impersonated { user, groups, uid } = &self.impersonated;
        if user.is_none() && (uid.is_some() || !groups.is_empty()) {
            return Err(ClientError::AsNobody);
        }
        config.auth_info.impersonate.clone_from(user);
        config.auth_info.impersonate_groups = Some(groups.clone()).filter(|it| !it.is_empty());
        config.auth_info.impersonate_uid.clone_from(uid);
        Ok(config)
    }

    /// What the flags say of the server's certificate, and of the client's.
    fn verify_as_told(&self, config: &mut Config) -> Result<(), ClientError> {
        let failed = |flag: &str, path: &Path, problem| ClientError::CredentialFile {
            setting: format!("--{flag}"),
            error: InputError::of(path, problem),
        };
        if self.insecure_skip_tls_verify {
            if self.certificate_authority.is_some() {
                return Err(ClientError::InsecureWithAuthority);
            }
            config.accept_invalid_certs = true;
            config.root_cert = None;
        }
        if let Some(path) = &self.certificate_authority {
            let flag = "certificate-authority";
            let pem = input::read_file(path, input::Limit::KEYS)
                .map_err(|error| failed(flag, path, Problem::Io(error)))?;
            let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
            let certificates: Vec<_> = certificates.map(|it| it.to_vec()).collect();
            if certificates.is_empty() {
                let none = io::Error::other("it has no certificate in PEM");
                return Err(failed(flag, path, Problem::Io(none)));
            }
            config.root_cert = Some(certificates);
        }
        if self.tls_server_name.is_some() {
            config.tls_server_name.clone_from(&self.tls_server_name);
        }
        let files = [
            (
                "client-certificate",
                &self.client_certificate,
                &mut config.auth_info.client_certificate,
            ),
            ("client-key", &self.client_key, &mut config.auth_info.client_key),
        ];
        for (flag, file, setting) in files {
            let Some(path) = file else { continue };
            input::read_file(path, input::Limit::KEYS)
                .map_err(|error| failed(flag, path, Problem::Io(error)))?;
            *setting = Some(shown(path));
        }
        Ok(())
    }
}

/// Whether this runs in a pod that may ask its cluster.
fn in_pod() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|it| !it.is_empty());
    is_set("KUBERNETES_SERVICE_HOST")
        && is_set("KUBERNETES_SERVICE_PORT")
        && Path::new(POD_TOKEN_FILE).is_file()
}

pub(super) fn pod_namespace() -> Option<String> {
    if !in_pod() {
        return None;
    }
    if let Some(name) = env::var("POD_NAMESPACE").ok().filter(|it| !it.is_empty()) {
        return Some(name);
    }
    let text = input::read_file(Path::new(POD_NAMESPACE_FILE), input::Limit::KEYS).ok()?;
    let name = String::from_utf8(text).ok()?.trim().to_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cluster: &UserCluster) -> Result<Config, String> {
        let mut config = Config::new("https://10.0.0.1".parse().expect("a URL"));
        config.root_cert = Some(vec![b"of the pod".to_vec()]);
        cluster.verify_as_told(&mut config).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn verifies_the_server_as_the_flags_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            Some(path)
        };
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        let ca = write("ca.crt", pem);
        let config = told(&UserCluster::default()).expect("nothing is told");
        assert_eq!(config.root_cert, Some(vec![b"of the pod".to_vec()]));
        let cluster = UserCluster {
            certificate_authority: ca.clone(),
            tls_server_name: Some("kubernetes".to_owned()),
            client_certificate: ca.clone(),
            client_key: write("key", "k"),
            ..UserCluster::default()
        };
        let config = told(&cluster).expect("good files");
        assert_eq!(config.root_cert, Some(vec![vec![1, 2, 3]]));
        assert_eq!(config.tls_server_name.as_deref(), Some("kubernetes"));
        assert!(config.auth_info.client_certificate.is_some_and(|it| it.ends_with("ca.crt")));
        assert!(config.auth_info.client_key.is_some_and(|it| it.ends_with("key")));
        let cluster = UserCluster { insecure_skip_tls_verify: true, ..UserCluster::default() };
        let config = told(&cluster).expect("no file");
        assert!(config.accept_invalid_certs && config.root_cert.is_none());
        for (cluster, says) in [
            (UserCluster { certificate_authority: ca, ..cluster }, "exclude each other"),
            (
                UserCluster { certificate_authority: write("empty", ""), ..UserCluster::default() },
                "no certificate in PEM; correct --certificate-authority",
            ),
            (
                UserCluster { client_key: Some("/nowhere".into()), ..UserCluster::default() },
                "correct --client-key",
            ),
        ] {
            let error = told(&cluster).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }
}
