//! Kubeconfig files (as JSON, which is YAML).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::pki::Pair;

/// How a user proves who it is.
pub enum Credentials<'a> {
    Certificate(&'a Pair),
    Token(&'a str),
}

pub fn render(url: &str, ca_pem: &str, credentials: &Credentials<'_>) -> String {
    let user = match credentials {
        Credentials::Certificate(pair) => json!({
            "client-certificate-data": STANDARD.encode(&pair.certificate),
            "client-key-data": STANDARD.encode(&pair.key),
        }),
        Credentials::Token(token) => json!({ "token": token }),
    };
    let kubeconfig: Value = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": { "server": url, "certificate-authority-data": STANDARD.encode(ca_pem) },
        }],
        "users": [{ "name": "test", "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "current-context": "test",
    });
    kubeconfig.to_string()
}

/// For a server that takes any token.
pub fn kubeconfig_with_token(url: &str, ca_pem: &str, token: &str) -> String {
    render(url, ca_pem, &Credentials::Token(token))
}

pub async fn load(text: &str) -> anyhow::Result<Config> {
    let kubeconfig = Kubeconfig::from_yaml(text)?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}
