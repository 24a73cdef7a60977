//! Sends a pod to a webhook as an API server would, and shows what the webhook
//! adds: `make try` runs it with the webhook that `make run` started. From a
//! manifest that creates pods (such as a Deployment) it takes the pod template.
//!
//!     cargo run --example try -- deploy/examples/pod.yaml \
//!         [https://127.0.0.1:8443/mutate [certs/ca.crt]]
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

mod show;

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::body::Bytes;
use axum::http::{Request, Uri, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let manifest =
        args.next().context("pass the manifest of a pod, such as deploy/examples/pod.yaml")?;
    let url = args.next().unwrap_or_else(|| "https://127.0.0.1:8443/mutate".to_owned());
    let authority = args.next().unwrap_or_else(|| "certs/ca.crt".to_owned());

    let text =
        fs::read_to_string(&manifest).with_context(|| format!("failed to read {manifest}"))?;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text)
        .with_context(|| format!("failed to read {manifest} as YAML"))?;
    let pods: Vec<Value> = objects.into_iter().filter_map(pod_of).collect();
    if pods.is_empty() {
        bail!("{manifest} contains no Pod and nothing that creates Pods; pass another file");
    }
    let uri = url.parse().context("the URL")?;
    println!("{manifest} after {url}; + is what the webhook adds");
    for pod in &pods {
        let answer = post(&uri, &authority, &review(pod)).await?;
        tell(pod, &answer["response"])?;
    }
    Ok(())
}

/// What a response adds to a pod, and what it says.
fn tell(pod: &Value, response: &Value) -> anyhow::Result<()> {
    let mut mutated = pod.clone();
    if let Some(patch) = response["patch"].as_str() {
        let patch = BASE64_STANDARD.decode(patch).context("the patch is not base64")?;
        let patch: json_patch::Patch = serde_json::from_slice(&patch).context("the patch")?;
        json_patch::patch(&mut mutated, &patch).context("the patch does not apply")?;
    }
    println!();
    show::additions(pod, &mutated)?;
    println!();
    if mutated == *pod {
        println!("Nothing was added.");
    }
    show::field("allowed", &response["allowed"]);
    for (key, value) in response["auditAnnotations"].as_object().into_iter().flatten() {
        show::field(key, value);
    }
    if !response["status"]["message"].is_null() {
        show::field("reason", &response["status"]["message"]);
    }
    for warning in response["warnings"].as_array().into_iter().flatten() {
        show::field("warning", warning);
    }
    Ok(())
}

/// A Pod, or the one that a Deployment or another workload would create: the
/// webhook only sees Pods.
fn pod_of(object: Value) -> Option<Value> {
    if object["kind"] == "Pod" {
        return Some(object);
    }
    let paths = ["/spec/template", "/spec/jobTemplate/spec/template"];
    let mut pod = paths.iter().find_map(|path| object.pointer(path))?.clone();
    let metadata = &object["metadata"];
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["generateName"] = format!("{}-", metadata["name"].as_str()?).into();
    pod["metadata"]["namespace"] = metadata["namespace"].clone();
    Some(pod)
}

/// The `AdmissionReview` that an API server sends when somebody creates the pod.
fn review(pod: &Value) -> Value {
    let metadata = &pod["metadata"];
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "00000000-0000-0000-0000-000000000000",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "name": metadata["name"],
            "namespace": metadata["namespace"].as_str().unwrap_or("default"),
            "operation": "CREATE",
            "userInfo": {"username": "somebody"},
            "object": pod,
            "oldObject": null,
            "dryRun": true,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    })
}

async fn post(url: &Uri, authority: &str, review: &Value) -> anyhow::Result<Value> {
    let host = url.host().context("the URL has no host")?;
    let address = (host.trim_matches(['[', ']']), url.port_u16().unwrap_or(443));
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!("failed to connect to {url}; start the webhook in another terminal: make run")
    })?;
    let name = ServerName::try_from(address.0.to_owned()).context("the URL's host")?;
    let stream = TlsConnector::from(Arc::new(client(authority)?))
        .connect(name, stream)
        .await
        .with_context(|| format!("failed to verify {url} with {authority}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(serde_json::to_vec(review)?))?;
    let response = sender.send_request(request).await.context("failed to send the request")?;
    let status = response.status();
    let body = response.into_body().collect().await.context("failed to read the response")?;
    let body = body.to_bytes();
    if !status.is_success() {
        bail!("{url} answers {status}: {}", String::from_utf8_lossy(&body).trim());
    }
    serde_json::from_slice(&body).context("the response is not JSON")
}

/// Trusts only this CA.
fn client(authority: &str) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(authority)
        .with_context(|| format!("failed to read {authority}; make run writes it"))?;
    for certificate in certificates {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
