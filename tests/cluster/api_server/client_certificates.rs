//! An API server that proves who it is, and those that do not: docs/client-certificates.md, both ends.

use anyhow::bail;
use serde_json::json;
use std::path::Path;

use super::{ANNOTATED, ROLE, ready, role};
use crate::support::{
    Authority, ControlPlane, Namespace, Options, Pair, Registration, SOON, Scratch, Webhook,
    control_plane, eventually, free_port, pod,
};

const FAIL: &str = "Fail";

/// An API server that shows a certificate to the webhook at that host and port, and to no other.
async fn showing(certificate: &Pair, host: &str, files: &Scratch) -> ControlPlane {
    let certificate_file = files.write("client.crt", &certificate.certificate).unwrap();
    let key = files.write("client.key", &certificate.key).unwrap();
    let user = json!({ "client-certificate": certificate_file, "client-key": key });
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{ "name": host, "user": user }],
    });
    let kubeconfig = files.write("kubeconfig.yaml", kubeconfig.to_string()).unwrap();
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{
            "name": "MutatingAdmissionWebhook",
            "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": kubeconfig,
            },
        }],
    });
    let configuration = files.write("admission.yaml", configuration.to_string()).unwrap();
    let flag = format!("--admission-control-config-file={}", configuration.display());
    ControlPlane::start(Options { api_server_args: vec![flag], ..Options::default() }).await
}

/// A webhook for clients of the authority by the name of `kube-apiserver`.
async fn demanding(control_plane: &ControlPlane, authority: &Path, port: u16) -> Webhook {
    let authority = format!("--client-ca-file={}", authority.display());
    let names = "--client-allowed-names=kube-apiserver";
    ready(control_plane, &[&authority, names, &format!("--port={port}")]).await
}

async fn namespace_with_app(control_plane: &ControlPlane) -> Namespace {
    let namespace = control_plane.namespace("clients").await;
    namespace.service_account("app", ANNOTATED).await;
    namespace
}

/// What Go's client says where it hears of the rejection, and closes, while it still writes its request: in TLS
/// 1.3 it writes before it can know. Which of its two goroutines tells of the call is chance.
const WRITING_STILL: &str = "use of closed network connection";

/// Registers a webhook that rejects the API server, and gives what becomes of a pod.
async fn refusal(control_plane: &ControlPlane, webhook: &Webhook) -> String {
    let namespace = namespace_with_app(control_plane).await;
    let registration = Registration { failure_policy: FAIL, ..Registration::default() };
    webhook.store_registration(control_plane, &namespace, registration).await;
    eventually("the API server to call the webhook", SOON, || async {
        match namespace.admit_pod(&pod("app", "app"), true).await {
            Ok(admitted) if role(&admitted.object).is_some() => bail!("it was mutated"),
            Ok(_) => bail!("it was admitted without a call"),
            Err(error) if error.to_string().contains(WRITING_STILL) => Err(error),
            Err(error) => Ok(error.to_string()),
        }
    })
    .await
}

#[tokio::test]
async fn serves_an_api_server_with_the_certificate_for_this_host_alone() {
    let authority = Authority::new("webhook-clients").unwrap();
    let (files, port) = (Scratch::new().unwrap(), free_port().unwrap());
    let certificate = authority.client("kube-apiserver", &[]).unwrap();
    let authority = files.write("clients.crt", authority.pem()).unwrap();
    let control_plane = showing(&certificate, &format!("127.0.0.1:{port}"), &files).await;

    let webhook = demanding(&control_plane, &authority, port).await;
    let namespace = namespace_with_app(&control_plane).await;
    let registration = Registration { failure_policy: FAIL, ..Registration::default() };
    webhook.register_as(&control_plane, &namespace, registration).await;
    let stored = namespace.admit_pod(&pod("app", "app"), false).await.unwrap().object;
    assert_eq!(role(&stored), Some(ROLE));
    assert!(!webhook.log().iter().any(|line| line.contains("rejected client")));

    let elsewhere = demanding(&control_plane, &authority, 0).await;
    let refused = refusal(&control_plane, &elsewhere).await;
    assert!(refused.contains("tls: certificate required"), "{refused}");
}

#[tokio::test]
async fn rejects_an_api_server_without_a_certificate_and_says_so_at_both_ends() {
    let control_plane = control_plane().await;
    let files = Scratch::new().unwrap();
    let authority = Authority::new("webhook-clients").unwrap();
    let authority = files.write("clients.crt", authority.pem()).unwrap();
    let webhook = demanding(control_plane, &authority, 0).await;
    let refused = refusal(control_plane, &webhook).await;
    assert!(refused.contains("tls: certificate required"), "{refused}");
    let line = webhook.logged("the rejection", |line| line["reason"] == "no-certificate").await;
    let advice = line["advice"].as_str().unwrap_or_default();
    assert!(advice.contains("--admission-control-config-file"), "{line}");
}

#[tokio::test]
async fn tells_whose_certificate_is_of_another_authority() {
    let files = Scratch::new().unwrap();
    let port = free_port().unwrap();
    let other = Authority::new("another-authority").unwrap();
    let certificate = other.client("kube-apiserver", &[]).unwrap();
    let authority = Authority::new("webhook-clients").unwrap();
    let authority = files.write("clients.crt", authority.pem()).unwrap();
    let control_plane = showing(&certificate, &format!("127.0.0.1:{port}"), &files).await;
    let webhook = demanding(&control_plane, &authority, port).await;
    let refused = refusal(&control_plane, &webhook).await;
    assert!(refused.contains("tls: unknown certificate authority"), "{refused}");
    let line = webhook.logged("the rejection", |line| line["reason"] == "unknown-authority").await;
    assert_eq!(line["subject"], "CN=kube-apiserver", "{line}");
}
