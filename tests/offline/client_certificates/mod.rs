//! The program with `--client-ca-file`, off a cluster: who may call it, and what becomes of the others.

use crate::support::{
    Authority, Connection, Pair, Reply, SOON, Scratch, Webhook, client_config, eventually, pod,
    post, review,
};
use axum::{body::Bytes, http::Request};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, ClientConnection, IoState, SupportedProtocolVersion};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

const ACCOUNTS: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: app
  namespace: demo
  annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app'}
";

/// A webhook for the clients of an authority, whose file is `clients.crt` in the folder.
async fn webhook_for(authority: &Authority, args: &[&str]) -> (Webhook, Scratch) {
    let folder = Scratch::new().unwrap();
    let accounts = folder.write("accounts.yaml", ACCOUNTS).unwrap();
    let clients = folder.write("clients.crt", authority.pem()).unwrap();
    let builder = Webhook::builder()
        .arg(format!("--service-accounts={}", accounts.display()))
        .arg(format!("--client-ca-file={}", clients.display()));
    let webhook = builder.args(args.iter().copied()).start().await;
    webhook.ready().await;
    (webhook, folder)
}

fn mutate() -> Request<Bytes> {
    post("/mutate", review("demo", &pod("app", "app")).to_string())
}

async fn call(
    webhook: &Webhook,
    client: Option<&Pair>,
    versions: &[&'static SupportedProtocolVersion],
    request: Request<Bytes>,
) -> anyhow::Result<Reply> {
    let connection =
        Connection::open_tls_as(webhook.https(), webhook.ca_pem(), client, versions).await;
    connection?.send(request).await
}

/// Sends a pod and gives whether it was mutated; an error is that of the connection.
async fn mutated(webhook: &Webhook, client: Option<&Pair>) -> anyhow::Result<bool> {
    let reply = call(webhook, client, rustls::DEFAULT_VERSIONS, mutate()).await?;
    Ok(reply.json()?["response"]["auditAnnotations"]["outcome"] == "mutated")
}

fn client(authority: &Authority, name: &str) -> Pair {
    authority.client(name, &[]).unwrap()
}

async fn rejections(webhook: &Webhook, reason: &str) -> u64 {
    let metrics = webhook.metrics().await;
    let series = format!(r#"pod_identity_client_rejections_total{{reason="{reason}"}} "#);
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().unwrap()
}

async fn logged(webhook: &Webhook, reason: &str) -> Value {
    webhook.logged(reason, |line| line["reason"] == reason).await
}

#[tokio::test]
async fn answers_a_client_of_the_authority() {
    let authority = Authority::new("clients").unwrap();
    let (webhook, _folder) = webhook_for(&authority, &[]).await;
    let anyone = client(&authority, "anyone");
    for versions in [&[&TLS12], &[&TLS13]] {
        let reply = call(&webhook, Some(&anyone), versions, mutate()).await.unwrap();
        assert_eq!(reply.status, 200, "{versions:?}: {}", reply.text());
    }
    assert!(webhook.stop().await.success());
}

#[tokio::test]
async fn rejects_everyone_else_with_an_alert_a_count_and_a_reason() {
    let authority = Authority::new("clients").unwrap();
    let (webhook, _folder) =
        webhook_for(&authority, &["--client-allowed-names=api,api.test"]).await;
    let stranger = client(&Authority::new("others").unwrap(), "api");
    let expired = authority.client_until(2001, "api", &[]).unwrap();
    let unnamed = client(&authority, "other");
    let server = authority.server(&["api.test"]).unwrap();
    // The alerts: https://www.rfc-editor.org/rfc/rfc8446#section-6.2
    for (who, reason, subject, alert) in [
        (None, "no-certificate", None, "CertificateRequired"),
        (Some(&stranger), "unknown-authority", Some("CN=api"), "UnknownCA"),
        (Some(&expired), "expired", Some("CN=api"), "CertificateExpired"),
        (Some(&unnamed), "wrong-name", Some("CN=other"), "AccessDenied"),
        (Some(&server), "wrong-purpose", Some("CN=server,DNS:api.test"), "UnsupportedCertificate"),
    ] {
        for (count, versions) in [(1, &[&TLS13]), (2, &[&TLS12])] {
            for request in [mutate(), Request::get("/healthz").body(Bytes::new()).unwrap()] {
                let error = call(&webhook, who, versions, request).await.expect_err(reason);
                let error = format!("{error:?}");
                assert!(error.contains(alert), "{reason}, {versions:?}: {error}");
            }
            assert_eq!(rejections(&webhook, reason).await, 2 * count, "{reason}");
        }
        let line = logged(&webhook, reason).await;
        assert_eq!(line["subject"].as_str(), subject, "{line}");
        assert_eq!(line["client"].is_string(), who.is_none(), "{line}");
        assert_eq!(line["level"], "WARN", "{line}");
    }
    // None of them has come to a handler, and the others have not noticed.
    assert!(webhook.metrics().await.contains(r#"path="/mutate",verb="POST"} 0"#));
    assert!(mutated(&webhook, Some(&client(&authority, "api"))).await.unwrap());
    let by_dns = authority.client_until(2100, "other", &["api.test"]).unwrap();
    assert!(mutated(&webhook, Some(&by_dns)).await.unwrap());
}

/// In TLS 1.3 a client has sent its request before it can know that it was rejected.
#[tokio::test]
async fn closes_a_rejected_connection_without_a_reset_that_could_take_the_alert() {
    let (webhook, _folder) = webhook_for(&Authority::new("clients").unwrap(), &[]).await;
    let config = client_config(webhook.ca_pem(), None, &[&TLS13]).unwrap();
    let address = webhook.https();
    let ended = tokio::task::spawn_blocking(move || send_with_handshake(address, config));
    match ended.await.unwrap().expect("it ends in order") {
        Err(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {}
        other => panic!("{other:?}"),
    }
}

/// Sends the end of its handshake and a large request in one go, reads to the end of the stream, and gives
/// what the server has said by then.
fn send_with_handshake(
    address: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<Result<IoState, rustls::Error>> {
    let mut stream = TcpStream::connect(address)?;
    let mut tls = ClientConnection::new(Arc::new(config), address.ip().into()).unwrap();
    tls.set_buffer_limit(None);
    tls.write_tls(&mut stream)?;
    while tls.is_handshaking() {
        tls.read_tls(&mut stream)?;
        tls.process_new_packets().unwrap();
    }
    tls.writer().write_all(&vec![b'x'; 256 << 10])?;
    while tls.wants_write() {
        tls.write_tls(&mut stream)?;
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    tls.read_tls(&mut rest.as_slice())?;
    Ok(tls.process_new_packets())
}

#[tokio::test]
async fn leaves_probes_and_metrics_open() {
    let (webhook, _folder) = webhook_for(&Authority::new("clients").unwrap(), &[]).await;
    for path in ["/healthz", "/livez", "/readyz", "/metrics"] {
        assert_eq!(webhook.get_admin(path).await.unwrap().status, 200, "{path}");
    }
}

#[tokio::test]
async fn follows_the_file_with_the_authorities_and_keeps_the_last_good_ones() {
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let (of_old, of_new) = (client(&old, "api"), client(&new, "api"));
    let (webhook, folder) = webhook_for(&old, &[]).await;
    let address = webhook.https();
    let versions = rustls::DEFAULT_VERSIONS;
    let standing = Connection::open_tls_as(address, webhook.ca_pem(), Some(&of_old), versions);
    let mut standing = standing.await.unwrap();
    assert_eq!(standing.send(mutate()).await.unwrap().status, 200);

    // Both while the API server is given the new certificate, then the new one alone.
    folder.write("clients.crt", format!("{}{}", old.pem(), new.pem())).unwrap();
    eventually("the new authority", SOON, async || {
        anyhow::ensure!(mutated(&webhook, Some(&of_new)).await?);
        Ok(())
    })
    .await;
    assert!(mutated(&webhook, Some(&of_old)).await.unwrap());
    folder.write("clients.crt", new.pem()).unwrap();
    eventually("the end of the old authority", SOON, async || {
        anyhow::ensure!(mutated(&webhook, Some(&of_old)).await.is_err());
        Ok(())
    })
    .await;
    assert!(mutated(&webhook, Some(&of_new)).await.unwrap());
    // It was judged when it began.
    assert_eq!(standing.send(mutate()).await.unwrap().status, 200);

    folder.write("clients.crt", "no certificate").unwrap();
    let report =
        |line: &Value| line["level"] == "ERROR" && line.to_string().contains("clients.crt");
    webhook.logged("a report", report).await;
    assert!(mutated(&webhook, Some(&of_new)).await.unwrap());
    assert!(mutated(&webhook, Some(&of_old)).await.is_err());
    let metrics = webhook.metrics().await;
    for line in [
        r#"pod_identity_client_ca_reloads_total{result="loaded"} 3"#,
        r#"pod_identity_client_ca_reloads_total{result="failed"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in {metrics}");
    }
}

#[tokio::test]
async fn bounds_the_log_of_rejections_and_counts_them_all() {
    let (webhook, _folder) = webhook_for(&Authority::new("clients").unwrap(), &[]).await;
    for _ in 0..50 {
        mutated(&webhook, None).await.expect_err("no certificate");
    }
    assert_eq!(rejections(&webhook, "no-certificate").await, 50);
    let lines = webhook.log_values();
    let told = lines.iter().filter(|line| line["reason"] == "no-certificate").count();
    assert!((1..10).contains(&told), "{told} lines");
}

#[tokio::test]
async fn does_not_start_without_authorities() {
    let folder = Scratch::new().unwrap();
    let accounts = folder.write("accounts.yaml", ACCOUNTS).unwrap();
    let bad = folder.write("clients.crt", "no certificate").unwrap();
    for (args, says) in [
        (vec![format!("--client-ca-file={}", bad.display())], "clients.crt"),
        (vec!["--client-ca-file=/nowhere/clients.crt".to_owned()], "/nowhere/clients.crt"),
        (vec!["--client-allowed-names=api".to_owned()], "--client-allowed-names"),
    ] {
        let builder =
            Webhook::builder().arg(format!("--service-accounts={}", accounts.display())).args(args);
        let error = builder.try_start().await.err().unwrap_or_else(|| panic!("{says}: it started"));
        let error = format!("{error:#}");
        assert!(error.contains("--client-ca-file") && error.contains(says), "{error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}
