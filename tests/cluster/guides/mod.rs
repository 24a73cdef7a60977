//! The blocks of pages that need an API server, run as a reader would: `tests/support/guide.rs` says how.

use std::path::{Path, PathBuf};

use crate::guide::{Session, Told};
use crate::support::{ControlPlane, Options, Registration, Webhook, kubectl};
use serde_json::json;

/// The issuer of docs/self-hosted.md and docs/issuer.md.
const ISSUER: &str = "https://my-keys.s3.eu-west-1.amazonaws.com/cluster-one";

/// No issuer: RFC 2606 keeps the name from resolving anywhere.
const NO_ISSUER: &str = "https://keys.invalid/cluster-one";

/// Runs the blocks of a page on a cluster of its own, with a webhook for all namespaces.
async fn run(page: &'static str, issuer: &str) -> Told {
    let options = Options {
        // Deployments make pods, and namespaces go away.
        controller_manager: true,
        issuer: issuer.to_owned(),
        api_server_args: vec![format!("--service-account-jwks-uri={issuer}/openid/v1/jwks")],
    };
    let control_plane = ControlPlane::start(options).await;
    let region = "--aws-default-region=eu-west-1";
    let builder = Webhook::builder().kubeconfig(control_plane.kubeconfig()).arg(region);
    let webhook = builder.start().await;
    webhook.ready().await;
    // The guides make namespaces of their own.
    let anywhere = Registration {
        entry_overlay: json!({"namespaceSelector": null}),
        ..Registration::default()
    };
    let namespace = control_plane.namespace("elsewhere").await;
    webhook.register_as(&control_plane, &namespace, anywhere).await;

    let kubeconfig = control_plane.kubeconfig().to_owned();
    let run = move || {
        let aws = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guides/aws");
        let programs: Vec<(&str, PathBuf)> = vec![("aws", aws), ("kubectl", kubectl().unwrap())];
        let environment = vec![("KUBECONFIG", kubeconfig)];
        Session { page, by: "cluster", environment, programs }.run()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn every_command_of_self_hosted_does_what_it_says() {
    let Told { out, err } = run("docs/self-hosted.md", ISSUER).await;
    for expected in [
        "site/.well-known/openid-configuration",
        "site/openid/v1/jwks",
        "serviceaccount/s3-reader created",
        "allowed",
        "+ AWS_ROLE_ARN                 arn:aws:iam::111122223333:role/demo-s3-reader",
        "AWS_ROLE_ARN=arn:aws:iam::111122223333:role/demo-s3-reader",
        "AWS_REGION=eu-west-1",
    ] {
        assert!(out.contains(expected), "{expected} is missing:\n{out}\n{err}");
    }
    let warning = err.lines().find(|line| line.starts_with("Warning: ")).expect(&err);
    assert!(warning.contains("eks.amazon.com/role-arn"), "{warning}");
}

#[tokio::test]
async fn every_command_of_install_does_what_it_says() {
    let Told { out, .. } = run("docs/install.md", NO_ISSUER).await;
    assert!(out.contains("deployment.apps/pod-identity-webhook created"), "{out}");
}

#[tokio::test]
async fn every_command_of_issuer_does_what_it_says() {
    run("docs/issuer.md", ISSUER).await;
}

#[tokio::test]
async fn every_command_of_diagnosis_does_what_it_says() {
    let Told { out, .. } = run("docs/diagnosis.md", NO_ISSUER).await;
    // The one thing that is wrong there.
    let failed: Vec<&str> = out.lines().filter(|line| line.starts_with("fail ")).collect();
    assert!(failed.len() == 4 && failed.iter().all(|line| line.contains("discovery")), "{out}");
}

#[tokio::test]
async fn every_command_of_inject_does_what_it_says() {
    let Told { out, .. } = run("docs/inject.md", NO_ISSUER).await;
    assert!(out.contains("+        - name: AWS_ROLE_ARN"), "{out}");
}

#[tokio::test]
async fn every_command_of_the_certificates_pages_does_what_it_says() {
    run("docs/certificates.md", NO_ISSUER).await;
    run("docs/client-certificates.md", NO_ISSUER).await;
    run("deploy/chart/README.md", NO_ISSUER).await;
}
