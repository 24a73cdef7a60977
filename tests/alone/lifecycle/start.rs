//! How the program starts, and how it refuses to.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;

use super::{accounts, is_well};
use crate::alone;
use crate::support::{
    Connection, ControlPlane, Options, SOON, Webhook, eventually, free_port, pod, poll,
};

/// Starts what is refused, and gives the one line that says why.
async fn refused(args: &[String]) -> String {
    let launched = Webhook::builder().args(args).launch().unwrap();
    let status = launched.process().wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(1), "{args:?}: {}", launched.log());
    let line = poll("the last line", SOON, || async {
        let log = launched.log();
        let line = log.lines().find(|line| line.contains("\"exiting\""));
        line.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("it is not in {log}"))
    })
    .await
    .unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "ERROR", "{line}");
    line["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn says_what_and_why_where_it_cannot_start() {
    let _alone = alone().await;
    let (folder, from) = accounts();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = listener.local_addr().unwrap().port();
    let empty = folder.write("empty.pem", "").unwrap();
    let kubeconfig = folder.write("kubeconfig", "kind: [").unwrap();
    for (args, what, why) in [
        (
            vec!["--tls-cert=/nowhere/tls.crt".to_owned(), from.clone()],
            "/nowhere/tls.crt",
            "--tls-cert",
        ),
        (
            vec!["--tls-key=/nowhere/tls.key".to_owned(), from.clone()],
            "/nowhere/tls.key",
            "--tls-key",
        ),
        (vec![format!("--tls-cert={}", empty.display()), from.clone()], "empty.pem", "CERTIFICATE"),
        (vec![format!("--port={taken}"), from.clone()], "in use", "--port"),
        (vec![format!("--metrics-port={taken}"), from.clone()], "in use", "--metrics-port"),
        (vec!["--kubeconfig=/nowhere/config".to_owned()], "/nowhere/config", "--kubeconfig"),
        (vec![format!("--kubeconfig={}", kubeconfig.display())], "kubeconfig", "failed to use"),
    ] {
        let error = refused(&args).await;
        assert!(error.to_lowercase().contains(what), "{args:?}: {error}");
        assert!(error.contains(why), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn starts_unready_without_an_api_server_and_is_ready_once_there_is_one() {
    let _alone = alone().await;
    let control_plane = ControlPlane::start(Options::default()).await;
    let namespace = control_plane.namespace("late").await;
    let annotation = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app");
    namespace.service_account("app", &[annotation]).await;
    control_plane.kill_api_server();

    let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
    webhook.logged("the failing list", |line| line["level"] == "WARN").await;
    let reply = webhook.get_admin("/readyz?verbose").await.unwrap();
    assert_eq!(reply.status, 503);
    let text = reply.text();
    assert!(text.contains("[+]certificate ok"), "{text}");
    assert!(text.contains("[-]service-accounts failed: the first list"), "{text}");
    assert_eq!(webhook.get_admin("/livez").await.unwrap().status, 200);
    // Whoever calls it all the same is told that nobody knows.
    let answer = webhook.review(&namespace, &pod("app", "app")).await;
    assert_eq!(answer.reply.status, 503, "{}", answer.reply.text());

    control_plane.start_api_server().await;
    eventually("the webhook to be ready", Duration::from_mins(1), || async {
        let reply = webhook.get_admin("/readyz").await?;
        anyhow::ensure!(reply.status == 200, "{}", reply.text());
        Ok(())
    })
    .await;
    let answer = webhook.review(&namespace, &pod("app", "app")).await;
    assert_eq!(answer.outcome(), "mutated");
    assert_eq!(webhook.stop().await.code(), Some(0));
}

#[tokio::test]
async fn does_not_listen_before_it_has_a_certificate_and_ends_when_it_is_told_to() {
    let _alone = alone().await;
    let (https, admin) = (free_port().unwrap(), free_port().unwrap());
    // Nobody listens there: the managed certificate does not come.
    let args = [
        "--in-cluster=true".to_owned(),
        format!("--kube-api=http://127.0.0.1:{}", free_port().unwrap()),
        format!("--port={https}"),
        format!("--metrics-port={admin}"),
    ];
    let launched = Webhook::builder().args(args).launch().unwrap();
    let (https, admin) = ((Ipv4Addr::LOCALHOST, https).into(), (Ipv4Addr::LOCALHOST, admin).into());
    let text = eventually("/readyz to answer", SOON, || async {
        launched.process().check_running()?;
        let stream = tokio::net::TcpStream::connect::<std::net::SocketAddr>(admin).await?;
        let request = Request::get("/readyz?verbose").body(Bytes::new())?;
        let reply = Connection::over(stream, admin).await?.send(request).await?;
        anyhow::ensure!(reply.status == 503, "{}", reply.status);
        Ok(reply.text())
    })
    .await;
    assert!(text.contains("[-]certificate failed: "), "{text}");
    let connected = tokio::net::TcpStream::connect::<std::net::SocketAddr>(https).await;
    assert!(connected.is_err(), "it listens and has nothing to show");
    launched.process().terminate();
    let status = launched.process().wait(Duration::from_secs(2)).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", launched.log());
}

#[tokio::test]
async fn starts_where_the_one_before_has_just_ended() {
    let _alone = alone().await;
    let port = format!("--port={}", free_port().unwrap());
    for _ in 0..3 {
        let (webhook, _folder) = super::from_file(&[&port, "--shutdown-delay=0s"]).await;
        is_well(&webhook).await;
        // A connection stays behind in the kernel, which must not keep the port.
        assert_eq!(webhook.stop().await.code(), Some(0));
    }
}
